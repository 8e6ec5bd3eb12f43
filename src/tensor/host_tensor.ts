/**
 * Tensors in host memory: constants of a network, operands of constant folding, inputs and outputs of tests.
 *
 * @module
 */

import {
  type ArrayOf,
  bytesPerElement,
  type DType,
  isBigInt,
  type NumericDType,
  type TypedArray,
  typedArray,
} from "./dtype.ts";

/** A tensor in host memory: row-major elements in ONNX's meaning (NCHW for images), not the GPU's layout. */
export type HostTensor<D extends NumericDType = NumericDType> = {
  readonly [K in D]: {
    /** The elements' type; narrowing on it narrows `data`. */
    readonly dtype: K;
    /** The extent of each dimension; empty for a scalar. */
    readonly shape: readonly number[];
    /** The elements, `elementCount(shape)` of them, row-major. */
    readonly data: ArrayOf[K];
  };
}[D];

/** Elements to fill a host tensor with. */
export type Elements = ArrayLike<number> | ArrayLike<bigint> | ArrayLike<boolean>;

/**
 * The number of elements of a shape; 1 for a scalar.
 *
 * @throws {RangeError} if an extent is no whole number from 0 on, or the product is beyond what a number can count.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * assertEquals(elementCount([1, 3, 416, 416]), 519168);
 * assertEquals(elementCount([]), 1);
 * ```
 */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const extent of shape) {
    if (!Number.isSafeInteger(extent) || extent < 0) {
      throw new RangeError(
        `Cannot count the elements of shape [${shape.join(", ")}]: ${extent} is no extent`,
      );
    }
    count *= extent;
  }
  if (!Number.isSafeInteger(count)) {
    throw new RangeError(`Cannot count the elements of shape [${shape.join(", ")}]: more than 2^53`);
  }
  return count;
}

/**
 * A host tensor of the elements given. A typed array that already fits the element type is kept, not copied;
 * anything else is converted element by element, numbers beyond a 64-bit integer's range to its end.
 *
 * @throws {RangeError} if the number of elements is not that of the shape, or a fraction is given for a 64-bit integer.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * const w = hostTensor("f32", [2, 2], [1, 2, 3, 4]);
 * assertEquals(w.data, new Float32Array([1, 2, 3, 4]));
 * assertEquals(hostTensor("i64", [1], [-1]).data, new BigInt64Array([-1n]));
 * ```
 */
export function hostTensor<D extends NumericDType>(
  dtype: D,
  shape: readonly number[],
  data: Elements,
): HostTensor<D>;
/** The same for an element type known only at run time. */
export function hostTensor(dtype: DType, shape: readonly number[], data: Elements): HostTensor;
export function hostTensor(dtype: DType, shape: readonly number[], data: Elements): HostTensor {
  const count = elementCount(shape);
  if (data.length !== count) {
    throw new RangeError(
      `Cannot make a ${dtype} tensor of shape [${shape.join(", ")}]: it has ${count} elements, ` +
        `but ${data.length} were given`,
    );
  }
  return { dtype, shape: [...shape], data: fitting(dtype, data) } as HostTensor;
}

/** A host tensor of zeros (`false` for booleans). */
export function zeros<D extends NumericDType>(dtype: D, shape: readonly number[]): HostTensor<D>;
/** The same for an element type known only at run time. */
export function zeros(dtype: DType, shape: readonly number[]): HostTensor;
export function zeros(dtype: DType, shape: readonly number[]): HostTensor {
  return { dtype, shape: [...shape], data: typedArray(dtype, elementCount(shape)) } as HostTensor;
}

/** A host tensor of no dimensions, with one element. */
export function scalar<D extends NumericDType>(dtype: D, value: number | bigint): HostTensor<D> {
  return hostTensor(dtype, [], [value] as Elements);
}

/**
 * The same elements under another shape; shares the memory.
 *
 * @throws {RangeError} if the new shape counts another number of elements.
 */
export function withShape<T extends HostTensor>(tensor: T, shape: readonly number[]): T {
  return hostTensor(tensor.dtype, shape, tensor.data) as T;
}

/** The elements as 32-bit floats: the tensor's own memory if it is `f32`, else a converted copy. */
export function toFloat32(tensor: HostTensor): Float32Array<ArrayBuffer> {
  if (tensor.dtype === "f32") return tensor.data;
  const out = new Float32Array(tensor.data.length);
  for (let i = 0; i < out.length; i++) out[i] = Number(tensor.data[i]);
  return out;
}

/**
 * The elements as numbers. 64-bit integers beyond 2^53 are rounded to the nearest number, which keeps ONNX's "to the
 * end" markers (such as 2^63 - 1 in Slice) larger than every extent.
 */
export function toNumbers(tensor: HostTensor): number[] {
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

function fitting(dtype: DType, data: Elements): TypedArray {
  const out = typedArray(dtype, 0);
  if (data.constructor === out.constructor && (data as TypedArray).buffer instanceof ArrayBuffer) {
    return data as TypedArray;
  }
  const filled = typedArray(dtype, data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (isBigInt(dtype)) (filled as BigInt64Array)[i] = toBigInt(value, dtype);
    else if (dtype === "bool") filled[i] = Number(value) === 0 ? 0 : 1;
    else filled[i] = Number(value);
  }
  return filled;
}

/** Numbers saturate: 2^63 - 1, ONNX's "to the end", is 2^63 as a number and must not wrap to the negative. */
function toBigInt(value: number | bigint | boolean, dtype: "i64" | "u64"): bigint {
  if (typeof value !== "number") return BigInt(value);
  if (!Number.isInteger(value)) {
    throw new RangeError(`Cannot store ${value} as ${dtype}: it is no whole number`);
  }
  const [low, high] = dtype === "i64" ? [-(2n ** 63n), 2n ** 63n - 1n] : [0n, 2n ** 64n - 1n];
  const exact = BigInt(value);
  return exact < low ? low : exact > high ? high : exact;
}

/** The bytes of the elements: a view, not a copy. */
export function bytesOf(tensor: HostTensor): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = tensor.data;
  return new Uint8Array(buffer, byteOffset, length * bytesPerElement(tensor.dtype));
}
