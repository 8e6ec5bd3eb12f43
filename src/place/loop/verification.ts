import { LoopDetectionError } from "./loop_detection_error.ts";
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

/** What verification answered about one new frame; nothing is asked twice. */
export class Answers {
  readonly #id: number;
  readonly #verify: Verify;
  /** `undefined`: asked about, and not answered. */
  readonly #answers = new Map<number, GeometricMatch | undefined>();

  constructor(id: number, verify: Verify) {
    this.#id = id;
    this.#verify = verify;
  }

  /** Asks about frames. @throws {LoopDetectionError} if answers are about others. */
  async about(ids: readonly number[]): Promise<GeometricMatch[]> {
    const unknown = ids.filter((id) => !this.#answers.has(id));
    if (unknown.length > 0) {
      for (const id of unknown) this.#answers.set(id, undefined);
      for (const answer of await this.#verify(unknown)) {
        if (!unknown.includes(answer.id)) {
          throw new LoopDetectionError(
            `Cannot decide about frame ${this.#id}: verification was asked about ${
              unknown.join(", ")
            } and answered ` +
              `about ${answer.id}`,
          );
        }
        this.#answers.set(answer.id, answer);
      }
    }
    return ids.flatMap((id) => this.#answers.get(id) ?? []);
  }
}
