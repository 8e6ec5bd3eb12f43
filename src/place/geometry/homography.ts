import type { Estimator } from "./estimator.ts";
import { addSquare, scaled } from "./fundamental.ts";
import { normalisation, normalisationMatrix, type PointPairs } from "./point_pairs.ts";
import type { Extent } from "./spread.ts";
import { adjugate, leastVectors, type Matrix3, multiply } from "./small_matrices.ts";

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
function transferRows(x: number, y: number, u: number, v: number, out: Float64Array): void {
  out.fill(0);
  out[0] = -x;
  out[1] = -y;
  out[2] = -1;
  out[6] = u * x;
  out[7] = u * y;
  out[8] = u;
  out[12] = -x;
  out[13] = -y;
  out[14] = -1;
  out[15] = v * x;
  out[16] = v * y;
  out[17] = v;
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
  const rows = new Float64Array(18), normal = new Float64Array(81);
  for (let n = 0; n < count; n++) {
    const i = list[n]!;
    transferRows(
      (points.x1[i]! - to1.x) * to1.scale,
      (points.y1[i]! - to1.y) * to1.scale,
      (points.x2[i]! - to2.x) * to2.scale,
      (points.y2[i]! - to2.y) * to2.scale,
      rows,
    );
    addSquare(normal, rows.subarray(0, 9), 9);
    addSquare(normal, rows.subarray(9, 18), 9);
  }
  const raw = leastVectors(normal, 9)?.slice(72);
  if (!raw) return undefined;
  const back = Float64Array.of(1 / to2.scale, 0, to2.x, 0, 1 / to2.scale, to2.y, 0, 0, 1);
  return scaled(multiply(back, multiply(raw, normalisationMatrix(to1))));
}

/** The homography that takes points of the earlier frame into the new one. */
export class HomographyEstimator implements Estimator {
  readonly sample = 4;
  readonly fewest = 5;
  readonly mostModels = 1;
  readonly meanModels = 1;
  readonly effort = 1;
  readonly inArea = ({ area }: Extent, error: number): number => Math.PI * error * error / area;
  readonly limit: number;
  readonly #points: PointPairs;
  readonly #areas1 = new Float64Array(4);
  readonly #areas2 = new Float64Array(4);

  /** @param limit squared error of an inlier, in square pixels. */
  constructor(points: PointPairs, limit: number) {
    this.#points = points;
    this.limit = limit;
  }

  /**
   * By the frames in which three of the points are (1, 0, 0), (0, 1, 0), (0, 0, 1), and the fourth is (1, 1, 1) times the
   * areas of the triangles that it makes with two of them.
   */
  minimal(sample: Uint32Array, out: Float64Array): number {
    const { x1, y1, x2, y2 } = this.#points;
    const areas1 = this.#areas1, areas2 = this.#areas2;
    triangles(x1, y1, sample, this.limit, areas1);
    triangles(x2, y2, sample, this.limit, areas2);
    // Each three must turn the same way in both frames, or each the other way: else part of the plane is seen from behind.
    let turn = 0;
    for (let n = 0; n < 4; n++) {
      const same = areas1[n]! * areas2[n]!;
      if (!(same * same > 0) || same * turn < 0) return 0;
      turn = same;
    }
    out.fill(0, 0, 9);
    for (let n = 0; n < 3; n++) {
      const i = sample[n]!, j = sample[(n + 1) % 3]!, k = sample[(n + 2) % 3]!;
      const weight = areas2[n]! / areas1[n]!;
      const a = y1[j]! - y1[k]!, b = x1[k]! - x1[j]!, c = x1[j]! * y1[k]! - x1[k]! * y1[j]!;
      const u = weight * x2[i]!, v = weight * y2[i]!;
      out[0]! += u * a;
      out[1]! += u * b;
      out[2]! += u * c;
      out[3]! += v * a;
      out[4]! += v * b;
      out[5]! += v * c;
      out[6]! += weight * a;
      out[7]! += weight * b;
      out[8]! += weight * c;
    }
    return 1;
  }

  refit(list: Uint32Array, count: number, model: Float64Array): boolean {
    const found = directLinear(this.#points, list, count);
    if (found) model.set(found);
    return found !== undefined;
  }

  errors(model: Float64Array, out: Float64Array, points: PointPairs = this.#points): void {
    transferErrors(model, points, out);
  }
}

/**
 * Twice the areas, with their signs, of the triangles of the fourth point with the second and third, the third and first,
 * the first and second, and of the first three. 0 where one is nearer than the error of an inlier to the others' line.
 */
function triangles(
  x: Float64Array,
  y: Float64Array,
  sample: Uint32Array,
  limit: number,
  out: Float64Array,
): void {
  for (let n = 0; n < 4; n++) {
    const i = sample[(n + 1) % 3]!, j = sample[(n + 2) % 3]!, k = sample[n === 3 ? 0 : 3]!;
    out[n] = doubleArea(x, y, i, j, k, limit);
  }
}

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
