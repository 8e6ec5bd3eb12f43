import { countKept, type KeptFeatures } from "../features/kept_features.ts";
import { countPairs, type FeaturePairs } from "./feature_pairs.ts";
import type { Matrix3 } from "./small_matrices.ts";

/** Where the features of pairs are: `1` in the earlier frame, `2` in the new one. */
export interface PointPairs {
  readonly count: number;
  readonly x1: Float64Array<ArrayBuffer>;
  readonly y1: Float64Array<ArrayBuffer>;
  readonly x2: Float64Array<ArrayBuffer>;
  readonly y2: Float64Array<ArrayBuffer>;
}

/** The points of pairs, in pixels, and the number of the pair that each is of: pairs of points that are no numbers are left out. */
export interface PlacedPairs extends PointPairs {
  readonly of: Uint32Array<ArrayBuffer>;
}

/**
 * Looks up the points of pairs.
 *
 * @param now the new frame: first of each pair.
 * @throws {RangeError} if a pair names a feature that is not there.
 */
export function pointsOfPairs(now: KeptFeatures, earlier: KeptFeatures, pairs: FeaturePairs): PlacedPairs {
  const [most2, most1] = [countKept(now), countKept(earlier)];
  const finite = allOf(countPairs(pairs)).filter((i) => {
    const feature2 = pairs.pairs[2 * i]!, feature1 = pairs.pairs[2 * i + 1]!;
    if (!(feature2 < most2 && feature1 < most1)) {
      throw new RangeError(
        `Cannot verify: pair ${i} is of the features ${feature2} and ${feature1}, but the frames have ${most2} and ` +
          `${most1}; give the pairs of these frames, the new one first`,
      );
    }
    // The sum of finite coordinates is finite.
    return Number.isFinite(
      now.points[2 * feature2]! + now.points[2 * feature2 + 1]! + earlier.points[2 * feature1]! +
        earlier.points[2 * feature1 + 1]!,
    );
  });
  const column = (points: Float32Array, side: number, axis: number): Float64Array<ArrayBuffer> =>
    Float64Array.from(finite, (i) => points[2 * pairs.pairs[2 * i + side]! + axis]!);
  return {
    count: finite.length,
    of: finite,
    x1: column(earlier.points, 1, 0),
    y1: column(earlier.points, 1, 1),
    x2: column(now.points, 0, 0),
    y2: column(now.points, 0, 1),
  };
}

/**
 * What moves the middle of points to zero and makes their mean distance from it the root of 2 (R. Hartley, In defense of
 * the eight-point algorithm, 1997): undefined where they are one point, or no numbers.
 */
export function normalisation(
  x: Float64Array,
  y: Float64Array,
  list: Uint32Array,
  count: number,
): { readonly scale: number; readonly x: number; readonly y: number } | undefined {
  let middleX = 0, middleY = 0, distance = 0;
  for (let i = 0; i < count; i++) {
    middleX += x[list[i]!]!;
    middleY += y[list[i]!]!;
  }
  middleX /= count;
  middleY /= count;
  for (let i = 0; i < count; i++) {
    const dx = x[list[i]!]! - middleX, dy = y[list[i]!]! - middleY;
    distance += Math.sqrt(dx * dx + dy * dy);
  }
  const scale = Math.SQRT2 * count / distance;
  return scale > 0 && scale < 1e9 ? { scale, x: middleX, y: middleY } : undefined;
}

/** The matrix of a {@linkcode normalisation}. */
export function normalisationMatrix({ scale, x, y }: { scale: number; x: number; y: number }): Matrix3 {
  return Float64Array.of(scale, 0, -scale * x, 0, scale, -scale * y, 0, 0, 1);
}

/** The numbers 0 to `count - 1`. */
export function allOf(count: number): Uint32Array<ArrayBuffer> {
  return Uint32Array.from({ length: count }, (_, i) => i);
}
