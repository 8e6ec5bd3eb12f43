/**
 * Memory for temporaries: taking it from a stream's stack and giving it back, against making and destroying a GPU
 * buffer, which is what the default allocator does. `deno bench -A bench/gpu/allocator_bench.ts`
 *
 * @module
 */
import { Device } from "../../src/gpu/mod.ts";

const MB = 1024 * 1024;
const device = await Device.request({ pool: { stackBytes: 64 * MB, stackCount: 1 } });
const stream = device.stream();

for (const bytes of [4096, MB, 16 * MB]) {
  const group = `${bytes / 1024} KiB`;
  Deno.bench({
    name: `StackAllocator: allocate + free, ${group}`,
    group,
    baseline: true,
    fn() {
      stream.allocate(bytes, "temporary").free();
    },
  });
  Deno.bench({
    name: `DefaultAllocator: allocate + free, ${group}`,
    group,
    fn() {
      device.defaultAllocator.allocate(bytes, "temporary").free();
    },
  });
  Deno.bench({
    name: `WebGPU: createBuffer + destroy, ${group}`,
    group,
    fn() {
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
      device.gpu.createBuffer({ label: "temporary", size: bytes, usage }).destroy();
    },
  });
}

Deno.bench({
  name: "StackAllocator: a frame of 100 temporaries, freed newest first",
  group: "frame",
  fn() {
    stream.scope(() => {
      for (let i = 0; i < 100; i++) stream.allocate(100_000, "temporary");
    });
  },
});
