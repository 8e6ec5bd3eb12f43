/**
 * Video by ffmpeg: I420 over a pipe, and the exact time of every frame over the log.
 *
 * The filter `showinfo` writes a line for each frame before its pixels leave. It carries the size after rotation,
 * and the timestamp as an integer of the stream's own time base. With `passthrough` ffmpeg neither
 * repeats nor drops frames, so line k and picture k belong together, whatever the frame rate does.
 *
 * @module
 */

import { frameBytes, SourceError } from "../frame/frame.ts";
import { ffmpegPath, isFailure, kill, type LogLine, parseLogLine, readLines } from "./ffmpeg.ts";
import { shortReason, spawn } from "./ffmpeg.ts";
import { Closed, fill, type Outlet } from "./outlet.ts";
import { passthroughOption, type VideoProbe } from "./probe.ts";
import type { VideoJob } from "./protocol.ts";

/** What the log says of one frame. */
export interface FrameLine {
  /** Timestamp in units of the time base; undefined if the frame has none. */
  pts: number | undefined;
  /** Width in pixels. */
  width: number;
  /** Height in pixels. */
  height: number;
}

/** Reads a frame's line of `showinfo`; undefined for any other text. */
export function parseFrameLine(text: string): FrameLine | undefined {
  const match = /^n: *\d+ +pts: *(-?\d+|NOPTS) .*\bs:(\d+)x(\d+)\b/.exec(text);
  if (match === null) return undefined;
  return {
    pts: match[1] === "NOPTS" ? undefined : Number(match[1]),
    width: Number(match[2]),
    height: Number(match[3]),
  };
}

/** The arguments with which ffmpeg decodes. */
export function decodeArguments(path: string, probe: VideoProbe): string[] {
  const filters = [probe.conversion ?? "format=yuv420p|yuvj420p", "showinfo=checksum=0"];
  return [
    ...["-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info"],
    ...["-i", ffmpegPath(path), "-map", "0:V:0", "-vf", filters.join(",")],
    ...passthroughOption(probe.version),
    ...["-f", "rawvideo", "pipe:1"],
  ];
}

/** Lines that say that the container ended before its time. ffmpeg itself calls that a success. */
const BREAK =
  /partial file|ended prematurely|Error during demuxing|I\/O error|Input\/output error|timed out/i;

/** Lines that say that one packet could not be decoded. */
const BAD_PACKET = /^(Error while decoding stream|Error submitting packet to decoder|Decoding error)/i;

/** Follows the log: the lines of frames in order, and what went wrong. */
class Log {
  readonly failures: LogLine[] = [];
  broken: LogLine | undefined;
  #timeBase: [number, number] | undefined;
  #frames: (FrameLine & { badBefore: number })[] = [];
  #bad = 0;
  #wake: (() => void) | undefined;
  readonly done: Promise<void>;
  #ended = false;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.done = readLines(stream, (line) => this.#take(line)).finally(() => {
      this.#ended = true;
      this.#wake?.();
    });
  }

  #take(line: string): void {
    const parsed = parseLogLine(line);
    if (parsed === undefined) return;
    if (parsed.component.startsWith("Parsed_showinfo")) {
      const frame = parseFrameLine(parsed.text);
      if (frame !== undefined) {
        this.#frames.push({ ...frame, badBefore: this.#bad });
        this.#bad = 0;
        this.#wake?.();
        return;
      }
      const base = /^config in time_base: (\d+)\/(\d+)/.exec(parsed.text);
      if (base !== null) this.#timeBase = [Number(base[1]), Number(base[2])];
      return;
    }
    if (!isFailure(parsed)) return;
    if (BAD_PACKET.test(parsed.text)) this.#bad++;
    if (BREAK.test(parsed.text)) this.broken ??= parsed;
    this.failures.push(parsed);
    if (this.failures.length > 64) this.failures.splice(8, 1);
  }

  /** The line of the next frame; undefined when there are no more. */
  async next(): Promise<(FrameLine & { badBefore: number }) | undefined> {
    while (this.#frames.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#frames.shift();
  }

  /** Packets that could not be decoded since the last frame. */
  get badAtEnd(): number {
    return this.#bad;
  }

  /** Time of a frame in seconds; undefined if it has no timestamp. */
  seconds(frame: FrameLine): number | undefined {
    if (frame.pts === undefined || this.#timeBase === undefined) return undefined;
    return frame.pts * this.#timeBase[0] / this.#timeBase[1];
  }
}

/** Decodes a video into frames. */
export async function decodeVideo(job: VideoJob, outlet: Outlet): Promise<void> {
  const { path, probe } = job;
  const child = spawn(job.ffmpeg, decodeArguments(path, probe), {
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  outlet.onClose(() => kill(child));
  const log = new Log(child.stderr);
  const reader = child.stdout.getReader({ mode: "byob" });
  const frameRate = probe.frameRate ?? 25;
  // A stream may change its size: ffmpeg then scales to that of the first frame, after the filter that writes the line.
  let size: { width: number; height: number } | undefined;
  let delivered = 0;
  let partial = false;
  const skip = (count: number) => {
    for (let i = 0; i < count; i++) outlet.skip(path, "a packet of the video could not be decoded");
  };
  try {
    while (!partial) {
      const line = await log.next();
      if (line === undefined) break;
      skip(line.badBefore);
      await outlet.permit();
      size ??= { width: line.width, height: line.height };
      const bytes = frameBytes("i420", size.width, size.height);
      const { buffer, filled } = await fill(reader, outlet.buffer(bytes), 0, bytes);
      partial = filled < bytes;
      if (partial) break;
      const timeSeconds = log.seconds(line) ?? outlet.index / frameRate;
      outlet.deliver({ timeSeconds, ...size, format: "i420", colour: probe.colour, buffer, bytes });
      delivered++;
    }
    if (outlet.closed) throw new Closed();
    const status = await child.status;
    await log.done;
    if (outlet.closed) throw new Closed();
    const failed = !status.success || partial || log.broken !== undefined ||
      (probe.counted && log.failures.length > 0 && outlet.index + log.badAtEnd < (probe.frameCount ?? 0));
    if (!failed && delivered > 0) return skip(log.badAtEnd);
    const reason = status.signal !== null
      ? `the decoder was ended by ${status.signal}`
      : shortReason(log.broken ? [log.broken, ...log.failures] : log.failures, path) ??
        (status.success ? "ffmpeg gives no reason" : `ffmpeg ended with code ${status.code} and no reason`);
    throw new SourceError(
      delivered === 0
        ? `Cannot read "${path}" as video: no frame could be decoded: ${reason}; check the file with a player`
        : `Cannot read "${path}" to its end: it broke off after ${delivered} frames` +
          (probe.counted ? ` of ${probe.frameCount}` : "") + `: ${reason}; what came before is kept`,
    );
  } finally {
    await kill(child);
    await reader.cancel().catch(() => {});
    await log.done.catch(() => {});
  }
}
