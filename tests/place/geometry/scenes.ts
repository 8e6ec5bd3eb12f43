/**
 * Two views of a drawn world, with the motion between them and which pairs are right.
 *
 * @module
 */
import type { KeptFeatures } from "../../../src/place/features/kept_features.ts";
import type { FeaturePairs, Intrinsics } from "../../../src/place/geometry/mod.ts";
import type { Random } from "../../support/random.ts";

export const WIDTH = 640;
export const HEIGHT = 480;
export const CAMERA: Intrinsics = { fx: 520, fy: 510, cx: 322, cy: 238 };

/** general: points at 4 to 12 units. planar: on a slanted plane. turning: no translation. forward: along the axis. */
export type SceneKind = "general" | "planar" | "turning" | "forward";
export const SCENE_KINDS: readonly SceneKind[] = ["general", "planar", "turning", "forward"];

export interface Scene {
  readonly now: KeptFeatures;
  readonly earlier: KeptFeatures;
  readonly pairs: FeaturePairs;
  /** Whether each pair is of one point of the world. */
  readonly right: readonly boolean[];
  /** Takes earlier coordinates into new ones, row by row. */
  readonly rotation: readonly number[];
  readonly translation: readonly [number, number, number];
}

export interface SceneOptions {
  readonly kind: SceneKind;
  readonly pairs: number;
  /** Part of the pairs that are of two random places. */
  readonly outliers: number;
  /** Standard deviation of each coordinate, in pixels. */
  readonly noise: number;
}

/** Features at points, with descriptors that say nothing. */
export function features(points: readonly (readonly [number, number])[]): KeptFeatures {
  return {
    points: Float32Array.from(points.flat()),
    descriptors: new Uint8Array(points.length * 4),
    size: 4,
  };
}

/** Pairs of features with the same number. */
export function inOrder(count: number): FeaturePairs {
  return {
    pairs: Uint32Array.from({ length: 2 * count }, (_, i) => i >> 1),
    distances: new Float32Array(count),
  };
}

/** The rotation about the axes x, then y, then z, in degrees, row by row. */
export function rotationOf(x: number, y: number, z: number): number[] {
  const [a, b, c] = [x, y, z].map((degrees) => degrees * Math.PI / 180) as [number, number, number];
  const [sa, ca, sb, cb, sc, cc] = [
    Math.sin(a),
    Math.cos(a),
    Math.sin(b),
    Math.cos(b),
    Math.sin(c),
    Math.cos(c),
  ];
  return [
    cc * cb,
    cc * sb * sa - sc * ca,
    cc * sb * ca + sc * sa,
    sc * cb,
    sc * sb * sa + cc * ca,
    sc * sb * ca - cc * sa,
    -sb,
    cb * sa,
    cb * ca,
  ];
}

/** Draws a scene; all right pairs are seen in both views. */
export function drawScene(random: Random, { kind, pairs, outliers, noise }: SceneOptions): Scene {
  const angles = kind === "turning" ? 12 : kind === "forward" ? 2 : 6;
  const rotation = rotationOf(
    random.uniform(-angles, angles),
    random.uniform(-angles, angles),
    random.uniform(-angles, angles),
  );
  if (kind === "turning") rotation.splice(0, 9, ...rotationOf(random.uniform(4, 8), random.uniform(4, 8), 3));
  const heading = random.uniform(0, 2 * Math.PI), length = random.uniform(0.7, 1.5);
  const translation: [number, number, number] = kind === "turning"
    ? [0, 0, 0]
    : kind === "forward"
    ? [random.uniform(-0.1, 0.1), random.uniform(-0.1, 0.1), -random.uniform(1, 2)]
    : [length * Math.cos(heading), length * Math.sin(heading), random.uniform(-0.4, 0.4)];
  const slope = [random.uniform(-0.5, 0.5), random.uniform(-0.5, 0.5)] as const;
  const { fx, fy, cx, cy } = CAMERA;
  const ofEarlier: [number, number][] = [], ofNow: [number, number][] = [], right: boolean[] = [];
  const wrong = Math.round(pairs * outliers);
  while (right.length < pairs - wrong) {
    const u = random.uniform(0, WIDTH), v = random.uniform(0, HEIGHT);
    const x = (u - cx) / fx, y = (v - cy) / fy;
    const depth = kind === "planar" ? 7 / (1 + slope[0] * x + slope[1] * y) : random.uniform(4, 12);
    const [X, Y, Z] = [0, 3, 6].map((r) =>
      depth * (rotation[r]! * x + rotation[r + 1]! * y + rotation[r + 2]!) + translation[r / 3]!
    ) as [number, number, number];
    const column = fx * X / Z + cx, row = fy * Y / Z + cy;
    if (Z < 0.5 || column < 0 || column >= WIDTH || row < 0 || row >= HEIGHT) continue;
    ofEarlier.push([u + random.normal(0, noise), v + random.normal(0, noise)]);
    ofNow.push([column + random.normal(0, noise), row + random.normal(0, noise)]);
    right.push(true);
  }
  for (let i = 0; i < wrong; i++) {
    ofEarlier.push([random.uniform(0, WIDTH), random.uniform(0, HEIGHT)]);
    ofNow.push([random.uniform(0, WIDTH), random.uniform(0, HEIGHT)]);
    right.push(false);
  }
  const order = random.shuffled(right.map((_, i) => i));
  return {
    earlier: features(order.map((i) => ofEarlier[i]!)),
    now: features(order.map((i) => ofNow[i]!)),
    right: order.map((i) => right[i]!),
    pairs: inOrder(pairs),
    rotation,
    translation,
  };
}

/** Degrees between two rotations. */
export function rotationError(a: readonly number[], b: readonly number[]): number {
  const trace = a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  return Math.acos(Math.max(-1, Math.min(1, (trace - 1) / 2))) * 180 / Math.PI;
}

/** Degrees between two directions. */
export function directionError(a: readonly number[], b: readonly number[]): number {
  const inner = a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  return Math.acos(Math.max(-1, Math.min(1, inner / Math.hypot(...a) / Math.hypot(...b)))) * 180 / Math.PI;
}
