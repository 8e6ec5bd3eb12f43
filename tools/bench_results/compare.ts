/**
 * A run beside an earlier one.
 *
 * @module
 */
import { formatTable } from "../../src/cli/table.ts";
import { median, type Results } from "./results.ts";

/** What both runs have measured. */
export interface Ratio {
  name: string;
  oldMs: number;
  newMs: number;
  /** The new time over the old: below 1 is faster. */
  ratio: number;
}

/** Two runs side by side. */
export interface RunComparison {
  ratios: Ratio[];
  /** Of all ratios; NaN where there are none. */
  medianRatio: number;
  /** Only in the old one. */
  gone: string[];
  /** Only in the new one. */
  added: string[];
}

/** The new medians over the old ones. */
export function compareRuns(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): RunComparison {
  const ratios = Object.entries(after).flatMap(([name, newMs]) => {
    const oldMs = before[name];
    return oldMs === undefined ? [] : [{ name, oldMs, newMs, ratio: newMs / oldMs }];
  });
  return {
    ratios,
    medianRatio: median(ratios.map(({ ratio }) => ratio)),
    gone: Object.keys(before).filter((name) => !(name in after)),
    added: Object.keys(after).filter((name) => !(name in before)),
  };
}

/** The comparison as text, with a word on what makes the two runs unequal. */
export function describeComparison(
  { ratios, medianRatio, gone, added }: RunComparison,
  before: Omit<Results, "history">,
  after: Omit<Results, "history">,
): string {
  const told = ({ date, commit, engine, loadBefore, peak }: Omit<Results, "history">): string =>
    `${date}, ${commit ?? `version ${engine}`}, load ${loadBefore}, peak ${peak.gflops} GFLOP/s`;
  const rows = ratios.map((
    { name, oldMs, newMs, ratio },
  ) => [name, `${oldMs}`, `${newMs}`, ratio.toFixed(2)]);
  const peak = after.peak.gflops / before.peak.gflops;
  return [
    `old: ${told(before)}`,
    `new: ${told(after)}`,
    "",
    formatTable([["ms of one inference, medians", "old", "new", "new/old"], ...rows]),
    "",
    ratios.length === 0
      ? "The two runs have no bench in common."
      : `The median of ${ratios.length} ratios is ${medianRatio.toFixed(3)}: ${
        medianRatio < 1 ? "faster" : "not faster"
      } than before.`,
    ...(added.length > 0 ? [`New: ${added.join("; ")}.`] : []),
    ...(gone.length > 0 ? [`Not measured now: ${gone.join("; ")}.`] : []),
    ...(Math.abs(peak - 1) > 0.1
      ? [
        `The adapter's peak is ${
          peak.toFixed(2)
        } times the old one: the machine was not the same, or not as idle.`,
      ]
      : []),
    ...(before.adapter !== after.adapter
      ? [`The adapter was "${before.adapter}", and is "${after.adapter}".`]
      : []),
    ...(before.busy || after.busy
      ? [`Other programs ran beside ${before.busy ? after.busy ? "both" : "the old run" : "the new run"}.`]
      : []),
  ].join("\n");
}
