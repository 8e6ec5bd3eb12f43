/** Places recognised, held against the truth. */
import { type EvaluatedFrame, evaluateLoops, type LoopEvaluation } from "../place/evaluation.ts";
import type { LoopResult } from "../place/loop/result.ts";
import type { SamePlace } from "../world/truth.ts";

/**
 * What became of a frame: `found` with an earlier one of the same place, `missed` though there is one, `wrong` with one of
 * another place, or `new`: nothing was to be found, and nothing was.
 */
export type PlaceOutcome = "found" | "missed" | "wrong" | "new";

/** Gathers frames in their order. */
export class PlaceScore {
  readonly #gap: number;
  readonly #frames: EvaluatedFrame[] = [];
  readonly #pairs: [number, number][] = [];
  readonly #outcomes: PlaceOutcome[] = [];

  /** @param gap frames back to the newest one that counts as an earlier visit. */
  constructor(gap: number) {
    this.#gap = gap;
  }

  /** Takes the next frame: what was decided, and which earlier frames show the same place. */
  add(result: LoopResult, samePlace: readonly SamePlace[]): PlaceOutcome {
    const { id, status, match, inliers, similarity, candidates } = result;
    const score = inliers ?? similarity;
    this.#frames.push({
      id,
      ...(match !== undefined && { match }),
      ...(score !== undefined && { score }),
      candidates: candidates.map((candidate) => candidate.id),
      loop: status === "loop",
    });
    for (const { frame } of samePlace) this.#pairs.push([id, frame]);
    const outcome = this.#outcomeOf(result, samePlace);
    this.#outcomes.push(outcome);
    return outcome;
  }

  /** What became of each frame so far. */
  get outcomes(): readonly PlaceOutcome[] {
    return this.#outcomes;
  }

  /** Pairs of frames that show the same place, the later one first. */
  get pairs(): readonly (readonly [number, number])[] {
    return this.#pairs;
  }

  /** How many frames came out so. */
  count(outcome: PlaceOutcome): number {
    return this.#outcomes.filter((one) => one === outcome).length;
  }

  /** All that can be said of the proposals, ordered by inliers. */
  evaluation(): LoopEvaluation {
    return evaluateLoops(this.#frames, this.#pairs, { gap: this.#gap, at: [1, 5] });
  }

  #outcomeOf({ id, status, match }: LoopResult, samePlace: readonly SamePlace[]): PlaceOutcome {
    if (status === "loop") return samePlace.some(({ frame }) => frame === match) ? "found" : "wrong";
    return samePlace.some(({ frame }) => id - frame >= this.#gap) ? "missed" : "new";
  }
}
