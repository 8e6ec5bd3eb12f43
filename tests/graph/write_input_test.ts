import { assertEquals, assertThrows } from "@std/assert";
import type { Device } from "../../src/gpu/mod.ts";
import { GpuError } from "../../src/gpu/mod.ts";
import { writeInput } from "../../src/graph/prepared.ts";
import { elementCount, hostTensor } from "../../src/tensor/host_tensor.ts";
import { denseView, type Layout, storageElements, viewOffsets } from "../../src/tensor/view.ts";
import { Random } from "../support/random.ts";

/** What arrives in the buffer. */
function written(value: Parameters<typeof writeInput>[2], elements: number, data: Float32Array): number[] {
  let arrived: number[] = [];
  const queue = { writeBuffer: (_: unknown, __: number, words: Float32Array) => arrived = [...words] };
  const range = { buffer: {} as GPUBuffer, offset: 0, bytes: 4 * elements, label: "x" };
  writeInput(
    { gpu: { queue } } as unknown as Device,
    range,
    value,
    hostTensor("f32", value.type.shape, data),
  );
  return arrived;
}

Deno.test("writeInput() puts each element where the view has it and zeros between, however often", () => {
  const random = new Random(31);
  const extent = (most: number): number => 1 + Math.floor(random.next() * most);
  for (let i = 0; i < 60; i++) {
    const shape = [extent(2), extent(9), extent(40), extent(40)].slice(i % 5);
    const layout: Layout = shape.length === 4 && i % 2 === 0 ? "image" : "linear";
    const view = denseView(0, "f32", shape, layout);
    const elements = Math.ceil(storageElements(shape, layout) / 4) * 4;
    const value = { name: "x", type: { dtype: "f32" as const, shape }, view };
    // The second time other numbers: nothing of the first may be left.
    for (let time = 0; time < 2; time++) {
      const data = random.normals(elementCount(shape));
      const expected = new Float32Array(elements);
      let next = 0;
      for (const at of viewOffsets(view)) expected[at] = data[next++]!;
      assertEquals(written(value, elements, Float32Array.from(data)), [...expected], `[${shape}], ${layout}`);
    }
  }
});

Deno.test("writeInput() refuses another type", () => {
  const value = {
    name: "x",
    type: { dtype: "i32" as const, shape: [4] },
    view: denseView(0, "i32", [4], "linear"),
  };
  assertThrows(() => written(value, 4, new Float32Array(4)), GpuError, '"x": it is i32, but f32');
});
