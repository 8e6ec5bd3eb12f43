import type { Device, KernelSource } from "../../src/gpu/mod.ts";

/** Multiply-adds that stay in registers: 8 independent chains of vec4, long enough to hide everything else. */
const FMA: KernelSource = {
  name: "bench/fma",
  wgsl: `
@group(0) @binding(0) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let a = vec4f(f32(id.x) * 1e-6);
  let b = vec4f(0.999);
  var s0 = a; var s1 = a + 1.0; var s2 = a + 2.0; var s3 = a + 3.0;
  var s4 = a + 4.0; var s5 = a + 5.0; var s6 = a + 6.0; var s7 = a + 7.0;
  for (var i = 0u; i < 1000u; i++) {
    s0 = fma(s0, b, a); s1 = fma(s1, b, a); s2 = fma(s2, b, a); s3 = fma(s3, b, a);
    s4 = fma(s4, b, a); s5 = fma(s5, b, a); s6 = fma(s6, b, a); s7 = fma(s7, b, a);
  }
  y[id.x] = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7;
}`,
};

/** Floating point operations a second that the adapter reaches with multiply-adds in registers. */
export async function measureFlops(device: Device): Promise<number> {
  const invocations = 64 * 512;
  const y = device.upload(new Float32Array(invocations * 4), "y");
  const dispatch = device.dispatch(device.kernel(FMA), {
    bindings: { y },
    workgroups: [invocations / 64, 1, 1],
  });
  using stream = device.stream();
  const times: number[] = [];
  for (let i = 0; i < 6; i++) {
    const start = performance.now();
    stream.run(dispatch);
    await stream.finish();
    times.push(performance.now() - start);
  }
  y.buffer.destroy();
  const seconds = times.slice(1).toSorted((a, b) => a - b)[2]! / 1000;
  return invocations * 1000 * 8 * 4 * 2 / seconds;
}
