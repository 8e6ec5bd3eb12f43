/**
 * Walking several strided views at once: what the kernels that take any view have in common.
 *
 * @module
 */

/** One dimension: how far it goes, and the step that each of several views takes along it, in elements. */
export interface StridedAxis {
  extent: number;
  strides: readonly number[];
}

/** The most dimensions that a strided kernel walks. */
export const MAX_STRIDED_RANK = 8;

/** The same walk with as few dimensions as can say it: those of extent 1 left out, neighbours merged. */
export function mergeAxes(axes: readonly StridedAxis[]): StridedAxis[] {
  const merged: StridedAxis[] = [];
  for (const axis of axes) {
    if (axis.extent === 1) continue;
    const last = merged.at(-1);
    if (last && last.strides.every((stride, i) => stride === axis.strides[i]! * axis.extent)) {
      merged[merged.length - 1] = { extent: last.extent * axis.extent, strides: axis.strides };
    } else {
      merged.push(axis);
    }
  }
  return merged;
}

/** Extents as an `array<vec4u, 2>`. */
export function extentRow(axes: readonly StridedAxis[]): number[] {
  return Array.from({ length: MAX_STRIDED_RANK }, (_, i) => axes[i]?.extent ?? 1);
}

/** The steps of view `index` as an `array<vec4i, 2>`. */
export function strideRow(axes: readonly StridedAxis[], index: number): number[] {
  return Array.from({ length: MAX_STRIDED_RANK }, (_, i) => axes[i]?.strides[index] ?? 0);
}

/** How many elements the axes span. */
export function axesCount(axes: readonly StridedAxis[]): number {
  return axes.reduce((product, axis) => product * axis.extent, 1);
}

/** Loop iterations that one invocation may take; llvmpipe stops at 65,535 without a word. */
export const MAX_ITERATIONS = 60_000;

/** Invocations of a workgroup, and how many of them share one row. */
export interface Lanes {
  WG: number;
  LANES: number;
}

/**
 * How many invocations share a row of `length` elements, of which there are `rows`: one where there are rows enough,
 * more where a row is long; `undefined` if even the most would loop too long.
 *
 * @param steps loop iterations for each element.
 */
export function chooseLanes(rows: number, length: number, steps: number): Lanes | undefined {
  const wanted = rows >= 4096 || length < 32 ? 1 : length < 512 ? 8 : 64;
  for (const lanes of [1, 8, 64, 256]) {
    if (lanes < wanted || Math.ceil(length / lanes) * steps > MAX_ITERATIONS) continue;
    return { WG: Math.max(lanes, 64), LANES: lanes };
  }
  return undefined;
}
