import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { bytesPerElement, isFloat, NUMERIC_DTYPES, typedArray } from "../../src/tensor/dtype.ts";
import {
  bytesOf,
  elementCount,
  hostTensor,
  scalar,
  toFloat32,
  toNumbers,
  withShape,
  zeros,
} from "../../src/tensor/host_tensor.ts";

Deno.test("bytesPerElement() agrees with the typed array of every element type", () => {
  for (const dtype of NUMERIC_DTYPES) {
    assertEquals(typedArray(dtype, 3).BYTES_PER_ELEMENT, bytesPerElement(dtype), dtype);
    assertEquals(typedArray(dtype, 3).length, 3, dtype);
  }
  assertEquals(NUMERIC_DTYPES.filter(isFloat), ["f32", "f16", "f64"]);
  assertThrows(() => bytesPerElement("string"), TypeError, "Cannot hold a tensor of strings");
});

Deno.test("typedArray() views a buffer from a byte on", () => {
  const memory = new Float32Array([1, 2, 3]).buffer;
  assertEquals(typedArray("f32", 2, memory, 4), new Float32Array([2, 3]));
});

Deno.test("elementCount() multiplies the extents, and counts a scalar as one", () => {
  assertEquals(elementCount([]), 1);
  assertEquals(elementCount([2, 3, 4]), 24);
  assertEquals(elementCount([5, 0]), 0);
  for (const bad of [[-1], [1.5], [NaN], [2 ** 53]]) {
    assertThrows(() => elementCount(bad), RangeError, "is no extent");
  }
  assertThrows(() => elementCount([2 ** 40, 2 ** 40]), RangeError, "more than 2^53");
});

Deno.test("hostTensor() keeps a typed array that fits and converts everything else", () => {
  const data = new Float32Array([1, 2]);
  assertStrictEquals(hostTensor("f32", [2], data).data, data);
  assertEquals(hostTensor("f16", [2], data).data, new Float16Array([1, 2]));
  assertEquals(hostTensor("i64", [2], data).data, new BigInt64Array([1n, 2n]));
  assertEquals(hostTensor("i32", [2], [1n, -2n]).data, new Int32Array([1, -2]));
  assertEquals(hostTensor("bool", [3], [true, false, true]).data, new Uint8Array([1, 0, 1]));
  assertEquals(hostTensor("bool", [3], [2, 0, -1]).data, new Uint8Array([1, 0, 1]));
});

Deno.test("hostTensor() does not keep shared memory", () => {
  const shared = new Float32Array(new SharedArrayBuffer(8));
  const tensor = hostTensor("f32", [2], shared);
  assertEquals(tensor.data.buffer instanceof ArrayBuffer, true);
});

Deno.test("hostTensor() takes numbers beyond a 64-bit integer to the end of its range", () => {
  const { data } = hostTensor("i64", [4], [2 ** 63, -(2 ** 63), Number.MAX_SAFE_INTEGER, 1e300]);
  assertEquals([...data], [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n - 1n, 2n ** 63n - 1n]);
  assertEquals([...hostTensor("u64", [2], [-5, 2 ** 64]).data], [0n, 2n ** 64n - 1n]);
  assertThrows(() => hostTensor("i64", [1], [0.5]), RangeError, "Cannot store 0.5 as i64");
});

Deno.test("hostTensor() refuses a number of elements that is not that of the shape", () => {
  assertThrows(
    () => hostTensor("f32", [2, 3], [1, 2]),
    RangeError,
    "Cannot make a f32 tensor of shape [2, 3]: it has 6 elements, but 2 were given",
  );
});

Deno.test("hostTensor() keeps its own copy of the shape", () => {
  const shape = [2];
  const tensor = hostTensor("f32", shape, [1, 2]);
  shape[0] = 9;
  assertEquals(tensor.shape, [2]);
});

Deno.test("zeros(), scalar() and withShape() make what their names say", () => {
  assertEquals(zeros("i64", [2]), hostTensor("i64", [2], [0, 0]));
  assertEquals(scalar("i64", 5), hostTensor("i64", [], [5n]));
  const tensor = hostTensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]);
  const reshaped = withShape(tensor, [3, 2]);
  assertEquals(reshaped.shape, [3, 2]);
  assertStrictEquals(reshaped.data, tensor.data);
  assertThrows(() => withShape(tensor, [5]), RangeError, "it has 5 elements, but 6 were given");
});

Deno.test("toFloat32() and toNumbers() read every element type", () => {
  for (const dtype of NUMERIC_DTYPES) {
    const tensor = hostTensor(dtype, [2], [0, 1]);
    assertEquals(toFloat32(tensor), new Float32Array([0, 1]), dtype);
    assertEquals(toNumbers(tensor), [0, 1], dtype);
  }
  const floats = hostTensor("f32", [1], [3]);
  assertStrictEquals(toFloat32(floats), floats.data);
  assertEquals(toNumbers(hostTensor("i64", [1], [2n ** 63n - 1n])), [2 ** 63]);
});

Deno.test("bytesOf() is a view of the elements", () => {
  const tensor = hostTensor("u16", [2], new Uint16Array([0, 0x0102, 0x0304]).subarray(1));
  assertEquals(bytesOf(tensor), new Uint8Array([2, 1, 4, 3]));
});
