import type { LoopSettings } from "./loop_options.ts";
import type { GeometricMatch } from "./result.ts";

/**
 * Compares a new frame's local features with those of earlier frames.
 *
 * @param candidateIds earlier frames, most promising first.
 * @returns what was found of each, in any order; frames whose features are gone are left out.
 */
export type Verify = (candidateIds: readonly number[]) => Promise<GeometricMatch[]> | GeometricMatch[];

type Least = Pick<LoopSettings, "minMatches" | "minInliers">;

/** Whether enough features match and enough of the matches fit. */
export function passesGeometry({ matches, inliers }: GeometricMatch, least: Least): boolean {
  return matches >= least.minMatches && inliers >= least.minInliers;
}

/**
 * The match that comes furthest: one with enough inliers before one with enough matches before the others; then the most
 * inliers, then the most matches, then the one that was named first.
 */
export function bestVerified(answers: readonly GeometricMatch[], least: Least): GeometricMatch | undefined {
  const stage = (answer: GeometricMatch): number =>
    passesGeometry(answer, least) ? 2 : answer.matches >= least.minMatches ? 1 : 0;
  return answers.toSorted((a, b) =>
    stage(b) - stage(a) || (stage(a) === 0 ? 0 : b.inliers - a.inliers) || b.matches - a.matches ||
    b.inliers - a.inliers
  )[0];
}
