/**
 * From what the processes told to the figures compared, and the tables of them.
 *
 * @module
 */
import { markdownTable } from "../../tools/markdown.ts";
import type { Told } from "./runner.ts";

/** A figure of a side with a network: the middle of all processes, and the least, which others disturb least. */
export interface Spread {
  median: number;
  least: number;
}

/** One side with one network, over all rounds. Milliseconds, and MiB. */
export interface Figures {
  /** From the start of the process, Deno's own included, to the first outputs. */
  firstMs: Spread;
  latencyMs: Spread;
  latencyCpuMs: Spread;
  throughputMs: Spread;
  throughputCpuMs: Spread;
  peakMiB: Spread;
  batch: number;
  /** Processes that all but the first result are of. */
  rounds: number;
  /** Processes that the first result is of. */
  firstResults: number;
  /** Whether caches were filled by a process before. */
  warm: boolean;
  /** The largest departure from the reference, over the largest magnitude of the output. */
  error: number;
  note?: string;
}

/** Why there are no figures. */
export interface Failure {
  failed: string;
}

/** One line of the table: a network, and what each side made of it. */
export interface Row {
  name: string;
  title: string;
  kind: "layer" | "network";
  sides: Record<string, Figures | Failure>;
}

/** Outputs that differ by more than this, relative to the largest magnitude, are wrong. */
export const TOLERANCE = 1e-3;

/** Middle and least. @throws {RangeError} if there is nothing. */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError("Cannot take the median of nothing");
  const sorted = [...values].sort((a, b) => a - b), middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, least: sorted[0]! };
}

/** The largest difference over the largest magnitude of the reference; infinite where lengths or numbers do not fit. */
export function relativeError(values: ArrayLike<number>, reference: ArrayLike<number>): number {
  if (values.length !== reference.length) return Infinity;
  let difference = 0, magnitude = 0;
  for (let i = 0; i < reference.length; i++) {
    const distance = Math.abs(values[i]! - reference[i]!);
    if (Number.isNaN(distance)) return Infinity;
    difference = Math.max(difference, distance);
    magnitude = Math.max(magnitude, Math.abs(reference[i]!));
  }
  return difference === 0 ? 0 : difference / magnitude;
}

/**
 * Figures of all rounds, of which some told the first result only. The first round's is left out where there are more:
 * caches filled in it.
 */
export function figures(told: readonly Told[], error: number): Figures {
  const full = told.filter(({ batch }) => batch > 0);
  const of = (get: (one: Told) => number): Spread => spread(full.map(get));
  const warm = told.length > 1 ? told.slice(1) : told;
  const note = told.at(-1)!.note;
  return {
    firstMs: spread(warm.map(({ firstMs, spareMs }) => firstMs - spareMs)),
    latencyMs: spread(full.flatMap(({ latencyMs }) => latencyMs)),
    latencyCpuMs: of((one) => one.latencyCpuMs),
    throughputMs: spread(full.flatMap(({ throughputMs }) => throughputMs)),
    throughputCpuMs: of((one) => one.throughputCpuMs),
    peakMiB: of((one) => one.peakMiB),
    batch: full.at(-1)!.batch,
    rounds: full.length,
    firstResults: warm.length,
    warm: told.length > 1,
    error,
    ...(note !== undefined && { note }),
  };
}

/** A figure by which sides are compared. */
export type Measure =
  | "firstMs"
  | "latencyMs"
  | "latencyCpuMs"
  | "throughputMs"
  | "throughputCpuMs"
  | "peakMiB";

/** How many times as fast (or small) `side` is as the best of `others`; undefined where one of them has no figures. */
export function ratio(
  row: Row,
  side: string,
  others: readonly string[],
  measure: Measure,
): { times: number; best: string } | undefined {
  const own = row.sides[side];
  if (!own || "failed" in own) return undefined;
  let best: { side: string; value: number } | undefined;
  for (const other of others) {
    const theirs = row.sides[other];
    if (!theirs || "failed" in theirs) continue;
    const value = theirs[measure].median;
    if (!best || value < best.value) best = { side: other, value };
  }
  return best && { times: best.value / own[measure].median, best: best.side };
}

/** The geometric mean. @throws {RangeError} if there is nothing. */
export function geometricMean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("Cannot take the mean of nothing");
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** What is compared, side by side, against the best of some. */
export interface Comparison {
  measure: Measure;
  geometricMean: number;
  least: number;
  leastOf: string;
  of: number;
}

/** `side` against the best of `others`, network by network. */
export function compare(
  rows: readonly Row[],
  side: string,
  others: readonly string[],
  measure: Measure,
): Comparison | undefined {
  const all = rows.flatMap((row) => {
    const found = ratio(row, side, others, measure);
    return found ? [{ times: found.times, name: row.name }] : [];
  });
  if (all.length === 0) return undefined;
  const least = all.reduce((a, b) => a.times <= b.times ? a : b);
  return {
    measure,
    geometricMean: geometricMean(all.map(({ times }) => times)),
    least: least.times,
    leastOf: least.name,
    of: all.length,
  };
}

/** Three digits. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return "-";
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** A table in Markdown, with a column for each side. */
export function table(rows: readonly Row[], sides: readonly string[], measure: Measure): string {
  const lines = rows.map(({ title, sides: measured }) => [
    title,
    ...sides.map((side) => {
      const found = measured[side];
      return !found || "failed" in found ? "-" : digits(found[measure].median);
    }),
  ]);
  return markdownTable(["network", ...sides], lines);
}

/** The ratios of one side to the best of others, in Markdown. */
export function ratioTable(
  rows: readonly Row[],
  side: string,
  others: readonly string[],
  measures: Readonly<Partial<Record<Measure, string>>>,
): string {
  const names = Object.keys(measures) as Measure[];
  const lines = rows.map((row) => [
    row.title,
    ...names.map((measure) => {
      const found = ratio(row, side, others, measure);
      return found ? `${digits(found.times)} (${found.best})` : "-";
    }),
  ]);
  const means = names.map((measure) => digits(compare(rows, side, others, measure)?.geometricMean ?? NaN));
  return markdownTable(["network", ...Object.values(measures)], [...lines, ["geometric mean", ...means]]);
}
