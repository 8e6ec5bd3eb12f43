import type { Bag } from "./bag.ts";

/** How two bags are compared; the numbers of DBoW2's files are the positions in {@linkcode SCORINGS}. */
export type Scoring = "l1" | "l2" | "chi-square" | "kl" | "bhattacharyya" | "dot";

/** All scores, in the order of DBoW2's numbers. */
export const SCORINGS: readonly Scoring[] = ["l1", "l2", "chi-square", "kl", "bhattacharyya", "dot"];

/** What Kullback and Leibler's divergence takes as the logarithm of a value that is absent: that of 2^-52. */
const LOG_EPSILON = Math.log(Number.EPSILON);

/** The norm that a score needs its bags to have 1; `undefined`: none. */
export function normOf(scoring: Scoring): "l1" | "l2" | undefined {
  return scoring === "dot" ? undefined : scoring === "l2" ? "l2" : "l1";
}

/** Whether a lower score is the better one: a divergence. */
export function lowerIsBetter(scoring: Scoring): boolean {
  return scoring === "kl";
}

/**
 * A score as a sum over the words that two bags have in common. Nistér and Stewénius (2006) give the L1 and L2 distances
 * of normalised vectors in this form; DBoW2 (Gálvez-López and Tardós, 2012) the others.
 */
export interface ScoreTerms {
  /** What a word adds that is in both: `a` its value in the query, `b` in the other bag. */
  common(a: number, b: number): number;
  /** What a word of the query adds that the other bag does not have; `undefined`: nothing. */
  readonly missing: ((a: number) => number) | undefined;
  /** The score, from the sum. */
  finish(sum: number): number;
}

const same = (sum: number): number => sum;
// From 0: words that are not shared leave +0, not -0.
const halfNegative = (sum: number): number => 0 - sum / 2;

const TERMS: Readonly<Record<Scoring, ScoreTerms>> = {
  // 1 - |a - b| / 2, in [0, 1].
  l1: {
    common: (a, b) => Math.abs(a - b) - Math.abs(a) - Math.abs(b),
    missing: undefined,
    finish: halfNegative,
  },
  // 1 - |a - b| / sqrt(2), in [0, 1]; equal bags can pass 1 by rounding.
  l2: {
    common: (a, b) => a * b,
    missing: undefined,
    finish: (sum) => sum >= 1 ? 1 : 1 - Math.sqrt(1 - sum),
  },
  // 1 - half of the sum of (a - b)^2 / (a + b), in [0, 1].
  "chi-square": {
    common: (a, b) => a + b === 0 ? 0 : a * b / (a + b),
    missing: undefined,
    finish: (sum) => 2 * sum,
  },
  // From 0, the best, upward.
  kl: {
    common: (a, b) => a === 0 || b === 0 ? 0 : a * Math.log(a / b),
    missing: (a) => a === 0 ? 0 : a * (Math.log(a) - LOG_EPSILON),
    finish: same,
  },
  // The coefficient, in [0, 1].
  bhattacharyya: { common: (a, b) => Math.sqrt(a * b), missing: undefined, finish: same },
  dot: { common: (a, b) => a * b, missing: undefined, finish: same },
};

/** The terms of a score. */
export function scoreTerms(scoring: Scoring): ScoreTerms {
  return TERMS[scoring];
}

/**
 * Compares two bags, as DBoW2's scoring objects do. Higher is better, up to 1, but for `kl` (0 is best, not symmetric)
 * and `dot` (without a bound).
 *
 * @param query the bag whose words all count with `kl`.
 */
export function scoreBags(scoring: Scoring, query: Bag, other: Bag): number {
  const { common, missing, finish } = TERMS[scoring];
  let sum = 0;
  let j = 0;
  for (const [i, word] of query.words.entries()) {
    while (j < other.words.length && other.words[j]! < word) j++;
    if (other.words[j] === word) sum += common(query.values[i]!, other.values[j]!);
    else if (missing) sum += missing(query.values[i]!);
  }
  return finish(sum);
}
