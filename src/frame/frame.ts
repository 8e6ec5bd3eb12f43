/**
 * What travels through the frame loop: frames in, results out. A source makes frames, a sink takes results; the loop
 * knows nothing of files or decoders. Web-standard APIs only.
 *
 * @module
 */

import { PIXEL_FORMATS, pixelBytes, type PixelColour, type PixelFormat } from "../vision/pixels.ts";

export { PIXEL_FORMATS, type PixelFormat };

/** How YUV values are meant. Says nothing for RGB and grey formats. */
export type FrameColour = PixelColour;

/** One decoded frame. Its pixels are borrowed: they are valid until {@linkcode Frame.release} is called. */
export interface Frame {
  /** Position in the source, from 0. A frame that was skipped takes a number too. */
  readonly index: number;
  /** Time of the frame on the source's clock, in seconds. */
  readonly timeSeconds: number;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** Layout of {@linkcode Frame.data}. */
  readonly format: PixelFormat;
  /** Meaning of YUV values. */
  readonly colour: FrameColour;
  /** The pixels, `frameBytes(format, width, height)` long. Empty after {@linkcode Frame.release}. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Path of the image, where the source is made of images. */
  readonly name?: string;
  /** Gives the pixels back to the source, which uses the memory for a later frame. Calling it twice does nothing. */
  release(): void;
}

/** A frame or image that could not be decoded. It is reported in its place and the stream goes on. */
export interface SkippedFrame {
  /** Position in the source, from 0. */
  readonly index: number;
  /** Path of the image, or the name of the source. */
  readonly name: string;
  /** Why, in one line. */
  readonly reason: string;
}

/** What is known of a source before its first frame. */
export interface SourceInfo {
  /** What was opened: a path, or `stdin`. */
  name: string;
  /** Width in pixels, where all frames have the same. */
  width?: number;
  /** Height in pixels, where all frames have the same. */
  height?: number;
  /** Mean frame rate in frames per second, where the source has one. */
  frameRate?: number;
  /** Number of frames, where it is known beforehand; for some containers an estimate. */
  frameCount?: number;
}

/**
 * Frames in order. At most a fixed number of frames may be held at once (the source's `buffers` option): a consumer
 * that holds them all and asks for another waits for ever.
 *
 * The iterator throws a {@linkcode SourceError} when the source breaks off; all frames before that have been delivered.
 */
export interface FrameSource {
  /** What is known beforehand. */
  readonly info: SourceInfo;
  /** The frames. A source can be iterated once. */
  [Symbol.asyncIterator](): AsyncIterator<Frame | SkippedFrame>;
  /** Stops decoding and frees everything. Calling it twice does nothing. */
  close(): Promise<void>;
}

/** Takes the results of frames, in frame order. */
export interface FrameSink<Result> {
  /**
   * Writes one result. Resolves as soon as the sink no longer needs the frame's pixels and has room for another frame,
   * so that awaiting it is the back-pressure. The caller releases the frame.
   */
  write(frame: Frame, result: Result): Promise<void>;
  /** Finishes what was written, so that it can be read. Calling it twice does nothing. */
  close(): Promise<void>;
  /** True when nobody reads any more (a closed pipe): further writes do nothing. */
  readonly ended?: boolean;
}

/** A source cannot be opened, has no frames, or broke off. */
export class SourceError extends Error {
  override readonly name = "SourceError";
}

/** A sink cannot be opened or written. */
export class SinkError extends Error {
  override readonly name = "SinkError";
}

/** Tells a skipped frame from a frame. */
export function isSkipped(item: Frame | SkippedFrame): item is SkippedFrame {
  return "reason" in item;
}

/**
 * Number of bytes of a frame's pixels.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * assertEquals(frameBytes("rgb24", 4, 2), 24);
 * assertEquals(frameBytes("i420", 5, 3), 15 + 2 * (3 * 2));
 * ```
 */
export function frameBytes(format: PixelFormat, width: number, height: number): number {
  return pixelBytes({ format, width, height });
}

/**
 * The colour to assume for YUV pixels that do not say: BT.601 below 720 lines, BT.709 from there, limited range.
 */
export function defaultColour(height: number): FrameColour {
  return { matrix: height < 720 ? "bt601" : "bt709", range: "limited" };
}
