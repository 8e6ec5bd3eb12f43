/** One frame under way through both jobs: what is to be seen in it, and where it is. */
import type { Frame } from "../frame/frame.ts";
import type { FrameSlot, SlotResult } from "../frame/loop.ts";
import type { PlaceResult } from "../place/conclusion.ts";
import type { Detection } from "../vision/detection.ts";

/** What is found out about a frame. */
export interface DriveResult {
  /** Objects, best first, down to scores that only an evaluation wants. */
  readonly detections: readonly Detection[];
  readonly place: PlaceResult;
}

/**
 * Gives each frame to a slot of a detector and to one of a recogniser, so that a source is read once for both. The two
 * work on streams of their own; they share the pixels and the queue.
 */
export class DriveSlot implements FrameSlot<DriveResult> {
  readonly #detection: FrameSlot<readonly Detection[]>;
  readonly #place: FrameSlot<PlaceResult>;

  /** @param detection, place prepared for frames of one size, so that neither refuses what the other takes. */
  constructor(detection: FrameSlot<readonly Detection[]>, place: FrameSlot<PlaceResult>) {
    this.#detection = detection;
    this.#place = place;
  }

  submit(frame: Frame): void {
    this.#detection.submit(frame);
    this.#place.submit(frame);
  }

  async collect(): Promise<SlotResult<DriveResult>> {
    // Both are asked for at once, so that the thread is blocked once. Neither may be left to itself if the other fails.
    const [detection, place] = await Promise.allSettled([this.#detection.collect(), this.#place.collect()]);
    if (detection.status === "rejected") throw detection.reason;
    if (place.status === "rejected") throw place.reason;
    const gpuMs = detection.value.gpuMs === undefined || place.value.gpuMs === undefined
      ? undefined
      : detection.value.gpuMs + place.value.gpuMs;
    return {
      result: { detections: detection.value.result, place: place.value.result },
      ...(gpuMs !== undefined && { gpuMs }),
    };
  }
}
