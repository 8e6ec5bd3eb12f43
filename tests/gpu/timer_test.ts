import { assert, assertEquals, assertThrows } from "@std/assert";
import { Device, type Dispatch, GpuError, GpuTimer, type KernelSource, Readback } from "../../src/gpu/mod.ts";

/** Work in proportion to `rounds`. */
const SPIN: KernelSource = {
  name: "test/spin",
  wgsl: `
struct Params { rounds: u32 }
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@group(0) @binding(1) var<uniform> params: Params;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  var value = f32(id.x);
  for (var i = 0u; i < params.rounds; i++) {
    value = value * 1.0001 + 0.5;
  }
  y[id.x] = value;
}`,
};

Deno.test("GpuTimer times passes one after the other, within the time that the host saw pass", async () => {
  using device = await Device.request({ pool: { stackBytes: 65536, stackCount: 1 } });
  const timer = GpuTimer.create(device, 3);
  assertEquals(timer !== undefined, device.features.has("timestamp-query"));
  if (!timer) return;
  using stream = device.stream();
  using readback = new Readback(device, 3 * 16, "stamps");
  const y = stream.allocate(64 * 256, "y");
  const spin = (rounds: number): Dispatch =>
    device.dispatch(device.kernel(SPIN), { bindings: { y }, uniforms: { rounds }, workgroups: [64, 1, 1] });
  const [short, long] = [spin(10), spin(20_000)];
  stream.run(long);
  await stream.finish();
  const began = performance.now();
  for (const [i, dispatch] of [short, long, short].entries()) stream.runTimed([dispatch], timer.writes(i));
  readback.record(stream, timer.resolve(stream, 3));
  stream.submit();
  const stamps = await readback.take((bytes) => new BigUint64Array(bytes.slice(0)));
  const passed = performance.now() - began;
  assert(stamps.every((stamp, i) => i === 0 || stamp >= stamps[i - 1]!), `stamps ${stamps.join(", ")}`);
  const times = GpuTimer.milliseconds(stamps);
  const context = `${times.join(", ")} ms of ${passed} ms`;
  assert(times.every((ms) => ms >= 0) && times.reduce((a, b) => a + b) <= passed, context);
  assert(times[1]! > times[0]! && times[1]! > times[2]!, context);
  y.free();
  timer[Symbol.dispose]();
});

Deno.test("GpuTimer.milliseconds() takes a clock that went backwards for no time", () => {
  assertEquals(GpuTimer.milliseconds(BigUint64Array.of(1_000_000n, 3_500_000n, 9n, 3n)), [2.5, 0]);
});

Deno.test("GpuTimer refuses numbers of passes that it does not have", async () => {
  using device = await Device.request({ pool: false });
  for (const capacity of [0, -1, 1.5, 2049]) {
    assertThrows(() => GpuTimer.create(device, capacity), GpuError, `a timer for ${capacity} passes`);
  }
  const timer = GpuTimer.create(device, 2);
  assertEquals(timer !== undefined, device.features.has("timestamp-query"));
  if (!timer) return;
  using stream = device.stream();
  assertThrows(() => timer.writes(2), GpuError, "Cannot time pass 3: the timer is for 2");
  assertThrows(() => timer.writes(-1), GpuError, "Cannot time pass 0");
  assertThrows(() => timer.resolve(stream, 3), GpuError, "the timer is for 2");
  assertEquals(timer.resolve(stream, 1).bytes, 16);
  stream.submit();
  await device.idle();
  timer[Symbol.dispose]();
});
