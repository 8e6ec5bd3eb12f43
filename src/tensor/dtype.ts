/**
 * The element types of tensors, after ONNX's, and the typed arrays that hold them on the host.
 *
 * @module
 */

/** The type of a tensor's elements. */
export type DType =
  | "f32"
  | "f16"
  | "f64"
  | "i8"
  | "u8"
  | "i16"
  | "u16"
  | "i32"
  | "u32"
  | "i64"
  | "u64"
  | "bool"
  | "string";

/** The element types that a host tensor can hold: all but text. */
export type NumericDType = Exclude<DType, "string">;

/** The typed array that holds each element type on the host. Booleans are one byte each, 0 or 1. */
export interface ArrayOf {
  /** 32-bit floats. */
  f32: Float32Array<ArrayBuffer>;
  /** 16-bit floats. */
  f16: Float16Array<ArrayBuffer>;
  /** 64-bit floats. */
  f64: Float64Array<ArrayBuffer>;
  /** Signed bytes. */
  i8: Int8Array<ArrayBuffer>;
  /** Unsigned bytes. */
  u8: Uint8Array<ArrayBuffer>;
  /** Signed 16-bit integers. */
  i16: Int16Array<ArrayBuffer>;
  /** Unsigned 16-bit integers. */
  u16: Uint16Array<ArrayBuffer>;
  /** Signed 32-bit integers. */
  i32: Int32Array<ArrayBuffer>;
  /** Unsigned 32-bit integers. */
  u32: Uint32Array<ArrayBuffer>;
  /** Signed 64-bit integers. */
  i64: BigInt64Array<ArrayBuffer>;
  /** Unsigned 64-bit integers. */
  u64: BigUint64Array<ArrayBuffer>;
  /** One byte each, 0 or 1. */
  bool: Uint8Array<ArrayBuffer>;
}

/** Any typed array that can hold a tensor's elements. */
export type TypedArray = ArrayOf[NumericDType];

const BYTES: Readonly<Record<NumericDType, number>> = {
  f32: 4,
  f16: 2,
  f64: 8,
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  i64: 8,
  u64: 8,
  bool: 1,
};

/** Every element type that a host tensor can hold. */
export const NUMERIC_DTYPES: readonly NumericDType[] = Object.keys(BYTES) as NumericDType[];

/**
 * Bytes that one element takes on the host.
 *
 * @throws {TypeError} for `"string"`, whose elements have no fixed size.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * assertEquals(bytesPerElement("f16"), 2);
 * assertEquals(bytesPerElement("bool"), 1);
 * ```
 */
export function bytesPerElement(dtype: DType): number {
  return BYTES[numeric(dtype)];
}

/** Whether the elements are floating point numbers. */
export function isFloat(dtype: DType): dtype is "f32" | "f16" | "f64" {
  return dtype === "f32" || dtype === "f16" || dtype === "f64";
}

/** Whether the elements are 64-bit integers, which the host holds as `bigint`. */
export function isBigInt(dtype: DType): dtype is "i64" | "u64" {
  return dtype === "i64" || dtype === "u64";
}

/** What an element is on the GPU: one 32-bit word, a float or a signed integer. */
export type GpuScalar = "f32" | "i32";

/**
 * The word that holds an element on the GPU. Floats up to 32 bits are `f32`; booleans (0 or 1) and integers up to 32
 * bits are `i32`, and so are 64-bit integers, whose values must fit (they are mostly indices).
 *
 * @throws {TypeError} for `"f64"`, `"u32"`, `"u64"` and `"string"`, which no word holds.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * assertEquals(gpuScalar("f16"), "f32");
 * assertEquals(gpuScalar("bool"), "i32");
 * ```
 */
export function gpuScalar(dtype: DType): GpuScalar {
  switch (dtype) {
    case "f32":
    case "f16":
      return "f32";
    case "i8":
    case "u8":
    case "i16":
    case "u16":
    case "i32":
    case "i64":
    case "bool":
      return "i32";
    case "f64":
    case "u32":
    case "u64":
    case "string":
      throw new TypeError(`Cannot hold ${dtype} on the GPU: its words are 32-bit floats and signed integers`);
  }
}

/**
 * A zeroed typed array of `length` elements, or a view of `length` elements of `buffer` from `byteOffset`, which
 * must then be a multiple of the element's size.
 *
 * @throws {TypeError} for `"string"`.
 */
export function typedArray<D extends NumericDType>(
  dtype: D,
  length: number,
  buffer?: ArrayBuffer,
  byteOffset?: number,
): ArrayOf[D];
/** The same for an element type known only at run time. */
export function typedArray(
  dtype: DType,
  length: number,
  buffer?: ArrayBuffer,
  byteOffset?: number,
): TypedArray;
export function typedArray(dtype: DType, length: number, buffer?: ArrayBuffer, byteOffset = 0): TypedArray {
  const memory = buffer ?? new ArrayBuffer(length * bytesPerElement(dtype));
  switch (numeric(dtype)) {
    case "f32":
      return new Float32Array(memory, byteOffset, length);
    case "f16":
      return new Float16Array(memory, byteOffset, length);
    case "f64":
      return new Float64Array(memory, byteOffset, length);
    case "i8":
      return new Int8Array(memory, byteOffset, length);
    case "u8":
    case "bool":
      return new Uint8Array(memory, byteOffset, length);
    case "i16":
      return new Int16Array(memory, byteOffset, length);
    case "u16":
      return new Uint16Array(memory, byteOffset, length);
    case "i32":
      return new Int32Array(memory, byteOffset, length);
    case "u32":
      return new Uint32Array(memory, byteOffset, length);
    case "i64":
      return new BigInt64Array(memory, byteOffset, length);
    case "u64":
      return new BigUint64Array(memory, byteOffset, length);
  }
}

function numeric(dtype: DType): NumericDType {
  if (dtype === "string") {
    throw new TypeError("Cannot hold a tensor of strings: its elements are not numbers");
  }
  return dtype;
}
