import { KEPT_SCALE } from "../features/kept_features.ts";
import type { FeaturePairs, Pairing } from "./feature_pairs.ts";

/** Farther than any two descriptors are. */
const NONE = 0x7fffffff;

/**
 * The nearest and second nearest of each feature of one frame, and the nearest of each of the other. Distances are whole
 * numbers: bits, or squares of {@linkcode KEPT_SCALE} times the Euclidean distance. Of equal ones the first that is told of
 * is the nearest: tell them in ascending order.
 */
export class NearestFeatures {
  readonly #nearest: Uint32Array;
  readonly #distance: Int32Array;
  readonly #second: Int32Array;
  readonly #back: Uint32Array;
  readonly #backDistance: Int32Array;

  constructor(countA: number, countB: number) {
    this.#nearest = new Uint32Array(countA);
    this.#distance = new Int32Array(countA).fill(NONE);
    this.#second = new Int32Array(countA).fill(NONE);
    this.#back = new Uint32Array(countB);
    this.#backDistance = new Int32Array(countB).fill(NONE);
  }

  /** Tells of two features how far they are apart. */
  add(a: number, b: number, distance: number): void {
    if (distance < this.#distance[a]!) {
      this.#second[a] = this.#distance[a]!;
      this.#distance[a] = distance;
      this.#nearest[a] = b;
    } else if (distance < this.#second[a]!) {
      this.#second[a] = distance;
    }
    if (distance < this.#backDistance[b]!) {
      this.#backDistance[b] = distance;
      this.#back[b] = a;
    }
  }

  /** The pairs that pass the tests. */
  pairs(squared: boolean, { ratio, mutual, maxDistance }: Pairing): FeaturePairs {
    const limit = squared ? (maxDistance * KEPT_SCALE) ** 2 : maxDistance;
    const part = squared ? ratio ** 2 : ratio;
    const count = this.#nearest.length;
    const pairs = new Uint32Array(2 * count), distances = new Float32Array(count);
    let kept = 0;
    for (let a = 0; a < count; a++) {
      const distance = this.#distance[a]!, second = this.#second[a]!, b = this.#nearest[a]!;
      if (distance === NONE || distance > limit) continue;
      if (ratio < 1 && second !== NONE && !(distance < part * second)) continue;
      if (mutual && this.#back[b] !== a) continue;
      pairs[2 * kept] = a;
      pairs[2 * kept + 1] = b;
      distances[kept++] = squared ? Math.sqrt(distance) / KEPT_SCALE : distance;
    }
    return { pairs: pairs.slice(0, 2 * kept), distances: distances.slice(0, kept) };
  }
}
