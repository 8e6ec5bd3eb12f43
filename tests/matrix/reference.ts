/**
 * Operations on matrices in plain loops over 64-bit floats, from their definitions.
 *
 * @module
 */
import { type MatrixDepth, parseMatrixType, saturate } from "../../src/gpu/mod.ts";
import { at, type HostMatrix, matrixOf } from "./support.ts";

/** The value of a pixel's channel at a place that may lie beyond the ends, or `undefined` for the constant. */
export function beyond(p: number, n: number, border: string): number | undefined {
  let place = p;
  while (place < 0 || place >= n) {
    if (border === "constant") return undefined;
    if (border === "replicate") place = place < 0 ? 0 : n - 1;
    else if (border === "wrap") place += place < 0 ? n : -n;
    else if (n === 1) place = 0;
    else if (border === "reflect") place = place < 0 ? -1 - place : 2 * n - 1 - place;
    else place = place < 0 ? -place : 2 * n - 2 - place;
  }
  return place;
}

/** `cv::copyMakeBorder`. */
export function bordered(
  src: HostMatrix,
  [top, bottom, left, right]: readonly [number, number, number, number],
  border: string,
  value: readonly number[],
): HostMatrix {
  const { depth } = parseMatrixType(src.type);
  return matrixOf(src.rows + top + bottom, src.cols + left + right, src.type, (row, col, c) => {
    const [y, x] = [beyond(row - top, src.rows, border), beyond(col - left, src.cols, border)];
    return y === undefined || x === undefined ? saturate(value[c] ?? 0, depth) : at(src, y, x, c);
  });
}

/** Pixels and their weights for one destination position, by the definition of the interpolation. */
function taps(
  d: number,
  from: number,
  to: number,
  interpolation: string,
  grows: boolean,
): [number, number][] {
  const scale = from / to;
  const clamp = (i: number): number => Math.min(Math.max(i, 0), from - 1);
  if (interpolation === "nearest") return [[clamp(Math.floor(d * from / to)), 1]];
  if (interpolation === "area" && !grows) {
    const list: [number, number][] = [];
    for (let i = 0; i < from; i++) {
      const part = Math.min((d + 1) * scale, i + 1) - Math.max(d * scale, i);
      if (part > 0) list.push([i, part / scale]);
    }
    return list;
  }
  if (interpolation === "area") {
    const first = Math.floor(d * from / to);
    const part = (d + 1) - (first + 1) * to / from;
    const weight = part <= 1e-9 ? 0 : part - Math.floor(part);
    return [[clamp(first), 1 - weight], [clamp(first + 1), weight]];
  }
  const position = (d + 0.5) * scale - 0.5;
  const first = Math.floor(position);
  const part = position - first;
  if (interpolation === "linear") return [[clamp(first), 1 - part], [clamp(first + 1), part]];
  const cubic = (x: number): number => {
    const [a, t] = [-0.75, Math.abs(x)];
    return t <= 1 ? (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1 : a * t ** 3 - 5 * a * t ** 2 + 8 * a * t - 4 * a;
  };
  return [-1, 0, 1, 2].map((i) => [clamp(first + i), cubic(part - i)]);
}

/** `cv::resize` before rounding: element by element in the order of the destination. */
export function resized(src: HostMatrix, rows: number, cols: number, interpolation: string): Float64Array {
  const { channels } = parseMatrixType(src.type);
  const grows = rows > src.rows || cols > src.cols;
  const out = new Float64Array(rows * cols * channels);
  for (let row = 0; row < rows; row++) {
    const vertical = taps(row, src.rows, rows, interpolation, grows);
    for (let col = 0; col < cols; col++) {
      const horizontal = taps(col, src.cols, cols, interpolation, grows);
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (const [y, wy] of vertical) for (const [x, wx] of horizontal) sum += wy * wx * at(src, y, x, c);
        out[(row * cols + col) * channels + c] = sum;
      }
    }
  }
  return out;
}

/** Scale and shift of `cv::normalize`. */
export function normalizing(
  src: HostMatrix,
  alpha: number,
  beta: number,
  norm: string,
): [scale: number, shift: number] {
  let [least, greatest, sum, squares] = [Infinity, -Infinity, 0, 0];
  for (const value of src.data) {
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
    sum += Math.abs(value);
    squares += value * value;
  }
  if (norm === "minmax") {
    const [low, high] = [Math.min(alpha, beta), Math.max(alpha, beta)];
    const scale = greatest > least ? (high - low) / (greatest - least) : 0;
    return [scale, low - least * scale];
  }
  const size = norm === "inf"
    ? Math.max(Math.abs(least), Math.abs(greatest))
    : norm === "L1"
    ? sum
    : Math.sqrt(squares);
  return [size > 0 ? alpha / size : 0, 0];
}

/** Whether an element is the nearest of its depth to a value, or next to it where the value is close to a tie; or within `levels` of it. */
export function isNear(element: number, value: number, depth: MatrixDepth, levels = 0): boolean {
  if (depth.endsWith("F")) {
    return Math.abs(element - value) <= (depth === "16F" ? 1e-3 : 1e-5) * Math.max(1, Math.abs(value));
  }
  const slack = 1e-6 * Math.abs(value) + 1e-3 + levels;
  return element >= saturate(value - slack, depth) && element <= saturate(value + slack, depth);
}
