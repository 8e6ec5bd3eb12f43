import type { KeptFeatures } from "../features/kept_features.ts";
import { featuresBytes } from "./map_frame.ts";

/** The features that were used last, up to a number of bytes. */
export class FeaturesCache {
  readonly #limit: number;
  readonly #entries = new Map<number, KeptFeatures>();
  #bytes = 0;

  /** @param limit bytes at most. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that it holds. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A frame's features, if they are here. */
  get(id: number): KeptFeatures | undefined {
    const found = this.#entries.get(id);
    if (found) {
      this.#entries.delete(id);
      this.#entries.set(id, found);
    }
    return found;
  }

  /** Keeps a frame's features, and lets go of those that were used longest ago. */
  set(id: number, features: KeptFeatures): void {
    const before = this.#entries.get(id);
    if (before) this.#drop(id, before);
    this.#entries.set(id, features);
    this.#bytes += featuresBytes(features);
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.#limit) break;
      this.#drop(oldest, entry);
    }
  }

  #drop(id: number, features: KeptFeatures): void {
    this.#entries.delete(id);
    this.#bytes -= featuresBytes(features);
  }
}
