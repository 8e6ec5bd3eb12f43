/**
 * `framewise detect`: objects in a video, images or raw frames.
 *
 * @module
 */
import { Detector } from "../detect/detector.ts";
import type { FrameSource, SkippedFrame } from "../frame/frame.ts";
import { LoopError, runLoop } from "../frame/loop.ts";
import { describeReport, type LoopReport } from "../frame/report.ts";
import { Device, totalCount } from "../gpu/mod.ts";
import { Session } from "../graph/session.ts";
import { openSource } from "../video/mod.ts";
import type { Detection } from "../vision/detection.ts";
import type { Size } from "../vision/fit.ts";
import { DETECT_USAGE, type DetectOptions, readDetectOptions } from "./detect_options.ts";
import { openOutputs } from "./detect_outputs.ts";
import { classIds, type DetectionModel, openDetectionModel } from "./detection_model.ts";
import { reportFailure } from "./failure.ts";
import { untilInterrupted } from "./interrupt.ts";
import { ProgressBar } from "./progress.ts";

/** What images of unknown sizes are prepared for. */
const USUAL_LARGEST: Size = { width: 1920, height: 1080 };

/** Runs `framewise detect ARGS`; returns the exit code. */
export async function detectCommand(args: readonly string[]): Promise<number> {
  try {
    const options = readDetectOptions(args);
    if (options) await detect(options);
    else console.log(DETECT_USAGE);
    return 0;
  } catch (error) {
    return reportFailure("framewise detect", error, "see: framewise detect --help");
  }
}

async function detect(options: DetectOptions): Promise<void> {
  const { slots, limit, quiet, raw } = options;
  const warn = (message: string): void => void (quiet || console.error(`framewise detect: ${message}`));
  await using stack = new AsyncDisposableStack();
  const model = await openDetectionModel(options.model, options.hints);
  const classes = options.classes === undefined ? "all" : classIds(options.classes, model.labels);
  const buffers = slots + 4;
  const source = stack.adopt(await openSource(options.source, { ...raw, buffers }), (it) => it.close());
  const sinks = await openOutputs(options, source, stack);
  const { frameCount } = source.info;
  const progress = new ProgressBar(frameCount === undefined ? undefined : Math.min(frameCount, limit), quiet);
  stack.defer(() => progress.clear());
  progress.say("preparing the network");
  const device = stack.use(await Device.request({ onWarning: warn }));
  const session = stack.use(new Session(device, model.graph, { precision: options.f16 ? "f16" : "f32" }));
  const detector = stack.use(
    await Detector.create(device, {
      ...model,
      session,
      slots,
      classes,
      scoreThreshold: options.scoreThreshold,
      iouThreshold: options.iouThreshold,
      agnostic: options.agnostic,
      onWarning: warn,
      frame: largestFrame(source, options),
      ...(options.source === "-" && { formats: [raw.format ?? "rgb24"] }),
    }),
  );
  const counts = new Map<string, number>();
  const summarise = (report: LoopReport): void => {
    progress.clear();
    if (quiet) return;
    // Standard output is for the JSON lines, if they go there.
    const print = options.json === "-" ? console.error : console.log;
    print([describeSetup(model, device), describeReport(report), describeFound(report, counts)].join("\n"));
  };
  try {
    const report = await untilInterrupted((signal) =>
      runLoop<readonly Detection[]>({
        device,
        source,
        slots: detector.slots,
        sinks,
        limit,
        strict: options.strict,
        signal,
        onFrame: (done, _, detections) => {
          for (const { label } of detections) counts.set(label, (counts.get(label) ?? 0) + 1);
          progress.update(done);
        },
        onSkipped: (frame) => {
          progress.clear();
          console.error(`framewise detect: ${describeSkipped(frame)}`);
        },
      })
    );
    refuseNothing(report);
    summarise(report);
  } catch (error) {
    if (!(error instanceof LoopError)) throw error;
    if (error.report.frames > 0) summarise(error.report);
    throw withAdvice(error, source, options);
  }
}

/** The largest frame to come, as far as it is known or told. */
function largestFrame({ info: { width, height } }: FrameSource, { raw }: DetectOptions): Size {
  if (width !== undefined && height !== undefined) return { width, height };
  return raw.size ?? USUAL_LARGEST;
}

/** A loop in which every frame was skipped is no success. */
function refuseNothing(report: LoopReport): void {
  const [first] = report.firstSkipped;
  if (report.frames > 0 || !first || report.interrupted === "signal") return;
  throw new Error(
    `none of ${report.skipped} frames could be processed; the first: ${describeSkipped(first)}`,
  );
}

/** What to do about a strict loop that created something; where in the engine it did so is no matter of the user's. */
function withAdvice(error: LoopError, { info }: FrameSource, { strict }: DetectOptions): Error {
  if (!strict || totalCount(error.report.created) === 0) return error;
  const [message] = error.message.split("\n");
  const advice = info.width === undefined ? "; tell the largest image by --size WxH" : "";
  return new Error(`${message}${advice}`, { cause: error });
}

function describeSkipped({ index, name, reason }: SkippedFrame): string {
  return `frame ${index} (${name}) skipped: ${reason}`;
}

function describeSetup({ path, head, input }: DetectionModel, { adapterInfo }: Device): string {
  const { description, vendor } = adapterInfo;
  return [
    `network: ${path}, ${head.family} head, input ${input.width}x${input.height}`,
    `adapter: ${description || vendor || "unnamed"}`,
  ].join("\n");
}

/** How often each class was found, and how the loop ended if not with its source. */
function describeFound(report: LoopReport, counts: ReadonlyMap<string, number>): string {
  const found = [...counts].sort(([, a], [, b]) => b - a).map(([label, count]) => `${label} ${count}`);
  const lines = [`found in all frames: ${found.length > 0 ? found.join(", ") : "nothing"}`];
  if (report.interrupted === "signal") lines.push("stopped by a signal; what was written is complete");
  return lines.join("\n");
}
