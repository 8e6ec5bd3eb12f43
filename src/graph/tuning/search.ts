/**
 * The search for the fastest kernel of each layer within a time that was agreed on.
 *
 * @module
 */
import { GpuError } from "../../gpu/mod.ts";
import type { MeasuredLayer } from "../../ops/kernel_choice.ts";
import { median } from "../dispatch_times.ts";

/** How much is timed: nothing, the two or three candidates that are estimated best, or all of them. */
export type TuneMode = "off" | "fast" | "full";

/** A layer that is to be timed. */
export interface SearchedLayer {
  layer: string;
  /** Names of the candidates, the estimate's own first. */
  candidates: readonly string[];
}

/** A candidate that is ready to run: compiled, with memory. */
export interface OpenCandidate extends Disposable {
  /** Milliseconds of one run, the mean of a round of several. */
  round(): Promise<number>;
}

/** Makes candidates run. */
export interface CandidateTimer {
  /** @throws {GpuError} if the adapter refuses it. */
  open(layer: string, candidate: string): Promise<OpenCandidate>;
}

/** How a search goes. */
export interface SearchOptions {
  mode: Exclude<TuneMode, "off">;
  /** Milliseconds for all layers together. */
  budgetMs: number;
  /** The time, in milliseconds. */
  now: () => number;
  timer: CandidateTimer;
  /** Told before each layer. */
  onLayer?: (done: number, all: number, layer: string) => void;
}

/** What came of a search. */
export interface SearchResult {
  /** By layer; not those that there was no time for. */
  measured: Map<string, MeasuredLayer>;
  /** Layers that there was no time for, or not for all of their candidates. */
  left: string[];
}

/** Candidates of a layer that "fast" times. */
const FEW = 3;
/** Rounds of a candidate, each beside one of the estimate's. */
const ROUNDS = 5;
/** A candidate that takes this many times as long as the best so far is given up, after any round. */
const GIVE_UP = 1.3;
/**
 * What another must take at most of the estimate's time: on a busy machine ratios of one kernel to itself vary by 3 to 10
 * %, and the estimate prefers what compiles fast.
 */
const WORTHWHILE = 0.9;
/** What a candidate is expected to take of the time, over the mean of those before: kernels differ. */
const RESERVE = 1.5;

/** The candidates that a mode times. */
export function candidatesFor(mode: TuneMode, candidates: readonly string[]): readonly string[] {
  return mode === "off" ? [] : mode === "fast" ? candidates.slice(0, FEW) : candidates;
}

/**
 * Times layers one after the other. Each candidate is compared with the estimate's by rounds in turn, so that what else runs
 * on the machine hinders both alike, and given up early where it is much slower than the best so far. That one is compared
 * once more at the end, since the best of several is the luckiest, too. Nothing is begun that is not expected to end in
 * time; what takes longer than expected, as compiling may, ends late by as much.
 */
export async function search(
  layers: readonly SearchedLayer[],
  options: SearchOptions,
): Promise<SearchResult> {
  const { budgetMs, now, timer, mode } = options;
  const start = now();
  let [begun, spent] = [0, 0];
  /** Whether there is time for so many more candidates. */
  const timeFor = (candidates: number): boolean => {
    const each = begun === 0 ? 0 : RESERVE * spent / begun;
    return now() - start + candidates * each < budgetMs;
  };
  const result: SearchResult = { measured: new Map(), left: [] };
  for (const [i, { layer, candidates }] of layers.entries()) {
    if (!timeFor(2)) {
      result.left.push(layer);
      continue;
    }
    options.onLayer?.(i, layers.length, layer);
    const contest = new Contest(timer, layer);
    try {
      for (const candidate of candidatesFor(mode, candidates)) {
        if (!timeFor(1)) {
          result.left.push(layer);
          break;
        }
        const before = now();
        await contest.enter(candidate);
        begun++;
        spent += now() - before;
      }
      const measured = await contest.end();
      if (measured) result.measured.set(layer, measured);
    } finally {
      contest[Symbol.dispose]();
    }
  }
  return result;
}

/** A candidate that runs, and what it took in each round over what the estimate's took beside it. */
interface Entrant {
  candidate: string;
  open: OpenCandidate;
  ratios: number[];
}

/** The candidates of one layer: all beside the first, which is the estimate's, or the first that the adapter takes. */
class Contest implements Disposable {
  readonly #timer: CandidateTimer;
  readonly #layer: string;
  readonly #ratios: Record<string, number | null> = {};
  #reference: Entrant | undefined;
  #referenceMs = Infinity;
  #best: Entrant | undefined;

  constructor(timer: CandidateTimer, layer: string) {
    this.#timer = timer;
    this.#layer = layer;
  }

  async enter(candidate: string): Promise<void> {
    const open = await this.#open(candidate);
    if (!open) return;
    const entrant: Entrant = { candidate, open, ratios: [] };
    if (!this.#reference) {
      this.#reference = entrant;
      this.#ratios[candidate] = 1;
      return;
    }
    let leads = false;
    try {
      leads = await this.#compare(entrant);
    } finally {
      if (!leads) open[Symbol.dispose]();
    }
    if (!leads) return;
    this.#best?.open[Symbol.dispose]();
    this.#best = entrant;
  }

  /** What was found; nothing if there were no two to compare. */
  async end(): Promise<MeasuredLayer | undefined> {
    const [reference, best] = [this.#reference, this.#best];
    if (!reference || !Number.isFinite(this.#referenceMs)) return undefined;
    if (best) await this.#compare(best);
    const ms = Object.fromEntries(
      Object.entries(this.#ratios).map(([id, ratio]) => [id, ratio && ratio * this.#referenceMs]),
    );
    const timed = Object.entries(this.#ratios).filter((entry): entry is [string, number] =>
      entry[1] !== null
    );
    const [fastest, ratio] = timed.reduce((least, one) => one[1] < least[1] ? one : least);
    return { chosen: ratio < WORTHWHILE ? fastest : reference.candidate, ms };
  }

  async #open(candidate: string): Promise<OpenCandidate | undefined> {
    try {
      return await this.#timer.open(this.#layer, candidate);
    } catch (error) {
      // Such as a workgroup that is too large. A device that was lost throws again at the next one's first use.
      if (!(error instanceof GpuError)) throw error;
      this.#ratios[candidate] = null;
      return undefined;
    }
  }

  /** Runs a candidate beside the estimate's; whether it is faster than that and all before. */
  async #compare(entrant: Entrant): Promise<boolean> {
    const { candidate, open, ratios } = entrant;
    const least = this.#best && this.#best !== entrant ? median(this.#best.ratios) : 1;
    for (let round = 0; round < ROUNDS; round++) {
      const own = await open.round();
      const reference = await this.#reference!.open.round();
      this.#referenceMs = Math.min(this.#referenceMs, reference);
      ratios.push(own / reference);
      this.#ratios[candidate] = median(ratios);
      if (median(ratios) > GIVE_UP * least) return false;
    }
    return median(ratios) < least;
  }

  [Symbol.dispose](): void {
    this.#reference?.open[Symbol.dispose]();
    this.#best?.open[Symbol.dispose]();
  }
}
