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

  /** Whether an image is there. */
  has(entry: number): boolean {
    const at = this.#find(entry);
    return at < this.#count && this.#entries[at] === entry;
  }

  /** Takes an image out. Says whether it was there. */
  remove(entry: number): boolean {
    const at = this.#find(entry);
    if (!this.has(entry)) return false;
    this.#entries.copyWithin(at, at + 1, this.#count);
    this.#values.copyWithin(at, at + 1, this.#count);
    this.#count--;
    if (this.#count * 4 < this.#entries.length && this.#count > 2) {
      this.#entries = this.#entries.slice(0, this.#count * 2);
      this.#values = this.#values.slice(0, this.#count * 2);
    }
    return true;
  }

  /** Adds an image among the newer ones. */
  insert(entry: number, value: number): void {
    const at = this.#find(entry);
    this.push(entry, value);
    this.#entries.copyWithin(at + 1, at, this.#count - 1);
    this.#values.copyWithin(at + 1, at, this.#count - 1);
    this.#entries[at] = entry;
    this.#values[at] = value;
  }

  /** The place of the first entry that is not below. */
  #find(entry: number): number {
    let low = 0, high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entries[middle]! < entry) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
