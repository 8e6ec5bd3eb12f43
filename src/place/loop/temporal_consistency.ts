import { groupDistance } from "./candidate_groups.ts";
import type { LoopSettings } from "./loop_options.ts";

/**
 * Counts how many frames in a row point to places close to each other, after DLoopDetector: the group of a frame agrees
 * with that of the frame before if they are at most `groupDistance` frames apart, and the two frames `frameDistance`. A frame
 * that points nowhere neither counts nor ends the run.
 */
export class TemporalConsistency {
  readonly #settings: Pick<LoopSettings, "groupDistance" | "frameDistance">;
  #run = 0;
  #id = 0;
  #spans: readonly number[] = [];

  constructor(settings: Pick<LoopSettings, "groupDistance" | "frameDistance">) {
    this.#settings = settings;
  }

  /** How many frames before point to a place close to this one, in a row. */
  before(id: number, spans: readonly number[]): number {
    const { groupDistance: far, frameDistance } = this.#settings;
    if (this.#run === 0 || id - this.#id > frameDistance) return 0;
    return groupDistance(spans, this.#spans) <= far ? this.#run : 0;
  }

  /** Takes in where a frame points. @returns what {@linkcode before} gave. */
  push(id: number, spans: readonly number[]): number {
    const before = this.before(id, spans);
    this.#run = before + 1;
    this.#id = id;
    this.#spans = spans;
    return before;
  }

  /** Forgets all frames. */
  reset(): void {
    this.#run = 0;
  }
}
