/**
 * What `framewise detect` is told.
 *
 * @module
 */
import { PIXEL_FORMATS, type PixelFormat } from "../frame/frame.ts";
import type { TuneMode } from "../graph/mod.ts";
import type { Size } from "../vision/fit.ts";
import { type Arguments, readArguments } from "./arguments.ts";
import type { ModelHints } from "./detection_model.ts";
import { UsageError } from "./failure.ts";
import { readTune, TUNE_USAGE } from "./tuning.ts";

/** The text of `framewise detect --help`. */
export const DETECT_USAGE = `Usage:
  framewise detect SOURCE [--model FILE|NAME] [options]
                                            find objects in a video, an image, a folder or glob of images,
                                            or raw frames on stdin (-)
    --model            the network (town-detector, which comes with Framewise: trained on drawn scenes)
    --json FILE|-      write a JSON line a frame
    --video FILE       write the annotated video (or, for images, an image or a folder)
    --conf 0.25        least score
    --iou 0.45         boxes of one class that overlap more are one object
    --agnostic         boxes of different classes suppress each other too
    --classes A,B      only these classes
    --slots 4          frames in flight
    --f16              keep values between kernels in 16 bits: half the memory, about three digits
    --limit N          stop after N frames
    --strict           fail if a frame creates a GPU object
${TUNE_USAGE}
    --quiet            no progress bar, no summary
    --size WxH --format rgb24 --rate 25     what raw frames on stdin are
    --size WxH         for several images: the largest to come (1920x1080)
  for a network that the catalogue does not know:
    --family yolox|fastestdet|ultraface|yunet|ssd
    --input 416x416,letterbox-top-left,bgr,fill=114,scale=1,mean=0,std=1
    --labels FILE      a class name a line`;

const FLAGS = ["agnostic", "f16", "strict", "quiet"];
const VALUES = "model json video conf iou classes slots limit size format rate family input labels tune"
  .split(
    " ",
  );

/** The options, checked as far as that goes without opening anything. */
export interface DetectOptions {
  source: string;
  /** Undefined: the one that comes with Framewise. */
  model: string | undefined;
  hints: ModelHints;
  json: string | undefined;
  video: string | undefined;
  scoreThreshold: number;
  iouThreshold: number;
  agnostic: boolean;
  /** Names or numbers, separated by commas. */
  classes: string | undefined;
  slots: number;
  /** Values between kernels are kept in 16 bits. */
  f16: boolean;
  /** Infinity if there is none. */
  limit: number;
  strict: boolean;
  tune: TuneMode | undefined;
  quiet: boolean;
  raw: { size?: Size; format?: PixelFormat; frameRate?: number };
}

/** Reads the arguments of `framewise detect`; undefined if help is asked for. @throws {UsageError} */
export function readDetectOptions(args: readonly string[]): DetectOptions | undefined {
  const given = readArguments(args, { flags: FLAGS, values: VALUES });
  if (given.flag("help")) return undefined;
  const [source, ...rest] = given.positional;
  if (source === undefined) {
    throw new UsageError("SOURCE is missing: a file, a folder, a glob, or - for stdin");
  }
  if (rest.length > 0) throw new UsageError(`one SOURCE at a time; "${rest.join('", "')}" is too much`);
  const model = given.value("model");
  const hints = { family: given.value("family"), input: given.value("input"), labels: given.value("labels") };
  for (const [name, hint] of Object.entries(hints)) {
    if (hint !== undefined && model === undefined) {
      throw new UsageError(`--${name} goes with --model, the network that it is about`);
    }
  }
  const [json, video] = [given.value("json"), given.value("video")];
  if (json !== undefined && json === video) {
    throw new UsageError(`--json and --video are both "${json}"; write to two files`);
  }
  const raw = readRaw(given);
  if (source === "-" && raw.size === undefined) {
    throw new UsageError("raw frames on stdin need --size WxH, and --format if it is not rgb24");
  }
  return {
    source,
    model,
    hints,
    json,
    video,
    scoreThreshold: given.number("conf", 0.25, { min: 0, max: 1 }),
    iouThreshold: given.number("iou", 0.45, { min: 0, max: 1 }),
    agnostic: given.flag("agnostic"),
    classes: given.value("classes"),
    slots: given.number("slots", 4, { min: 1, max: 64, whole: true }),
    limit: given.number("limit", Infinity, { min: 1, max: Infinity, whole: true }),
    f16: given.flag("f16"),
    strict: given.flag("strict"),
    tune: readTune(given),
    quiet: given.flag("quiet"),
    raw,
  };
}

/** What raw frames on stdin are. @throws {UsageError} */
export function readRaw(given: Arguments): DetectOptions["raw"] {
  const [size, format] = [given.value("size"), given.value("format")];
  const parts = size === undefined ? undefined : /^([1-9]\d*)x([1-9]\d*)$/.exec(size);
  if (parts === null) throw new UsageError(`--size is "${size}"; write it as 640x480`);
  const known = PIXEL_FORMATS.find((name) => name === format);
  if (format !== undefined && !known) {
    throw new UsageError(`--format is "${format}"; there are ${PIXEL_FORMATS.join(", ")}`);
  }
  return {
    ...(parts && { size: { width: Number(parts[1]), height: Number(parts[2]) } }),
    ...(known && { format: known }),
    ...(given.value("rate") !== undefined &&
      { frameRate: given.number("rate", 25, { min: 0.001, max: 100_000 }) }),
  };
}
