/**
 * What the main thread and the workers of sources and sinks say to each other. Pixels are handed over, never copied:
 * every message with a `buffer` transfers it, so at any time exactly one thread can touch it.
 *
 * @module
 */

import type { FrameColour, PixelFormat } from "../frame/frame.ts";
import type { Detection } from "../vision/detection.ts";
import type { VideoProbe } from "./probe.ts";

/** Decode a video file or stream. */
export interface VideoJob {
  kind: "video";
  path: string;
  probe: VideoProbe;
  ffmpeg: string;
}

/** Decode images, in this order. */
export interface ImagesJob {
  kind: "images";
  paths: string[];
  /** How many images are decoded at a time. */
  ahead: number;
  /** The source is one image: if it is broken, that is an error and not a skipped frame. */
  single: boolean;
  ffmpeg: string;
}

/** Take raw frames from stdin. */
export interface RawJob {
  kind: "raw";
  width: number;
  height: number;
  format: PixelFormat;
  frameRate: number;
  colour: FrameColour;
}

/** What a decoding worker is asked to do. */
export type DecodeJob = VideoJob | ImagesJob | RawJob;

/** To the decoding worker. */
export type ToDecoder =
  | { type: "start"; job: DecodeJob; buffers: number }
  | { type: "recycle"; buffer: ArrayBuffer }
  | { type: "close" };

/** A frame from the decoding worker; the pixels are the first `bytes` of `buffer`. */
export interface FrameMessage {
  type: "frame";
  index: number;
  timeSeconds: number;
  width: number;
  height: number;
  format: PixelFormat;
  colour: FrameColour;
  name?: string;
  buffer: ArrayBuffer;
  bytes: number;
}

/** From the decoding worker. */
export type FromDecoder =
  | FrameMessage
  | { type: "skipped"; index: number; name: string; reason: string }
  | { type: "end" }
  | { type: "error"; message: string }
  | { type: "closed" };

/** How annotated frames look. */
export interface DrawStyle {
  /** Draw the frame number and time in a corner. */
  status: boolean;
}

/** Write one video file. */
export interface VideoOutput {
  kind: "video";
  path: string;
  frameRate?: number;
  version: string;
  /** Name of ffmpeg's encoder. */
  encoder: string;
  ffmpeg: string;
}

/** Write one image a frame. */
export interface ImageOutput {
  kind: "images";
  ffmpeg: string;
}

/** What an encoding worker is asked to do. */
export type EncodeJob = VideoOutput | ImageOutput;

/** A frame for the encoding worker. */
export interface EncodeMessage {
  type: "frame";
  index: number;
  timeSeconds: number;
  width: number;
  height: number;
  format: PixelFormat;
  colour: FrameColour;
  /** Where the image goes, for image output. */
  path?: string;
  buffer: ArrayBuffer;
  bytes: number;
  detections: readonly Detection[];
}

/** To the encoding worker. */
export type ToEncoder =
  | { type: "start"; job: EncodeJob; style: DrawStyle }
  | EncodeMessage
  | { type: "close" };

/** From the encoding worker. */
export type FromEncoder =
  | { type: "recycle"; buffer: ArrayBuffer }
  | { type: "error"; message: string }
  | { type: "closed" };
