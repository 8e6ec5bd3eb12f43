/**
 * The memory of a real network, frame after frame: a trace is recorded while every activation of the network that
 * Framewise ships is taken as a temporary of its own (as code without a memory plan does), and replayed on a stack, on
 * the default allocator and on WebGPU's own createBuffer and destroy. `deno bench -A bench/gpu/replay_bench.ts`
 *
 * @module
 */
import {
  Allocation,
  AllocationTrace,
  type Allocator,
  type DefaultAllocator,
  Device,
  replayTrace,
  StackAllocator,
} from "../../src/gpu/mod.ts";
import { Session } from "../../src/graph/mod.ts";

const FRAMES = 10;
const MODEL = new URL("../../models/town/town-detector.onnx", import.meta.url);

const device = await Device.request({ pool: { stackBytes: 256 * 1024 * 1024, stackCount: 2 } });
const trace = await record();
const peak = await highWater();

/** What {@linkcode FRAMES} frames take and give back. */
async function record(): Promise<AllocationTrace> {
  const session = await Session.load(device, await Deno.readFile(MODEL));
  const [input] = session.inputs;
  const shape = input!.dims.map(Number);
  const activations = session.plan({ [input!.name]: shape }).storages.filter(({ offset }) =>
    offset !== undefined
  );
  session[Symbol.dispose]();
  const recording = device.trace();
  {
    using stream = device.stream({ label: "network" });
    for (let frame = 0; frame < FRAMES; frame++) {
      stream.scope(() => {
        for (const [i, { bytes }] of activations.entries()) stream.allocate(bytes, `activation ${i}`);
      });
    }
  }
  return recording.stop();
}

/** The trace's high-water mark, and that a replay places everything as it was. */
async function highWater(): Promise<number> {
  using again = await Device.request({ pool: { stackBytes: 256 * 1024 * 1024, stackCount: 1 } });
  const { differences, allocations } = replayTrace(again, AllocationTrace.parse(trace.toString()));
  if (differences.length > 0) {
    throw new Error(`The replay placed ${differences.length} of ${allocations} elsewhere`);
  }
  return again.memory().stacks[0]!.highWaterBytes;
}

/** WebGPU without anything of ours. */
class Bare implements Allocator {
  readonly label = "WebGPU";

  allocate(bytes: number, label: string): Allocation {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    return new Allocation(this, device.gpu.createBuffer({ label, size: bytes, usage }), 0, bytes, label);
  }

  free(allocation: Allocation): void {
    allocation.buffer.destroy();
  }

  stats(): ReturnType<DefaultAllocator["stats"]> {
    return device.defaultAllocator.stats();
  }
}

const chunk = device.createBuffer({ label: "stack", size: peak, usage: GPUBufferUsage.STORAGE });
const allocators: Record<string, Device | Allocator> = {
  "a device's streams and stacks": device,
  "a StackAllocator alone": new StackAllocator(chunk, peak, "alone"),
  "the default allocator": device.defaultAllocator,
  "WebGPU: createBuffer + destroy": new Bare(),
};
const allocations = trace.lines.filter((line) => line.do === "allocate").length;
const group = `${FRAMES} frames of ${MODEL.pathname.split("/").at(-1)}: ${allocations} allocations, ` +
  `${(peak / 1024 / 1024).toFixed(1)} MiB at most`;
for (const [name, allocator] of Object.entries(allocators)) {
  Deno.bench({
    name: `replay on ${name}`,
    group,
    baseline: allocator === device,
    fn() {
      replayTrace(allocator, trace);
    },
  });
}
