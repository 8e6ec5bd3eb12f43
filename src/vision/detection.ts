/**
 * What a detector finds, and its form as JSON lines.
 *
 * @module
 */

/** One detected object. */
export interface Detection {
  /** Class number, from 0, as the network counts. */
  class_id: number;
  /** Name of the class. */
  label: string;
  /** Confidence, 0 to 1. */
  score: number;
  /** Corners `[x1, y1, x2, y2]` in source pixels, edges of pixels: a full frame is `[0, 0, width, height]`. */
  box: [x1: number, y1: number, x2: number, y2: number];
  /** Points `[x, y]` in source pixels, where the network gives them (eyes, nose, mouth of a face). */
  keypoints?: [x: number, y: number][];
}

/** The JSON line of one frame. */
export interface DetectionRecord {
  /** Frame number, from 0. */
  frame: number;
  /** Time of the frame in seconds. */
  time_s: number;
  /** Width of the frame in pixels. */
  width: number;
  /** Height of the frame in pixels. */
  height: number;
  /** Path of the image, where the source is made of images. */
  name?: string;
  /** What was found, best first. */
  detections: Detection[];
}

/** The parts of a frame that its JSON line tells. */
export interface DetectionFrame {
  /** Frame number, from 0. */
  readonly index: number;
  /** Time of the frame in seconds. */
  readonly timeSeconds: number;
  /** Width of the frame in pixels. */
  readonly width: number;
  /** Height of the frame in pixels. */
  readonly height: number;
  /** Path of the image, where the source is made of images. */
  readonly name?: string;
}

/** Rounds to a number of decimals; never gives `-0`. */
function round(value: number, decimals: number): number {
  const scale = 10 ** decimals;
  return Math.round(value * scale) / scale + 0;
}

/**
 * The record of one frame: scores with 4 decimals, coordinates with 2, time with 6.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * const frame = { index: 1, timeSeconds: 0.04, width: 1280, height: 720 };
 * const car = { class_id: 2, label: "car", score: 0.912345, box: [1.234, 2, 30.006, 40] as [number, number, number, number] };
 * assertEquals(
 *   JSON.stringify(detectionRecord(frame, [car])),
 *   '{"frame":1,"time_s":0.04,"width":1280,"height":720,"detections":' +
 *     '[{"class_id":2,"label":"car","score":0.9123,"box":[1.23,2,30.01,40]}]}',
 * );
 * ```
 */
export function detectionRecord(frame: DetectionFrame, detections: readonly Detection[]): DetectionRecord {
  return {
    frame: frame.index,
    time_s: round(frame.timeSeconds, 6),
    width: frame.width,
    height: frame.height,
    ...(frame.name === undefined ? {} : { name: frame.name }),
    detections: detections.map((detection) => {
      const [x1, y1, x2, y2] = detection.box;
      return {
        class_id: detection.class_id,
        label: detection.label,
        score: round(detection.score, 4),
        box: [round(x1, 2), round(y1, 2), round(x2, 2), round(y2, 2)],
        ...(detection.keypoints === undefined ? {} : {
          keypoints: detection.keypoints.map(([x, y]): [number, number] => [round(x, 2), round(y, 2)]),
        }),
      };
    }),
  };
}
