import { checkFeatureNodes, type FeatureNodes } from "./bag_direct_index.ts";
import { Postings, sortByWord } from "./bag_postings.ts";
import type { Bag } from "../vocabulary/bag.ts";
import { VocabularyError } from "../vocabulary/errors.ts";
import { lowerIsBetter, scoreTerms, type Scoring } from "../vocabulary/score.ts";
import type { Vocabulary } from "../vocabulary/vocabulary.ts";

/** How a query is limited. */
export interface BagQuery {
  /** Answers at most, the best; default: all. */
  limit?: number;
  /** Only images whose numbers are below this one; default: all. DBoW2's `max_id`. */
  maxId?: number;
  /**
   * Words in common that an image must have with the query, at least. Default 5 with chi-square and Bhattacharyya, as in
   * DBoW2, and 1 else.
   */
  minCommonWords?: number;
}

/** An image that a query found. */
export interface BagMatch {
  /** Its number: images are numbered from 0 in the order in which they were added. */
  readonly id: number;
  /** Its score; see `scoreBags`. */
  readonly score: number;
  /** How many words it has in common with the query. */
  readonly commonWords: number;
}

/**
 * The images seen so far as bags of words, with an inverted index (word to images) that answers which of them are like a
 * new one, and a direct index (image to features by node) that tells which of their features to compare. Images are added
 * one by one, at the cost of their own words.
 *
 * @example The second image is most like the query
 * ```ts
 * import { BagDatabase } from "@framewise/framewise";
 *
 * const bag = (words: number[]) => ({
 *   words: Uint32Array.from(words),
 *   values: new Float64Array(words.length).fill(1 / words.length),
 * });
 * const database = new BagDatabase({ wordCount: 10, scoring: "l1" });
 * database.add(bag([1, 2, 3]));
 * database.add(bag([3, 4, 5]));
 * const [best] = database.query(bag([4, 5, 6]), { limit: 1 });
 * console.assert(best?.id === 1 && best.commonWords === 2);
 * ```
 */
export class BagDatabase {
  /** Words of the vocabulary. */
  readonly wordCount: number;
  /** How bags are compared. */
  readonly scoring: Scoring;
  readonly #postings = new Map<number, Postings>();
  readonly #features: (FeatureNodes | undefined)[] = [];
  readonly #stopped = new Set<number>();
  /** By image, for the query under way: its sum so far, and the words in common. Zero between queries. */
  #sums = new Float64Array(64);
  #common = new Uint32Array(64);
  /** By image: 1 if it was removed, or never there. */
  #absent = new Uint8Array(64);
  #absentCount = 0;

  /** @param vocabulary what the bags are made with, or what is needed of it. */
  constructor(vocabulary: Pick<Vocabulary, "wordCount" | "scoring">) {
    this.wordCount = vocabulary.wordCount;
    this.scoring = vocabulary.scoring;
  }

  /** How many numbers were given to images, the removed ones included. */
  get size(): number {
    return this.#features.length;
  }

  /**
   * Adds an image.
   *
   * @param features its part of the direct index, if that is wanted.
   * @returns its number.
   * @throws {VocabularyError} if the bag is not sorted, has a word that the vocabulary has not, or a value that is no number.
   */
  add(bag: Bag, features?: FeatureNodes): number {
    this.#check(bag, "Cannot add a bag");
    if (features) checkFeatureNodes(features);
    const id = this.#next(features);
    for (const [i, word] of bag.words.entries()) this.#postingsOf(word).push(id, bag.values[i]!);
    return id;
  }

  /**
   * Adds many images, without a direct index, faster than one by one: their words are sorted first. They take as much
   * memory again meanwhile.
   *
   * @param bags in the place of one that is `undefined`, a number is reserved, as by {@linkcode reserve}.
   * @throws {VocabularyError} as {@linkcode add} does: none is added then.
   */
  addAll(bags: readonly (Bag | undefined)[]): void {
    for (const bag of bags) if (bag) this.#check(bag, "Cannot add bags");
    const first = this.size, { words, starts, entries, values } = sortByWord(bags, first);
    for (const bag of bags) {
      if (bag) this.#next();
      else this.reserve();
    }
    for (const [i, word] of words.entries()) {
      const [start, end] = [starts[i]!, starts[i + 1]!];
      this.#postingsOf(word).pushAll(entries.subarray(start, end), values.subarray(start, end));
    }
  }

  /** Takes the next number for an image that is not here now, and may come by {@linkcode restore}. */
  reserve(): number {
    const id = this.#next();
    this.#absent[id] = 1;
    this.#absentCount++;
    return id;
  }

  /** Images: numbers that were given, without those that were removed or only reserved. */
  get present(): number {
    return this.size - this.#absentCount;
  }

  /** Whether there is an image of this number. */
  has(id: number): boolean {
    return id < this.size && this.#absent[id] === 0;
  }

  /**
   * Removes an image: no query finds it any more. Its number stays its own.
   *
   * @param bag the bag that it was added with, or at least its words: without it all words are looked through.
   * @throws {VocabularyError} if there is no such image, or it has other words: nothing was removed then.
   */
  remove(id: number, bag?: Pick<Bag, "words">): void {
    if (!this.has(id)) {
      throw new VocabularyError(`Cannot remove image ${id}: it is not among the ${this.present} images`);
    }
    const missing = bag?.words.find((word) => !this.#postings.get(word)?.has(id));
    if (missing !== undefined) {
      throw new VocabularyError(
        `Cannot remove image ${id}: it has no word ${missing}; give the bag that it was added with`,
      );
    }
    for (const word of bag?.words ?? this.#postings.keys()) {
      const postings = this.#postings.get(word)!;
      if (postings.remove(id) && postings.count === 0) this.#postings.delete(word);
    }
    this.#features[id] = undefined;
    this.#absent[id] = 1;
    this.#absentCount++;
  }

  /**
   * Adds an image under the number of one that was removed or reserved.
   *
   * @throws {VocabularyError} if the number is not free, and as {@linkcode add} does.
   */
  restore(id: number, bag: Bag, features?: FeatureNodes): void {
    if (!(Number.isInteger(id) && id >= 0 && id < this.size) || this.has(id)) {
      throw new VocabularyError(
        `Cannot restore image ${id}: ${this.has(id) ? "it is there" : `numbers go to ${this.size - 1}`}`,
      );
    }
    this.#check(bag, "Cannot restore a bag");
    if (features) checkFeatureNodes(features);
    for (const [i, word] of bag.words.entries()) this.#postingsOf(word).insert(id, bag.values[i]!);
    this.#features[id] = features;
    this.#absent[id] = 0;
    this.#absentCount--;
  }

  #next(features?: FeatureNodes): number {
    const id = this.#features.push(features) - 1;
    if (id >= this.#sums.length) {
      this.#sums = new Float64Array(this.#sums.length * 2);
      this.#common = new Uint32Array(this.#common.length * 2);
      const absent = new Uint8Array(this.#absent.length * 2);
      absent.set(this.#absent);
      this.#absent = absent;
    }
    return id;
  }

  #postingsOf(word: number): Postings {
    let postings = this.#postings.get(word);
    if (!postings) this.#postings.set(word, postings = new Postings());
    return postings;
  }

  /** An image's part of the direct index; `undefined` if it was added without. @throws {VocabularyError} if there is no such image. */
  features(id: number): FeatureNodes | undefined {
    if (!(Number.isInteger(id) && id >= 0 && id < this.size)) {
      throw new VocabularyError(`Cannot give the features of image ${id}: there are ${this.size}, from 0 on`);
    }
    return this.#features[id];
  }

  /** How many images have a word. */
  imagesWith(word: number): number {
    return this.#postings.get(word)?.count ?? 0;
  }

  /** The words that more than a share of all images have, ascending: candidates for {@linkcode stop}. */
  commonWords(share: number): Uint32Array<ArrayBuffer> {
    const words = [...this.#postings].filter(([, { count }]) => count > share * this.present).map(([word]) =>
      word
    );
    return Uint32Array.from(words).sort();
  }

  /** Leaves words out of queries from now on; scores are then as if no bag had them, their norm unchanged. */
  stop(words: Iterable<number>): void {
    for (const word of words) this.#stopped.add(word);
  }

  /** Takes stopped words up again; all, if none are given. */
  unstop(words: Iterable<number> = this.#stopped): void {
    for (const word of words) this.#stopped.delete(word);
  }

  /** The words that queries leave out, ascending. */
  get stopped(): Uint32Array<ArrayBuffer> {
    return Uint32Array.from(this.#stopped).sort();
  }

  /**
   * The images that have words in common with a bag, best first; of equal scores the lower number.
   *
   * @throws {VocabularyError} as {@linkcode add} does, and for limits that are no whole numbers from 0 on.
   */
  query(bag: Bag, options: BagQuery = {}): BagMatch[] {
    this.#check(bag, "Cannot query with a bag");
    const { limit, maxId = this.size, minCommonWords = this.#usualMinimum() } = options;
    for (const [name, value] of Object.entries({ limit: limit ?? 0, maxId, minCommonWords })) {
      if (!Number.isInteger(value) || value < 0) {
        throw new VocabularyError(`Cannot query: ${name} is ${value}; give a whole number, 0 or more`);
      }
    }
    const found: number[] = [];
    const missingSum = this.#accumulate(bag, maxId, found);
    const { finish } = scoreTerms(this.scoring);
    const matches: BagMatch[] = [];
    for (const id of found) {
      const commonWords = this.#common[id]!;
      if (commonWords >= minCommonWords) {
        matches.push({ id, score: finish(this.#sums[id]! + missingSum), commonWords });
      }
      this.#sums[id] = 0;
      this.#common[id] = 0;
    }
    const sign = lowerIsBetter(this.scoring) ? 1 : -1;
    matches.sort((a, b) => sign * (a.score - b.score) || a.id - b.id);
    return limit === undefined ? matches : matches.slice(0, limit);
  }

  /** Sums up the terms of each image with a common word, which it lists; gives what the query's words add where they are missing. */
  #accumulate(bag: Bag, maxId: number, found: number[]): number {
    const { common, missing } = scoreTerms(this.scoring);
    let missingSum = 0;
    for (const [i, word] of bag.words.entries()) {
      if (this.#stopped.has(word)) continue;
      const value = bag.values[i]!;
      const alone = missing ? missing(value) : 0;
      missingSum += alone;
      const postings = this.#postings.get(word);
      if (!postings) continue;
      const { entries, values } = postings;
      for (let at = 0; at < entries.length; at++) {
        const id = entries[at]!;
        if (id >= maxId) break;
        if (this.#common[id]!++ === 0) found.push(id);
        this.#sums[id]! += common(value, values[at]!) - alone;
      }
    }
    return missingSum;
  }

  #usualMinimum(): number {
    return this.scoring === "chi-square" || this.scoring === "bhattacharyya" ? 5 : 1;
  }

  #check({ words, values }: Bag, what: string): void {
    if (words.length !== values.length) {
      throw new VocabularyError(`${what}: ${words.length} words and ${values.length} values`);
    }
    for (let i = 0; i < words.length; i++) {
      if (words[i]! >= this.wordCount || (i > 0 && words[i - 1]! >= words[i]!)) {
        throw new VocabularyError(
          `${what}: word ${words[i]} after ${words[i - 1]}; words are ascending and below ${this.wordCount}`,
        );
      }
      if (!Number.isFinite(values[i]!)) {
        throw new VocabularyError(`${what}: word ${words[i]} has the value ${values[i]}`);
      }
    }
  }

  /** The bags of all images, from the inverted index, in the order of their numbers; of those removed, an empty one. */
  bags(): Bag[] {
    const counts = new Uint32Array(this.size);
    for (const { entries } of this.#postings.values()) for (const id of entries) counts[id]!++;
    const bags = [...counts].map((count) => ({
      words: new Uint32Array(count),
      values: new Float64Array(count),
    }));
    const next = new Uint32Array(this.size);
    for (const word of [...this.#postings.keys()].sort((a, b) => a - b)) {
      const { entries, values } = this.#postings.get(word)!;
      for (let at = 0; at < entries.length; at++) {
        const id = entries[at]!;
        bags[id]!.words[next[id]!] = word;
        bags[id]!.values[next[id]!++] = values[at]!;
      }
    }
    return bags;
  }
}
