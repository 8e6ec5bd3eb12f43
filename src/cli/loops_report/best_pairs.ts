/** A pair of frames that may be shown. */
export interface ShownPair {
  readonly id: number;
  readonly match: number;
  /** What pairs are chosen by: larger is better. */
  readonly score: number;
  /** Column and row in the new frame and in the earlier one, in pixels of the frames, by turns, of each inlier. */
  readonly lines: Float32Array;
}

/** Pairs that are kept at most. */
const MOST_KEPT = 64;

/** The best pair of each stretch of the run, so that what is shown is of all of it; stretches grow as the run does. */
export class BestPairs {
  #stretch = 1;
  #kept = new Map<number, ShownPair>();

  /** Takes a pair, and keeps it if it is the best of its stretch. */
  add(pair: ShownPair): void {
    put(this.#kept, Math.floor(pair.id / this.#stretch), pair);
    while (this.#kept.size > MOST_KEPT) {
      this.#stretch *= 2;
      const merged = new Map<number, ShownPair>();
      for (const kept of this.#kept.values()) put(merged, Math.floor(kept.id / this.#stretch), kept);
      this.#kept = merged;
    }
  }

  /** The best `count`, far apart from each other where there are enough, in the order of the frames. */
  best(count: number): ShownPair[] {
    const ordered = [...this.#kept.values()].sort((a, b) => b.score - a.score);
    const last = Math.max(0, ...ordered.map(({ id }) => id)),
      first = Math.min(last, ...ordered.map(({ id }) => id));
    const chosen: ShownPair[] = [];
    for (let apart = (last - first) / count; chosen.length < Math.min(count, ordered.length); apart /= 2) {
      if (apart < 0.5) apart = 0;
      for (const pair of ordered) {
        if (chosen.length === count) break;
        if (chosen.includes(pair)) continue;
        if (chosen.every(({ id }) => Math.abs(id - pair.id) >= apart)) chosen.push(pair);
      }
    }
    return chosen.sort((a, b) => a.id - b.id);
  }
}

function put(pairs: Map<number, ShownPair>, stretch: number, pair: ShownPair): void {
  const before = pairs.get(stretch);
  if (!before || pair.score > before.score) pairs.set(stretch, pair);
}
