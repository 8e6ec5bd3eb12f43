/**
 * The programs in the documentation of OpenCV's `cv::cuda::BufferPool`, line by line, with typed matrices and the
 * operations that they call: which matrix lands where, and what is in it. The large images are those of the original, of
 * 16,777,216 pixels, which take more workgroups than one dimension of a grid has.
 *
 * @module
 */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Device, GpuError, type Matrix } from "../../src/gpu/mod.ts";
import { cvtColor } from "../../src/matrix/mod.ts";

const MB = 1024 * 1024;

async function twoStacks(): Promise<{ device: Device; warnings: string[] }> {
  const warnings: string[] = [];
  const device = await Device.request({
    pool: { stackBytes: 64 * MB, stackCount: 2 },
    onWarning: (message) => warnings.push(message),
  });
  return { device, warnings };
}

function place({ allocation, step }: Matrix): [owner: string, offset: number, bytes: number, step: number] {
  return [allocation.owner.label, allocation.offset, allocation.bytes, step];
}

Deno.test("two streams: gray to BGR on a stack each, the last pixels of the largest image included", async () => {
  const { device: made, warnings } = await twoStacks();
  using device = made;
  using stream1 = device.stream();
  using stream2 = device.stream();
  using src1 = stream1.pool.getBuffer(4096, 4096, "8UC1");
  using dst1 = stream1.pool.getBuffer(4096, 4096, "8UC3");
  using src2 = stream2.pool.getBuffer(1024, 1024, "8UC1");
  using dst2 = stream2.pool.getBuffer(1024, 1024, "8UC3");
  assertEquals([src1, dst1, src2, dst2].map(place), [
    ["stack 0", 0, 16 * MB, 4096],
    ["stack 0", 16 * MB, 48 * MB, 12288],
    ["stack 1", 0, MB, 1024],
    ["stack 1", MB, 3 * MB, 3072],
  ]);
  src1.setTo(33);
  src1.roi(4093, 4095, 3, 1).upload(new Uint8Array([1, 2, 3]));
  src2.setTo(44);
  cvtColor(src1, dst1, "GRAY2BGR");
  cvtColor(src2, dst2, "GRAY2BGR");
  assertEquals([...await dst1.roi(4092, 4095, 4, 1).download()], [33, 33, 33, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
  assertEquals([...await dst1.roi(0, 0, 2, 1).download()], [33, 33, 33, 33, 33, 33]);
  assertEquals([...await dst2.roi(1022, 1023, 2, 1).download()], [44, 44, 44, 44, 44, 44]);
  // The upload to a region found no room for its temporary on the full stack.
  assertEquals([device.memory().fallbacks, warnings.length], [1, 1]);
  assertStringIncludes(warnings[0]!, "(67108864 of 67108864 bytes in use)");
});

Deno.test("a third stream has no stack, a full stack no room: the default allocator serves, and takes back", async () => {
  const { device: made, warnings } = await twoStacks();
  using device = made;
  using stream1 = device.stream({ label: "stream1" });
  using _stream2 = device.stream({ label: "stream2" });
  using stream3 = device.stream({ label: "stream3" });
  using src1 = stream1.pool.getBuffer(4096, 4096, "8UC1");
  using dst1 = stream1.pool.getBuffer(4096, 4096, "8UC3");
  {
    using src3 = stream3.pool.getBuffer(1024, 1024, "8UC1");
    using dst3 = stream3.pool.getBuffer(1024, 1024, "8UC3");
    using add1 = stream1.pool.getBuffer(1024, 1024, "8UC1");
    assertEquals([src1, dst1, src3, dst3, add1].map((matrix) => place(matrix)[0]), [
      "stack 0",
      "stack 0",
      "default allocator",
      "default allocator",
      "default allocator",
    ]);
    src3.setTo(5);
    cvtColor(src3, dst3, "GRAY2BGR");
    assertEquals([...await dst3.roi(1023, 1023, 1, 1).download()], [5, 5, 5]);
    add1.setTo(6);
    assertEquals((await add1.download())[MB - 1], 6);
    assertEquals(device.memory().default.currentBytes, 5 * MB);
  }
  assertEquals(device.memory().default.currentBytes, 0);
  assertEquals([device.memory().fallbacks, warnings.length], [3, 2]);
});

Deno.test("the LIFO violation is refused with both labels, and what was refused stays as it was", async () => {
  const { device: made } = await twoStacks();
  using device = made;
  using stream = device.stream();
  using mat1 = stream.pool.getBuffer(1024, 1024, "8UC1", "mat1");
  using mat2 = stream.pool.getBuffer(1024, 1024, "8UC1", "mat2");
  mat1.setTo(1);
  mat2.setTo(2);
  const error = assertThrows(() => mat1.release(), GpuError);
  assertStringIncludes(error.message, '"mat1"');
  assertStringIncludes(error.message, '"mat2"');
  assertEquals([...await mat1.roi(0, 0, 1, 1).download(), ...await mat2.roi(0, 0, 1, 1).download()], [1, 2]);
});

Deno.test("the loop of ten takes the same memory in every turn", async () => {
  const { device: made } = await twoStacks();
  using device = made;
  using stream = device.stream();
  for (let i = 0; i < 10; i++) {
    using src = stream.pool.getBuffer(512, 512, "8UC1");
    using dst = stream.pool.getBuffer(512, 512, "8UC3");
    assertEquals([src, dst].map((matrix) => place(matrix).slice(0, 2)), [["stack 0", 0], [
      "stack 0",
      MB / 4,
    ]]);
    src.setTo(i);
    cvtColor(src, dst, "GRAY2BGR");
    assertEquals([...await dst.roi(511, 511, 1, 1).download()], [i, i, i]);
  }
  assertEquals(device.memory().stacks[0]!.highWaterBytes, MB);
});
