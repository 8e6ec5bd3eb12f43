/**
 * The programs in the documentation of OpenCV's `cv::cuda::BufferPool`, with their numbers: stacks of 64 MB, images of
 * 4096 x 4096 and 1024 x 1024 with one and three channels.
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type Allocation,
  countsSince,
  Device,
  foldWorkgroups,
  GpuError,
  type KernelSource,
  type Stream,
  totalCount,
} from "../../src/gpu/mod.ts";

const MB = 1024 * 1024;
const GRAY_4096 = 4096 * 4096;
const BGR_4096 = 4096 * 4096 * 3;
const GRAY_1024 = 1024 * 1024;
const BGR_1024 = 1024 * 1024 * 3;

/** `setBufferPoolConfig(device, 64 MB, 2)`. */
async function twoStacks(): Promise<{ device: Device; warnings: string[] }> {
  const warnings: string[] = [];
  const device = await Device.request({
    pool: { stackBytes: 64 * MB, stackCount: 2 },
    onWarning: (message) => warnings.push(message),
  });
  return { device, warnings };
}

function place(allocation: Allocation): [owner: string, offset: number, bytes: number] {
  return [allocation.owner.label, allocation.offset, allocation.bytes];
}

Deno.test("BufferPool, first program: two streams with a stack of 64 MB each", async () => {
  const { device: made, warnings } = await twoStacks();
  using device = made;
  using stream1 = device.stream();
  using stream2 = device.stream();
  using src1 = stream1.allocate(GRAY_4096, "d_src1");
  using dst1 = stream1.allocate(BGR_4096, "d_dst1");
  using src2 = stream2.allocate(GRAY_1024, "d_src2");
  using dst2 = stream2.allocate(BGR_1024, "d_dst2");
  assertEquals(place(src1), ["stack 0", 0, 16 * MB]);
  assertEquals(place(dst1), ["stack 0", 16 * MB, 48 * MB]);
  assertEquals(place(src2), ["stack 1", 0, MB]);
  assertEquals(place(dst2), ["stack 1", MB, 3 * MB]);
  const { stacks, fallbacks, default: rest } = device.memory();
  assertEquals(stacks.map((stack) => stack.currentBytes), [64 * MB, 4 * MB]);
  assertEquals([fallbacks, rest.currentBytes, warnings.length], [0, 0, 0]);
});

Deno.test("BufferPool, first program: typed matrices land where the documentation says", async () => {
  const { device: made, warnings } = await twoStacks();
  using device = made;
  using stream1 = device.stream();
  using stream2 = device.stream();
  using stream3 = device.stream();
  using src1 = stream1.pool.getBuffer(4096, 4096, "8UC1", "d_src1");
  using dst1 = stream1.pool.getBuffer(4096, 4096, "8UC3", "d_dst1");
  using src2 = stream2.pool.getBuffer(1024, 1024, "8UC1", "d_src2");
  using dst2 = stream2.pool.getBuffer(1024, 1024, "8UC3", "d_dst2");
  using add1 = stream1.pool.getBuffer(1024, 1024, "8UC1", "d_add1");
  using src3 = stream3.pool.getBuffer(1024, 1024, "8UC1", "d_src3");
  assertEquals([src1, dst1, src2, dst2, add1, src3].map(({ allocation }) => place(allocation)), [
    ["stack 0", 0, 16 * MB],
    ["stack 0", 16 * MB, 48 * MB],
    ["stack 1", 0, MB],
    ["stack 1", MB, 3 * MB],
    ["default allocator", 0, MB],
    ["default allocator", 0, MB],
  ]);
  // A full stack and a missing one are told apart.
  assertEquals([warnings.length, device.memory().fallbacks, device.memory().streamsWithoutStack], [2, 2, 1]);
});

Deno.test("BufferPool, full stack: the next buffer is the default allocator's, and goes back there", async () => {
  const { device: made, warnings } = await twoStacks();
  using device = made;
  using stream1 = device.stream({ label: "stream1" });
  using _src1 = stream1.allocate(GRAY_4096, "d_src1");
  using _dst1 = stream1.allocate(BGR_4096, "d_dst1");
  {
    using add1 = stream1.allocate(GRAY_1024, "d_add1");
    assertEquals(place(add1), ["default allocator", 0, MB]);
    assertEquals(device.memory().default.currentBytes, MB);
    using _again = stream1.allocate(GRAY_1024, "d_add2");
  }
  const { stacks, default: rest, fallbacks, fallbackBytes } = device.memory();
  assertEquals([stacks[0]!.currentBytes, rest.currentBytes, rest.highWaterBytes], [64 * MB, 0, 2 * MB]);
  assertEquals([fallbacks, fallbackBytes, stacks[0]!.refusals], [2, 2 * MB, 2]);
  assertEquals(warnings, [
    'Memory: "d_add1" (1048576 bytes) does not fit on stack 0 of stream1 (67108864 of 67108864 bytes in use); the ' +
    "default allocator serves. Set pool.stackBytes to at least 68157440",
  ]);
});

Deno.test("BufferPool, third stream: out of stacks, the default allocator serves", async () => {
  const { device: made, warnings } = await twoStacks();
  using device = made;
  using stream1 = device.stream();
  using stream2 = device.stream();
  {
    using stream3 = device.stream({ label: "stream3" });
    assertEquals([stream1.stack?.label, stream2.stack?.label, stream3.stack], [
      "stack 0",
      "stack 1",
      undefined,
    ]);
    assertEquals(stream3.allocator, device.defaultAllocator);
    using src3 = stream3.allocate(GRAY_1024, "d_src3");
    using _dst3 = stream3.allocate(BGR_1024, "d_dst3");
    assertEquals(place(src3), ["default allocator", 0, MB]);
    assertEquals(device.memory().fallbacks, 2);
    assertEquals(warnings, [
      'Memory: "d_src3" (1048576 bytes): stream3 has no stack, all 2 are taken; the default allocator serves. Set ' +
      "pool.stackCount higher",
    ]);
  }
  assertEquals(device.memory().default.currentBytes, 0);
  stream1[Symbol.dispose]();
  using stream4 = device.stream();
  assertEquals(stream4.stack?.label, "stack 0", "a stack that was given back serves the next stream");
});

Deno.test("BufferPool, deallocation rule: the buffer allocated first must not be released first", async () => {
  const { device: made } = await twoStacks();
  using device = made;
  using stream = device.stream();
  const mat1 = stream.allocate(GRAY_1024, "mat1");
  const mat2 = stream.allocate(BGR_1024, "mat2");
  const error = assertThrows(() => mat1.free(), GpuError);
  for (const part of ['"mat1" (1048576 bytes at 0)', '"mat2" (3145728 bytes at 1048576)', "stack 0"]) {
    assertStringIncludes(error.message, part);
  }
  const early = assertThrows(() => stream[Symbol.dispose](), GpuError);
  assertStringIncludes(early.message, 'still alive on it: "mat1", "mat2" (4194304 bytes)');
  mat2.free();
  mat1.free();
  assertEquals(device.memory().stacks[0]!.currentBytes, 0);
  // The stream, whose disposal was refused, still works.
  stream.allocate(GRAY_1024, "mat3").free();
});

/** `cvtColor(gray, bgr, GRAY2BGR)` on 32-bit words, and `setTo`. */
const GRAY2BGR: KernelSource = {
  name: "test/gray2bgr",
  wgsl: `
struct Params { count: u32, value: u32 }
@group(0) @binding(0) var<storage, read_write> gray: array<u32>;
@group(0) @binding(1) var<storage, read_write> bgr: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;
@compute @workgroup_size(64) fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * grid.x + group.x) * 64u + local;
  if (i >= params.count) {
    return;
  }
  gray[i] = params.value;
  bgr[i * 3u] = params.value;
  bgr[i * 3u + 1u] = params.value;
  bgr[i * 3u + 2u] = params.value;
}`,
};

Deno.test("BufferPool, loop of ten: every turn finds the same places, and the order of release is right", async () => {
  const { device: made, warnings } = await twoStacks();
  using device = made;
  using stream1 = device.stream();
  using stream2 = device.stream();
  const kernel = device.kernel(GRAY2BGR);
  const convert = (stream: Stream, gray: Allocation, bgr: Allocation, value: number): void => {
    const count = gray.bytes / 4;
    stream.run(device.dispatch(kernel, {
      bindings: { gray, bgr },
      uniforms: { count, value },
      workgroups: foldWorkgroups(Math.ceil(count / 64)),
    }));
  };
  const places = new Set<string>();
  for (let i = 0; i < 10; i++) {
    using src1 = stream1.allocate(GRAY_4096, "d_src1");
    using dst1 = stream1.allocate(BGR_4096, "d_dst1");
    using src2 = stream2.allocate(GRAY_1024, "d_src2");
    using dst2 = stream2.allocate(BGR_1024, "d_dst2");
    convert(stream1, src1, dst1, i + 1);
    convert(stream2, src2, dst2, 100 * (i + 1));
    stream1.submit();
    stream2.submit();
    places.add(JSON.stringify([src1, dst1, src2, dst2].map(place)));
    if (i === 9) {
      for (const [allocation, value] of [[src1, 10], [dst1, 10], [src2, 1000], [dst2, 1000]] as const) {
        const values = new Uint32Array(await device.read(allocation));
        assert(values.every((found) => found === value), `${allocation.label}: ${values[0]}`);
      }
    }
  }
  assertEquals([...places].length, 1, [...places].join("\n"));
  const { stacks, fallbacks } = device.memory();
  assertEquals([fallbacks, warnings.length], [0, 0]);
  assertEquals(stacks.map((stack) => [stack.currentBytes, stack.highWaterBytes, stack.allocations]), [
    [0, 64 * MB, 20],
    [0, 4 * MB, 20],
  ]);
});

Deno.test("BufferPool switched off: every stream uses the default allocator, and nothing is said", async () => {
  const warnings: string[] = [];
  using device = await Device.request({ pool: false, onWarning: (message) => warnings.push(message) });
  using stream = device.stream();
  {
    using a = stream.allocate(1000, "a");
    using b = stream.allocate(1000, "b");
    assertEquals([place(a), place(b)], [["default allocator", 0, 1024], ["default allocator", 0, 1024]]);
    a.free();
    assertEquals(device.memory().default.currentBytes, 1024);
  }
  assertEquals([device.pool.stackCount, device.memory().stacks, warnings], [0, [], []]);
  // Later, the pool can still be switched on: no stream holds a stack.
  device.pool.configure({ stackBytes: 4096, stackCount: 1 });
  using other = device.stream();
  using c = other.allocate(1000, "c");
  assertEquals(place(c), ["stack 0", 0, 1024]);
});

Deno.test("taking and giving back on a warm stack creates nothing on the GPU", async () => {
  using device = await Device.request({ pool: { stackBytes: 65536, stackCount: 1 } });
  using stream = device.stream();
  const before = device.counters.snapshot();
  for (let i = 0; i < 1000; i++) {
    using _a = stream.allocate(1000, "a");
    using _b = stream.allocate(2000, "b");
  }
  assertEquals(totalCount(countsSince(before, device.counters.snapshot())), 0);
});

Deno.test("describeMemory() shows every allocator, the fallbacks, and what lies on the GPU", async () => {
  using device = await Device.request({ pool: { stackBytes: 65536, stackCount: 1 }, onWarning: () => {} });
  using stream = device.stream();
  using _a = stream.allocate(40960, "a");
  using _b = stream.allocate(40960, "b");
  using third = device.stream();
  using _c = third.allocate(1024, "c");
  assertEquals(
    device.describeMemory(),
    [
      "allocator          capacity   now       high water  allocations  refusals  largest refused",
      "stack 0            64.0 KiB   40.0 KiB  40.0 KiB    1            1         40.0 KiB",
      "default allocator  unbounded  41.0 KiB  41.0 KiB    2            0",
      "fallbacks: 2 (41.0 KiB)",
      "streams without a stack: 1",
      "on the GPU: 3 buffers, 105.0 KiB, high water 105.0 KiB",
    ].join("\n"),
  );
});
