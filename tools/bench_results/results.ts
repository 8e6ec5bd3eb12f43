/**
 * Results of the benches of one adapter, as `bench/results/ADAPTER.json` has them.
 *
 * @module
 */
import type { Recorded } from "../../bench/batched.ts";
import type { Peaks } from "../../src/gpu/mod.ts";
import { BenchError, type TimedBench } from "./deno_json.ts";

/** The first line of such a file. */
export const FORMAT = "framewise bench 1";

/** Runs before the last that a file keeps. */
const MOST_HISTORY = 12;

/** What the adapter reached in the probe. */
export interface ShownPeak {
  /** 10^9 operations a second, of multiply-adds that stay in registers: two each. */
  gflops: number;
  /** GB/s of a copy between buffers, those read and those written counted. */
  copyGBs: number;
  /** The same of a kernel that loads and stores. */
  storageGBs: number;
  /** Milliseconds of a dispatch that does nothing, in a pass with others. */
  launchMs: number;
  /** Milliseconds of a wait for nothing. */
  waitMs: number;
}

/** One bench. */
export interface BenchResult {
  group: string;
  name: string;
  /** Milliseconds of one inference, from batches of many. */
  medianMs: number;
  leastMs: number;
  p75Ms: number;
  /** Batches that were timed, and inferences in each. */
  batches: number;
  batch: number;
  /** By definition, whatever the algorithm; absent where there are none. */
  multiplyAdds?: number;
  /** Two operations a multiply-add, by the median. */
  gflops?: number;
  /** Of {@linkcode ShownPeak.gflops}, from 0 to 1; above it where an algorithm makes fewer multiply-adds. */
  shareOfPeak?: number;
  /** Of what only moves data: inputs and outputs by the median. */
  gbs?: number;
  /** Of {@linkcode ShownPeak.copyGBs}. */
  shareOfCopy?: number;
  kernels: string[];
}

/** When, where and from what a run's figures are. */
export interface RunFacts {
  /** UTC. */
  date: string;
  adapter: string;
  /** What the system tells of the driver. */
  driver: string[];
  processor: string;
  threads: number;
  system: string;
  deno: string;
  /** Version and fingerprint of the kernels. */
  engine: string;
  /** With "changed" where files differed from it; absent outside a repository. */
  commit?: string;
  /** The load average of the minute before the run, and of that before its end, which is its own, too. */
  loadBefore: number;
  loadAfter: number;
  seconds: number;
  /** Something else ran: the figures are too large, and uneven. */
  busy: boolean;
}

/** An earlier run, in short. */
export interface PastRun extends Pick<RunFacts, "date" | "adapter" | "engine" | "commit" | "loadBefore"> {
  peakGflops: number;
  /** Median milliseconds by bench. */
  medianMs: Record<string, number>;
}

/** A file of results. */
export interface Results extends RunFacts {
  format: typeof FORMAT;
  peak: ShownPeak;
  benches: BenchResult[];
  /** Networks whose files were not there. */
  leftOut: string[];
  /** The newest first. */
  history: PastRun[];
}

/** The load average from which on something else runs. */
export const BUSY_LOAD = 0.5;

/** The peak as it is kept, the better of each of two probes: what else runs only worsens them. */
export function bestPeak(probes: readonly Peaks[]): ShownPeak {
  const most = (of: (peaks: Peaks) => number): number => digits(Math.max(...probes.map(of)));
  const least = (of: (peaks: Peaks) => number): number => digits(Math.min(...probes.map(of)));
  return {
    gflops: most(({ flops }) => flops / 1e9),
    copyGBs: most(({ copyBytes }) => copyBytes / 1e9),
    storageGBs: most(({ storageBytes }) => storageBytes / 1e9),
    launchMs: least(({ launchMs }) => launchMs),
    waitMs: least(({ waitMs }) => waitMs),
  };
}

/** Results of benches from what Deno timed and what they wrote themselves. @throws {BenchError} if they do not fit. */
export function benchResults(
  timed: readonly TimedBench[],
  recorded: ReadonlyMap<string, Recorded>,
  peak: ShownPeak,
): BenchResult[] {
  return timed.map(({ name, group, n, min, p75 }) => {
    const own = recorded.get(name);
    if (!own || own.ms.length < n) {
      throw new BenchError(
        `"${name}" was timed ${n} times by Deno, and the bench recorded ${
          own?.ms.length ?? 0
        }; is it made by ` +
          `bench/batched.ts?`,
      );
    }
    const { batch, multiplyAdds, bytes, kernels } = own;
    // Deno's warm-up goes before.
    const medianMs = median(own.ms.slice(-n));
    const gflops = 2 * multiplyAdds / medianMs / 1e6;
    const gbs = bytes / medianMs / 1e6;
    return {
      group,
      name,
      medianMs: digits(medianMs),
      leastMs: digits(min / 1e6 / batch),
      p75Ms: digits(p75 / 1e6 / batch),
      batches: n,
      batch,
      ...(multiplyAdds > 0
        ? { multiplyAdds, gflops: digits(gflops), shareOfPeak: digits(gflops / peak.gflops) }
        : { gbs: digits(gbs), shareOfCopy: digits(gbs / peak.copyGBs) }),
      kernels,
    };
  });
}

/** Keeps a run in short, before the older ones of its file. */
export function withHistory(run: Omit<Results, "history">, previous: Results | undefined): Results {
  return {
    ...run,
    history: previous ? [inShort(previous), ...previous.history].slice(0, MOST_HISTORY) : [],
  };
}

function inShort({ date, adapter, engine, commit, loadBefore, peak, benches }: Results): PastRun {
  return {
    date,
    adapter,
    engine,
    ...(commit !== undefined && { commit }),
    loadBefore,
    peakGflops: peak.gflops,
    medianMs: mediansOf(benches),
  };
}

/** Median milliseconds by bench. */
export function mediansOf(benches: readonly BenchResult[]): Record<string, number> {
  return Object.fromEntries(benches.map(({ name, medianMs }) => [name, medianMs]));
}

/** Reads a file; `undefined` if it is of another kind. @throws {BenchError} if it is no JSON. */
export function parseResults(text: string, path: string): Results | undefined {
  let read: Partial<Results> | null;
  try {
    read = JSON.parse(text);
  } catch {
    throw new BenchError(`${path} is no JSON, perhaps torn; remove it, or take it from the repository again`);
  }
  return read?.format === FORMAT ? read as Results : undefined;
}

/**
 * An adapter's name as that of a file, without the versions of its compiler, which change while the adapter does not:
 * `llvmpipe (LLVM 15.0.6, 256 bits)` is `llvmpipe-256-bits`.
 */
export function slugOf(adapter: string): string {
  const words = adapter.toLowerCase().replace(/\b(llvm|mesa) [\d.]+(-\w+)?/g, " ").replace(
    /[^a-z0-9]+/g,
    "-",
  );
  return words.replace(/^-|-$/g, "").slice(0, 60) || "adapter";
}

/** The middle one, or the mean of the two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b), middle = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Four significant digits. */
export function digits(value: number): number {
  return Number(value.toPrecision(4));
}
