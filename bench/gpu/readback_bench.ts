/**
 * What a readback costs a frame loop: each iteration is one trivial frame (one dispatch, 256 bytes read back), and the
 * oldest frame is awaited when `depth` of them are under way. The wait takes about 11 ms in Deno whatever the work, so
 * the time of a frame is that divided by the depth. `deno bench -A bench/gpu/readback_bench.ts`
 *
 * @module
 */
import { Device, type KernelSource, Readback } from "../../src/gpu/mod.ts";

const BYTES = 256;
const COUNT_UP: KernelSource = {
  name: "bench/count_up",
  wgsl: `
@group(0) @binding(0) var<storage, read_write> x: array<u32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  x[id.x] += 1u;
}`,
};

const device = await Device.request({ pool: { stackBytes: 4096, stackCount: 1 } });
const stream = device.stream();
const x = stream.allocate(BYTES, "x");
const dispatch = device.dispatch(device.kernel(COUNT_UP), { bindings: { x }, workgroups: [1, 1, 1] });
await device.settle();

for (const depth of [1, 2, 4, 8]) {
  const free = Array.from({ length: depth }, (_, i) => new Readback(device, BYTES, `frame ${i}`));
  const underWay: { readback: Readback; result: Promise<number> }[] = [];
  Deno.bench({
    name: `one frame, ${depth} under way`,
    group: "readback",
    baseline: depth === 1,
    n: 200,
    warmup: 20,
    async fn() {
      if (free.length === 0) {
        const { readback, result } = underWay.shift()!;
        await result;
        free.push(readback);
      }
      const readback = free.pop()!;
      stream.run(dispatch);
      readback.record(stream, x);
      stream.submit();
      underWay.push({ readback, result: readback.take((bytes) => new Uint32Array(bytes)[0]!) });
    },
  });
}
