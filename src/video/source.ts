/**
 * Opening whatever holds frames.
 *
 * @module
 */

import {
  defaultColour,
  frameBytes,
  type FrameColour,
  type FrameSource,
  PIXEL_FORMATS,
  type PixelFormat,
  SourceError,
} from "../frame/frame.ts";
import { type FfmpegPrograms, isUrl, ProgramError } from "./ffmpeg.ts";
import { expandGlob, extensionOf, imagesIn, isGlob, isImagePath } from "./files.ts";
import { probeVideo } from "./probe.ts";
import { WorkerSource } from "./worker_source.ts";

/** How to open a source. */
export interface SourceOptions extends FfmpegPrograms {
  /**
   * How many frames may exist at once, ahead of the consumer or held by it (default 8). Give at least two more than the
   * consumer holds: this is all the memory that a source takes.
   */
  buffers?: number;
  /** Size of raw frames, for `-`. */
  size?: { width: number; height: number };
  /** Layout of raw frames, for `-` (default `rgb24`). */
  format?: PixelFormat;
  /** Frames per second of raw frames, for `-` (default 25). */
  frameRate?: number;
  /** Meaning of YUV values of raw frames, for `-`; see {@linkcode defaultColour}. */
  colour?: FrameColour;
}

/** How many images are decoded at a time. */
const IMAGES_AHEAD = 2;

/**
 * Opens a source of frames. What it is shows in `spec`:
 *
 * - `-`: raw frames on stdin, of `options.size` and `options.format`
 * - a folder: the images in it, in natural order (`2.png` before `10.png`)
 * - a path with `*`, `?`, `[...]`, `{a,b}` or `**` that is no file: the images that match, in natural order
 * - a file that ends like an image: that image
 * - any other file, or a URL (`rtsp://`, `https://`, ...): video
 *
 * Video and images are decoded by ffmpeg in a process of its own. Video comes as I420, turned upright as its rotation
 * tag says; images come as RGB. Times of video frames are the file's own, for variable frame rates too; no frame is
 * repeated or dropped.
 *
 * @throws {SourceError} If it cannot be opened or has no frames: what, why, and what to do.
 *
 * @example
 * ```ts no-eval
 * import { openSource } from "@framewise/framewise/video";
 * const source = await openSource("clip.mp4");
 * for await (const frame of source) {
 *   if ("reason" in frame) continue; // this one could not be decoded
 *   console.log(frame.index, frame.timeSeconds, frame.data.length);
 *   frame.release();
 * }
 * ```
 */
export async function openSource(spec: string, options: SourceOptions = {}): Promise<FrameSource> {
  const buffers = options.buffers ?? 8;
  if (!Number.isInteger(buffers) || buffers < 2) {
    throw new SourceError(`Cannot open "${spec}" with ${buffers} buffers; give 2 or more`);
  }
  try {
    if (spec === "-") return await openRaw(options, buffers);
    if (spec === "") {
      throw new SourceError(`Cannot open a source without a name; give a file, a folder or "-"`);
    }
    const path = spec.startsWith("file://") ? pathOfUrl(spec) : spec;
    if (isUrl(path)) return await openVideo(path, options, buffers);
    return await openPath(path, options, buffers);
  } catch (error) {
    if (error instanceof ProgramError) throw new SourceError(error.message, { cause: error });
    if (error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.PermissionDenied) {
      const advice = error instanceof Deno.errors.NotCapable
        ? "run with --allow-read"
        : "check its permissions";
      throw new SourceError(`Cannot read "${spec}": permission denied; ${advice}`, { cause: error });
    }
    throw error;
  }
}

/** The path of a `file://` URL. */
function pathOfUrl(url: string): string {
  const path = decodeURIComponent(new URL(url).pathname);
  return Deno.build.os === "windows" ? path.replace(/^\//, "") : path;
}

async function openPath(path: string, options: SourceOptions, buffers: number): Promise<FrameSource> {
  let file: Deno.FileInfo;
  try {
    file = await Deno.stat(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    if (isGlob(path)) return await openGlob(path, options, buffers);
    throw new SourceError(`Cannot read "${path}": there is no such file or folder; check the path`);
  }
  if (file.isDirectory) {
    const images = await imagesIn(path);
    if (images.length === 0) {
      throw new SourceError(
        `Cannot read folder "${path}": it holds no images; give a folder of images or a video file`,
      );
    }
    return openImages(path, images, false, options, buffers);
  }
  if (file.isFile && file.size === 0) {
    throw new SourceError(`Cannot read "${path}": the file is empty (0 bytes); check how it was made`);
  }
  if (isImagePath(path) && extensionOf(path) !== "gif") {
    return openImages(path, [path], true, options, buffers);
  }
  return openVideo(path, options, buffers);
}

async function openGlob(glob: string, options: SourceOptions, buffers: number): Promise<FrameSource> {
  const files = await expandGlob(glob);
  const images = files.filter(isImagePath);
  if (images.length > 0) return openImages(glob, images, false, options, buffers);
  const only = files[0];
  if (files.length === 1 && only !== undefined) return openPath(only, options, buffers);
  throw new SourceError(
    files.length === 0
      ? `Cannot read "${glob}": nothing matches it; check the path, and quote it so that the shell leaves it alone`
      : `Cannot read "${glob}": it matches ${files.length} files and none is an image; give one video at a time`,
  );
}

function openImages(
  name: string,
  paths: string[],
  single: boolean,
  options: SourceOptions,
  buffers: number,
): Promise<FrameSource> {
  const ffmpeg = options.ffmpeg ?? "ffmpeg";
  const job = { kind: "images" as const, paths, ahead: IMAGES_AHEAD, single, ffmpeg };
  return WorkerSource.open({ name, frameCount: paths.length }, job, buffers);
}

async function openVideo(path: string, options: SourceOptions, buffers: number): Promise<FrameSource> {
  const probe = await probeVideo(path, options);
  if (/(^|,)image2|_pipe$/.test(probe.container)) return openImages(path, [path], true, options, buffers);
  const { frameRate, frameCount } = probe;
  const info = {
    name: path,
    ...(frameRate === undefined ? {} : { frameRate }),
    ...(frameCount === undefined ? {} : { frameCount }),
  };
  return WorkerSource.open(info, { kind: "video", path, probe, ffmpeg: options.ffmpeg ?? "ffmpeg" }, buffers);
}

function openRaw(options: SourceOptions, buffers: number): Promise<FrameSource> {
  const { size, format = "rgb24", frameRate = 25 } = options;
  if (size === undefined) {
    throw new SourceError(`Cannot read raw frames on stdin without their size; give --size WIDTHxHEIGHT`);
  }
  const { width, height } = size;
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new SourceError(`Cannot read raw frames of ${width}x${height}; give whole numbers from 1`);
  }
  if (!PIXEL_FORMATS.includes(format)) {
    throw new SourceError(`Cannot read raw frames of format "${format}"; give ${PIXEL_FORMATS.join(", ")}`);
  }
  if (!(frameRate > 0 && frameRate < Infinity)) {
    throw new SourceError(`Cannot read raw frames at ${frameRate} frames per second; give a rate above 0`);
  }
  if (frameBytes(format, width, height) > 2 ** 31) {
    throw new SourceError(`Cannot read raw frames of ${width}x${height} ${format}: more than 2 GiB each`);
  }
  if (Deno.stdin.isTerminal()) {
    throw new SourceError(`Cannot read raw frames: stdin is a terminal; pipe raw frames into this program`);
  }
  const colour = options.colour ?? defaultColour(height);
  const job = { kind: "raw" as const, width, height, format, frameRate, colour };
  return WorkerSource.open({ name: "stdin", width, height, frameRate }, job, buffers);
}
