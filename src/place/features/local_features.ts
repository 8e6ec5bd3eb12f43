import type { Descriptors } from "../vocabulary/descriptors.ts";

/** The local features of one frame, on the host: what is matched, verified and kept. */
export interface LocalFeatures {
  /** Column and row of each, in pixels of the frame; (0, 0) is the middle of its first pixel. `2 * count` numbers. */
  readonly points: Float32Array<ArrayBuffer>;
  /** How strong each is, strongest first. `count` numbers. */
  readonly scores: Float32Array<ArrayBuffer>;
  /** One after the other: floats of unit length, or bytes of bit strings. */
  readonly descriptors: Descriptors;
}

/** How many features there are. */
export function countFeatures({ scores }: Pick<LocalFeatures, "scores">): number {
  return scores.length;
}
