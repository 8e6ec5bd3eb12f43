/** Why a frame closes a loop, or why not. */
export type LoopStatus =
  | "loop"
  | "too_recent"
  | "no_candidates"
  | "low_score"
  | "not_consistent"
  | "too_few_matches"
  | "too_few_inliers";

/** All statuses, in the order of the tests that a frame passes. */
export const LOOP_STATUSES: readonly LoopStatus[] = [
  "too_recent",
  "no_candidates",
  "low_score",
  "not_consistent",
  "too_few_matches",
  "too_few_inliers",
  "loop",
];

/** An earlier frame that resembles the new one. */
export interface LoopCandidate {
  /** Number of the earlier frame. */
  readonly id: number;
  /** What candidates are ordered by: `similarity`, `bow`, or what they are fused to. */
  readonly score: number;
  /** Inner product of the global descriptors, where there are some. */
  readonly similarity?: number;
  /** Score of the bags of words, where there are some. */
  readonly bow?: number;
}

/**
 * How the camera moved between two frames: a point that the earlier camera sees at X, in its coordinates (right, down,
 * ahead), the new one sees at `rotation X + s translation`, with a scale s > 0 that is not known.
 */
export interface RelativePose {
  /** Turns the earlier camera's coordinates into the new one's: 3 x 3, row by row. */
  readonly rotation: readonly number[];
  /**
   * Direction from the new camera to the earlier one in the new one's coordinates, of length 1; zeros where the camera only
   * turned.
   */
  readonly translation: readonly number[];
  /** Median angle between a point's two rays, in degrees: below about 1 the translation is hardly known. */
  readonly parallax?: number;
  /** The other motion that explains a plane as well, where that is all that both frames show. */
  readonly alternative?: RelativePose;
}

/** What a frame's local features say of an earlier frame. */
export interface GeometricMatch {
  /** Number of the earlier frame. */
  readonly id: number;
  /** Matched features. */
  readonly matches: number;
  /** Matches that fit `model`. */
  readonly inliers: number;
  /** What they fit best. */
  readonly model: "fundamental" | "homography" | "essential";
  /** Feature of the new frame and of the earlier one, of each inlier, by turns. */
  readonly pairs: Uint32Array<ArrayBuffer>;
  /** Where the intrinsics are known. */
  readonly pose?: RelativePose;
}

/** What was decided about a frame. */
export interface LoopResult {
  /** Number of the frame in the map. */
  readonly id: number;
  /** Whether it closes a loop, or why not. */
  readonly status: LoopStatus;
  /** The earlier frame that was settled on: with the status `loop` the same place; else the best that was tested. */
  readonly match?: number;
  /** Inner product of the global descriptors of the frame and `match`. */
  readonly similarity?: number;
  /** Score of their bags of words. */
  readonly bow?: number;
  /** Features of the two that were matched. */
  readonly matches?: number;
  /** Matches that one motion of the camera explains. */
  readonly inliers?: number;
  /** Earlier frames that resemble it, best first. */
  readonly candidates: readonly LoopCandidate[];
  /** What was verified, with the inliers. */
  readonly geometry?: GeometricMatch;
}
