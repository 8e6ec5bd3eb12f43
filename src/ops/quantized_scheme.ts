/**
 * How bytes stand for floats: a scale and a zero point.
 *
 * @module
 */
import type { DType } from "../tensor/dtype.ts";
import { saturate } from "./quantization.ts";

/** How a tensor is quantised: `value = (element - zero) * scale`, elements from `low` to `high`. */
export interface Scheme {
  dtype: DType;
  scale: number;
  zero: number;
  low: number;
  high: number;
}

/** The scheme of an 8-bit type over its whole range; `undefined` for other types. */
export function schemeOfType(dtype: DType, scale: number, zero: number): Scheme | undefined {
  if (dtype !== "u8" && dtype !== "i8") return undefined;
  const [low, high] = dtype === "u8" ? [0, 255] : [-128, 127];
  return { dtype, scale, zero, low, high };
}

/** The element that stands for a value. */
export function quantise(value: number, { scale, zero, low, high }: Scheme): number {
  return saturate(Math.fround(Math.fround(value) / scale), zero, [low, high]);
}

/** Every element of `from` as the number that it stands for, through `f`, in the scheme `to`. */
export function tableOf(from: Scheme, to: Scheme, f: (value: number) => number): Int32Array<ArrayBuffer> {
  return Int32Array.from(
    { length: from.high - from.low + 1 },
    (_, i) => quantise(f(valueOf(from, from.low + i)), to),
  );
}

/** The value that an element stands for. */
export function valueOf({ scale, zero }: Scheme, element: number): number {
  return Math.fround((element - zero) * scale);
}
