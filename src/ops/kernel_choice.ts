/**
 * The choice among the kernels that could compute a layer, as a value: each operator with alternatives lists them by
 * name, the one that its estimate takes first, and what was measured overrules the estimate.
 *
 * @module
 */

/** One of the ways to compute a layer. */
export interface Candidate {
  /** Its name among the layer's: the kernel and its tile, such as `direct P8 Q4`. */
  readonly id: string;
}

/**
 * Where a choice comes from: an estimate; the table that comes with the engine; the cache of an earlier process; timed by
 * this one; or a test that asked for it.
 */
export type ChoiceOrigin = "estimate" | "table" | "cache" | "tuned" | "forced";

/** What is known of a layer from measurement. */
export interface MeasuredLayer {
  /** The candidate to take. */
  readonly chosen: string;
  /** Milliseconds by candidate, of those that were timed; `null` for one that the adapter refused. */
  readonly ms: Readonly<Record<string, number | null>>;
}

/** What overrules the estimates, by layer. */
export interface KernelChoices {
  /** What is known of a layer; `undefined` leaves it to the estimate. */
  find(layer: string): (MeasuredLayer & { readonly origin: ChoiceOrigin }) | undefined;
}

/** What was chosen for a layer, and among what. */
export interface LayerChoice {
  /** The layer: what it computes, in numbers, without names. */
  readonly layer: string;
  /** The candidate that was taken. */
  readonly chosen: string;
  readonly origin: ChoiceOrigin;
  /** All candidates, the estimate's own first, then in the order of their estimates. */
  readonly candidates: readonly string[];
  /** Milliseconds by candidate, of those that were timed; `null` for one that the adapter refused. */
  readonly ms: Readonly<Record<string, number | null>>;
}

/**
 * Takes what was measured to be best, or the first where nothing is known, or where what is known is no candidate (any
 * more).
 *
 * @param candidates at least one; the estimate's own first.
 */
export function chooseAmong<T extends Candidate>(
  layer: string,
  candidates: readonly T[],
  choices: KernelChoices | undefined,
): { taken: T; choice: LayerChoice } {
  const known = candidates.length > 1 ? choices?.find(layer) : undefined;
  const found = candidates.find(({ id }) => id === known?.chosen);
  const taken = found ?? candidates[0]!;
  return {
    taken,
    choice: {
      layer,
      chosen: taken.id,
      origin: found ? known!.origin : "estimate",
      candidates: candidates.map(({ id }) => id),
      ms: found ? known!.ms : {},
    },
  };
}

/** What is estimated to take about as long. */
const NEARLY = 1.12;

/**
 * The one that is estimated best, or nearly, and compiles fastest.
 *
 * @param candidates the one with the longest text first; at least one.
 */
export function shortestOfBest<T extends { readonly cost: number }>(candidates: readonly T[]): T {
  const least = Math.min(...candidates.map(({ cost }) => cost));
  return candidates.findLast(({ cost }) => cost <= NEARLY * least)!;
}

/** The first, and the others by what they are estimated to take; each name once. */
export function inOrder<T extends Candidate>(
  first: T,
  others: readonly T[],
  cost: (candidate: T) => number,
): T[] {
  const sorted = others.toSorted((a, b) => cost(a) - cost(b));
  return [...new Map([first, ...sorted].map((one) => [one.id, one])).values()];
}

const ORIGINS: Readonly<Record<Exclude<ChoiceOrigin, "estimate">, string>> = {
  tuned: "by what was timed just now",
  cache: "by what was timed before (cache file)",
  table: "by the table of measurements for this adapter",
  forced: "asked for",
};

/** Why a kernel runs: what was measured, else what the estimate says. */
export function whyChosen({ origin }: LayerChoice, estimated: () => string): string {
  return origin === "estimate" ? estimated() : ORIGINS[origin];
}
