import type { KeptFeatures } from "../features/kept_features.ts";
import type { PointPairs } from "./point_pairs.ts";

/** How large a frame is, as far as its features tell. */
export interface Extent {
  /** Of the smallest upright rectangle around all features, in pixels. */
  readonly diagonal: number;
  /** In square pixels. */
  readonly area: number;
}

/** The smallest upright rectangle around all features: about the frame. */
export function extentOf({ points }: Pick<KeptFeatures, "points">): Extent {
  let left = Infinity, right = -Infinity, top = Infinity, bottom = -Infinity;
  for (let i = 0; i < points.length; i += 2) {
    if (!Number.isFinite(points[i]! + points[i + 1]!)) continue;
    left = Math.min(left, points[i]!);
    right = Math.max(right, points[i]!);
    top = Math.min(top, points[i + 1]!);
    bottom = Math.max(bottom, points[i + 1]!);
  }
  if (left === Infinity) return { diagonal: 0, area: 0 };
  return { diagonal: Math.hypot(right - left, bottom - top), area: (right - left) * (bottom - top) };
}

/** The standard deviation of listed points in the direction in which they deviate least, in pixels. */
export function minorSpread(x: Float64Array, y: Float64Array, list: Uint32Array): number {
  let middleX = 0, middleY = 0;
  for (const i of list) {
    middleX += x[i]!;
    middleY += y[i]!;
  }
  middleX /= list.length;
  middleY /= list.length;
  let xx = 0, xy = 0, yy = 0;
  for (const i of list) {
    const dx = x[i]! - middleX, dy = y[i]! - middleY;
    xx += dx * dx;
    xy += dx * dy;
    yy += dy * dy;
  }
  const half = (xx + yy) / 2;
  const least = half - Math.sqrt(((xx - yy) / 2) ** 2 + xy * xy);
  return list.length ? Math.sqrt(Math.max(least, 0) / list.length) : 0;
}

/**
 * How many listed pairs lie apart from each other in both frames, `enough` at most: one point that was found many times is
 * one. Taken in the order of the list.
 *
 * @param least pixels between two in each frame.
 */
export function countApart(
  { x1, y1, x2, y2 }: PointPairs,
  list: Uint32Array,
  least: number,
  enough: number,
): number {
  const taken: number[] = [];
  const square = least * least;
  for (const i of list) {
    const apart = taken.every((j) =>
      (x1[i]! - x1[j]!) ** 2 + (y1[i]! - y1[j]!) ** 2 > square &&
      (x2[i]! - x2[j]!) ** 2 + (y2[i]! - y2[j]!) ** 2 > square
    );
    if (apart) taken.push(i);
    if (taken.length >= enough) break;
  }
  return taken.length;
}
