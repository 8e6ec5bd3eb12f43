import type { PixelLayout } from "./pixels.ts";

/** One component of the pixels: where its samples are, and how many pixels share one. */
export interface Plane {
  offset: number;
  stride: number;
  step: number;
  /** 1 where a sample covers 2x2 pixels, else 0. */
  shift: 0 | 1;
}

/** The components of a frame: red, green, blue; luma and the two of chroma; or grey alone. */
export function planesOf({ format, width, height }: PixelLayout): Plane[] {
  const packed = (step: number, offsets: number[]): Plane[] =>
    offsets.map((offset) => ({ offset, stride: width * step, step, shift: 0 }));
  const luma = width * height;
  const half = Math.ceil(width / 2), chroma = half * Math.ceil(height / 2);
  switch (format) {
    case "rgb24":
      return packed(3, [0, 1, 2]);
    case "bgr24":
      return packed(3, [2, 1, 0]);
    case "rgba":
      return packed(4, [0, 1, 2]);
    case "gray8":
      return packed(1, [0]);
    case "i420":
      return [
        ...packed(1, [0]),
        { offset: luma, stride: half, step: 1, shift: 1 },
        { offset: luma + chroma, stride: half, step: 1, shift: 1 },
      ];
    case "nv12":
      return [
        ...packed(1, [0]),
        { offset: luma, stride: 2 * half, step: 2, shift: 1 },
        { offset: luma + 1, stride: 2 * half, step: 2, shift: 1 },
      ];
  }
}
