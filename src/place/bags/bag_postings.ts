import type { Bag } from "../vocabulary/bag.ts";

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
    if (this.#count === this.#entries.length) this.#grow(this.#count * 2);
    this.#entries[this.#count] = entry;
    this.#values[this.#count++] = value;
  }

  /** Adds the newest images, ascending. */
  pushAll(entries: Uint32Array, values: Float64Array): void {
    const count = this.#count + entries.length;
    if (count > this.#entries.length) this.#grow(Math.max(count, Math.ceil(this.#count * 1.5)));
    this.#entries.set(entries, this.#count);
    this.#values.set(values, this.#count);
    this.#count = count;
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

  #grow(length: number): void {
    const [entries, values] = [new Uint32Array(length), new Float64Array(length)];
    entries.set(this.#entries);
    values.set(this.#values);
    [this.#entries, this.#values] = [entries, values];
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

/** Postings of many images, word by word. */
export interface SortedPostings {
  /** Words that occur, ascending. */
  readonly words: Uint32Array<ArrayBuffer>;
  /** The postings of `words[i]` are at `starts[i]` to `starts[i + 1] - 1`. */
  readonly starts: Uint32Array<ArrayBuffer>;
  /** Numbers of images, ascending for each word. */
  readonly entries: Uint32Array<ArrayBuffer>;
  /** The word's value in each. */
  readonly values: Float64Array<ArrayBuffer>;
}

/** Sorts the words of images by counting; `first` is the number of the first image. */
export function sortByWord(bags: readonly (Bag | undefined)[], first: number): SortedPostings {
  let most = -1, total = 0;
  for (const bag of bags) {
    if (!bag || bag.words.length === 0) continue;
    most = Math.max(most, bag.words.at(-1)!);
    total += bag.words.length;
  }
  // The place of each word's next posting.
  const next = new Uint32Array(most + 2);
  for (const bag of bags) {
    if (!bag) continue;
    for (let i = 0; i < bag.words.length; i++) next[bag.words[i]! + 1]!++;
  }
  const words = Uint32Array.from(next.keys()).subarray(0, most + 1).filter((word) => next[word + 1]! > 0);
  for (let word = 0; word <= most; word++) next[word + 1]! += next[word]!;
  const starts = new Uint32Array(words.length + 1);
  for (let i = 0; i < words.length; i++) starts[i] = next[words[i]!]!;
  starts[words.length] = total;
  const entries = new Uint32Array(total), values = new Float64Array(total);
  for (let image = 0; image < bags.length; image++) {
    const bag = bags[image];
    if (!bag) continue;
    for (let i = 0; i < bag.words.length; i++) {
      const at = next[bag.words[i]!]!++;
      entries[at] = first + image;
      values[at] = bag.values[i]!;
    }
  }
  return { words, starts, entries, values };
}
