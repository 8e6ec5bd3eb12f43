/**
 * `framewise detect`: objects in a video, images or raw frames.
 *
 * @module
 */
import { Detector } from "../detect/detector.ts";
import { Session } from "../graph/session.ts";
import { type FrameSink, type FrameSource, PIXEL_FORMATS, type PixelFormat } from "../frame/frame.ts";
import { LoopError, runLoop } from "../frame/loop.ts";
import { describeReport, type LoopReport } from "../frame/report.ts";
import { Device } from "../gpu/mod.ts";
import { ImageSink, isSameFile, JsonLinesSink, openSource, VideoSink } from "../video/mod.ts";
import type { Detection } from "../vision/detection.ts";
import { type Arguments, readArguments } from "./arguments.ts";
import { classIds, openDetectionModel } from "./detection_model.ts";
import { reportFailure, UsageError } from "./failure.ts";
import { ProgressBar } from "./progress.ts";

/** The text of `framewise detect --help`. */
export const DETECT_USAGE = `Usage:
  framewise detect SOURCE --model FILE|NAME [options]
                                            find objects in a video, an image, a folder or glob of images,
                                            or raw frames on stdin (-)
    --json FILE|-      write a JSON line a frame
    --video FILE       write the annotated video (or, for images, an image or a folder)
    --conf 0.25        least score
    --iou 0.45         boxes of one class that overlap more are one object
    --agnostic         boxes of different classes suppress each other too
    --classes A,B      only these classes
    --slots 4          frames in flight
    --limit N          stop after N frames
    --strict           fail if a frame creates a GPU object
    --quiet            no progress bar, no summary
    --size WxH --format rgb24 --rate 25     what raw frames on stdin are
  for a network that the catalogue does not know:
    --family yolox|fastestdet|ultraface|yunet|ssd
    --input 416x416,letterbox-top-left,bgr,fill=114,scale=1,mean=0,std=1
    --labels FILE      a class name a line`;

const OPTIONS = {
  flags: ["agnostic", "strict", "quiet"],
  values: [
    "model",
    "json",
    "video",
    "conf",
    "iou",
    "classes",
    "slots",
    "limit",
    "size",
    "format",
    "rate",
    "family",
    "input",
    "labels",
  ],
};

/** Endings of outputs that are videos; everything else is an image or a folder of images. */
const VIDEO_OUTPUT = /\.(mp4|m4v|mov|mkv)$/i;

/** Runs `framewise detect ARGS`; returns the exit code. */
export async function detectCommand(args: readonly string[]): Promise<number> {
  try {
    const given = readArguments(args, OPTIONS);
    if (given.flag("help")) {
      console.log(DETECT_USAGE);
      return 0;
    }
    return await detect(given);
  } catch (error) {
    return reportFailure("framewise detect", error, DETECT_USAGE);
  }
}

async function detect(given: Arguments): Promise<number> {
  const [spec, ...rest] = given.positional;
  if (spec === undefined) throw new UsageError("SOURCE is missing");
  if (rest.length > 0) throw new UsageError(`one SOURCE at a time; "${rest.join('", "')}" is too much`);
  const modelName = given.value("model") ?? missingModel();
  const slots = given.number("slots", 4, { min: 1, max: 64, whole: true });
  const limit = given.number("limit", Infinity, { min: 1, max: Infinity, whole: true });
  const options = {
    scoreThreshold: given.number("conf", 0.25, { min: 0, max: 1 }),
    iouThreshold: given.number("iou", 0.45, { min: 0, max: 1 }),
    agnostic: given.flag("agnostic"),
  };
  const raw = readRawFormat(given);
  await using stack = new AsyncDisposableStack();
  const model = await openDetectionModel(modelName, {
    family: given.value("family"),
    input: given.value("input"),
    labels: given.value("labels"),
  });
  const classes = given.value("classes");
  const source = stack.adopt(await openSource(spec, { ...raw, buffers: slots + 4 }), (it) => it.close());
  const sinks = await openSinks(given, spec, source, stack);
  const quiet = given.flag("quiet");
  const warn = (message: string): void => void (quiet || console.error(`framewise detect: ${message}`));
  const device = stack.use(await Device.request({ onWarning: warn }));
  const session = stack.use(new Session(device, model.graph));
  const { width, height } = source.info;
  const detector = stack.use(
    await Detector.create(device, {
      ...model,
      ...options,
      session,
      slots,
      onWarning: warn,
      ...(classes !== undefined && { classes: classIds(classes, model.labels) }),
      ...(width && height && { frame: { width, height } }),
    }),
  );
  const total = source.info.frameCount === undefined ? undefined : Math.min(source.info.frameCount, limit);
  const progress = new ProgressBar(total, quiet);
  const counts = new Map<string, number>();
  const print = given.value("json") === "-" ? console.error : console.log;
  const controller = new AbortController();
  const interrupt = (): void => {
    // The second Ctrl-C does not wait for frames under way.
    if (controller.signal.aborted) Deno.exit(130);
    controller.abort();
  };
  Deno.addSignalListener("SIGINT", interrupt);
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", interrupt);
  const summarise = (report: LoopReport): void => {
    progress.clear();
    if (!quiet) print(summary(report, counts));
  };
  try {
    summarise(
      await runLoop<readonly Detection[]>({
        device,
        source,
        slots: detector.slots,
        sinks,
        limit,
        strict: given.flag("strict"),
        signal: controller.signal,
        onFrame: (done, _, detections) => {
          for (const { label } of detections) counts.set(label, (counts.get(label) ?? 0) + 1);
          progress.update(done);
        },
        onSkipped: ({ index, name, reason }) => {
          progress.clear();
          console.error(`framewise detect: frame ${index} (${name}) skipped: ${reason}`);
        },
      }),
    );
    return 0;
  } catch (error) {
    if (error instanceof LoopError && error.report.frames > 0) summarise(error.report);
    progress.clear();
    throw error;
  } finally {
    Deno.removeSignalListener("SIGINT", interrupt);
    if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGTERM", interrupt);
  }
}

function missingModel(): never {
  throw new UsageError("--model is missing: a file, or a name that `framewise models` lists");
}

async function openSinks(
  given: Arguments,
  spec: string,
  source: FrameSource,
  stack: AsyncDisposableStack,
): Promise<FrameSink<readonly Detection[]>[]> {
  const sinks: FrameSink<readonly Detection[]>[] = [];
  const add = (sink: FrameSink<readonly Detection[]>): void => {
    sinks.push(stack.adopt(sink, (it) => it.close()));
  };
  const [json, video] = [given.value("json"), given.value("video")];
  for (const output of [json, video]) {
    if (output !== undefined && output !== "-" && spec !== "-" && await isSameFile(spec, output)) {
      throw new UsageError(`"${output}" is the source itself; write to another file`);
    }
  }
  if (json !== undefined) add(await JsonLinesSink.open(json));
  if (video === undefined) return sinks;
  if (VIDEO_OUTPUT.test(video)) add(await VideoSink.open(video, { frameRate: source.info.frameRate }));
  else add(await ImageSink.open(video));
  return sinks;
}

function readRawFormat(
  given: Arguments,
): { size?: { width: number; height: number }; format?: PixelFormat; frameRate?: number } {
  const [size, format] = [given.value("size"), given.value("format")];
  const parts = size === undefined ? undefined : /^(\d+)x(\d+)$/.exec(size);
  if (parts === null) throw new UsageError(`--size is "${size}"; write it as 640x480`);
  if (format !== undefined && !PIXEL_FORMATS.some((known) => known === format)) {
    throw new UsageError(`--format is "${format}"; there are ${PIXEL_FORMATS.join(", ")}`);
  }
  return {
    ...(parts && { size: { width: Number(parts[1]), height: Number(parts[2]) } }),
    ...(format !== undefined && { format: format as PixelFormat }),
    ...(given.value("rate") !== undefined &&
      { frameRate: given.number("rate", 25, { min: 0.001, max: 100_000 }) }),
  };
}

/** The loop's report, and how often each class was found. */
function summary(report: LoopReport, counts: ReadonlyMap<string, number>): string {
  const found = [...counts].sort(([, a], [, b]) => b - a).map(([label, count]) => `${label} ${count}`);
  const lines = [describeReport(report), `found: ${found.length > 0 ? found.join(", ") : "nothing"}`];
  if (report.interrupted === "signal") lines.push("stopped by a signal; what was written is complete");
  return lines.join("\n");
}
