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
  /** Whether another was measured to be best, but is not enough faster to be worth a kernel more. */
  readonly shared: boolean;
  /** All candidates, the estimate's own first, then in the order of their estimates. */
  readonly candidates: readonly string[];
  /** Milliseconds by candidate, of those that were timed; `null` for one that the adapter refused. */
  readonly ms: Readonly<Record<string, number | null>>;
}

/** The kernels that a plan has so far, and which of them a candidate would run on. */
export interface KernelsSoFar<T> {
  readonly names: Set<string>;
  /** Names the kernel of a candidate with all that is compiled into it. */
  nameOf(candidate: T): string;
}

/**
 * What a kernel that the plan has already may take of the time of the fastest: it takes 10 to 30 ms to compile another, and
 * on a busy machine measurements vary by as much.
 */
const AS_FAST = 1.1;

/**
 * Takes what was measured to be best, or the first where nothing is known, or where what is known is no candidate (any
 * more). Of those that were measured to be about as fast, it takes one whose kernel the plan has already.
 *
 * @param candidates at least one; the estimate's own first.
 * @param kernels gets the kernel of the one that is taken.
 */
export function chooseAmong<T extends Candidate>(
  layer: string,
  candidates: readonly T[],
  choices: KernelChoices | undefined,
  kernels?: KernelsSoFar<T>,
): { taken: T; choice: LayerChoice } {
  const known = candidates.length > 1 ? choices?.find(layer) : undefined;
  const found = candidates.find(({ id }) => id === known?.chosen);
  const shared = found && kernels && sharing(found, candidates, known!, kernels);
  const taken = shared ?? found ?? candidates[0]!;
  kernels?.names.add(kernels.nameOf(taken));
  return {
    taken,
    choice: {
      layer,
      chosen: taken.id,
      origin: found ? known!.origin : "estimate",
      shared: shared !== undefined,
      candidates: candidates.map(({ id }) => id),
      ms: found ? known!.ms : {},
    },
  };
}

/** The fastest of those that are about as fast as any and run on a kernel that there is, if that of the chosen is none. */
function sharing<T extends Candidate>(
  chosen: T,
  candidates: readonly T[],
  { origin, ms }: MeasuredLayer & { origin: ChoiceOrigin },
  { names, nameOf }: KernelsSoFar<T>,
): T | undefined {
  const has = (one: T): boolean => names.has(nameOf(one));
  if (origin === "forced" || has(chosen)) return undefined;
  const timeOf = ({ id }: T): number => ms[id] ?? Infinity;
  const least = Math.min(...candidates.map(timeOf));
  return candidates.filter((one) => timeOf(one) <= AS_FAST * least && has(one))
    .toSorted((a, b) => timeOf(a) - timeOf(b))[0];
}

/** Tiles of one layer that come into question; those behind are estimated to take longer. */
export const MOST_CANDIDATES = 8;

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
export function whyChosen({ origin, shared }: LayerChoice, estimated: () => string): string {
  if (origin === "estimate") return estimated();
  return ORIGINS[origin] +
    (shared ? ", about as fast as the best, and compiled for another layer already" : "");
}
