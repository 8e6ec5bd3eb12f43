import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  AllocationTrace,
  type Allocator,
  DefaultAllocator,
  Device,
  GpuError,
  replayTrace,
  StackAllocator,
  type TraceLine,
} from "../../src/gpu/mod.ts";

const POOL = { stackBytes: 2048, stackCount: 1 };
const quiet = { pool: POOL, onWarning: (): void => {} };

/** What happens to a device that was in use before: a stream with something on it, one without a stack. */
async function recorded(): Promise<AllocationTrace> {
  using device = await Device.request(quiet);
  using first = device.stream({ label: "first" });
  using _old = first.allocate(300, "old");
  using recording = device.trace();
  {
    using second = device.stream({ label: "second" });
    using _a = first.allocate(1000, "a");
    using _b = first.allocate(1000, "falls back");
    using _c = second.allocate(10, "c");
    using _d = device.defaultAllocator.allocate(10, "nobody's");
  }
  return recording.stop();
}

Deno.test("device.trace() writes down what was there and what happened, in order", async () => {
  const trace = await recorded();
  const expected: TraceLine[] = [
    { do: "pool", stackBytes: 2048, stackCount: 1 },
    { do: "open", stream: 1, label: "first", allocator: "stack 0" },
    { do: "allocate", id: 1, stream: 1, bytes: 512, label: "old", on: "stack 0", offset: 0 },
    { do: "open", stream: 2, label: "second", allocator: "default allocator" },
    { do: "allocate", id: 2, stream: 1, bytes: 1024, label: "a", on: "stack 0", offset: 512 },
    {
      do: "allocate",
      id: 3,
      stream: 1,
      bytes: 1024,
      label: "falls back",
      on: "default allocator",
      offset: 0,
    },
    { do: "allocate", id: 4, stream: 2, bytes: 256, label: "c", on: "default allocator", offset: 0 },
    { do: "allocate", id: 5, bytes: 256, label: "nobody's", on: "default allocator", offset: 0 },
    { do: "free", id: 5 },
    { do: "free", id: 4 },
    { do: "free", id: 3 },
    { do: "free", id: 2 },
    { do: "close", stream: 2 },
  ];
  // The numbers begin where the device's own probing left off.
  const from = (lines: readonly TraceLine[]): unknown => {
    const first = lines.find((line) => line.do === "open")!.stream;
    const firstId = lines.find((line) => line.do === "allocate")!.id;
    return lines.map((line) => ({
      ...line,
      ...("stream" in line && { stream: line.stream! - first }),
      ...("id" in line && { id: line.id - firstId }),
    }));
  };
  assertEquals(from(trace.lines), from(expected));
});

Deno.test("a trace survives as JSON lines, and is replayed with the same placement", async () => {
  const trace = await recorded();
  const text = trace.toString();
  assertEquals(text.trimEnd().split("\n").length, trace.lines.length);
  const read = AllocationTrace.parse(`${text}\n`);
  assertEquals(read.lines, trace.lines);
  using device = await Device.request(quiet);
  using again = device.trace();
  const report = replayTrace(device, read);
  assertEquals(report, { allocations: 5, refused: 0, differences: [], left: 1 });
  assertEquals(device.watch.alive(), [], "what the trace left is freed");
  assertEquals(device.watch.streams(), []);
  // What a replay does can be recorded in its turn: beyond the trace it only clears up.
  const lines = again.stop().lines;
  assertEquals(lines.length, trace.lines.length + 2);
  assertEquals(lines.slice(-2).map((line) => line.do), ["free", "close"]);
});

Deno.test("streams of one name keep their allocations apart, also those that were there before", async () => {
  const pool = { stackBytes: 2048, stackCount: 2 };
  using device = await Device.request({ pool });
  using one = device.stream({ label: "same" });
  using two = device.stream({ label: "same" });
  using _a = one.allocate(1500, "a");
  using _b = two.allocate(1500, "b");
  const { lines } = device.trace().stop();
  const streams = lines.flatMap((line) => line.do === "allocate" ? [line.stream] : []);
  assertEquals(new Set(streams).size, 2);
  using other = await Device.request({ pool });
  assertEquals(replayTrace(other, new AllocationTrace(lines)).differences, []);
});

Deno.test("a replay on a pool of another size tells what lies elsewhere", async () => {
  const trace = await recorded();
  using larger = await Device.request({ pool: { stackBytes: 4096, stackCount: 2 } });
  assertEquals(replayTrace(larger, trace).differences, [
    { label: "falls back", was: "default allocator at 0", is: "stack 0 at 1536" },
  ]);
});

Deno.test("a trace is replayed on a single allocator in place of all", async () => {
  const trace = await recorded();
  using device = await Device.request({ pool: false });
  const chunk = device.createBuffer({ label: "chunk", size: 2048, usage: GPUBufferUsage.STORAGE });
  const stack = new StackAllocator(chunk, 2048, "alone");
  const report = replayTrace(stack, trace);
  assertEquals([report.allocations, report.refused, report.left], [4, 1, 1]);
  assertEquals([stack.empty, stack.stats().highWaterBytes], [true, 2048]);
  const made: string[] = [];
  const heap = new DefaultAllocator((size, label) => (made.push(label),
    chunk && device.createBuffer({
      label,
      size,
      usage: GPUBufferUsage.STORAGE,
    }))
  );
  assertEquals(replayTrace(heap, trace).allocations, 5);
  assertEquals(made, ["old", "a", "falls back", "c", "nobody's"]);
  assertEquals(heap.stats().currentBytes, 0);
});

Deno.test("streams with an allocator of their own are replayed with one of that name", async () => {
  using device = await Device.request(quiet);
  const own = (on: Device): Allocator => {
    const chunk = on.createBuffer({ label: "chunk", size: 1024, usage: GPUBufferUsage.STORAGE });
    return new StackAllocator(chunk, 1024, "mine");
  };
  using recording = device.trace();
  {
    using stream = device.stream({ label: "s", allocator: own(device) });
    using _a = stream.allocate(1000, "a");
  }
  const trace = recording.stop();
  using other = await Device.request(quiet);
  const error = assertThrows(() => replayTrace(other, trace), GpuError);
  assertEquals(
    error.message,
    'Cannot replay stream "s": it had the allocator "mine"; give one of that name in allocators',
  );
  assertEquals(replayTrace(other, trace, { allocators: { mine: own(other) } }).differences, []);
});

Deno.test("a recording that was stopped writes nothing more; several write the same", async () => {
  using device = await Device.request(quiet);
  using stream = device.stream();
  const [one, two] = [device.trace(), device.trace()];
  stream.allocate(10, "both").free();
  const first = one.stop();
  stream.allocate(10, "one").free();
  assertEquals(one.stop().lines, first.lines);
  const second = two.stop();
  assertEquals(second.lines.slice(0, first.lines.length), first.lines);
  assertEquals(second.lines.length, first.lines.length + 2);
});

Deno.test("AllocationTrace.parse() names the line that is none, and what is wrong with it", () => {
  const good = '{"do":"free","id":1}\n';
  const cases: [line: string, message: string][] = [
    ["{", "line 2 is no JSON"],
    ["7", "line 2 tells none of pool, open, close, allocate, free"],
    ['{"do":"toString"}', "line 2 tells none of"],
    ['{"do":"free"}', 'line 2: "id" is undefined, not a whole number'],
    ['{"do":"open","stream":0,"label":7,"allocator":"x"}', 'line 2: "label" is 7, not a string'],
    ['{"do":"allocate","id":1.5}', 'line 2: "id" is 1.5, not a whole number'],
  ];
  for (const [line, message] of cases) {
    const error = assertThrows(() => AllocationTrace.parse(good + line), GpuError);
    assert(
      error.message.startsWith("Cannot read the trace: ") && error.message.includes(message),
      error.message,
    );
  }
  assertEquals(AllocationTrace.parse("").lines, []);
});

Deno.test("a trace that is not in order is refused, and what was replayed of it released", async () => {
  using device = await Device.request(quiet);
  const open: TraceLine = { do: "open", stream: 0, label: "s", allocator: "stack 0" };
  const allocate = (id: number): TraceLine => ({
    do: "allocate",
    id,
    stream: 0,
    bytes: 256,
    label: `a${id}`,
    on: "stack 0",
    offset: (id - 1) * 256,
  });
  const cases: [lines: TraceLine[], message: string][] = [
    [[allocate(1)], "names stream 0, which is not there"],
    [[open, { do: "free", id: 3 }], "names allocation 3, which is not there"],
    [[open, allocate(1), allocate(2), { do: "free", id: 1 }], 'Cannot free "a1"'],
    [[open, allocate(1), { do: "close", stream: 0 }], "Cannot give back stack 0"],
  ];
  for (const [lines, message] of cases) {
    assertThrows(() => replayTrace(device, new AllocationTrace(lines)), GpuError, message);
    assertEquals([device.watch.alive(), device.watch.streams()], [[], []], message);
  }
});
