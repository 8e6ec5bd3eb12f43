/**
 * Frames in, results out (Deno only): video by ffmpeg, images, raw frames on stdin; annotated video and images, JSON
 * lines.
 *
 * Sources and sinks work in workers, so that a main thread that waits for the GPU never holds up a pipe.
 *
 * @example
 * ```ts no-eval
 * import { isSkipped, JsonLinesSink, openSource, VideoSink } from "@framewise/framewise/video";
 *
 * const source = await openSource("in.mp4");
 * await using stack = new AsyncDisposableStack();
 * stack.defer(() => source.close());
 * const json = await JsonLinesSink.open("out.jsonl");
 * stack.defer(() => json.close());
 * const video = await VideoSink.open("out.mp4", { frameRate: source.info.frameRate });
 * stack.defer(() => video.close());
 * for await (const frame of source) {
 *   if (isSkipped(frame)) continue;
 *   const detections = [{ class_id: 0, label: "thing", score: 1, box: [10, 10, 90, 90] as [number, number, number, number] }];
 *   await json.write(frame, detections);
 *   await video.write(frame, detections);
 *   frame.release();
 * }
 * ```
 *
 * @module
 */

export {
  defaultColour,
  type Frame,
  frameBytes,
  type FrameColour,
  type FrameSink,
  type FrameSource,
  isSkipped,
  PIXEL_FORMATS,
  type PixelFormat,
  SinkError,
  type SkippedFrame,
  SourceError,
  type SourceInfo,
} from "../frame/frame.ts";
export {
  type Detection,
  type DetectionFrame,
  type DetectionRecord,
  detectionRecord,
} from "../vision/detection.ts";
export { type FfmpegPrograms } from "./ffmpeg.ts";
export { ImageSink, type ImageSinkOptions } from "./image_sink.ts";
export { JsonLinesSink, type RecordOf } from "./json_lines_sink.ts";
export { isSameFile } from "./output.ts";
export { openSource, type SourceOptions } from "./source.ts";
export { VideoSink, type VideoSinkOptions } from "./video_sink.ts";
export { mapFolder } from "./map_folder.ts";
export { tuningFolder } from "./tuning_folder.ts";
export { type OpenFile, openFile, type OpenFileOptions } from "./random_access_file.ts";
