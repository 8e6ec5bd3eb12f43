/**
 * Run by diagnosis_test.ts with `--v8-flags=--expose-gc`: leaves allocations and buffers to the garbage collector, and
 * writes what is said about it as JSON.
 *
 * @module
 */
import { Device } from "../../src/gpu/mod.ts";

const { gc } = globalThis as unknown as { gc: () => void };
const warnings: string[] = [];
const device = await Device.request({
  pool: { stackBytes: 65536, stackCount: 2 },
  debug: Deno.args.includes("--debug"),
  onWarning: (message) => warnings.push(message),
});
const stream = device.stream({ label: "loop" });
const noStack = device.stream({ label: "own", allocator: device.defaultAllocator });

/** Collects until nothing more is reported; finalizers run between turns of the event loop. */
async function collect(): Promise<void> {
  for (let i = 0; i < 5; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function forget(): void {
  for (let i = 0; i < 3; i++) noStack.allocate(1000, "forgotten");
  noStack.allocate(1000, "freed").free();
  device.upload(new Float32Array(64), "weights left behind");
  device.upload(new Float32Array(64), "weights destroyed").buffer.destroy();
}

/** A mark holds what was allocated since, so that it can release it; what was freed is let go. */
function marked(): { mark: Disposable; freed: WeakRef<object>[] } {
  const mark = stream.mark();
  const freed: WeakRef<object>[] = [];
  for (let i = 0; i < 100; i++) {
    const one = stream.allocate(256, "turn");
    one.free();
    freed.push(new WeakRef(one));
  }
  stream.allocate(256, "marked");
  return { mark, freed };
}

forget();
const { mark, freed } = marked();
await collect();
const afterForgetting = warnings.splice(0);
const held = freed.filter((ref) => ref.deref()).length;
mark[Symbol.dispose]();

// A stack remembers what nobody holds: it cannot be emptied any more.
(() => void stream.allocate(512, "forgotten on the stack"))();
await collect();
const afterStack = warnings.splice(0);
let disposal = "";
try {
  stream[Symbol.dispose]();
} catch (error) {
  disposal = (error as Error).message;
}
const { unreleased, buffers } = device.memory();
device[Symbol.dispose]();
await collect();
console.log(JSON.stringify({
  afterForgetting,
  held,
  afterStack,
  disposal,
  unreleased,
  collected: [buffers.collected, buffers.collectedBytes],
  atTheEnd: warnings,
}));
