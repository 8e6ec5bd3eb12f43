/**
 * Where the results of `framewise detect` go.
 *
 * @module
 */
import type { FrameSink, FrameSource } from "../frame/frame.ts";
import { ImageSink, isSameFile, JsonLinesSink, VideoSink } from "../video/mod.ts";
import type { Detection } from "../vision/detection.ts";
import type { DetectOptions } from "./detect_options.ts";
import { UsageError } from "./failure.ts";

type Sink = FrameSink<readonly Detection[]>;

const VIDEO_ENDINGS = ["mp4", "m4v", "mov", "mkv"];
const IMAGE_ENDINGS = ["png", "jpg", "jpeg", "bmp", "tif", "tiff", "ppm"];

/**
 * Opens the outputs; the stack closes them.
 *
 * @throws {UsageError} if one is the source itself, or no kind of output.
 * @throws {SinkError} if one cannot be written.
 */
export async function openOutputs(
  options: Pick<DetectOptions, "source" | "json" | "video" | "limit">,
  source: FrameSource,
  stack: AsyncDisposableStack,
): Promise<Sink[]> {
  const { json, video } = options;
  await refuseSource(options.source, [json, video]);
  const sinks: Sink[] = [];
  const add = (sink: Sink): void => void sinks.push(stack.adopt(sink, (it) => it.close()));
  // Checked before the JSON lines are opened, which empties their file.
  const open = video === undefined ? undefined : await annotated(video, source, options.limit);
  if (json !== undefined) add(await JsonLinesSink.open(json));
  if (open) add(await open());
  return sinks;
}

/** Refuses outputs that are the source itself. @throws {UsageError} */
export async function refuseSource(source: string, outputs: readonly (string | undefined)[]): Promise<void> {
  for (const output of outputs) {
    if (output === undefined || output === "-" || source === "-") continue;
    if (await isSameFile(source, output)) {
      throw new UsageError(`"${output}" is the source itself; write to another file`);
    }
  }
}

/** What opens the annotated output: a video, one image, or a folder of images, as its name ends. @throws {UsageError} */
export async function annotated(
  path: string,
  source: FrameSource,
  limit: number,
): Promise<() => Promise<Sink>> {
  const isFolder = path.endsWith("/") || await Deno.stat(path).then((info) => info.isDirectory, () => false);
  const ending = isFolder ? undefined : /\.([^./\\]+)$/.exec(path)?.[1]?.toLowerCase();
  if (ending !== undefined && VIDEO_ENDINGS.includes(ending)) {
    return () => VideoSink.open(path, { frameRate: source.info.frameRate });
  }
  if (ending === undefined) return () => ImageSink.open(path);
  if (!IMAGE_ENDINGS.includes(ending)) {
    throw new UsageError(
      `--video: "${path}" ends in no known kind; videos end in .${VIDEO_ENDINGS.join(", .")}, images in .${
        IMAGE_ENDINGS.join(", .")
      }, and a name without an ending is a folder of images`,
    );
  }
  const frames = Math.min(source.info.frameCount ?? Infinity, limit);
  if (frames > 1) {
    const count = Number.isFinite(frames) ? `${frames} frames` : "many frames";
    throw new UsageError(
      `--video: "${path}" is one image, "${source.info.name}" has ${count}; give a video or a folder`,
    );
  }
  return () => ImageSink.open(path);
}
