/**
 * Where a point of one picture of the drawn town is in another, by depth, pose and lens.
 *
 * @module
 */
import { type FrameTruth, project, unproject } from "../../src/world/mod.ts";

/** What is known of a picture: the truth, and depths with the sign that `DrawnPicture` tells of. */
export interface KnownPicture {
  readonly truth: Pick<FrameTruth, "pose" | "lens">;
  readonly depths: Float32Array;
}

/** Where a point is in another picture. */
export interface TruePlace {
  /** Column and row; (0, 0) is the middle of the first pixel. */
  readonly x: number;
  readonly y: number;
  /** Its depths in the first picture and in the other, in metres. */
  readonly from: number;
  readonly to: number;
}

/** How much farther than what is seen there a point may be and still be what is seen: surfaces slope between pixels. */
const SLOPE = 1.02;
const SLOPE_METRES = 0.1;

/** The four pixels around a point, those outside left out. */
function* around(
  { width, height }: { width: number; height: number },
  x: number,
  y: number,
): Generator<number> {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  for (let row = Math.max(top, 0); row <= Math.min(top + 1, height - 1); row++) {
    for (let column = Math.max(left, 0); column <= Math.min(left + 1, width - 1); column++) {
      yield row * width + column;
    }
  }
}

/**
 * Where a point of `from` is in `to`. Features lie at edges, and an edge belongs to what is in front: the depth is the
 * least of the four pixels around the point.
 *
 * @returns undefined if the point is of the sky or of something that may move, or the other picture does not show it:
 * it is outside, behind the camera, or hidden.
 */
export function truePlace(from: KnownPicture, to: KnownPicture, x: number, y: number): TruePlace | undefined {
  let nearest = Infinity, signed = 0;
  for (const pixel of around(from.truth.lens, x, y)) {
    const depth = from.depths[pixel]!;
    if (depth === 0 || Math.abs(depth) >= nearest) continue;
    [nearest, signed] = [Math.abs(depth), depth];
  }
  if (signed <= 0) return undefined;
  const { lens, pose } = to.truth;
  const point = unproject(from.truth.pose, from.truth.lens, x + 0.5, y + 0.5, signed);
  const seen = project(pose, lens, point);
  if (!seen || seen.u < 0 || seen.v < 0 || seen.u >= lens.width || seen.v >= lens.height) return undefined;
  const [u, v] = [seen.u - 0.5, seen.v - 0.5];
  let deepest = 0;
  for (const pixel of around(lens, u, v)) {
    deepest = Math.max(deepest, Math.abs(to.depths[pixel]!) || Infinity);
  }
  if (seen.depth > deepest * SLOPE + SLOPE_METRES) return undefined;
  return { x: u, y: v, from: signed, to: seen.depth };
}

/** How two pictures of one place differ. */
export interface ViewChange {
  /** Angle between the cameras' axes. */
  readonly degrees: number;
  /** How many times nearer the points are that both see, the median; below 1: farther. */
  readonly approach: number;
  /** How many times larger they are drawn, the median; another focal length is in it. */
  readonly scale: number;
  /** Points of the first picture's grid that both see, and all of the grid. */
  readonly shared: number;
  readonly points: number;
}

/** Pixels between the points by which pictures are compared. */
const GRID = 8;

/** Compares two views. Without a point that both see the ratios are not numbers. */
export function viewChange(from: KnownPicture, to: KnownPicture): ViewChange {
  const [a, b] = [from.truth.pose.rotation, to.truth.pose.rotation];
  const cosine = a[6]! * b[6]! + a[7]! * b[7]! + a[8]! * b[8]!;
  const { width, height, focal } = from.truth.lens;
  const ratios: number[] = [];
  let points = 0;
  for (let y = GRID / 2; y < height; y += GRID) {
    for (let x = GRID / 2; x < width; x += GRID) {
      points++;
      const place = truePlace(from, to, x, y);
      if (place) ratios.push(place.from / place.to);
    }
  }
  ratios.sort((a, b) => a - b);
  const approach = ratios[ratios.length >> 1] ?? NaN;
  return {
    degrees: Math.acos(Math.min(1, Math.max(-1, cosine))) * 180 / Math.PI,
    approach,
    scale: approach * to.truth.lens.focal / focal,
    shared: ratios.length,
    points,
  };
}
