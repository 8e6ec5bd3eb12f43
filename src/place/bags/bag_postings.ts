/** The images that have one word, in the order of their numbers, and its value in each. Grows by doubling. */
export class Postings {
  #entries = new Uint32Array(2);
  #values = new Float64Array(2);
  #count = 0;

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** Their numbers, ascending. */
  get entries(): Uint32Array<ArrayBuffer> {
    return this.#entries.subarray(0, this.#count);
  }

  /** The word's value in each. */
  get values(): Float64Array<ArrayBuffer> {
    return this.#values.subarray(0, this.#count);
  }

  /** Adds the newest image. */
  push(entry: number, value: number): void {
    if (this.#count === this.#entries.length) {
      const [entries, values] = [new Uint32Array(this.#count * 2), new Float64Array(this.#count * 2)];
      entries.set(this.#entries);
      values.set(this.#values);
      [this.#entries, this.#values] = [entries, values];
    }
    this.#entries[this.#count] = entry;
    this.#values[this.#count++] = value;
  }
}
