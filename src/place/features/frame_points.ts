import type { Fit } from "../../vision/fit.ts";

/**
 * Turns points of what a frame was fitted into into those of the frame, in place: columns and rows in turn, of which whole
 * numbers are middles of pixels.
 */
export function toFramePoints(points: Float32Array, fit: Fit): void {
  for (let i = 0; i < points.length; i += 2) {
    points[i] = (points[i]! + 0.5) * fit.scaleX + fit.originX - 0.5;
    points[i + 1] = (points[i + 1]! + 0.5) * fit.scaleY + fit.originY - 0.5;
  }
}
