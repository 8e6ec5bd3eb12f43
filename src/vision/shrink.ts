/**
 * Small pictures of frames, on the host: for reports and annotated videos, not for networks.
 *
 * @module
 */

import type { Size } from "./fit.ts";
import { colourMatrix, type PixelFrame, type PixelLayout } from "./pixels.ts";
import { planesOf } from "./planes.ts";

/** The size of a frame within a box, in its own proportions; a frame that fits already keeps its size. */
export function sizeWithin({ width, height }: Size, box: Size): Size {
  const scale = Math.min(1, box.width / width, box.height / height);
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/**
 * A frame as `rgb24` of another size: each pixel is the mean of those that it covers, or the nearest one where the frame is
 * smaller.
 *
 * @param frame in any format.
 * @param size of the result, in pixels.
 * @param out its bytes, `width * height * 3`; new ones unless given.
 */
export function shrink(
  frame: PixelFrame,
  size: Size,
  out: Uint8Array<ArrayBuffer> = new Uint8Array(size.width * size.height * 3),
): Uint8Array<ArrayBuffer> {
  const columns = spans(frame.width, size.width), rows = spans(frame.height, size.height);
  const planes = planesOf(frame);
  const toRgb = conversionOf(frame);
  const mean = [0, 0, 0];
  for (let y = 0, at = 0; y < size.height; y++) {
    for (let x = 0; x < size.width; x++, at += 3) {
      for (let p = 0; p < planes.length; p++) {
        const { offset, stride, step, shift } = planes[p]!;
        const left = columns[x]! >> shift, top = rows[y]! >> shift;
        const right = Math.max(left + 1, columns[x + 1]! >> shift);
        const bottom = Math.max(top + 1, rows[y + 1]! >> shift);
        let sum = 0;
        for (let row = top; row < bottom; row++) {
          let i = offset + row * stride + left * step;
          for (let column = left; column < right; column++, i += step) sum += frame.data[i]!;
        }
        mean[p] = sum / ((right - left) * (bottom - top));
      }
      toRgb(mean, out, at);
    }
  }
  return out;
}

/** Where each of `to` pixels begins among `from`, and where the last one ends; none is empty. */
function spans(from: number, to: number): Uint32Array {
  return Uint32Array.from({ length: to + 1 }, (_, i) => Math.floor(i * from / to));
}

/** What makes red, green and blue of the means of a frame's planes. */
function conversionOf(layout: PixelLayout): (mean: readonly number[], out: Uint8Array, at: number) => void {
  if (layout.format === "gray8") {
    return ([grey], out, at) => void out.fill(Math.round(grey!), at, at + 3);
  }
  const matrix = colourMatrix(layout);
  return ([a, b, c], out, at) => {
    for (let i = 0; i < 3; i++) {
      const m = 4 * i;
      const value = matrix[m]! * a! + matrix[m + 1]! * b! + matrix[m + 2]! * c! + matrix[m + 3]!;
      out[at + i] = value < 0 ? 0 : value > 255 ? 255 : value + 0.5;
    }
  };
}
