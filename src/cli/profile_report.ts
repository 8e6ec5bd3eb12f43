/**
 * What `framewise profile` tells: for people and for programs.
 *
 * @module
 */
import type { Peaks } from "../gpu/mod.ts";
import {
  type Profile,
  type ProfiledDispatch,
  type ProfiledKernel,
  type SlowDispatch,
  slowForTheirKind,
} from "../graph/profile.ts";
import type { LayerChoice } from "../ops/kernel_choice.ts";
import { formatTable } from "./table.ts";

/** What was profiled, where. */
export interface ProfiledNetwork {
  file: string;
  adapter: string;
  precision: "f32" | "f16";
  inputs: Record<string, readonly number[]>;
  /** Absent with `--no-peak`. */
  peaks?: Peaks;
  profile: Profile;
}

/** Rates of a dispatch, or of several. */
export interface Rates {
  /** Billions of floating point operations a second, two a multiply-add. */
  gflops: number;
  /** Billions of bytes a second. */
  gbytes: number;
  /** The larger of the two over the adapter's peak, from 0; absent where no peak was measured. */
  ofPeak?: number;
}

/**
 * The rates of a dispatch: what it computes and moves, over the least time that it was seen to take, copies included. The
 * peak is of the best of several rounds, too.
 */
export function ratesOf(
  { multiplyAdds, bytes, leastMs }: Pick<ProfiledDispatch, "multiplyAdds" | "bytes" | "leastMs">,
  peaks?: Peaks,
): Rates {
  const gflops = leastMs > 0 ? 2 * multiplyAdds / leastMs / 1e6 : 0;
  const gbytes = leastMs > 0 ? bytes / leastMs / 1e6 : 0;
  if (!peaks) return { gflops, gbytes };
  const memory = Math.max(peaks.copyBytes, peaks.storageBytes);
  return { gflops, gbytes, ofPeak: Math.max(gflops * 1e9 / peaks.flops, gbytes * 1e9 / memory) };
}

/** What `--json` prints. */
export function profileJson({ profile, ...network }: ProfiledNetwork): Record<string, unknown> {
  const withRates = <T extends ProfiledDispatch | ProfiledKernel>(one: T): T & Rates => ({
    ...one,
    ...ratesOf(one, network.peaks),
  });
  return {
    ...network,
    ...profile,
    dispatches: profile.dispatches.map(withRates),
    kernels: profile.kernels.map(withRates),
    slow: slowForTheirKind(profile).map(({ dispatch, best, ratio }) => ({
      index: dispatch.index,
      best: best.index,
      ratio,
    })),
  };
}

/** The report for people. */
export function formatProfile(
  { profile, ...network }: ProfiledNetwork,
  options: { why?: boolean } = {},
): string {
  const { file, adapter, precision, inputs, peaks } = network;
  const shapes = Object.entries(inputs).map(([name, shape]) => `${name} [${shape.join(", ")}]`).join(", ");
  const sections = [
    [
      `network: ${file}, ${shapes}, ${precision}`,
      `adapter: ${adapter}`,
      ...(peaks ? [`its peak: ${describePeaks(peaks)}`] : []),
      `timed by ${METHODS[profile.method]}; medians of ${profile.rounds} rounds, rates by the least of them`,
      ...describeDisturbance(profile),
    ].join("\n"),
    dispatchTable(profile, peaks),
    kernelTable(profile, peaks),
    describeTotals(profile, peaks),
  ];
  const slow = slowForTheirKind(profile);
  if (slow.length > 0) {
    sections.push(
      [
        "slow for their kind (5 % of the time or more, under a third of the best rate):",
        ...slow.map(describeSlow),
      ].join("\n"),
    );
  }
  if (options.why) sections.push(describeChoices(profile));
  return sections.join("\n\n");
}

const METHODS: Readonly<Record<Profile["method"], string>> = {
  timestamps: "timestamps, each dispatch in its place in the run",
  repeated: "repeating each dispatch in one submit",
  processor: "repeating each dispatch in one submit; processor time, all cores together",
};

/** The adapter's measured peak in one line. */
export function describePeaks({ flops, copyBytes, storageBytes, launchMs, passMs, waitMs }: Peaks): string {
  return `${giga(flops)} GFLOP/s of multiply-adds, ${giga(copyBytes)} GB/s copying buffers, ` +
    `${giga(storageBytes)} GB/s by a kernel, ${micro(launchMs)} us a dispatch, ${micro(passMs)} us a pass, ` +
    `${waitMs.toFixed(1)} ms a wait`;
}

function dispatchTable({ dispatches }: Profile, peaks: Peaks | undefined): string {
  const copies = dispatches.some(({ copyMs }) => copyMs > 0);
  return formatColumns([
    [
      "#",
      "ms",
      "least",
      ...(copies ? ["copies"] : []),
      "share",
      "GFLOP/s",
      "GB/s",
      ...(peaks ? ["of peak"] : []),
    ],
    ...dispatches.map((dispatch) => [
      String(dispatch.index),
      milli(dispatch.ms),
      milli(dispatch.leastMs),
      ...(copies ? [dispatch.copyMs > 0 ? milli(dispatch.copyMs) : ""] : []),
      percent(dispatch.share),
      ...rateCells(dispatch, peaks),
    ]),
  ], [
    ["kernel", "shape", "operators", "node"],
    ...dispatches.map(({ kernel, shape, operators, node }) => [kernel, shape, operators.join("+"), node]),
  ]);
}

function kernelTable({ kernels }: Profile, peaks: Peaks | undefined): string {
  return formatColumns([
    ["ms", "least", "share", "dispatches", "GFLOP/s", "GB/s", ...(peaks ? ["of peak"] : [])],
    ...kernels.map((kernel) => [
      milli(kernel.ms),
      milli(kernel.leastMs),
      percent(kernel.share),
      String(kernel.dispatches),
      ...rateCells(kernel, peaks),
    ]),
  ], [["kernel"], ...kernels.map(({ kernel }) => [kernel])]);
}

function rateCells(one: ProfiledDispatch | ProfiledKernel, peaks: Peaks | undefined): string[] {
  const { gflops, gbytes, ofPeak } = ratesOf(one, peaks);
  return [
    one.multiplyAdds > 0 ? rate(gflops) : "",
    rate(gbytes),
    ...(ofPeak === undefined ? [] : [percent(ofPeak)]),
  ];
}

function describeTotals(profile: Profile, peaks: Peaks | undefined): string {
  const { dispatches, sumMs, leastMs, copyMs, planMs, planLeastMs, frameMs, multiplyAdds } = profile;
  const whole = ratesOf({ multiplyAdds, bytes: 0, leastMs: planLeastMs }, peaks);
  const difference = planLeastMs - leastMs;
  const copies = copyMs > 0
    ? `; ${milli(copyMs)} ms (${percent(copyMs / sumMs)}) are copies into textures`
    : "";
  return [
    `sum of ${dispatches.length} dispatches: ${milli(sumMs)} ms, least ${milli(leastMs)} ms${copies}`,
    `one run as recorded: ${milli(planMs)} ms, least ${milli(planLeastMs)} ms, ` +
    `${difference < 0 ? "" : "+"}${milli(difference)} ms to the sum of the least ` +
    `(${micro(difference / Math.max(dispatches.length, 1))} us a dispatch); ${rate(whole.gflops)} GFLOP/s` +
    (whole.ofPeak === undefined ? "" : `, ${percent(whole.ofPeak)} of the peak`),
    `one run of many by the wall clock: ${milli(frameMs)} ms, recording and submitting included`,
  ].join("\n");
}

/** Medians this much above the least times are not the network's own. */
const DISTURBED = 1.3;

/** A word on medians that other work has raised: it interrupts long dispatches most, and shifts the shares. */
function describeDisturbance({ sumMs, leastMs, method }: Profile): string[] {
  const ratio = sumMs / leastMs;
  return ratio > DISTURBED
    ? [
      `disturbed: the medians add up to ${
        ratio.toFixed(1)
      } times the least times, so other work ran beside; ` +
      `read the least${method === "processor" ? "" : ", or on software try --method processor"}`,
    ]
    : [];
}

function describeSlow({ dispatch, best, ratio }: SlowDispatch): string {
  return `  #${dispatch.index} ${dispatch.kernel} ${dispatch.shape}: ${
    percent(dispatch.share)
  } of the time, ` +
    `${percent(ratio)} of the rate of #${best.index} ${best.kernel} ${best.shape} (${dispatch.kind})`;
}

/** Each reason once, with the dispatches that it is for. */
function describeChoices({ dispatches }: Profile): string {
  const told = dispatches.filter(({ why }) => why !== undefined);
  const reasons = Map.groupBy(told, ({ kernel, why }) => `${kernel}: ${why}`);
  const rest = dispatches.length - told.length;
  return [
    "why these kernels:",
    ...[...reasons].map(([reason, list]) => `  ${reason}:\n${describeLayers(list)}`),
    ...(rest > 0 ? [`  the other ${rest} are of operators that tell of no choice`] : []),
  ].join("\n");
}

/** Shapes with the numbers of their dispatches, a line each, and what was chosen among. */
function describeLayers(dispatches: readonly ProfiledDispatch[]): string {
  return [...Map.groupBy(dispatches, ({ shape, choice }) => `${shape} ${choice?.layer} ${choice?.chosen}`)]
    .map(([, list]) => {
      const [{ shape, choice }] = list as [ProfiledDispatch];
      const layer = `    ${shape}: ${list.map(({ index }) => `#${index}`).join(", ")}`;
      return choice ? `${layer}\n      ${describeCandidates(choice)}` : layer;
    }).join("\n");
}

/** The candidates of a layer, the chosen one first, then by their times; those without a time in the estimates' order. */
function describeCandidates({ chosen, candidates, ms }: LayerChoice): string {
  if (candidates.length === 1) return `${chosen}; no other applies`;
  const estimated = candidates[0] === chosen ? "" : `; the estimate's is ${candidates[0]}`;
  const timed = candidates.filter((id) => ms[id] !== undefined);
  const others = candidates.filter((id) => id !== chosen && ms[id] === undefined);
  const rest = others.length > 0 ? `; not timed: ${others.join(", ")}` : "";
  if (timed.length === 0) return `${chosen}${estimated}${rest}`;
  const sorted = timed.filter((id) => id !== chosen)
    .sort((a, b) => (ms[a] ?? Infinity) - (ms[b] ?? Infinity));
  const time = (id: string): string => {
    const taken = ms[id];
    return `${id} ${taken === null ? "refused by the adapter" : milli(taken!)}`;
  };
  return `${ms[chosen] === undefined ? chosen : `${time(chosen)} ms`}; ${
    sorted.map(time).join(", ")
  }${estimated}${rest}`;
}

/** Numbers to the right, then words to the left. */
function formatColumns(
  numbers: readonly (readonly string[])[],
  words: readonly (readonly string[])[],
): string {
  const widths = numbers[0]!.map((_, i) => Math.max(...numbers.map((row) => row[i]!.length)));
  return formatTable(
    numbers.map((row, i) => [...row.map((cell, column) => cell.padStart(widths[column]!)), ...words[i]!]),
  );
}

function milli(ms: number): string {
  return Math.abs(ms) < 10 ? ms.toFixed(3) : ms.toFixed(1);
}

function micro(ms: number): string {
  return (ms * 1000).toFixed(Math.abs(ms) < 0.01 ? 1 : 0);
}

function giga(perSecond: number): string {
  return rate(perSecond / 1e9);
}

function rate(value: number): string {
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0);
}

function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}
