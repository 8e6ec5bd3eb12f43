/**
 * Rounding on the host as ONNX and IEEE 754 have it.
 *
 * @module
 */

/** The nearest whole number; of two equally near, the even one. NaN and infinities stay. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const above = value - floor;
  if (above !== 0.5) return above < 0.5 ? floor : Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
