/**
 * Video by ffmpeg: annotated frames in, one file out, at the times of the source.
 *
 * @module
 */

import { type PixelFormat, SinkError } from "../frame/frame.ts";
import { Annotator } from "../vision/draw.ts";
import { ffmpegPath, type LogLine, parseLogLine, readLines, shortReason, spawn } from "./ffmpeg.ts";
import { matroskaFrameHead, matroskaHead } from "./matroska.ts";
import { passthroughOption } from "./probe.ts";
import type { DrawStyle, EncodeMessage, VideoOutput } from "./protocol.ts";

/** What all frames of a video have in common. */
type VideoShape = Pick<EncodeMessage, "width" | "height" | "format" | "colour">;

/** Whether a format stores YUV. */
function isYuv(format: PixelFormat): boolean {
  return format === "i420" || format === "nv12";
}

/** The arguments with which ffmpeg encodes. Times are kept on a clock of 90 kHz, as usual for video. */
export function encodeArguments(output: VideoOutput, shape: VideoShape): string[] {
  const { width, height, colour } = shape;
  const matrix = colour.matrix === "bt709" ? "bt709" : "smpte170m";
  const range = isYuv(shape.format) && colour.range === "full" ? "pc" : "tv";
  const filters: string[] = [];
  if (!isYuv(shape.format)) filters.push(`scale=out_color_matrix=${colour.matrix}:out_range=tv`);
  filters.push("format=yuv420p", `setparams=colorspace=${matrix}:range=${range}`);
  // 4:2:0 video has even sizes: an odd last column or row is repeated.
  const right = width % 2, bottom = height % 2;
  if (right + bottom > 0) {
    // Both filters round to whole chroma samples, so they work on 4:4:4.
    filters.splice(
      filters.indexOf("format=yuv420p"),
      0,
      "format=yuv444p",
      `pad=${width + right}:${height + bottom}`,
      `fillborders=right=${right}:bottom=${bottom}:mode=smear`,
    );
  }
  const codec = output.encoder === "libx264"
    ? ["-c:v", "libx264", "-preset", "veryfast", "-crf", "21"]
    : output.encoder === "mpeg4"
    ? ["-c:v", "mpeg4", "-q:v", "3"]
    : ["-c:v", output.encoder];
  return [
    ...["-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+warning", "-y"],
    ...["-f", "matroska", "-i", "pipe:0", "-map", "0:v:0", "-vf", filters.join(",")],
    ...passthroughOption(output.version),
    ...["-enc_time_base", "1:90000", ...codec, "-colorspace", matrix, "-color_range", range],
    ...(/\.(mp4|m4v|mov)$/i.test(output.path)
      ? ["-video_track_timescale", "90000", "-movflags", "+faststart"]
      : []),
    ffmpegPath(output.path),
  ];
}

/** Draws and encodes frames in order. ffmpeg is started with the first frame, which tells the size. */
export class VideoEncoder {
  readonly #output: VideoOutput;
  readonly #style: DrawStyle;
  readonly #log: LogLine[] = [];
  #shape: VideoShape | undefined;
  #annotator: Annotator | undefined;
  #child: Deno.ChildProcess | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>> | undefined;
  #logged: Promise<void> = Promise.resolve();
  #startSeconds = 0;
  #lastMicroseconds = -1;

  constructor(output: VideoOutput, style: DrawStyle) {
    this.#output = output;
    this.#style = style;
  }

  #start(frame: EncodeMessage): void {
    const { width, height, format, colour } = frame;
    this.#shape = { width, height, format, colour };
    this.#annotator = new Annotator(this.#shape);
    this.#startSeconds = Math.min(0, frame.timeSeconds);
    const child = spawn(this.#output.ffmpeg, encodeArguments(this.#output, this.#shape), {
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
    });
    this.#child = child;
    this.#logged = readLines(child.stderr, (line) => {
      const parsed = parseLogLine(line);
      if (parsed !== undefined && this.#log.length < 64) this.#log.push(parsed);
    });
    this.#writer = child.stdin.getWriter();
  }

  /** Draws on a frame and hands it to ffmpeg; resolves when its pixels are no longer needed. */
  async write(frame: EncodeMessage): Promise<void> {
    const data = new Uint8Array(frame.buffer, 0, frame.bytes);
    if (this.#shape === undefined) {
      this.#start(frame);
      await this.#send(matroskaHead(frame.format, frame.width, frame.height, this.#output.frameRate ?? 25));
    }
    const { width, height, format } = this.#shape ?? frame;
    if (frame.width !== width || frame.height !== height || frame.format !== format) {
      throw new SinkError(
        `Cannot write frame ${frame.index} of ${frame.width}x${frame.height} ${frame.format} to ` +
          `"${this.#output.path}", a video of ${width}x${height} ${format}; ` +
          `write pictures of several sizes into a folder`,
      );
    }
    const status = this.#style.status ? `frame ${frame.index}  ${frame.timeSeconds.toFixed(2)} s` : undefined;
    this.#annotator?.draw(data, frame.detections, status);
    const microseconds = Math.round((frame.timeSeconds - this.#startSeconds) * 1e6);
    this.#lastMicroseconds = Math.max(microseconds, this.#lastMicroseconds + 1);
    await this.#send(matroskaFrameHead(this.#lastMicroseconds, frame.bytes));
    await this.#send(data);
  }

  async #send(data: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      await this.#writer?.write(data);
    } catch (error) {
      throw await this.#failure(String(error));
    }
  }

  /** Why ffmpeg gave up, in one line. */
  async #failure(otherwise: string): Promise<SinkError> {
    const { path } = this.#output;
    const status = await this.#child?.status;
    await this.#logged.catch(() => {});
    const reason = status?.signal != null
      ? `the encoder was ended by ${status.signal}`
      : shortReason(this.#log, path) ?? otherwise;
    return new SinkError(`Cannot write "${path}": ${reason}; check the disk and the folder`);
  }

  /** Finishes the file. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    await this.#writer?.close().catch(() => {});
    const status = await child.status;
    await this.#logged.catch(() => {});
    if (!status.success) throw await this.#failure(`ffmpeg ended with code ${status.code}`);
  }
}
