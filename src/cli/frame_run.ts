/**
 * What the commands that run frame loops have in common.
 *
 * @module
 */
import type { FrameSource, SkippedFrame } from "../frame/frame.ts";
import type { LoopError } from "../frame/loop.ts";
import type { LoopReport } from "../frame/report.ts";
import { totalCount } from "../gpu/mod.ts";
import type { Size } from "../vision/fit.ts";

/** What images of unknown sizes are prepared for. */
const USUAL_LARGEST: Size = { width: 1920, height: 1080 };

/** The largest frame to come, as far as it is known, or told. */
export function largestFrame({ info: { width, height } }: FrameSource, told: Size | undefined): Size {
  if (width !== undefined && height !== undefined) return { width, height };
  return told ?? USUAL_LARGEST;
}

/** A loop in which every frame was skipped is no success. */
export function refuseNothing(report: LoopReport): void {
  const [first] = report.firstSkipped;
  if (report.frames > 0 || !first || report.interrupted === "signal") return;
  throw new Error(
    `none of ${report.skipped} frames could be processed; the first: ${describeSkipped(first)}`,
  );
}

/** What to do about a strict loop that created something; where in the engine it did so is no matter of the user's. */
export function withAdvice(
  error: LoopError,
  { info }: FrameSource,
  { strict }: { strict: boolean },
  further = "",
): Error {
  if (!strict || totalCount(error.report.created) === 0) return error;
  const [message] = error.message.split("\n");
  const advice = info.width === undefined ? "; tell the largest image by --size WxH" : "";
  return new Error(`${message}${advice}${further}`, { cause: error });
}

/** One line about a frame that was skipped. */
export function describeSkipped({ index, name, reason }: SkippedFrame): string {
  return `frame ${index} (${name}) skipped: ${reason}`;
}
