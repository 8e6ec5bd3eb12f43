/**
 * `framewise detect`: objects in a video, images or raw frames.
 *
 * @module
 */
import { Detector } from "../detect/detector.ts";
import type { EmbeddedNetworkName } from "../embedded/mod.ts";
import { LoopError, runLoop } from "../frame/loop.ts";
import { describeReport, type LoopReport } from "../frame/report.ts";
import { Device } from "../gpu/mod.ts";
import { Session } from "../graph/session.ts";
import { openSource } from "../video/mod.ts";
import type { Detection } from "../vision/detection.ts";
import { DETECT_USAGE, type DetectOptions, readDetectOptions } from "./detect_options.ts";
import { openOutputs } from "./detect_outputs.ts";
import { classIds, type DetectionModel, inputShape, openDetectionModel } from "./detection_model.ts";
import { reportFailure } from "./failure.ts";
import { describeSkipped, largestFrame, refuseNothing, withAdvice } from "./frame_run.ts";
import { untilInterrupted } from "./interrupt.ts";
import { ProgressBar } from "./progress.ts";
import { sessionTuning } from "./tuning.ts";

/** The network that is used where none is named. */
const DEFAULT_DETECTOR: EmbeddedNetworkName = "town-detector";

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
  if (options.model === undefined) {
    warn(
      `--model is not given: taking ${DEFAULT_DETECTOR}, which comes with Framewise and was trained on drawn scenes alone; ` +
        `--model names another`,
    );
  }
  const model = await openDetectionModel(options.model ?? DEFAULT_DETECTOR, options.hints);
  const classes = options.classes === undefined ? "all" : classIds(options.classes, model.labels);
  const buffers = slots + 4;
  const source = stack.adopt(await openSource(options.source, { ...raw, buffers }), (it) => it.close());
  const sinks = await openOutputs(options, source, stack);
  const { frameCount } = source.info;
  const progress = new ProgressBar(frameCount === undefined ? undefined : Math.min(frameCount, limit), quiet);
  stack.defer(() => progress.clear());
  progress.say("preparing the network");
  const device = stack.use(await Device.request({ onWarning: warn }));
  const session = stack.use(
    new Session(device, model.graph, {
      precision: options.f16 ? "f16" : "f32",
      ...sessionTuning(options.tune, warn),
    }),
  );
  await session.tune(inputShape(model.graph, model.input));
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
      frame: largestFrame(source, raw.size),
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
