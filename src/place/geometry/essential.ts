import type { Estimator } from "./estimator.ts";
import { FivePoint, MOST_ESSENTIAL } from "./five_point.ts";
import { epipolarRow, inBand, sampsonErrors, scaled } from "./fundamental.ts";
import { cameraMatrix, type Intrinsics, inverseCamera } from "./intrinsics.ts";
import type { PointPairs } from "./point_pairs.ts";
import {
  cross,
  crossMatrix,
  direction,
  type Matrix3,
  multiply,
  rankTwoBases,
  transposed,
} from "./small_matrices.ts";

/** A quarter turn about the third axis. */
const QUARTER: Matrix3 = Float64Array.of(0, -1, 0, 1, 0, 0, 0, 0, 1);

/** The two rotations of an essential matrix, and the direction of its translation, whose sign is open. */
export interface EssentialParts {
  readonly rotations: readonly [Matrix3, Matrix3];
  readonly translation: readonly [number, number, number];
}

/** Takes an essential matrix apart (Hartley and Zisserman, Multiple View Geometry, 9.6.2). */
export function essentialParts(essential: Matrix3): EssentialParts | undefined {
  const bases = rankTwoBases(essential);
  if (!bases) return undefined;
  const { left, right } = bases;
  // The bases are rows: U = left', V' = right.
  const columns = transposed(left);
  return {
    rotations: [
      multiply(columns, multiply(QUARTER, right)),
      multiply(columns, multiply(transposed(QUARTER), right)),
    ],
    translation: [left[6]!, left[7]!, left[8]!],
  };
}

/** The fundamental matrix of a motion, of length 1. */
function fundamentalOf(rotation: Matrix3, translation: readonly number[], toDirection: Matrix3): Matrix3 {
  const essential = multiply(crossMatrix(translation), rotation);
  return multiply(transposed(toDirection), multiply(essential, toDirection));
}

/** Steps of {@linkcode EssentialEstimator.refit}, and the part by which the cost must fall for another. */
const STEPS = 5;
const WORTH = 1e-4;

/**
 * The essential matrix, where the intrinsics are known: of a sample by Nistér's five points, of more by Gauss and Newton on
 * the Sampson errors over the five freedoms of a motion up to scale. Its models are given as fundamental matrices, in pixels.
 */
export class EssentialEstimator implements Estimator {
  readonly sample = 5;
  readonly fewest = 6;
  readonly mostModels = MOST_ESSENTIAL;
  readonly meanModels = 4;
  readonly effort = 1;
  readonly inArea = inBand;
  readonly limit: number;
  readonly #points: PointPairs;
  readonly #intrinsics: Intrinsics;
  readonly #toDirection: Matrix3;
  readonly #toPixel: Matrix3;
  readonly #solver = new FivePoint();
  readonly #product: Matrix3 = new Float64Array(9);
  readonly #model: Matrix3 = new Float64Array(9);
  readonly #slopes = Array.from({ length: 5 }, (): Matrix3 => new Float64Array(9));
  readonly #normal = new Float64Array(5 * 6);

  /** @param limit squared error of an inlier, in square pixels. */
  constructor(points: PointPairs, intrinsics: Intrinsics, limit: number) {
    this.#points = points;
    this.#intrinsics = intrinsics;
    this.limit = limit;
    this.#toDirection = inverseCamera(intrinsics);
    this.#toPixel = cameraMatrix(intrinsics);
  }

  minimal(sample: Uint32Array, out: Float64Array): number {
    const { fx, fy, cx, cy } = this.#intrinsics;
    const { x1, y1, x2, y2 } = this.#points;
    for (let n = 0; n < 5; n++) {
      const i = sample[n]!;
      epipolarRow(
        (x1[i]! - cx) / fx,
        (y1[i]! - cy) / fy,
        (x2[i]! - cx) / fx,
        (y2[i]! - cy) / fy,
        this.#solver.rows,
        9 * n,
      );
    }
    const count = this.#solver.solve(out);
    const before = this.#toDirection, after = transposed(before);
    for (let m = 0; m < count; m++) {
      multiply(out.subarray(9 * m, 9 * m + 9), before, this.#product);
      out.set(multiply(after, this.#product, this.#model), 9 * m);
    }
    return count;
  }

  refit(list: Uint32Array, count: number, model: Float64Array): boolean {
    const parts = essentialParts(this.essential(model));
    if (!parts || count < this.fewest) return false;
    let { rotations: [rotation], translation } = parts;
    let fundamental = fundamentalOf(rotation, translation, this.#toDirection);
    let cost = this.#gather(list, count, fundamental, rotation, translation);
    for (let step = 0; step < STEPS; step++) {
      const change = solve(this.#normal, 5);
      if (!change) break;
      const nextRotation = multiply(rotation, turn(change[0]!, change[1]!, change[2]!));
      const [p, q] = besides(translation);
      const next = direction([
        translation[0] + change[3]! * p[0] + change[4]! * q[0],
        translation[1] + change[3]! * p[1] + change[4]! * q[1],
        translation[2] + change[3]! * p[2] + change[4]! * q[2],
      ]);
      const nextModel = fundamentalOf(nextRotation, next, this.#toDirection);
      const nextCost = this.#gather(list, count, nextModel, nextRotation, next);
      if (!(nextCost < cost)) break;
      const worth = nextCost < (1 - WORTH) * cost;
      [rotation, translation, fundamental, cost] = [nextRotation, next, nextModel, nextCost];
      if (!worth) break;
    }
    const found = scaled(fundamental);
    if (found) model.set(found);
    return found !== undefined;
  }

  errors(model: Float64Array, out: Float64Array, points: PointPairs = this.#points): void {
    sampsonErrors(model, points, out);
  }

  /** The essential matrix of a model. */
  essential(model: Float64Array): Matrix3 {
    return multiply(transposed(this.#toPixel), multiply(model, this.#toPixel));
  }

  /** The sum of squared errors; and the normal equations of a step, with the right side in the last column. */
  #gather(
    list: Uint32Array,
    count: number,
    f: Matrix3,
    rotation: Matrix3,
    translation: readonly [number, number, number],
  ): number {
    const slopes = this.#slopes, normal = this.#normal.fill(0);
    const essential = multiply(crossMatrix(translation), rotation);
    const toDirection = this.#toDirection, after = transposed(toDirection);
    const [p, q] = besides(translation);
    for (let k = 0; k < 5; k++) {
      const change = k < 3
        ? multiply(essential, crossMatrix([k === 0 ? 1 : 0, k === 1 ? 1 : 0, k === 2 ? 1 : 0]))
        : multiply(crossMatrix(k === 3 ? p : q), rotation);
      multiply(after, multiply(change, toDirection), slopes[k]!);
    }
    const { x1, y1, x2, y2 } = this.#points;
    const row = ROW;
    let cost = 0;
    for (let n = 0; n < count; n++) {
      const i = list[n]!;
      const x = x1[i]!, y = y1[i]!, u = x2[i]!, v = y2[i]!;
      const a = f[0]! * x + f[1]! * y + f[2]!, b = f[3]! * x + f[4]! * y + f[5]!;
      const d = f[0]! * u + f[3]! * v + f[6]!, e = f[1]! * u + f[4]! * v + f[7]!;
      // The lengths of the lines hardly change: only the product is differentiated.
      const scale = 1 / Math.sqrt(a * a + b * b + d * d + e * e);
      const error = scale * (u * a + v * b + f[6]! * x + f[7]! * y + f[8]!);
      cost += error * error;
      for (let k = 0; k < 5; k++) {
        const s = slopes[k]!;
        row[k] = scale * (u * (s[0]! * x + s[1]! * y + s[2]!) + v * (s[3]! * x + s[4]! * y + s[5]!) +
          s[6]! * x + s[7]! * y + s[8]!);
      }
      row[5] = -error;
      for (let k = 0; k < 5; k++) {
        for (let l = 0; l < 6; l++) normal[6 * k + l]! += row[k]! * row[l]!;
      }
    }
    return cost;
  }
}

const ROW = new Float64Array(6);

/** Two directions at right angles to a direction and to each other. */
function besides(t: readonly [number, number, number]): [[number, number, number], [number, number, number]] {
  const least = Math.abs(t[0]) < Math.abs(t[1]) && Math.abs(t[0]) < Math.abs(t[2])
    ? [1, 0, 0]
    : Math.abs(t[1]) < Math.abs(t[2])
    ? [0, 1, 0]
    : [0, 0, 1];
  const first = direction(cross(t, least));
  return [first, cross(t, first)];
}

/** The rotation about an axis by its length (Rodrigues). */
function turn(x: number, y: number, z: number): Matrix3 {
  const angle = Math.hypot(x, y, z);
  const k = crossMatrix([x, y, z]), square = multiply(k, k);
  const first = angle < 1e-8 ? 1 : Math.sin(angle) / angle;
  const second = angle < 1e-8 ? 0.5 : (1 - Math.cos(angle)) / angle ** 2;
  return k.map((value, i) => (i % 4 === 0 ? 1 : 0) + first * value + second * square[i]!);
}

/** Solves `n` equations, the right side in the last column, by elimination; undefined where they are singular. */
function solve(rows: Float64Array, n: number): Float64Array | undefined {
  const m = rows.slice(), width = n + 1;
  for (let c = 0; c < n; c++) {
    let pivot = c;
    for (let r = c + 1; r < n; r++) {
      if (Math.abs(m[r * width + c]!) > Math.abs(m[pivot * width + c]!)) pivot = r;
    }
    for (let j = 0; j < width; j++) {
      const kept = m[c * width + j]!;
      m[c * width + j] = m[pivot * width + j]!;
      m[pivot * width + j] = kept;
    }
    const scale = 1 / m[c * width + c]!;
    if (!Number.isFinite(scale)) return undefined;
    for (let j = c; j < width; j++) m[c * width + j]! *= scale;
    for (let r = 0; r < n; r++) {
      const factor = m[r * width + c]!;
      if (r === c) continue;
      for (let j = c; j < width; j++) m[r * width + j]! -= factor * m[c * width + j]!;
    }
  }
  return Float64Array.from({ length: n }, (_, i) => m[i * width + n]!);
}
