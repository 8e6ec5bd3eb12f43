/**
 * A Matroska stream of raw frames, as ffmpeg reads it from a pipe. Plain raw video has no timestamps; this adds them,
 * to the microsecond, in about 30 bytes a frame.
 *
 * Format: RFC 8794 (EBML) and RFC 9559 (Matroska).
 *
 * @module
 */

import type { PixelFormat } from "../frame/frame.ts";

/** The code by which ffmpeg knows each pixel format. */
const FOURCC: Record<PixelFormat, readonly number[]> = {
  i420: [0x49, 0x34, 0x32, 0x30],
  nv12: [0x4e, 0x56, 0x31, 0x32],
  rgb24: [0x52, 0x47, 0x42, 24],
  bgr24: [0x42, 0x47, 0x52, 24],
  rgba: [0x52, 0x47, 0x42, 0x41],
  gray8: [0x59, 0x38, 0x30, 0x30],
};

/** Bytes of a whole number, most significant first, at least `least` of them. */
function bytesOf(value: number, least = 1): number[] {
  const bytes: number[] = [];
  for (let rest = value; rest > 0 || bytes.length < least; rest = Math.floor(rest / 256)) {
    bytes.unshift(rest % 256);
  }
  return bytes;
}

/** An element's size, always in 8 bytes. */
function sizeOf(size: number): number[] {
  return [0x01, ...bytesOf(size, 7)];
}

function element(id: number, content: readonly number[]): number[] {
  return [...bytesOf(id), ...sizeOf(content.length), ...content];
}

function text(value: string): number[] {
  return [...new TextEncoder().encode(value)];
}

/**
 * What stands before the first frame.
 *
 * @param frameRate Mean frames per second; gives the last frame its duration, without which players drop it.
 */
export function matroskaHead(
  format: PixelFormat,
  width: number,
  height: number,
  frameRate: number,
): Uint8Array<ArrayBuffer> {
  const head = element(0x1a45dfa3, [ // EBML
    ...element(0x4286, [1]), // EBMLVersion
    ...element(0x42f7, [1]), // EBMLReadVersion
    ...element(0x42f2, [4]), // EBMLMaxIDLength
    ...element(0x42f3, [8]), // EBMLMaxSizeLength
    ...element(0x4282, text("matroska")), // DocType
    ...element(0x4287, [4]), // DocTypeVersion
    ...element(0x4285, [2]), // DocTypeReadVersion
  ]);
  const info = element(0x1549a966, [
    ...element(0x2ad7b1, bytesOf(1000)), // TimestampScale: nanoseconds a tick
    ...element(0x4d80, text("framewise")), // MuxingApp
    ...element(0x5741, text("framewise")), // WritingApp
  ]);
  const tracks = element(0x1654ae6b, [
    ...element(0xae, [ // TrackEntry
      ...element(0xd7, [1]), // TrackNumber
      ...element(0x73c5, [1]), // TrackUID
      ...element(0x83, [1]), // TrackType: video
      ...element(0x9c, [0]), // FlagLacing
      ...element(0x86, text("V_UNCOMPRESSED")), // CodecID
      ...element(0x23e383, bytesOf(Math.round(1e9 / frameRate))), // DefaultDuration: nanoseconds
      ...element(0xe0, [ // Video
        ...element(0xb0, bytesOf(width)), // PixelWidth
        ...element(0xba, bytesOf(height)), // PixelHeight
        ...element(0x2eb524, FOURCC[format]), // UncompressedFourCC
      ]),
    ]),
  ]);
  const segment = [0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]; // of unknown size
  return new Uint8Array([...head, ...segment, ...info, ...tracks]);
}

/** What stands before the pixels of each frame: a cluster with one block. */
export function matroskaFrameHead(microseconds: number, bytes: number): Uint8Array<ArrayBuffer> {
  const timestamp = element(0xe7, bytesOf(microseconds));
  // Track 1, no time relative to the cluster, a key frame.
  const block = [0xa3, ...sizeOf(bytes + 4), 0x81, 0, 0, 0x80];
  const cluster = [0x1f, 0x43, 0xb6, 0x75, ...sizeOf(timestamp.length + block.length + bytes)];
  return new Uint8Array([...cluster, ...timestamp, ...block]);
}
