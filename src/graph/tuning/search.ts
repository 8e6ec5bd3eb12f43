/**
 * The search for the fastest kernel of each layer within a time that was agreed on.
 *
 * @module
 */
import { GpuError } from "../../gpu/mod.ts";
import type { MeasuredLayer } from "../../ops/kernel_choice.ts";

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
/** Rounds of each of two candidates that are compared, in turn. */
const ROUNDS = 3;
/** A candidate that takes this many times as long in its first round is given up. */
const GIVE_UP = 1.4;
/** What another must take at most of the estimate's time: two measurements of one kernel differ by 2 %. */
const WORTHWHILE = 0.97;
/** What a candidate is expected to take of the time, over the mean of those before: kernels differ. */
const RESERVE = 1.5;

/** The candidates that a mode times. */
export function candidatesFor(mode: TuneMode, candidates: readonly string[]): readonly string[] {
  return mode === "off" ? [] : mode === "fast" ? candidates.slice(0, FEW) : candidates;
}

/**
 * Times layers one after the other. Each candidate is compared with the best so far by rounds in turn, so that what else
 * runs on the machine hinders both alike, and given up early where it is much slower. Nothing is begun that is not
 * expected to end in time; what takes longer than expected, as compiling may, ends late by as much.
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
    } finally {
      contest[Symbol.dispose]();
    }
    const { chosen, ms } = contest;
    // With one alone nothing was compared.
    if (chosen !== undefined && Object.keys(ms).length > 1) result.measured.set(layer, { chosen, ms });
  }
  return result;
}

/** The candidates of one layer, each against the best so far. */
class Contest implements Disposable {
  readonly ms: Record<string, number | null> = {};
  readonly #timer: CandidateTimer;
  readonly #layer: string;
  #first: string | undefined;
  #best: { candidate: string; open: OpenCandidate } | undefined;

  constructor(timer: CandidateTimer, layer: string) {
    this.#timer = timer;
    this.#layer = layer;
  }

  get chosen(): string | undefined {
    return this.#best?.candidate;
  }

  async enter(candidate: string): Promise<void> {
    this.#first ??= candidate;
    const open = await this.#open(candidate);
    if (!open) return;
    try {
      const wins = await this.#compare(candidate, open);
      if (!wins) return open[Symbol.dispose]();
    } catch (error) {
      open[Symbol.dispose]();
      throw error;
    }
    this.#best?.open[Symbol.dispose]();
    this.#best = { candidate, open };
  }

  async #open(candidate: string): Promise<OpenCandidate | undefined> {
    try {
      return await this.#timer.open(this.#layer, candidate);
    } catch (error) {
      // Such as a workgroup that is too large. A device that was lost throws again at the next one's first use.
      if (!(error instanceof GpuError)) throw error;
      this.ms[candidate] = null;
      return undefined;
    }
  }

  /** Whether a candidate is faster than the best so far. */
  async #compare(candidate: string, open: OpenCandidate): Promise<boolean> {
    const best = this.#best;
    let [own, other] = [Infinity, Infinity];
    for (let round = 0; round < ROUNDS; round++) {
      own = Math.min(own, await open.round());
      this.#note(candidate, own);
      if (!best) continue;
      other = Math.min(other, await best.open.round());
      this.#note(best.candidate, other);
      if (own > GIVE_UP * other) return false;
    }
    if (!best) return true;
    return own < other * (best.candidate === this.#first ? WORTHWHILE : 1);
  }

  #note(candidate: string, ms: number): void {
    this.ms[candidate] = Math.min(this.ms[candidate] ?? Infinity, ms);
  }

  [Symbol.dispose](): void {
    this.#best?.open[Symbol.dispose]();
  }
}
