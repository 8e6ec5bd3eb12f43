/**
 * Images by ffmpeg: one annotated file a frame, one process a file.
 *
 * @module
 */

import { type PixelFormat, SinkError } from "../frame/frame.ts";
import { Annotator } from "../vision/draw.ts";
import { ffmpegPath, isFailure, type LogLine, parseLogLine } from "./ffmpeg.ts";
import { readLines, shortReason, spawn } from "./ffmpeg.ts";
import type { EncodeMessage, ImageOutput } from "./protocol.ts";

/** ffmpeg's names of the pixel formats. */
const FFMPEG_FORMAT: Record<PixelFormat, string> = {
  i420: "yuv420p",
  nv12: "nv12",
  rgb24: "rgb24",
  bgr24: "bgr24",
  rgba: "rgba",
  gray8: "gray",
};

/** The arguments with which ffmpeg writes one image. */
export function imageOutputArguments(frame: EncodeMessage): string[] {
  const { width, height, format, colour, path = "" } = frame;
  const matrix = colour.matrix === "bt709" ? "bt709" : "smpte170m";
  const yuv = format === "i420" || format === "nv12";
  const filter = yuv
    ? [`setparams=colorspace=${matrix}:range=${colour.range === "full" ? "pc" : "tv"},scale=flags=bicubic`]
    : ["scale=flags=bicubic"];
  return [
    ...["-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+error", "-y", "-f", "rawvideo"],
    ...["-pixel_format", FFMPEG_FORMAT[format], "-video_size", `${width}x${height}`, "-i", "pipe:0"],
    ...["-vf", filter.join(","), "-frames:v", "1", "-threads", "1"],
    ...(/\.jpe?g$/i.test(path) ? ["-q:v", "2"] : []),
    ...["-update", "1", ffmpegPath(path)],
  ];
}

/** Draws and writes images, each on its own. */
export class ImageEncoder {
  readonly #output: ImageOutput;
  #annotator: { key: string; annotator: Annotator } | undefined;

  constructor(output: ImageOutput) {
    this.#output = output;
  }

  /** Draws on a frame and writes it to its path; resolves when the file is complete. */
  async write(frame: EncodeMessage): Promise<void> {
    const { width, height, format, colour, path = "" } = frame;
    const key = `${width}x${height} ${format} ${colour.matrix} ${colour.range}`;
    if (this.#annotator?.key !== key) this.#annotator = { key, annotator: new Annotator(frame) };
    const data = new Uint8Array(frame.buffer, 0, frame.bytes);
    this.#annotator.annotator.draw(data, frame.detections);
    const child = spawn(this.#output.ffmpeg, imageOutputArguments(frame), {
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
    });
    const failures: LogLine[] = [];
    const logged = readLines(child.stderr, (line) => {
      const parsed = parseLogLine(line);
      if (parsed !== undefined && isFailure(parsed)) failures.push(parsed);
    });
    const writer = child.stdin.getWriter();
    // A failed write shows in the status.
    await writer.write(data).catch(() => {});
    await writer.close().catch(() => {});
    const status = await child.status;
    await logged;
    if (!status.success) {
      const reason = shortReason(failures, path) ?? `ffmpeg ended with code ${status.code}`;
      throw new SinkError(`Cannot write "${path}": ${reason}; check the disk and the folder`);
    }
  }
}
