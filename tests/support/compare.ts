/**
 * Compares tensors of floats.
 *
 * @module
 */

import { AssertionError } from "@std/assert";
import type { HostTensor } from "../../src/tensor/host_tensor.ts";

/** What is compared: tensors (whose shapes must then agree) or plain lists of numbers. */
export type Comparable = HostTensor | ArrayLike<number>;

/** How to compare. */
export interface CloseOptions {
  /** The largest difference allowed, as a part of the largest finite magnitude expected; 1e-4 unless told. */
  relative?: number;
  /** The largest difference allowed besides, in the values' own unit; 0 unless told. */
  absolute?: number;
  /** All parameters of the case, printed when it fails. */
  context?: unknown;
}

/**
 * Asserts that all values agree within a part of the largest magnitude expected. NaN agrees with NaN only, and an
 * infinity with itself only.
 *
 * @returns the largest difference found, as a part of the largest magnitude expected.
 */
export function assertClose(actual: Comparable, expected: Comparable, options: CloseOptions = {}): number {
  const { relative = 1e-4, absolute = 0, context } = options;
  const tail = context === undefined ? "" : `\ncase: ${printed(context)}`;
  const [got, gotShape] = opened(actual);
  const [want, wantShape] = opened(expected);
  if (gotShape && wantShape && String(gotShape) !== String(wantShape)) {
    fail(`shapes differ: [${gotShape.join(", ")}] is not [${wantShape.join(", ")}]${tail}`);
  }
  if (got.length !== want.length) fail(`lengths differ: ${got.length} is not ${want.length}${tail}`);
  let magnitude = 0;
  for (let i = 0; i < want.length; i++) {
    const size = Math.abs(Number(want[i]));
    if (Number.isFinite(size) && size > magnitude) magnitude = size;
  }
  const allowed = relative * magnitude + absolute;
  let wrong = 0;
  let worst = -1;
  let largest = -1;
  for (let i = 0; i < want.length; i++) {
    const difference = distance(Number(got[i]), Number(want[i]));
    if (difference > allowed) wrong++;
    if (difference > largest) [largest, worst] = [difference, i];
  }
  if (wrong > 0) {
    const shape = wantShape ?? gotShape;
    const where = shape ? `[${coordinates(worst, shape).join(", ")}] (element ${worst})` : `element ${worst}`;
    fail(
      `${wrong} of ${want.length} values differ, most at ${where}: got ${got[worst]}, expected ${
        want[worst]
      }, ` +
        `off by ${largest}; allowed is ${allowed} (${relative} of the largest magnitude ${magnitude}` +
        `${absolute === 0 ? "" : ` and ${absolute}`})${tail}`,
    );
  }
  return magnitude === 0 ? 0 : Math.max(largest, 0) / magnitude;
}

/** Infinite where one is finite and the other is not, so that no tolerance covers it. */
function distance(actual: number, expected: number): number {
  if (Object.is(actual, expected) || actual === expected) return 0;
  const difference = Math.abs(actual - expected);
  return Number.isFinite(difference) ? difference : Infinity;
}

function opened(value: Comparable): [ArrayLike<number | bigint>, (readonly number[]) | undefined] {
  return "dtype" in value ? [value.data, value.shape] : [value, undefined];
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

function printed(context: unknown): string {
  return typeof context === "string"
    ? context
    : JSON.stringify(context, (_, value) => typeof value === "bigint" ? `${value}n` : value);
}

function fail(message: string): never {
  throw new AssertionError(message);
}
