/**
 * What a loop says of itself when it is over.
 *
 * @module
 */
import { type CreationCounts, describeCounts, formatBytes, type MemoryReport } from "../gpu/mod.ts";
import type { SkippedFrame } from "./frame.ts";

/** The stages of a frame whose time is taken. */
export const STAGES = ["decode", "upload", "gpu", "readback", "post"] as const;

/** One stage: `decode` waits for the source, `upload` writes pixels and records, `gpu` is the GPU's own time,
 * `readback` waits for the result, `post` hands it to the sinks. */
export type Stage = typeof STAGES[number];

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
  /** Wall time from the first frame asked for to the last result written. */
  seconds: number;
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
  const ms = (value: number): string => value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
  const lines = [
    `${report.frames} frames in ${report.seconds.toFixed(2)} s, ${
      report.framesPerSecond.toFixed(1)
    } frames/s, ` +
    `${report.slots} in flight`,
  ];
  if (report.skipped > 0) {
    lines.push(`${report.skipped} frame${report.skipped === 1 ? "" : "s"} skipped:`);
    for (const { index, name, reason } of report.firstSkipped) {
      lines.push(`  frame ${index} (${name}): ${reason}`);
    }
    if (report.skipped > report.firstSkipped.length) lines.push("  …");
  }
  lines.push("stage         p50      p90      p99  ms a frame");
  for (const stage of STAGES) {
    const times = report.stages[stage];
    if (!times) continue;
    const cells = [times.p50, times.p90, times.p99].map((value) => ms(value).padStart(8));
    lines.push(`${stage.padEnd(9)}${cells.join(" ")}`);
  }
  for (const stack of report.memory.stacks) {
    lines.push(
      `${stack.label}: high water ${formatBytes(stack.highWaterBytes)} of ${
        formatBytes(stack.capacityBytes)
      }`,
    );
  }
  const { fallbacks, fallbackBytes } = report.memory;
  lines.push(`fallbacks: ${fallbacks}${fallbacks > 0 ? ` (${formatBytes(fallbackBytes)})` : ""}`);
  lines.push(`created in loop: ${describeCounts(report.created)}`);
  return lines.join("\n");
}
