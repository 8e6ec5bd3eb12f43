import { assert, assertEquals, assertGreater, assertRejects, assertThrows } from "@std/assert";
import { countsSince, Device, GpuError, type KernelSource, totalCount } from "../../src/gpu/mod.ts";

/** 64 invocations of 60,000 dependent steps each: some milliseconds anywhere. */
const SLOW: KernelSource = {
  name: "test/slow",
  wgsl: `
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  var sum = x[id.x];
  for (var i = 0u; i < 60000u; i++) {
    sum = sum * 1.0001 + 0.5;
  }
  x[id.x] = sum;
}`,
};

const device = await Device.request({ pool: { stackBytes: 1 << 20, stackCount: 2 } });
globalThis.addEventListener("unload", () => device[Symbol.dispose]());

Deno.test("an event is reached when the work before it is done", async () => {
  using stream = device.stream();
  using x = stream.allocate(1 << 16, "x");
  const slow = device.dispatch(device.kernel(SLOW), { bindings: { x }, workgroups: [64, 1, 1] });
  using event = device.event({ label: "done", timing: false });
  stream.run(slow);
  event.record(stream);
  assertEquals([await event.query(), await stream.isComplete()], [false, false], "nothing was submitted");
  stream.submit();
  let asked = 0;
  while (!await event.query()) assert(++asked < 100_000, "it is never reached");
  assert(await event.query() && await stream.isComplete());
  stream.run(slow);
  event.record(stream);
  stream.submit();
  await event.synchronize();
  assert(await event.query());
});

Deno.test("Stream.isComplete() is true for a stream that did nothing, and after any wait", async () => {
  using stream = device.stream();
  assert(await stream.isComplete());
  using x = stream.allocate(256, "x");
  const slow = device.dispatch(device.kernel(SLOW), { bindings: { x }, workgroups: [1, 1, 1] });
  stream.run(slow);
  await stream.finish();
  const before = performance.now();
  assert(await stream.isComplete());
  assert(performance.now() - before < 8, "what is known is told without a wait");
  stream.run(slow);
  stream.submit();
  await device.read(x);
  assert(await stream.isComplete());
});

Deno.test("events take the GPU's own time between two places", async () => {
  using stream = device.stream();
  using x = stream.allocate(1 << 16, "x");
  const slow = device.dispatch(device.kernel(SLOW), { bindings: { x }, workgroups: [64, 1, 1] });
  using begin = device.event({ label: "begin" });
  using middle = device.event({ label: "middle" });
  using end = device.event({ label: "end" });
  assertEquals(begin.timing, device.features.has("timestamp-query"));
  stream.run(slow);
  await stream.finish();
  const started = performance.now();
  begin.record(stream);
  stream.run(slow);
  middle.record(stream);
  stream.run([slow, slow, slow, slow]);
  end.record(stream);
  stream.submit();
  const [first, rest, whole] = await Promise.all([
    begin.elapsedMs(middle),
    middle.elapsedMs(end),
    begin.elapsedMs(end),
  ]);
  const wall = performance.now() - started;
  if (!begin.timing) return assertEquals([first, rest, whole], [undefined, undefined, undefined]);
  assertGreater(first!, 0);
  assertGreater(rest!, first! * 1.5, `${first} ms for one, ${rest} ms for four`);
  assert(Math.abs(whole! - first! - rest!) < 1e-3, `${whole} = ${first} + ${rest}`);
  assert(whole! < wall, `${whole} ms of the GPU in ${wall} ms`);
  assertEquals(await end.elapsedMs(begin), -whole!);
});

Deno.test("an event is recorded again and again, and creates nothing more", async () => {
  using stream = device.stream();
  using a = device.event();
  using b = device.event();
  await device.settle();
  const before = device.counters.snapshot();
  for (let turn = 0; turn < 5; turn++) {
    a.record(stream);
    // A place that is recorded over is forgotten.
    b.record(stream);
    b.record(stream);
    stream.submit();
    const ms = await a.elapsedMs(b);
    assert(ms === undefined || (ms >= 0 && ms < 1000), `turn ${turn}: ${ms}`);
  }
  assertEquals(totalCount(countsSince(before, device.counters.snapshot())), 0);
});

Deno.test("an event without timing knows no time", async () => {
  using stream = device.stream();
  using a = device.event({ timing: false });
  using b = device.event();
  a.record(stream);
  b.record(stream);
  stream.submit();
  assertEquals([a.timing, await a.elapsedMs(b), await b.elapsedMs(a)], [false, undefined, undefined]);
});

Deno.test("an event says what is missing before it can be asked, waited for or timed", async () => {
  using event = device.event({ label: "frame" });
  for (const call of [() => event.query(), () => event.synchronize(), () => event.elapsedMs(event)]) {
    await assertRejects(call, GpuError, 'event "frame": it was never recorded', String(call));
  }
  {
    using stream = device.stream();
    event.record(stream);
    await assertRejects(
      () => event.synchronize(),
      GpuError,
      'Cannot wait for event "frame": its stream was not',
    );
    await assertRejects(() => event.elapsedMs(event), GpuError, "its stream was not submitted since");
  }
  await assertRejects(() => event.query(), GpuError, 'Cannot ask event "frame": its stream dropped what was');
  using other = await Device.request({ pool: false });
  using foreign = other.stream({ label: "abroad" });
  assertThrows(
    () => event.record(foreign),
    GpuError,
    'Cannot record event "frame": abroad is of another device',
  );
});

Deno.test("a disposed event refuses its use, and disposal twice does nothing", async () => {
  using stream = device.stream();
  const event = device.event({ label: "gone" });
  event.record(stream);
  stream.submit();
  const reading = event.elapsedMs(event);
  if (event.timing) assertThrows(() => event.record(stream), GpuError, "its time is being read");
  await reading;
  event[Symbol.dispose]();
  event[Symbol.dispose]();
  assertThrows(() => event.record(stream), GpuError, 'Cannot record event "gone": it is disposed');
  await assertRejects(() => event.query(), GpuError, "it is disposed");
  await assertRejects(() => event.synchronize(), GpuError, "it is disposed");
});

Deno.test("an event of a lost or disposed device says so", async () => {
  const own = await Device.request({ pool: false });
  const stream = own.stream();
  const event = own.event();
  event.record(stream);
  stream.submit();
  own.gpu.destroy();
  await own.gpu.lost;
  await assertRejects(() => event.synchronize(), GpuError, "The GPU was lost");
  await assertRejects(() => event.query(), GpuError, "The GPU was lost");
  await assertRejects(() => event.elapsedMs(event), GpuError, "The GPU was lost");
  own[Symbol.dispose]();
  await assertRejects(() => event.query(), GpuError, "it is disposed");
  event[Symbol.dispose]();
  stream[Symbol.dispose]();
});
