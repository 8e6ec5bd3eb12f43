import type { FrameScore } from "../object_score.ts";

/** A frame, and how well its objects were detected. */
export interface TellingFrame {
  readonly frame: number;
  readonly score: FrameScore;
}

/**
 * Chooses frames that tell much: with many objects of many classes, whether they were found or missed. What is wrong does not
 * speak against a frame, so that the choice is no praise.
 */
export class TellingFrames {
  readonly #frames: (TellingFrame & { readonly worth: number })[] = [];

  /** Takes the next frame. */
  add(frame: number, score: FrameScore): void {
    const there = [...score.right.map(({ truth }) => truth), ...score.missed];
    const worth = 2 * new Set(there.map(({ label }) => label)).size + there.length +
      there.reduce((sum, { pixels }) => sum + Math.min(1, pixels / 1500), 0);
    this.#frames.push({ frame, score, worth });
  }

  /** The most telling `count`, one of each stretch of the frames, in their order; frames without objects only where there is nothing else. */
  best(count: number): TellingFrame[] {
    const stretch = Math.max(1, Math.ceil(this.#frames.length / count));
    const chosen: TellingFrame[] = [];
    for (let from = 0; from < this.#frames.length; from += stretch) {
      const part = this.#frames.slice(from, from + stretch);
      chosen.push(part.reduce((best, one) => one.worth > best.worth ? one : best));
    }
    return chosen;
  }
}
