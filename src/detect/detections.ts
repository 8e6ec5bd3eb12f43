/**
 * Detections in source pixels.
 *
 * @module
 */
import type { Detection } from "../vision/detection.ts";
import { boxToSource, type Fit, keypointToSource } from "../vision/fit.ts";
import type { RawDetection } from "./post_process.ts";

/**
 * Maps what a head found back to the frame it was fitted from. Boxes and keypoints are clipped to the frame; a box that
 * lies wholly outside it, or has no area, is dropped. A class without a label is called by its number.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fitFrame } from "../vision/fit.ts";
 * const fit = fitFrame({ width: 640, height: 320 }, { width: 320, height: 320 }, "letterbox-top-left");
 * const found = toDetections([{ classId: 1, score: 0.5, box: [10, 20, 30, 400] }], fit, ["cat", "dog"]);
 * assertEquals(found, [{ class_id: 1, label: "dog", score: 0.5, box: [20, 40, 60, 320] }]);
 * ```
 */
export function toDetections(
  raw: readonly RawDetection[],
  fit: Fit,
  labels: readonly string[],
): Detection[] {
  const detections: Detection[] = [];
  for (const { classId, score, box, keypoints } of raw) {
    const [x1, y1, x2, y2] = boxToSource(fit, box);
    if (!(x2 > x1 && y2 > y1)) continue;
    detections.push({
      class_id: classId,
      label: labels[classId] ?? `class ${classId}`,
      score,
      box: [x1, y1, x2, y2],
      ...(keypoints ? { keypoints: keypoints.map(([x, y]) => keypointToSource(fit, x, y)) } : {}),
    });
  }
  return detections;
}
