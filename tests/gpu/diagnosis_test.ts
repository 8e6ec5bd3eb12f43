/** What is told of memory that was not released, and where it was made. */
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { callSite, Device, GpuError, type Stream } from "../../src/gpu/mod.ts";

const POOL = { stackBytes: 4096, stackCount: 1 };

function descriptor(stream: Stream): Disposable & { free(): void } {
  return stream.allocate(100, "descriptor");
}

function scores(stream: Stream): Disposable & { free(): void } {
  return stream.allocate(300, "scores");
}

Deno.test("callSite() begins with the caller, one call a line", () => {
  function here(): string {
    return callSite();
  }
  const [first, second] = here().split("\n");
  assertMatch(first!, /^\s+at here .*diagnosis_test\.ts:\d+:\d+\)?$/);
  assertMatch(second!, /^\s+at .*diagnosis_test\.ts/);
  assertStringIncludes([1].map(() => callSite(1))[0]!.split("\n")[0]!, "Array.map");
});

Deno.test("debug mode: a wrong order names both, and where each was made", async () => {
  using device = await Device.request({ pool: POOL, debug: true });
  using stream = device.stream();
  using first = descriptor(stream);
  using second = scores(stream);
  const error = assertThrows(() => first.free(), GpuError);
  const [what, ...origins] = error.message.split(/\n(?=")/);
  assertEquals(
    what,
    'Cannot free "descriptor" (256 bytes at 0) on stack 0: "scores" (512 bytes at 256) was allocated later and is ' +
      'still alive; free in reverse order, which "using" does by itself',
  );
  assertEquals(origins.length, 2);
  assertMatch(origins[0]!, /^"descriptor" was made\n\s+at descriptor .*diagnosis_test\.ts/);
  assertMatch(origins[1]!, /^"scores" was made\n\s+at scores .*diagnosis_test\.ts/);
  const early = assertThrows(() => stream[Symbol.dispose](), GpuError);
  assertMatch(early.message, /still alive on it: "descriptor", "scores".*"scores" was made\n\s+at scores /s);
  second.free();
});

Deno.test("without debug mode no call stack is taken, and messages say how to get one", async () => {
  using device = await Device.request({ pool: POOL });
  using stream = device.stream();
  using first = stream.allocate(100, "a");
  using _second = stream.allocate(100, "b");
  assertEquals(first.record.madeAt, undefined);
  const error = assertThrows(() => first.free(), GpuError);
  assert(
    error.message.endsWith("; Device.request({ debug: true }) shows where each was made"),
    error.message,
  );
});

Deno.test("the disposal of a device lists what is alive, once, with labels, sizes and owners", async () => {
  const warnings: string[] = [];
  const device = await Device.request({ pool: POOL, onWarning: (message) => warnings.push(message) });
  const stream = device.stream({ label: "frames" });
  stream.allocate(1000, "freed").free();
  stream.allocate(3000, "activations");
  stream.allocate(3000, "overflow");
  device.defaultAllocator.allocate(10, "scratch");
  warnings.length = 0;
  device[Symbol.dispose]();
  device[Symbol.dispose]();
  assertEquals(warnings, [
    "Memory: the device was disposed while 3 allocations (6400 bytes) were alive: " +
    '"activations" (3072 bytes at 0) on stack 0 of frames, "overflow" (3072 bytes at 0) on default allocator of frames, ' +
    '"scratch" (256 bytes at 0) on default allocator; release them before, which "using" does by itself; ' +
    "Device.request({ debug: true }) shows where each was made",
  ]);
  // Whoever comes late does no harm.
  stream[Symbol.dispose]();
});

Deno.test("a long list of what is alive is cut, with the number of the rest", async () => {
  const warnings: string[] = [];
  const device = await Device.request({ pool: false, onWarning: (message) => warnings.push(message) });
  for (let i = 0; i < 60; i++) device.defaultAllocator.allocate(1, `piece ${i}`);
  device[Symbol.dispose]();
  assertStringIncludes(warnings[0]!, "60 allocations (15360 bytes)");
  assertStringIncludes(
    warnings[0]!,
    '"piece 49" (256 bytes at 0) on default allocator, and 10 more; release',
  );
  assert(!warnings[0]!.includes('"piece 50"'));
});

Deno.test("debug mode: the disposal of a device also lists streams and buffers, and shows where", async () => {
  const warnings: string[] = [];
  const onWarning = (message: string): void => void warnings.push(message);
  const device = await Device.request({ pool: POOL, debug: true, onWarning });
  const stream = device.stream({ label: "frames" });
  scores(stream);
  device.upload(new Float32Array(4), "weights");
  device.upload(new Float32Array(4), "destroyed").buffer.destroy();
  device[Symbol.dispose]();
  assertEquals(warnings.length, 1);
  assertStringIncludes(
    warnings[0]!,
    'while 1 allocation (512 bytes), 1 streams, 1 buffers were alive: "scores" (512 bytes at 0) on stack 0 of ' +
      'frames, stream "frames", buffer "weights" (16 bytes); release',
  );
  assertMatch(warnings[0]!, /\n"scores" was made\n\s+at scores /);
});

Deno.test("a device with nothing left says nothing at its disposal", async () => {
  for (const debug of [false, true]) {
    const warnings: string[] = [];
    {
      using device = await Device.request({
        pool: POOL,
        debug,
        onWarning: (message) => warnings.push(message),
      });
      using stream = device.stream();
      using _a = stream.allocate(100, "a");
      using _b = stream.allocate(100, "b");
    }
    assertEquals(warnings, []);
  }
});

interface Collected {
  afterForgetting: string[];
  held: number;
  afterStack: string[];
  disposal: string;
  unreleased: { count: number; bytes: number };
  collected: [number, number];
  atTheEnd: string[];
}

/** What collected.ts says; a process of its own, because only a flag of V8 lets a program call the collector. */
async function collected(...args: string[]): Promise<Collected> {
  const script = new URL("./collected.ts", import.meta.url).pathname;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--v8-flags=--expose-gc", script, ...args],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("what is collected without being released is told, once a label, and counted", async () => {
  const { afterForgetting, held, afterStack, disposal, unreleased, collected: buffers, atTheEnd } =
    await collected();
  assertEquals(afterForgetting.sort(), [
    'Memory: "forgotten" (1024 bytes at 0) on default allocator of own was collected without being released; declare ' +
    'it with "using", or call free() when it is done with; Device.request({ debug: true }) shows where each was made',
    'Memory: buffer "weights left behind" (256 bytes) was never destroyed, and the garbage collector came by; until ' +
    "then its memory was lost. Destroy it, or dispose what owns it, when it is done with",
  ]);
  assert(held <= 1, `a mark holds ${held} allocations that were freed`);
  assertEquals(afterStack.length, 1);
  assertStringIncludes(
    afterStack[0]!,
    '"forgotten on the stack" (512 bytes at 0) on stack 0 of loop was collected',
  );
  assertStringIncludes(disposal, 'still alive on it: "forgotten on the stack" (512 bytes)');
  assertEquals(unreleased, { count: 4, bytes: 3 * 1024 + 512 });
  assertEquals(buffers, [1, 256]);
  // At the disposal they are listed, and what is collected afterwards is not told again.
  assertEquals(atTheEnd.length, 1, atTheEnd.join("\n"));
  assertStringIncludes(atTheEnd[0]!, "4 allocations (3584 bytes)");
});

Deno.test("debug mode: what is collected is told with where it was made", async () => {
  const { afterForgetting } = await collected("--debug");
  assertEquals(afterForgetting.length, 2);
  assertMatch(afterForgetting.sort()[0]!, /\n"forgotten" was made\n\s+at forget .*collected\.ts/);
});
