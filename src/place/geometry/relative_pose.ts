import type { RelativePose } from "../loop/result.ts";
import { essentialParts } from "./essential.ts";
import { transferErrors } from "./homography.ts";
import { cameraMatrix, type Intrinsics, inverseCamera } from "./intrinsics.ts";
import type { PointPairs } from "./point_pairs.ts";
import {
  apply,
  cross,
  direction,
  dot,
  type Matrix3,
  multiply,
  rightSingular,
  transposed,
} from "./small_matrices.ts";

type Vector = [number, number, number];

/** A motion that may be, and what speaks for it. */
interface Motion {
  readonly rotation: Matrix3;
  readonly translation: Vector;
}

/** Part of a plane's inliers that a mere rotation must explain to be taken for the motion. */
const ROTATION_PART = 0.9;

/**
 * The motion of the four that an essential matrix allows that has most points in front of both cameras (Hartley and
 * Zisserman, Multiple View Geometry, 9.6.3).
 *
 * @returns undefined where no motion has more than half of the points in front.
 */
export function poseOfEssential(
  essential: Matrix3,
  points: PointPairs,
  inliers: Uint32Array,
  intrinsics: Intrinsics,
): RelativePose | undefined {
  const parts = essentialParts(essential);
  if (!parts) return undefined;
  const { rotations, translation: t } = parts;
  const rays = raysOf(points, inliers, intrinsics);
  let best: Motion | undefined, most = inliers.length / 2;
  for (const rotation of rotations) {
    for (const translation of [t, [-t[0], -t[1], -t[2]]] as Vector[]) {
      const count = countInFront(rays, { rotation, translation });
      if (count > most) [best, most] = [{ rotation, translation }, count];
    }
  }
  return best && toPose(best, rays);
}

/**
 * The motion that a homography of a plane tells of.
 *
 * Where a rotation alone explains the points, there is no translation. Else the closed form for the four motions (Y. Ma,
 * S. Soatto, J. Košecká and S. Sastry, An Invitation to 3-D Vision, 5.3.3), of which two have the plane in front of the
 * camera. Which of these it was, a plane alone does not tell: the one that has more points in front of both cameras, else
 * whose plane is seen less from the side; the other is `alternative`.
 *
 * @returns undefined where no motion has more than half of the points in front.
 */
export function poseOfHomography(
  model: Matrix3,
  points: PointPairs,
  inliers: Uint32Array,
  intrinsics: Intrinsics,
  limit: number,
): RelativePose | undefined {
  const toDirection = inverseCamera(intrinsics), toPixel = cameraMatrix(intrinsics);
  const plane = multiply(toDirection, multiply(model, toPixel));
  const rays = raysOf(points, inliers, intrinsics);
  const { values, vectors } = rightSingular(plane);
  if (!(values[2] > 1e-6 * values[0])) return undefined;
  let ahead = 0;
  for (const { now, earlier } of rays) ahead += Math.sign(dot(now, apply(plane, earlier)));
  // Scaled so that it is a rotation plus the translation over the plane's distance times its normal.
  const scale = (ahead < 0 ? -1 : 1) / values[1];
  for (let i = 0; i < 9; i++) plane[i]! *= scale;

  const turned = nearestRotation(plane, vectors);
  const errors = new Float64Array(points.count);
  transferErrors(multiply(toPixel, multiply(turned, toDirection)), points, errors);
  let explained = 0;
  for (const i of inliers) if (errors[i]! < limit) explained++;
  if (explained >= ROTATION_PART * inliers.length) {
    return { rotation: [...turned], translation: [0, 0, 0], parallax: 0 };
  }

  const motions = motionsOfPlane(plane, values, vectors).map(({ rotation, translation, normal }) => {
    let facing = 0, middle = 0;
    for (const { earlier } of rays) {
      const along = dot(normal, earlier);
      if (along > 0) facing++;
      middle += along / Math.hypot(...earlier);
    }
    const motion = { rotation, translation: direction(translation) };
    return { motion, front: Math.min(facing, countInFront(rays, motion)), middle };
  }).filter(({ front }) => front > inliers.length / 2);
  motions.sort((a, b) => b.front - a.front || b.middle - a.middle);
  const [best, second] = motions;
  if (!best) return undefined;
  const pose = toPose(best.motion, rays);
  return second && second.front >= 0.9 * best.front
    ? { ...pose, alternative: toPose(second.motion, rays) }
    : pose;
}

/** The four motions, with the plane's normal in the earlier camera's coordinates. */
function motionsOfPlane(
  plane: Matrix3,
  values: readonly [number, number, number],
  vectors: Matrix3,
): (Motion & { normal: Vector })[] {
  const first = (values[0] / values[1]) ** 2, third = (values[2] / values[1]) ** 2;
  const v1 = vectors.subarray(0, 3), v2 = vectors.subarray(3, 6), v3 = vectors.subarray(6);
  const a = Math.sqrt(Math.max(1 - third, 0)), b = Math.sqrt(Math.max(first - 1, 0));
  const length = Math.sqrt(first - third);
  const motions: (Motion & { normal: Vector })[] = [];
  for (const sign of [1, -1]) {
    // A direction in the plane that keeps its length, as v2 does.
    const u = [0, 1, 2].map((i) => (a * v1[i]! + sign * b * v3[i]!) / length) as Vector;
    const normal = cross(v2, u);
    const hv = apply(plane, v2), hu = apply(plane, u);
    const before = Float64Array.of(...v2, ...u, ...normal);
    const after = transposed(Float64Array.of(...hv, ...hu, ...cross(hv, hu)));
    const rotation = multiply(after, before);
    const difference = plane.map((value, i) => value - rotation[i]!);
    const translation = apply(difference, normal);
    const opposite = (v: Vector): Vector => [-v[0], -v[1], -v[2]];
    motions.push({ rotation, translation, normal });
    motions.push({ rotation, translation: opposite(translation), normal: opposite(normal) });
  }
  return motions;
}

/** The rotation nearest to a matrix, of which the right singular vectors are known. */
function nearestRotation(m: Matrix3, vectors: Matrix3): Matrix3 {
  const v0 = vectors.subarray(0, 3), v1 = vectors.subarray(3, 6);
  const u0 = direction(apply(m, v0));
  const raw = apply(m, v1), along = dot(raw, u0);
  const u1 = direction([raw[0] - along * u0[0], raw[1] - along * u0[1], raw[2] - along * u0[2]]);
  const left = transposed(Float64Array.of(...u0, ...u1, ...cross(u0, u1)));
  return multiply(left, Float64Array.of(...v0, ...v1, ...cross(v0, v1)));
}

interface Rays {
  readonly now: Vector;
  readonly earlier: Vector;
}

function raysOf(
  { x1, y1, x2, y2 }: PointPairs,
  inliers: Uint32Array,
  { fx, fy, cx, cy }: Intrinsics,
): Rays[] {
  return Array.from(inliers, (i) => ({
    earlier: [(x1[i]! - cx) / fx, (y1[i]! - cy) / fy, 1],
    now: [(x2[i]! - cx) / fx, (y2[i]! - cy) / fy, 1],
  }));
}

/** How many points, where the two rays are nearest, are in front of both cameras. */
function countInFront(rays: readonly Rays[], { rotation, translation }: Motion): number {
  let count = 0;
  for (const { now, earlier } of rays) {
    // now d2 = ray d1 + translation, in the sense of least squares.
    const ray = apply(rotation, earlier);
    const a = dot(ray, ray), b = dot(ray, now), c = dot(now, now);
    const p = dot(ray, translation), q = dot(now, translation);
    const d1 = b * q - c * p, d2 = a * q - b * p;
    if (d1 > 0 && d2 > 0) count++;
  }
  return count;
}

function toPose(motion: Motion, rays: readonly Rays[]): RelativePose {
  const angles = Float64Array.from(rays, ({ now, earlier }) => {
    const ray = apply(motion.rotation, earlier);
    return Math.atan2(Math.hypot(...cross(ray, now)), dot(ray, now));
  }).sort();
  return {
    rotation: [...motion.rotation],
    translation: motion.translation,
    parallax: angles[Math.floor(angles.length / 2)]! * 180 / Math.PI,
  };
}
