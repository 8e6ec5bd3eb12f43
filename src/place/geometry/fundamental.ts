import type { Estimator } from "./estimator.ts";
import { allOf, normalisation, normalisationMatrix, type PointPairs } from "./point_pairs.ts";
import { realRoots } from "./real_roots.ts";
import type { Extent } from "./spread.ts";
import {
  adjugate,
  apply,
  cross,
  determinant,
  leastVectors,
  type Matrix3,
  multiply,
  nullSpace,
  rightSingular,
  transposed,
} from "./small_matrices.ts";

/**
 * Squared distance of each pair to the nearest that fulfils the epipolar constraint, to first order (P. Sampson, 1982;
 * Hartley and Zisserman, Multiple View Geometry, 11.4.3).
 */
export function sampsonErrors(
  model: Float64Array,
  { count, x1, y1, x2, y2 }: PointPairs,
  out: Float64Array,
): void {
  const f0 = model[0]!, f1 = model[1]!, f2 = model[2]!;
  const f3 = model[3]!, f4 = model[4]!, f5 = model[5]!;
  const f6 = model[6]!, f7 = model[7]!, f8 = model[8]!;
  for (let i = 0; i < count; i++) {
    const x = x1[i]!, y = y1[i]!, u = x2[i]!, v = y2[i]!;
    const a = f0 * x + f1 * y + f2, b = f3 * x + f4 * y + f5, c = f6 * x + f7 * y + f8;
    const d = f0 * u + f3 * v + f6, e = f1 * u + f4 * v + f7;
    const product = u * a + v * b + c;
    out[i] = product * product / (a * a + b * b + d * d + e * e);
  }
}

/** The row of the linear system for x2' F x1 = 0. */
export function epipolarRow(x: number, y: number, u: number, v: number, out: Float64Array, at: number): void {
  out[at] = u * x;
  out[at + 1] = u * y;
  out[at + 2] = u;
  out[at + 3] = v * x;
  out[at + 4] = v * y;
  out[at + 5] = v;
  out[at + 6] = x;
  out[at + 7] = y;
  out[at + 8] = 1;
}

/**
 * The normalised eight-point algorithm (Hartley, 1997), for 8 or more pairs, with the nearest matrix of rank 2.
 *
 * @param near a matrix, by which each pair is weighted so that the sum of squares is nearly that of the Sampson errors.
 * @returns undefined where the pairs determine no matrix: too few, or on one point.
 */
export function eightPoint(
  points: PointPairs,
  list: Uint32Array,
  count: number,
  near?: Float64Array,
): Matrix3 | undefined {
  const to1 = normalisation(points.x1, points.y1, list, count);
  const to2 = normalisation(points.x2, points.y2, list, count);
  if (count < 8 || !to1 || !to2) return undefined;
  const normal = new Float64Array(81), row = new Float64Array(9);
  for (let n = 0; n < count; n++) {
    const i = list[n]!;
    const weight = near
      ? 1 / squaredSlope(near, points.x1[i]!, points.y1[i]!, points.x2[i]!, points.y2[i]!)
      : 1;
    if (!(weight < Infinity)) continue;
    epipolarRow(
      (points.x1[i]! - to1.x) * to1.scale,
      (points.y1[i]! - to1.y) * to1.scale,
      (points.x2[i]! - to2.x) * to2.scale,
      (points.y2[i]! - to2.y) * to2.scale,
      row,
      0,
    );
    addSquare(normal, row, 9, weight);
  }
  const raw = leastVectors(normal, 9)?.slice(72);
  if (!raw) return undefined;
  const least = rightSingular(raw).vectors.subarray(6);
  const image = apply(raw, least);
  for (let i = 0; i < 9; i++) raw[i]! -= image[Math.floor(i / 3)]! * least[i % 3]!;
  return scaled(multiply(transposed(normalisationMatrix(to2)), multiply(raw, normalisationMatrix(to1))));
}

/** By how much x2' F x1 changes with the points, squared. */
function squaredSlope(f: Float64Array, x: number, y: number, u: number, v: number): number {
  return (f[0]! * x + f[1]! * y + f[2]!) ** 2 + (f[3]! * x + f[4]! * y + f[5]!) ** 2 +
    (f[0]! * u + f[3]! * v + f[6]!) ** 2 + (f[1]! * u + f[4]! * v + f[7]!) ** 2;
}

/** Adds the product of a row with itself to a symmetric matrix. */
export function addSquare(normal: Float64Array, row: Float64Array, n: number, weight = 1): void {
  for (let i = 0; i < n; i++) {
    const factor = weight * row[i]!;
    for (let j = 0; j < n; j++) normal[i * n + j]! += factor * row[j]!;
  }
}

/**
 * The share of a frame that a band along its diagonal covers. An error is shared by both points of a pair: one of them may be
 * the root of 2 times as far from its line.
 */
export function inBand({ diagonal, area }: Extent, error: number): number {
  return 2 * Math.SQRT2 * error * diagonal / area;
}

/** To length 1; undefined for what is no number or zero. */
export function scaled(model: Matrix3): Matrix3 | undefined {
  let square = 0;
  for (let i = 0; i < 9; i++) square += model[i]! ** 2;
  const factor = 1 / Math.sqrt(square);
  if (!(factor > 0 && factor < Infinity)) return undefined;
  for (let i = 0; i < 9; i++) model[i]! *= factor;
  return model;
}

/** The fundamental matrix: of a sample by the seven-point algorithm (Hartley and Zisserman, 11.1.2), of more by eight. */
export class FundamentalEstimator implements Estimator {
  readonly sample = 7;
  readonly fewest = 8;
  readonly mostModels = 3;
  readonly meanModels = 3;
  readonly effort = 4;
  readonly inArea = inBand;
  readonly limit: number;
  readonly #points: PointPairs;
  readonly #rows = new Float64Array(7 * 9);
  readonly #basis = new Float64Array(2 * 9);
  readonly #cubic = new Float64Array(4);
  readonly #roots = new Float64Array(3);
  readonly #mixed: Matrix3 = new Float64Array(9);
  readonly #product: Matrix3 = new Float64Array(9);
  readonly #normalised;

  /** @param limit squared error of an inlier, in square pixels. */
  constructor(points: PointPairs, limit: number) {
    this.#points = points;
    this.limit = limit;
    const list = allOf(points.count);
    const to1 = normalisation(points.x1, points.y1, list, points.count);
    const to2 = normalisation(points.x2, points.y2, list, points.count);
    this.#normalised = to1 && to2 &&
      { to1, to2, before: normalisationMatrix(to1), after: transposed(normalisationMatrix(to2)) };
  }

  minimal(sample: Uint32Array, out: Float64Array): number {
    if (!this.#normalised) return 0;
    const { to1, to2, before, after } = this.#normalised;
    const { x1, y1, x2, y2 } = this.#points;
    for (let n = 0; n < 7; n++) {
      const i = sample[n]!;
      epipolarRow(
        (x1[i]! - to1.x) * to1.scale,
        (y1[i]! - to1.y) * to1.scale,
        (x2[i]! - to2.x) * to2.scale,
        (y2[i]! - to2.y) * to2.scale,
        this.#rows,
        n * 9,
      );
    }
    if (!nullSpace(this.#rows, 7, 9, this.#basis)) return 0;
    const roots = this.#rankTwo();
    let count = 0;
    for (let r = 0; r < roots; r++) {
      this.#mix(this.#roots[r]!);
      multiply(this.#mixed, before, this.#product);
      const model = scaled(multiply(after, this.#product, this.#mixed));
      if (!model || !this.#oriented(model, sample)) continue;
      out.set(model, 9 * count++);
    }
    return count;
  }

  refit(list: Uint32Array, count: number, model: Float64Array): boolean {
    const found = eightPoint(this.#points, list, count, model);
    if (found) model.set(found);
    return found !== undefined;
  }

  errors(model: Float64Array, out: Float64Array, points: PointPairs = this.#points): void {
    sampsonErrors(model, points, out);
  }

  /** The roots of det(a + x b): found by its values at -1, 0, 1 and its leading coefficient. */
  #rankTwo(): number {
    const a = this.#basis.subarray(0, 9), b = this.#basis.subarray(9);
    const at0 = determinant(a), leading = determinant(b);
    this.#mix(1);
    const plus = determinant(this.#mixed);
    this.#mix(-1);
    const minus = determinant(this.#mixed);
    this.#cubic[0] = at0;
    this.#cubic[1] = (plus - minus) / 2 - leading;
    this.#cubic[2] = (plus + minus) / 2 - at0;
    this.#cubic[3] = leading;
    return realRoots(this.#cubic, 3, this.#roots);
  }

  #mix(x: number): void {
    for (let i = 0; i < 9; i++) this.#mixed[i] = this.#basis[i]! + x * this.#basis[9 + i]!;
  }

  /**
   * Whether all points of a sample can be in front of both cameras: the oriented epipolar constraint (O. Chum, T. Werner
   * and J. Matas, Epipolar geometry estimation via RANSAC benefits from the oriented epipolar constraint, 2004).
   */
  #oriented(model: Matrix3, sample: Uint32Array): boolean {
    // The rows of the adjugate are multiples of the epipole in the new frame; the longest is the most precise.
    adjugate(model, this.#product);
    let row = 0, most = 0;
    for (let i = 0; i < 3; i++) {
      const size = Math.abs(this.#product[3 * i]!) + Math.abs(this.#product[3 * i + 1]!) +
        Math.abs(this.#product[3 * i + 2]!);
      if (size > most) [most, row] = [size, i];
    }
    const epipole = this.#product.subarray(3 * row, 3 * row + 3);
    const { x1, y1, x2, y2 } = this.#points;
    let sign = 0;
    for (let n = 0; n < sample.length; n++) {
      const i = sample[n]!;
      const line = apply(model, [x1[i]!, y1[i]!, 1]);
      const through = cross(epipole, [x2[i]!, y2[i]!, 1]);
      const side = line[0] * through[0] + line[1] * through[1] + line[2] * through[2];
      if (side * sign < 0) return false;
      sign = side;
    }
    return true;
  }
}
