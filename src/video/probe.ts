/**
 * What a video file holds, as ffprobe tells it.
 *
 * @module
 */

import { defaultColour, type FrameColour, SourceError } from "../frame/frame.ts";
import { ffmpegPath, type FfmpegPrograms, run, shortReason } from "./ffmpeg.ts";

/** The video stream of a file. */
export interface VideoProbe {
  /** The container, as ffprobe names it, for example `mov,mp4,m4a,3gp,3g2,mj2`. */
  container: string;
  /** The codec, for example `h264`. */
  codec: string;
  /** Mean frame rate in frames per second, if the container tells it. */
  frameRate?: number;
  /** Number of frames, exact where the container counts them, else from duration and rate. */
  frameCount?: number;
  /** Whether {@linkcode VideoProbe.frameCount} was counted by the container. */
  counted: boolean;
  /** Meaning of the YUV values that decoding gives. */
  colour: FrameColour;
  /** The filter that brings other pixel formats and matrices there; undefined if the pixels pass as they are. */
  conversion?: string;
  /** Version of ffmpeg, for example `5.1.9`. */
  version: string;
}

interface ProbeStream {
  codec_type?: string;
  codec_name?: string;
  width?: number;
  height?: number;
  pix_fmt?: string;
  color_space?: string;
  color_range?: string;
  avg_frame_rate?: string;
  r_frame_rate?: string;
  nb_frames?: string;
  duration?: string;
  disposition?: { attached_pic?: number };
}

interface ProbeAnswer {
  program_version?: { version?: string };
  streams?: ProbeStream[];
  format?: { format_name?: string; duration?: string };
}

const ENTRIES =
  "program_version=version:format=format_name,duration:stream=codec_type,codec_name,width,height," +
  "pix_fmt,color_space,color_range,avg_frame_rate,r_frame_rate,nb_frames,duration:stream_disposition=attached_pic";

/** ffmpeg draws text files as pictures of terminals; that is never what is meant here. */
const TEXT_CODECS = new Set(["ansi", "bintext", "xbin", "idf"]);

/** `30000/1001` as a number; undefined for `0/0` and what is no rate. */
function parseRate(text: string | undefined): number | undefined {
  const match = /^(\d+)\/(\d+)$/.exec(text ?? "");
  if (match === null) return undefined;
  const rate = Number(match[1]) / Number(match[2]);
  return rate > 0 && rate <= 1000 ? rate : undefined;
}

/**
 * What the YUV values mean, and whether a conversion is needed for that to be true. 4:2:0 pixels of BT.601 or BT.709
 * pass untouched, full range included. Everything else (RGB, 4:4:4, 10 bits, BT.2020) becomes limited range.
 */
function colourTreatment(stream: ProbeStream): Pick<VideoProbe, "colour" | "conversion"> {
  const format = stream.pix_fmt ?? "unknown";
  const space = stream.color_space ?? "unknown";
  const untagged = /^(unknown|unspecified|reserved)$/.test(space);
  const tagged = space === "bt709" ? "bt709" : /^(smpte170m|bt470bg|fcc)$/.test(space) ? "bt601" : undefined;
  const usual = defaultColour(stream.height ?? 0);
  const yuv = /^(yuv|nv|p0|p2|p4|gray|uyvy|yuyv|y2)/.test(format);
  if (!yuv || (tagged === undefined && !untagged)) {
    return {
      colour: { matrix: "bt709", range: "limited" },
      conversion: "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p",
    };
  }
  const matrix = tagged ?? usual.matrix;
  if (format === "yuv420p" || format === "yuvj420p") {
    const full = format === "yuvj420p" || stream.color_range === "pc";
    return { colour: { matrix, range: full ? "full" : "limited" } };
  }
  return {
    colour: { matrix, range: "limited" },
    conversion: `scale=in_color_matrix=${matrix}:out_color_matrix=${matrix}:out_range=tv,format=yuv420p`,
  };
}

/**
 * Asks ffprobe for the first video stream that is no cover picture.
 *
 * @throws {SourceError} If the file is no media file or has no video.
 */
export async function probeVideo(path: string, programs: FfmpegPrograms = {}): Promise<VideoProbe> {
  const { stdout, log } = await run(programs.ffprobe ?? "ffprobe", [
    ...["-hide_banner", "-loglevel", "level+error", "-of", "json", "-show_entries", ENTRIES],
    ...["-i", ffmpegPath(path)],
  ]);
  let answer: ProbeAnswer = {};
  try {
    answer = JSON.parse(stdout) as ProbeAnswer;
  } catch {
    // Nothing was printed: the reason is in the log.
  }
  const streams = answer.streams ?? [];
  if (streams.length === 0) {
    const reason = shortReason(log, path) ?? "it holds no streams";
    throw new SourceError(
      `Cannot read "${path}" as video: ${reason}; give a video file, an image, a folder of images or a glob`,
    );
  }
  const stream = streams.find((s) => s.codec_type === "video" && s.disposition?.attached_pic !== 1);
  if (stream === undefined) {
    const kinds = streams.map((s) => `${s.codec_type ?? "data"} ${s.codec_name ?? ""}`.trim()).join(", ");
    throw new SourceError(
      `Cannot read "${path}" as video: it has no video stream (${kinds}); give a file with video`,
    );
  }
  const codec = stream.codec_name ?? "unknown";
  if (TEXT_CODECS.has(codec)) {
    throw new SourceError(`Cannot read "${path}" as video: it is a text file; give a video file or an image`);
  }
  const frameRate = parseRate(stream.avg_frame_rate) ?? parseRate(stream.r_frame_rate);
  const duration = Number(stream.duration ?? answer.format?.duration);
  const counted = Number(stream.nb_frames) > 0;
  const frameCount = counted
    ? Number(stream.nb_frames)
    : frameRate !== undefined && duration > 0
    ? Math.round(duration * frameRate)
    : undefined;
  return {
    container: answer.format?.format_name ?? "unknown",
    codec,
    ...(frameRate === undefined ? {} : { frameRate }),
    ...(frameCount === undefined ? {} : { frameCount }),
    counted,
    ...colourTreatment(stream),
    version: answer.program_version?.version ?? "unknown",
  };
}

/**
 * The option that keeps every decoded frame, once: ffmpeg before 5.1 knows only `-vsync`, which later versions drop.
 */
export function passthroughOption(version: string): string[] {
  const match = /^n?(\d+)\.(\d+)/.exec(version);
  const old = match !== null && (Number(match[1]) < 5 || (Number(match[1]) === 5 && Number(match[2]) < 1));
  return old ? ["-vsync", "passthrough"] : ["-fps_mode", "passthrough"];
}
