import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  type Bag,
  makeBag,
  scoreBags,
  SCORINGS,
  VocabularyError,
  WEIGHTINGS,
} from "../../../src/place/mod.ts";
import { Random } from "../../support/random.ts";
import { plainScore } from "./vocabulary_samples.ts";

const WORDS = 40;

/** A bag as a vector over all words. */
function dense({ words, values }: Bag): number[] {
  const vector = new Array<number>(WORDS).fill(0);
  words.forEach((word, i) => vector[word] = values[i]!);
  return vector;
}

Deno.test("makeBag() weighs and normalises as DBoW2 defines, for all weightings and scores", () => {
  const random = new Random(11);
  const weights = Float64Array.from(
    { length: WORDS },
    (_, word) => word % 7 === 0 ? 0 : random.uniform(0.1, 4),
  );
  const words = Uint32Array.from({ length: 60 }, () => random.int(0, WORDS - 1));
  for (const weighting of WEIGHTINGS) {
    for (const scoring of SCORINGS) {
      const counts = new Array<number>(WORDS).fill(0);
      for (const word of words) counts[word]!++;
      const repeats = weighting === "tf-idf" || weighting === "tf";
      let expected = counts.map((count, word) => weights[word]! * (repeats ? count : Math.min(count, 1)));
      const present = expected.filter((value) => value > 0).length;
      const norm = scoring === "l2"
        ? Math.hypot(...expected)
        : scoring === "dot"
        ? (repeats ? present : 1)
        : expected.reduce((sum, value) => sum + value, 0);
      expected = expected.map((value) => value / norm);
      const bag = makeBag(words, weights, weighting, scoring);
      assertEquals(bag.words.length, present, `${weighting} ${scoring}`);
      dense(bag).forEach((value, word) =>
        assertAlmostEquals(value, expected[word]!, 1e-12, `${weighting} ${scoring} word ${word}`)
      );
    }
  }
});

Deno.test("makeBag() of nothing, or of stopped words alone, is empty", () => {
  for (const scoring of SCORINGS) {
    assertEquals(makeBag(new Uint32Array(0), Float64Array.of(1), "tf", scoring).words.length, 0);
    assertEquals(makeBag(Uint32Array.of(0, 0), Float64Array.of(0), "tf", scoring).words.length, 0);
  }
  assertThrows(
    () => makeBag(Uint32Array.of(0, 3), Float64Array.of(1, 1), "tf", "l1"),
    VocabularyError,
    "word 3 of 2",
  );
});

Deno.test("scores are those of their definitions, symmetric and within their range", () => {
  const random = new Random(12);
  const weights = new Float64Array(WORDS).fill(1);
  for (let round = 0; round < 200; round++) {
    for (const scoring of SCORINGS) {
      const [a, b] = [0, 1].map(() =>
        makeBag(
          Uint32Array.from({ length: random.int(1, 30) }, () => random.int(0, WORDS - 1)),
          weights,
          "tf-idf",
          scoring,
        )
      ) as [Bag, Bag];
      const score = scoreBags(scoring, a, b);
      const what = `${scoring}, round ${round}`;
      assertAlmostEquals(score, plainScore(scoring, dense(a), dense(b)), 1e-9, what);
      if (scoring !== "kl") assertAlmostEquals(score, scoreBags(scoring, b, a), 1e-12, what);
      if (scoring !== "kl" && scoring !== "dot") {
        assert(score >= 0 && score <= 1 + 1e-12, `${what}: ${score}`);
        // The square root of what L2 lacks to 1 makes much of rounding.
        assertAlmostEquals(scoreBags(scoring, a, a), 1, 1e-7, what);
      }
      if (scoring === "kl") {
        assertAlmostEquals(scoreBags(scoring, a, a), 0, 1e-12, what);
        assert(score >= -1e-12, what);
      }
    }
  }
});

Deno.test("bags without a common word score 0, and the divergence counts every word of the query", () => {
  const bag = (...words: number[]): Bag => ({
    words: Uint32Array.from(words),
    values: new Float64Array(words.length).fill(1 / words.length),
  });
  for (const scoring of SCORINGS) {
    const expected = scoring === "kl" ? Math.log(0.5 / 2 ** -52) : 0;
    const score = scoreBags(scoring, bag(1, 5), bag(2, 3, 9));
    assertAlmostEquals(score, expected, 1e-12, scoring);
    assert(!Object.is(score, -0), `${scoring} gives -0`);
  }
});
