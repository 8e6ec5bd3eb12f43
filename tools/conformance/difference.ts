/**
 * Compares an output with what ONNX expects.
 *
 * @module
 */
import { isFloat } from "../../src/tensor/dtype.ts";
import type { HostTensor } from "../../src/tensor/host_tensor.ts";

/** What may lie between a value and the expected one: `absolute + relative * |expected|`, as in NumPy's `allclose`. */
interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** ONNX's own runner allows 1e-3 and 1e-7; sums in another order need a little more near zero. */
const SINGLE: Tolerance = { relative: 1e-4, absolute: 1e-6 };
/** For expected values that were typed in by hand, with four decimals: what ONNX's own runner allows. */
const ROUNDED: Tolerance = { relative: 1e-3, absolute: 1e-6 };
const HALF: Tolerance = { relative: 2e-3, absolute: 1e-3 };
const EXACT: Tolerance = { relative: 0, absolute: 0 };

/** How an output departs from the expected one, in a few words; undefined if it does not. */
export function difference(actual: HostTensor | undefined, expected: HostTensor): string | undefined {
  if (actual === undefined) return "is missing";
  if (actual.dtype !== expected.dtype) return `is ${actual.dtype}, not ${expected.dtype}`;
  if (String(actual.shape) !== String(expected.shape)) {
    return `has shape [${actual.shape.join(", ")}], not [${expected.shape.join(", ")}]`;
  }
  const tolerance = toleranceFor(expected);
  let wrong = 0;
  let worst = 0;
  let worstExcess = 0;
  for (let i = 0; i < expected.data.length; i++) {
    const excess = excessOf(actual.data[i]!, expected.data[i]!, tolerance);
    if (!(excess > 0)) continue;
    wrong++;
    if (excess > worstExcess) [worst, worstExcess] = [i, excess];
  }
  if (wrong === 0) return undefined;
  return `${wrong} of ${expected.data.length} values differ, most the one at [${
    coordinates(worst, expected.shape).join(", ")
  }]: ${actual.data[worst]} instead of ${expected.data[worst]}`;
}

function toleranceFor({ dtype, data }: HostTensor): Tolerance {
  if (!isFloat(dtype)) return EXACT;
  if (dtype === "f16") return HALF;
  const values = Array.from(data as Float32Array | Float64Array);
  const areRounded = (digits: number): boolean =>
    values.every((value) => !Number.isFinite(value) || Math.fround(Number(value.toFixed(digits))) === value);
  return areRounded(4) && !areRounded(3) ? ROUNDED : SINGLE;
}

/** How far beyond the tolerance; infinite if only one of the two is finite. */
function excessOf(actual: number | bigint, expected: number | bigint, tolerance: Tolerance): number {
  if (actual === expected) return 0;
  const [got, want] = [Number(actual), Number(expected)];
  if (Number.isNaN(got) && Number.isNaN(want)) return 0;
  const distance = Math.abs(got - want);
  if (!Number.isFinite(distance)) return Infinity;
  // 64-bit integers may differ where their nearest numbers do not.
  if (distance === 0 && typeof actual === "bigint") return Number.MIN_VALUE;
  return distance - tolerance.absolute - tolerance.relative * Math.abs(want);
}

function coordinates(index: number, shape: readonly number[]): number[] {
  const out: number[] = [];
  let rest = index;
  for (const extent of shape.toReversed()) {
    out.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return out;
}
