/**
 * Random numbers that are the same in every run.
 *
 * @module
 */

/** A seeded generator: the sequence depends on the seed alone. */
export class Random {
  /** The seed, for failure messages. */
  readonly seed: number;
  #state: number;

  /** @param seed Any whole number; its lowest 32 bits count. */
  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed >>> 0;
  }

  /** A number from 0 up to but not 1. Source: mulberry32, by Tommy Ettinger, public domain. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A number from `low` up to but not `high`. */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * this.next();
  }

  /** A normally distributed number (Box and Muller's method). */
  normal(mean = 0, deviation = 1): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return mean + deviation * radius * Math.cos(2 * Math.PI * this.next());
  }

  /** A whole number from `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError("Cannot pick from an empty list");
    return items[Math.floor(this.next() * items.length)]!;
  }

  /** `count` numbers from `low` up to but not `high`. */
  uniforms(count: number, low = -1, high = 1): Float32Array<ArrayBuffer> {
    return new Float32Array(count).map(() => this.uniform(low, high));
  }

  /** `count` normally distributed numbers. */
  normals(count: number, mean = 0, deviation = 1): Float32Array<ArrayBuffer> {
    return new Float32Array(count).map(() => this.normal(mean, deviation));
  }

  /** `count` bytes. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(count).map(() => this.int(0, 255));
  }

  /** The items in a random order, as a new list. */
  shuffled<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.int(0, i);
      [out[i], out[j]] = [out[j]!, out[i]!];
    }
    return out;
  }
}
