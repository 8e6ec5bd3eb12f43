/**
 * A change of element type in WGSL.
 *
 * @module
 */
import { type DType, gpuScalar, isFloat } from "../tensor/dtype.ts";
import { wrapTo } from "./types.ts";

/** Bits and sign of the integer types that have words on the GPU. */
const RANGES: Readonly<Partial<Record<DType, readonly [low: number, high: number]>>> = {
  bool: [0, 1],
  i8: [-128, 127],
  u8: [0, 255],
  i16: [-32768, 32767],
  u16: [0, 65535],
  i32: [-(2 ** 31), 2 ** 31 - 1],
  i64: [-(2 ** 31), 2 ** 31 - 1],
};

/** Whether every element of one type has the same word in another, so that a cast moves nothing. */
export function sameWords(from: DType, to: DType): boolean {
  if (from === to) return true;
  if (isFloat(from) || isFloat(to)) return from === "f16" && to === "f32";
  const [inner, outer] = [RANGES[from], RANGES[to]];
  return inner !== undefined && outer !== undefined && inner[0] >= outer[0] && inner[1] <= outer[1];
}

/**
 * WGSL for four elements of one type as another: floats are cut towards zero, integers keep their lower bits, and
 * whatever is not 0 is true.
 */
export function castText(x: string, from: DType, to: DType): string {
  if (sameWords(from, to)) return x;
  const float = gpuScalar(from) === "f32";
  if (to === "bool") {
    // A NaN is true; comparisons with it need not say so.
    return float
      ? `vec4i((bitcast<vec4u>(${x}) & vec4u(0x7fffffffu)) != vec4u(0u))`
      : `vec4i(${x} != vec4i(0))`;
  }
  if (to === "f16") return `round_to_half(${float ? x : `vec4f(${x})`})`;
  if (gpuScalar(to) === "f32") return `vec4f(${x})`;
  return wrapTo(to, float ? `vec4i(${x})` : x);
}
