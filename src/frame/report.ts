/**
 * What a loop says of itself when it is over.
 *
 * @module
 */
import { type CreationCounts, describeCounts, formatBytes, type MemoryReport } from "../gpu/mod.ts";
import type { SkippedFrame } from "./frame.ts";

/** The stages of a frame whose time is taken, and `total`: from when it was decoded to when its result was written. */
export const STAGES = ["decode", "upload", "gpu", "readback", "post", "total"] as const;

/** One stage of a frame. */
export type Stage = typeof STAGES[number];

/** What each stage's time is, for people. */
const STAGE_MEANINGS: Readonly<Record<Stage, string>> = {
  decode: "waiting for the source",
  upload: "writing pixels, recording, submitting",
  gpu: "the GPU's own time",
  readback: "waiting for the result",
  post: "writing to the outputs",
  total: "from decoded to written",
};

/** Percentiles of a stage in milliseconds. */
export interface StageTimes {
  p50: number;
  p90: number;
  p99: number;
}

/** The outcome of a loop. */
export interface LoopReport {
  /** Frames whose results left the loop. */
  frames: number;
  /** Frames that could not be decoded, in number, and the first of them. */
  skipped: number;
  firstSkipped: readonly SkippedFrame[];
  /** Wall time from the first frame asked for until everything was written and closed. */
  seconds: number;
  /** 0 without frames. */
  framesPerSecond: number;
  /** Frames in flight at once. */
  slots: number;
  /** A stage that could not be measured (the GPU's time without timestamps) is left out. */
  stages: Partial<Record<Stage, StageTimes>>;
  memory: MemoryReport;
  /** GPU objects that frames created. */
  created: CreationCounts;
  /** Why the loop ended before its source did, if it did. */
  interrupted?: "signal" | "limit" | "sink";
}

/** The report as lines for people. */
export function describeReport(report: LoopReport): string {
  const { frames, skipped, firstSkipped, stages } = report;
  const lines = [
    `${count(frames, "frame")} in ${report.seconds.toFixed(2)} s, ${
      report.framesPerSecond.toFixed(1)
    } frames/s, ` +
    `${report.slots} in flight`,
  ];
  if (skipped > 0) {
    lines.push(`${count(skipped, "frame")} skipped:`);
    for (const { index, name, reason } of firstSkipped) lines.push(`  frame ${index} (${name}): ${reason}`);
    if (skipped > firstSkipped.length) lines.push(`  and ${skipped - firstSkipped.length} more`);
  }
  if (frames > 0) {
    lines.push("ms a frame       p50       p90       p99");
    for (const stage of STAGES) lines.push(describeStage(stage, stages[stage]));
  }
  for (const { label, highWaterBytes, capacityBytes } of report.memory.stacks) {
    lines.push(`${label}: high water ${formatBytes(highWaterBytes)} of ${formatBytes(capacityBytes)}`);
  }
  const { fallbacks, fallbackBytes, streamsWithoutStack, unreleased, buffers } = report.memory;
  lines.push(`all GPU memory: high water ${formatBytes(buffers.highWaterBytes)}`);
  if (streamsWithoutStack > 0) lines.push(`streams without a stack: ${streamsWithoutStack}`);
  lines.push(`fallbacks: ${fallbacks}${fallbacks > 0 ? ` (${formatBytes(fallbackBytes)})` : ""}`);
  if (unreleased.count > 0) {
    lines.push(`left to the garbage collector: ${unreleased.count} (${formatBytes(unreleased.bytes)})`);
  }
  lines.push(`created in loop: ${describeCounts(report.created)}`);
  return lines.join("\n");
}

function describeStage(stage: Stage, times: StageTimes | undefined): string {
  const name = stage.padEnd(10);
  if (!times) return `${name}  not measured${stage === "gpu" ? ": this adapter takes no time stamps" : ""}`;
  const cells = [times.p50, times.p90, times.p99].map((ms) => formatMs(ms).padStart(10));
  return `${name}${cells.join("")}  ${STAGE_MEANINGS[stage]}`;
}

/** Milliseconds with three digits at least. */
function formatMs(ms: number): string {
  return ms.toFixed(ms >= 99.95 ? 0 : ms >= 9.995 ? 1 : 2);
}

/** `1 frame`, `2 frames`. */
function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
