/**
 * Kernels that serve floats and integers alike: their element type is injected, as is what keeps narrow integers narrow.
 *
 * @module
 */
import { type DType, gpuScalar } from "../tensor/dtype.ts";

/** Floats that the GPU computes with. */
export const FLOATS: readonly DType[] = ["f32", "f16"];

/** Quantised elements. */
export const BYTES: readonly DType[] = ["i8", "u8"];

/** Floats and integers that the GPU computes with. */
export const NUMBERS: readonly DType[] = [...FLOATS, ...BYTES, "i16", "u16", "i32", "i64"];

/** Everything that the GPU holds. */
export const ANY_TYPE: readonly DType[] = [...NUMBERS, "bool"];

/** For `//#inject types`: `scalar` and `vec` as the words of a type; nothing for floats, which kernels are written for. */
export function typesOf(dtype: DType): Readonly<Record<string, string>> {
  return gpuScalar(dtype) === "f32" ? {} : { types: "alias scalar = i32;\nalias vec = vec4i;" };
}

/**
 * WGSL that brings an integer expression (a scalar or a vector of `i32`) back into the range of a narrower type, as
 * arithmetic in that type wraps. `shift` spells a shift count for the expression: `24u`, or `vec4u(24u)`.
 */
export function wrapTo(
  dtype: DType,
  expression: string,
  shift: (bits: number) => string = (bits) => `vec4u(${bits}u)`,
): string {
  const narrow = (bits: number): string => `(((${expression}) << ${shift(bits)}) >> ${shift(bits)})`;
  // Without a mask, which would have to be a vector for vectors.
  const lower = (bits: number): string =>
    `((${expression}) - (((${expression}) >> ${shift(bits)}) << ${shift(bits)}))`;
  switch (dtype) {
    case "u8":
      return lower(8);
    case "u16":
      return lower(16);
    case "i8":
      return narrow(24);
    case "i16":
      return narrow(16);
    default:
      return expression;
  }
}
