/**
 * Results as a section of the README.
 *
 * @module
 */
import { betweenLines, markdownTable, wrapped } from "../markdown.ts";
import type { BenchResult, Results } from "./results.ts";

/** Between these lines of the README are the tables. */
export const BEGIN = "<!-- benchmarks, begin -->";
export const END = "<!-- benchmarks, end -->";

/** The operators that are shown; networks are all shown. */
export const SHOWN_OPERATORS: readonly string[] = [
  "convolution 1x1 256>256 at 28x28",
  "convolution 3x3 64>64 at 56x56",
  "convolution 3x3 64>64 at 56x56, without Winograd's algorithm",
  "convolution 3x3 stride 2, 3>32 at 300x300",
  "convolution depthwise 3x3, 192 at 56x56",
  "MatMul 196x384 by 384x384",
  "MaxPool 3x3 stride 2, 64 at 112x112",
  "Resize linear 64 at 40x40 to 80x80",
];

/** A file of results and its name. */
export interface NamedResults {
  /** Such as `bench/results/llvmpipe-256-bits.json`. */
  path: string;
  results: Results;
}

/** Puts the tables of all adapters into the README. @throws {RangeError} if it lacks the lines for them. */
export function withBenchmarks(page: string, all: readonly NamedResults[]): string {
  return betweenLines(page, BEGIN, END, benchmarksSection(all));
}

/** A paragraph and a table for each adapter. */
export function benchmarksSection(all: readonly NamedResults[]): string {
  return all.flatMap(({ path, results }) => {
    const shown = [
      ...results.benches.filter(({ group }) => group === "network"),
      ...SHOWN_OPERATORS.flatMap((name) => results.benches.filter((bench) => bench.name === name)),
    ];
    return [wrapped(introduction(path, results)), markdownTable(COLUMNS, shown.map(row))];
  }).join("\n\n");
}

const COLUMNS = ["network, or operator alone", "ms", "least ms", "GFLOP/s", "% of peak", "GB/s"];

function row({ name, medianMs, leastMs, gflops, shareOfPeak, gbs }: BenchResult): string[] {
  return [
    name,
    short(medianMs),
    short(leastMs),
    short(gflops),
    shareOfPeak === undefined ? "-" : (100 * shareOfPeak).toFixed(0),
    short(gbs),
  ];
}

/** Three digits. */
function short(value: number | undefined): string {
  if (value === undefined) return "-";
  return value >= 100
    ? value.toFixed(0)
    : value >= 10
    ? value.toFixed(1)
    : Number(value.toPrecision(3)).toString();
}

function introduction(path: string, results: Results): string {
  const { adapter, driver, processor, threads, deno, date, commit, peak, busy, loadBefore, leftOut } =
    results;
  return [
    `On ${[adapter, ...driver].join(", ")}; ${processor}, ${threads} threads; Deno ${deno};`,
    `${date.slice(0, 10)}${commit === undefined ? "" : `, commit ${commit}`} (\`${path}\`).`,
    `The adapter's measured peak: ${short(peak.gflops)} GFLOP/s of multiply-adds in registers,`,
    `${short(peak.copyGBs)} GB/s of copies, ${short(peak.launchMs * 1000)} µs a dispatch.`,
    ...(busy
      ? [
        `**Other programs ran beside it** (load average ${
          loadBefore.toFixed(1)
        } before it): times are too large, and uneven.`,
      ]
      : []),
    ...(leftOut.length > 0 ? [`Left out, as their files were not there: ${leftOut.join("; ")}.`] : []),
  ].join(" ");
}
