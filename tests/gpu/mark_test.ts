import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Device, GpuError } from "../../src/gpu/mod.ts";

const device = await Device.request({ pool: { stackBytes: 4096, stackCount: 2 }, onWarning: () => {} });
globalThis.addEventListener("unload", () => device[Symbol.dispose]());

Deno.test("Stream.release() frees what was allocated since the mark, newest first, fallbacks too", () => {
  using stream = device.stream();
  using before = stream.allocate(100, "before");
  const mark = stream.mark();
  const made = [stream.allocate(3000, "a"), stream.allocate(3000, "falls back"), stream.allocate(100, "b")];
  assertEquals(made.map(({ owner }) => owner === stream.stack), [true, false, true]);
  made[1]!.free();
  stream.release(mark);
  assert(made.every(({ freed }) => freed) && mark.released);
  assert(!before.freed);
  assertEquals(stream.stack!.liveLabels(), ["before"]);
  assertEquals(device.memory().default.currentBytes, 0);
});

Deno.test("marks nest: an earlier one takes the later ones with it, which are then refused", () => {
  using stream = device.stream({ label: "nested" });
  const outer = stream.mark();
  stream.allocate(100, "a");
  const inner = stream.mark();
  stream.allocate(100, "b");
  const innermost = stream.mark();
  stream.allocate(100, "c");
  stream.release(innermost);
  assertEquals(stream.stack!.liveLabels(), ["a", "b"]);
  stream.release(outer);
  assert(stream.stack!.empty && inner.released && outer.released);
  const error = assertThrows(() => stream.release(inner), GpuError);
  assertEquals(
    error.message,
    "Cannot release a mark on nested: it was released already, by itself or with an earlier one",
  );
  using other = device.stream({ label: "other" });
  const foreign = other.mark();
  assertThrows(
    () => stream.release(foreign),
    GpuError,
    "Cannot release a mark on nested: it was made on other",
  );
  assert(!foreign.released);
});

Deno.test("using a mark serves asynchronous code", async () => {
  using stream = device.stream();
  {
    using _ = stream.mark();
    stream.allocate(100, "a");
    await Promise.resolve();
    stream.allocate(100, "b");
    assertEquals(stream.stack!.liveLabels(), ["a", "b"]);
  }
  assert(stream.stack!.empty);
});

Deno.test("a mark whose release is refused can be released when nothing is in the way", () => {
  using stream = device.stream();
  const mark = stream.mark();
  stream.allocate(100, "since");
  const behind = stream.stack!.allocate(100, "behind its back")!;
  const error = assertThrows(() => stream.release(mark), GpuError);
  assertStringIncludes(error.message, 'Cannot free "since" (256 bytes at 0)');
  assertStringIncludes(error.message, '"behind its back" (256 bytes at 256) was allocated later');
  assert(!mark.released);
  behind.free();
  stream.release(mark);
  assert(stream.stack!.empty && mark.released);
});

Deno.test("a mark of a disposed stream is refused where it is made and harmless where it is left", () => {
  const stream = device.stream({ label: "gone" });
  const mark = stream.mark();
  stream[Symbol.dispose]();
  assertThrows(() => stream.mark(), GpuError, 'Cannot use stream "gone": it is disposed');
  mark[Symbol.dispose]();
  mark[Symbol.dispose]();
  assert(mark.released);
});
