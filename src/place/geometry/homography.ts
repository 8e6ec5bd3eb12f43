import type { Estimator } from "./estimator.ts";
import { addSquare, scaled } from "./fundamental.ts";
import { normalisation, normalisationMatrix, type PointPairs } from "./point_pairs.ts";
import { adjugate, leastVectors, type Matrix3, multiply, nullSpace } from "./small_matrices.ts";

/** Squared distances of `1` mapped to `2`, and of `2` mapped back to `1`: the greater of both, in square pixels. */
export function transferErrors(
  model: Float64Array,
  { count, x1, y1, x2, y2 }: PointPairs,
  out: Float64Array,
): void {
  const h0 = model[0]!, h1 = model[1]!, h2 = model[2]!;
  const h3 = model[3]!, h4 = model[4]!, h5 = model[5]!;
  const h6 = model[6]!, h7 = model[7]!, h8 = model[8]!;
  const g = adjugate(model, BACK);
  const g0 = g[0]!,
    g1 = g[1]!,
    g2 = g[2]!,
    g3 = g[3]!,
    g4 = g[4]!,
    g5 = g[5]!,
    g6 = g[6]!,
    g7 = g[7]!,
    g8 = g[8]!;
  for (let i = 0; i < count; i++) {
    const x = x1[i]!, y = y1[i]!, u = x2[i]!, v = y2[i]!;
    const w = 1 / (h6 * x + h7 * y + h8), z = 1 / (g6 * u + g7 * v + g8);
    const dx = (h0 * x + h1 * y + h2) * w - u, dy = (h3 * x + h4 * y + h5) * w - v;
    const ex = (g0 * u + g1 * v + g2) * z - x, ey = (g3 * u + g4 * v + g5) * z - y;
    const there = dx * dx + dy * dy, back = ex * ex + ey * ey;
    out[i] = there > back ? there : back;
  }
}

const BACK: Matrix3 = new Float64Array(9);

/** The two rows of the linear system for x2 ~ H x1. */
function transferRows(x: number, y: number, u: number, v: number, out: Float64Array, at: number): void {
  out.fill(0, at, at + 18);
  out[at] = -x;
  out[at + 1] = -y;
  out[at + 2] = -1;
  out[at + 6] = u * x;
  out[at + 7] = u * y;
  out[at + 8] = u;
  out[at + 12] = -x;
  out[at + 13] = -y;
  out[at + 14] = -1;
  out[at + 15] = v * x;
  out[at + 16] = v * y;
  out[at + 17] = v;
}

/**
 * The normalised direct linear transform (Hartley and Zisserman, Multiple View Geometry, 4.1 and 4.4), for 4 or more pairs.
 *
 * @returns undefined where the pairs determine no matrix.
 */
export function directLinear(points: PointPairs, list: Uint32Array, count: number): Matrix3 | undefined {
  const to1 = normalisation(points.x1, points.y1, list, count);
  const to2 = normalisation(points.x2, points.y2, list, count);
  if (count < 4 || !to1 || !to2) return undefined;
  const rows = count === 4 ? new Float64Array(72) : new Float64Array(18);
  const normal = new Float64Array(81);
  for (let n = 0; n < count; n++) {
    const i = list[n]!, at = count === 4 ? n * 18 : 0;
    transferRows(
      (points.x1[i]! - to1.x) * to1.scale,
      (points.y1[i]! - to1.y) * to1.scale,
      (points.x2[i]! - to2.x) * to2.scale,
      (points.y2[i]! - to2.y) * to2.scale,
      rows,
      at,
    );
    if (count > 4) {
      addSquare(normal, rows.subarray(0, 9), 9);
      addSquare(normal, rows.subarray(9, 18), 9);
    }
  }
  let raw: Matrix3 | undefined;
  if (count > 4) raw = leastVectors(normal, 9)?.slice(72);
  else if (nullSpace(rows, 8, 9, raw = new Float64Array(9)) === false) raw = undefined;
  if (!raw) return undefined;
  const back = Float64Array.of(1 / to2.scale, 0, to2.x, 0, 1 / to2.scale, to2.y, 0, 0, 1);
  return scaled(multiply(back, multiply(raw, normalisationMatrix(to1))));
}

/** The homography that takes points of the earlier frame into the new one. */
export class HomographyEstimator implements Estimator {
  readonly sample = 4;
  readonly fewest = 5;
  readonly mostModels = 1;
  readonly limit: number;
  readonly #points: PointPairs;

  /** @param limit squared error of an inlier, in square pixels. */
  constructor(points: PointPairs, limit: number) {
    this.#points = points;
    this.limit = limit;
  }

  minimal(sample: Uint32Array, out: Float64Array): number {
    if (!this.#determines(sample)) return 0;
    const model = directLinear(this.#points, sample, 4);
    if (!model) return 0;
    out.set(model);
    return 1;
  }

  refit(list: Uint32Array, count: number, model: Float64Array): boolean {
    const found = directLinear(this.#points, list, count);
    if (found) model.set(found);
    return found !== undefined;
  }

  errors(model: Float64Array, out: Float64Array): void {
    transferErrors(model, this.#points, out);
  }

  /**
   * Whether no three points of a sample lie on a line in either frame, and each three turn the same way in both, or each
   * the other way: else a part of the plane would be seen from behind.
   */
  #determines(sample: Uint32Array): boolean {
    const { x1, y1, x2, y2 } = this.#points;
    let turn = 0;
    for (let left = 0; left < 4; left++) {
      const i = sample[left === 0 ? 1 : 0]!, j = sample[left < 2 ? 2 : 1]!, k = sample[left < 3 ? 3 : 2]!;
      const area1 = doubleArea(x1, y1, i, j, k, this.limit), area2 = doubleArea(x2, y2, i, j, k, this.limit);
      const same = area1 * area2;
      if (!(same * same > 0) || same * turn < 0) return false;
      turn = same;
    }
    return true;
  }
}

/** Twice the area of three points with its sign; 0 where one is nearer than the error of an inlier to the others' line. */
function doubleArea(
  x: Float64Array,
  y: Float64Array,
  i: number,
  j: number,
  k: number,
  limit: number,
): number {
  const ax = x[j]! - x[i]!, ay = y[j]! - y[i]!, bx = x[k]! - x[i]!, by = y[k]! - y[i]!;
  const area = ax * by - ay * bx;
  const cx = bx - ax, cy = by - ay;
  const longest = Math.max(ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy);
  return area * area > limit * longest ? area : 0;
}
