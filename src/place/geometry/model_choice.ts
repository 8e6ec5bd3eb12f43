import type { PointPairs } from "./point_pairs.ts";
import { adjugate } from "./small_matrices.ts";

const LINE = 3.84, POINT = 5.99;

/**
 * The part of the homography in the scores of both models: over 0.45 a scene is flat, or seen with little parallax (R.
 * Mur-Artal, J. M. M. Montiel and J. D. Tardós, ORB-SLAM, 2015, IV).
 *
 * A pair scores in each frame what its squared error is less than 5.99, if it is an inlier there: from the point that the
 * homography tells, or from the epipolar line (bound 3.84).
 *
 * @param square of the error of a feature's place, in square pixels.
 */
export function homographyShare(
  homography: Float64Array,
  fundamental: Float64Array,
  { count, x1, y1, x2, y2 }: PointPairs,
  square: number,
): number {
  const h = homography, g = adjugate(h), f = fundamental;
  const score = (error: number, bound: number): number => error < bound * square ? POINT - error / square : 0;
  let flat = 0, curved = 0;
  for (let i = 0; i < count; i++) {
    const x = x1[i]!, y = y1[i]!, u = x2[i]!, v = y2[i]!;
    flat += score(fromPoint(h, x, y, u, v), POINT) + score(fromPoint(g, u, v, x, y), POINT);
    const a = f[0]! * x + f[1]! * y + f[2]!,
      b = f[3]! * x + f[4]! * y + f[5]!,
      c = f[6]! * x + f[7]! * y + f[8]!;
    const d = f[0]! * u + f[3]! * v + f[6]!, e = f[1]! * u + f[4]! * v + f[7]!;
    const product = (u * a + v * b + c) ** 2;
    curved += score(product / (a * a + b * b), LINE) + score(product / (d * d + e * e), LINE);
  }
  return flat + curved > 0 ? flat / (flat + curved) : 0;
}

function fromPoint(h: Float64Array, x: number, y: number, u: number, v: number): number {
  const w = 1 / (h[6]! * x + h[7]! * y + h[8]!);
  const dx = (h[0]! * x + h[1]! * y + h[2]!) * w - u, dy = (h[3]! * x + h[4]! * y + h[5]!) * w - v;
  return dx * dx + dy * dy;
}
