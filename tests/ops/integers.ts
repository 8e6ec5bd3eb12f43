/**
 * Tensors of every element type that the GPU holds, for tests of operators that move elements.
 *
 * @module
 */
import type { NumericDType } from "../../src/tensor/dtype.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import type { Random } from "../support/random.ts";

/** Element types that operators move. */
export const TYPES: readonly NumericDType[] = ["f32", "f16", "i32", "i64", "i8", "u8", "bool"];

/** Whole numbers from `low` up to but not including `high`, in a type; for booleans every other one, about, is true. */
export function randint(
  random: Random,
  dtype: NumericDType,
  shape: readonly number[],
  low: number,
  high: number,
): HostTensor {
  const count = shape.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: count }, () => random.int(low, high - 1));
  return hostTensor(dtype, shape, dtype === "bool" ? values.map((value) => value % 2 & 1) : values);
}

/** Whole numbers in a list, of 64 bits. */
export function integers(...values: number[]): HostTensor<"i64"> {
  return hostTensor("i64", [values.length], values);
}
