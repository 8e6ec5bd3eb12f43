/**
 * Detections in the form of OpenCV's `cv2.dnn` detection output, so that a loop over it ports line by line.
 *
 * @module
 */
import type { Detection } from "../vision/detection.ts";
import type { Size } from "../vision/fit.ts";

/** Numbers a detection. */
export const OPENCV_ROW = 7;

/** A `1 x 1 x N x 7` blob. */
export interface OpencvOutput {
  readonly shape: readonly [1, 1, count: number, 7];
  readonly data: Float32Array<ArrayBuffer>;
}

/** Options of {@linkcode opencvOutput}. */
export interface OpencvOutputOptions {
  /** Number of the image in its batch; default 0. */
  readonly imageId?: number;
  /**
   * Whether class 0 is the background, as Caffe's SSD networks count: then the class is `class_id + 1`, and label lists
   * begin with "background". Default true; `false` for loops written for networks without a background, such as YOLO.
   */
  readonly background?: boolean;
}

/**
 * The detections of one image as Caffe's DetectionOutput layer gives them. Each row is image, class, confidence, left,
 * top, right, bottom; the corners are 0..1 of the image.
 *
 * ```python
 * for row in net.forward()[0, 0]:                            # OpenCV
 *     box = row[3:7] * [width, height, width, height]
 * ```
 *
 * @param image the size that the boxes are counted in.
 * @throws {RangeError} if the image has no area.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * const cat = { class_id: 7, label: "cat", score: 0.5, box: [10, 20, 30, 40] as [number, number, number, number] };
 * const { shape, data } = opencvOutput([cat], { width: 40, height: 80 });
 * assertEquals(shape, [1, 1, 1, 7]);
 * assertEquals([...data], [0, 8, 0.5, 0.25, 0.25, 0.75, 0.5]);
 * ```
 */
export function opencvOutput(
  detections: readonly Detection[],
  image: Size,
  options: OpencvOutputOptions = {},
): OpencvOutput {
  const { width, height } = image;
  if (!(width > 0 && height > 0)) {
    throw new RangeError(`Cannot normalise boxes: the image is ${width}x${height}`);
  }
  const { imageId = 0, background = true } = options;
  const data = new Float32Array(detections.length * OPENCV_ROW);
  for (const [i, { class_id, score, box: [x1, y1, x2, y2] }] of detections.entries()) {
    const classId = class_id + (background ? 1 : 0);
    data.set([imageId, classId, score, x1 / width, y1 / height, x2 / width, y2 / height], i * OPENCV_ROW);
  }
  return { shape: [1, 1, detections.length, OPENCV_ROW], data };
}

/**
 * The way back: detections in pixels from a `1 x 1 x N x 7` blob. Rows of image -1 (OpenCV's "nothing found") are left out.
 *
 * @throws {RangeError} if the numbers are no whole rows.
 */
export function fromOpencvOutput(
  data: Float32Array,
  image: Size,
  labels: readonly string[],
  options: OpencvOutputOptions = {},
): Detection[] {
  if (data.length % OPENCV_ROW !== 0) {
    throw new RangeError(`Cannot read detections: ${data.length} numbers are no rows of ${OPENCV_ROW}`);
  }
  const { imageId = 0, background = true } = options;
  const detections: Detection[] = [];
  for (let at = 0; at < data.length; at += OPENCV_ROW) {
    const [id, label, score, x1, y1, x2, y2] = data.subarray(at, at + OPENCV_ROW) as unknown as
      & readonly number[]
      & readonly [number, number, number, number, number, number, number];
    if (id !== imageId) continue;
    const classId = label - (background ? 1 : 0);
    detections.push({
      class_id: classId,
      label: labels[classId] ?? `class ${classId}`,
      score,
      box: [x1 * image.width, y1 * image.height, x2 * image.width, y2 * image.height],
    });
  }
  return detections;
}
