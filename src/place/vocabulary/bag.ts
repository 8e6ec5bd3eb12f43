import { VocabularyError } from "./errors.ts";
import { normOf, type Scoring } from "./score.ts";

/** How a word's value in a bag comes about; the numbers of DBoW2's files are the positions in {@linkcode WEIGHTINGS}. */
export type Weighting = "tf-idf" | "tf" | "idf" | "binary";

/** All weightings, in the order of DBoW2's numbers. */
export const WEIGHTINGS: readonly Weighting[] = ["tf-idf", "tf", "idf", "binary"];

/** An image as a sparse vector over the words. */
export interface Bag {
  /** Word ids, ascending. */
  readonly words: Uint32Array<ArrayBuffer>;
  /** The value of each. */
  readonly values: Float64Array<ArrayBuffer>;
}

/**
 * Makes the bag of an image's words, as DBoW2 does: with `tf-idf` and `tf` a word's weight counts every time it occurs,
 * with `idf` and `binary` once; words of weight 0 are left out; then the norm that the score asks for is made 1. The dot
 * product asks for none; there `tf-idf` and `tf` divide by the number of different words.
 *
 * @param words the word of each descriptor.
 * @param weights the weight of each word of the vocabulary.
 * @throws {VocabularyError} if there is no such word.
 */
export function makeBag(
  words: Uint32Array,
  weights: Float64Array,
  weighting: Weighting,
  scoring: Scoring,
): Bag {
  const sorted = words.slice().sort();
  const last = sorted.at(-1);
  if (last !== undefined && last >= weights.length) {
    throw new VocabularyError(`Cannot make a bag: word ${last} of ${weights.length}`);
  }
  const repeats = weighting === "tf-idf" || weighting === "tf";
  const ids = new Uint32Array(sorted.length);
  const values = new Float64Array(sorted.length);
  let count = 0;
  for (const word of sorted) {
    const weight = weights[word]!;
    if (!(weight > 0)) continue;
    if (count > 0 && ids[count - 1] === word) {
      if (repeats) values[count - 1]! += weight;
    } else {
      ids[count] = word;
      values[count++] = weight;
    }
  }
  const bag = { words: ids.slice(0, count), values: values.slice(0, count) };
  const norm = normOf(scoring);
  if (norm !== undefined) normalise(bag.values, norm);
  else if (repeats) { for (let i = 0; i < count; i++) bag.values[i]! /= count; }
  return bag;
}

function normalise(values: Float64Array, norm: "l1" | "l2"): void {
  let sum = 0;
  for (const value of values) sum += norm === "l1" ? Math.abs(value) : value * value;
  if (norm === "l2") sum = Math.sqrt(sum);
  if (sum > 0) { for (let i = 0; i < values.length; i++) values[i]! /= sum; }
}
