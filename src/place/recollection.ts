import type { LoopResult } from "./loop/result.ts";
import type { ForgottenSearch } from "./map/forgotten_search.ts";
import type { PlaceMap } from "./map/place_map.ts";
import type { Bag } from "./vocabulary/bag.ts";

/** Forgotten frames that are read a frame, unless told. */
export const RECOLLECTED_FRAMES = 256;

/** Half of the part of what can be recalled at once that is recalled in one direction. */
const SHARE = 4;

/**
 * Finds again what a map has forgotten. When a frame closes no loop, the forgotten frames are searched for it, a bounded
 * number of them a frame; one that is more like it than all that was remembered is recalled, with those next to it in time,
 * since the camera has gone on meanwhile.
 */
export class Recollection {
  readonly #map: PlaceMap;
  readonly #frames: number;
  #search: { frames: ForgottenSearch; since: number; known: number } | undefined;

  /** @param frames forgotten frames that are read a frame, at most. */
  constructor(map: PlaceMap, frames: number = RECOLLECTED_FRAMES) {
    this.#map = map;
    this.#frames = frames;
  }

  /** After each frame. @throws as `PlaceMap.recall` does. */
  async follow(query: Float32Array | Bag, { id, status, candidates }: LoopResult): Promise<void> {
    if (this.#map.remembered === this.#map.size) return;
    if (status === "loop") this.#search = undefined;
    else if (!this.#search) {
      const of = query instanceof Float32Array ? "similarity" : "bow";
      const known = candidates.reduce((most, candidate) => Math.max(most, candidate[of] ?? -Infinity), 0);
      this.#search = { frames: this.#map.searchForgotten(query, 1), since: id, known };
    }
    if (!this.#search || !await this.#search.frames.step(this.#frames)) return;
    const { frames: { neighbours: { ids: [best], scores: [score] } }, since, known } = this.#search;
    this.#search = undefined;
    if (best === undefined || !(score! > known)) return;
    const most = Math.max(1, Math.floor(this.#map.recallable / SHARE));
    const reach = Math.min(1 + id - since, most);
    const [first, last] = [Math.max(best - reach, 0), Math.min(best + reach, this.#map.size - 1)];
    await this.#map.recall(Array.from({ length: last - first + 1 }, (_, i) => first + i));
  }
}
