/**
 * ONNX's numbering of element types (`TensorProto.DataType`).
 *
 * @module
 */

import type { DType } from "../tensor/dtype.ts";

const DTYPES: ReadonlyMap<number, DType> = new Map<number, DType>([
  [1, "f32"],
  [2, "u8"],
  [3, "i8"],
  [4, "u16"],
  [5, "i16"],
  [6, "i32"],
  [7, "i64"],
  [8, "string"],
  [9, "bool"],
  [10, "f16"],
  [11, "f64"],
  [12, "u32"],
  [13, "u64"],
]);

const NUMBERS: ReadonlyMap<DType, number> = new Map([...DTYPES].map(([number, dtype]) => [dtype, number]));

const OTHER_NAMES: ReadonlyMap<number, string> = new Map([
  [0, "UNDEFINED"],
  [14, "COMPLEX64"],
  [15, "COMPLEX128"],
  [16, "BFLOAT16"],
  [17, "FLOAT8E4M3FN"],
  [18, "FLOAT8E4M3FNUZ"],
  [19, "FLOAT8E5M2"],
  [20, "FLOAT8E5M2FNUZ"],
  [21, "UINT4"],
  [22, "INT4"],
  [23, "FLOAT4E2M1"],
  [24, "FLOAT8E8M0"],
  [25, "UINT2"],
  [26, "INT2"],
]);

/** ONNX's number for BFLOAT16, which has no type of its own here: its tensors are read as `f32`, exactly. */
export const BFLOAT16 = 16;

/** The element type that a number of ONNX's `TensorProto.DataType` names; undefined if there is none here. */
export function dtypeOf(dataType: number): DType | undefined {
  return DTYPES.get(dataType);
}

/** ONNX's number for an element type. */
export function dataTypeOf(dtype: DType): number {
  return NUMBERS.get(dtype)!;
}

/** How to call a number of ONNX's `TensorProto.DataType` in a message, such as "FLOAT8E4M3FN (17)". */
export function dataTypeName(dataType: number): string {
  const name = DTYPES.get(dataType) ?? OTHER_NAMES.get(dataType);
  return name === undefined ? `data type ${dataType}` : `${name} (${dataType})`;
}
