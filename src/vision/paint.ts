/**
 * Painting on pixels in place, in every format: rectangles, lines, masks and text. Nothing of frame size is allocated, and
 * nothing is ever written outside the frame.
 *
 * @module
 */

import type { Font, Mask } from "./font.ts";
import type { PixelLayout } from "./pixels.ts";
import { type Plane, planesOf } from "./planes.ts";

/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [r: number, g: number, b: number];

/** A colour as the frame stores it: one value a plane. */
export type Ink = readonly number[];

/** Paints on frames of one shape. */
export class Painter {
  /** Of the frames, in pixels. */
  readonly width: number;
  /** Of the frames, in pixels. */
  readonly height: number;
  /** A colour as these frames store it. */
  readonly ink: (rgb: Rgb) => Ink;
  readonly #planes: Plane[];

  /** @param shape What all frames have in common. */
  constructor(shape: PixelLayout) {
    this.width = shape.width;
    this.height = shape.height;
    this.ink = inkMaker(shape);
    this.#planes = planesOf(shape);
  }

  /** A rectangle's border of some thickness, within the rectangle, no pixel twice. */
  frame(
    data: Uint8Array,
    left: number,
    top: number,
    right: number,
    bottom: number,
    thickness: number,
    ink: Ink,
    alpha: number,
  ): void {
    if (right <= left || bottom <= top) return;
    const t = thickness;
    if (right - left <= 2 * t || bottom - top <= 2 * t) {
      return this.fill(data, left, top, right, bottom, ink, alpha);
    }
    this.fill(data, left, top, right, top + t, ink, alpha);
    this.fill(data, left, bottom - t, right, bottom, ink, alpha);
    this.fill(data, left, top + t, left + t, bottom - t, ink, alpha);
    this.fill(data, right - t, top + t, right, bottom - t, ink, alpha);
  }

  /** Blends a rectangle, clipped to the frame. Alpha is 0 to 256. */
  fill(
    data: Uint8Array,
    left: number,
    top: number,
    right: number,
    bottom: number,
    ink: Ink,
    alpha: number,
  ): void {
    const x0 = Math.max(0, left), y0 = Math.max(0, top);
    const x1 = Math.min(this.width, right), y1 = Math.min(this.height, bottom);
    if (x0 >= x1 || y0 >= y1) return;
    for (let p = 0; p < this.#planes.length; p++) {
      const { offset, stride, step, shift } = this.#planes[p] as Plane;
      const value = ink[p] as number;
      for (let y = y0 >> shift; y <= (y1 - 1) >> shift; y++) {
        const rows = shift === 0 ? 1 : covered(y, y0, y1, this.height);
        for (let x = x0 >> shift; x <= (x1 - 1) >> shift; x++) {
          const part = shift === 0 ? alpha : alpha * rows * covered(x, x0, x1, this.width);
          const at = offset + y * stride + x * step;
          const old = data[at] as number;
          data[at] = old + ((value - old) * part + 128 >> 8);
        }
      }
    }
  }

  /** Blends a mask with its pen at a pixel, clipped to the frame. */
  blit(data: Uint8Array, mask: Mask, penX: number, penY: number, ink: Ink): void {
    const left = penX + mask.left, top = penY + mask.top;
    const x0 = Math.max(0, left), y0 = Math.max(0, top);
    const x1 = Math.min(this.width, left + mask.width), y1 = Math.min(this.height, top + mask.height);
    if (x0 >= x1 || y0 >= y1) return;
    for (let p = 0; p < this.#planes.length; p++) {
      const { offset, stride, step, shift } = this.#planes[p] as Plane;
      const value = ink[p] as number;
      for (let y = y0 >> shift; y <= (y1 - 1) >> shift; y++) {
        for (let x = x0 >> shift; x <= (x1 - 1) >> shift; x++) {
          let part = 0;
          if (shift === 0) part = mask.alpha[(y - top) * mask.width + x - left] as number;
          else {
            for (let py = Math.max(y0, 2 * y); py < Math.min(y1, 2 * y + 2); py++) {
              for (let px = Math.max(x0, 2 * x); px < Math.min(x1, 2 * x + 2); px++) {
                part += mask.alpha[(py - top) * mask.width + px - left] as number;
              }
            }
            part >>= 2;
          }
          if (part === 0) continue;
          const at = offset + y * stride + x * step;
          const old = data[at] as number;
          data[at] = old + ((value - old) * (part + (part >> 7)) + 128 >> 8);
        }
      }
    }
  }

  /** A straight line between the middles of two pixels, with smooth edges, clipped to the frame. */
  line(
    data: Uint8Array,
    [x1, y1]: readonly [number, number],
    [x2, y2]: readonly [number, number],
    thickness: number,
    ink: Ink,
  ): void {
    if (![x1, y1, x2, y2].every(Number.isFinite)) return;
    const steep = Math.abs(y2 - y1) > Math.abs(x2 - x1);
    const [a1, b1, a2, b2] = steep ? [y1, x1, y2, x2] : [x1, y1, x2, y2];
    const [first, last] = a1 <= a2 ? [a1, a2] : [a2, a1];
    const slope = a1 === a2 ? 0 : (b2 - b1) / (a2 - a1);
    // Across the line, measured along the other axis.
    const half = thickness * Math.hypot(1, slope) / 2;
    const end = Math.min(Math.round(last), (steep ? this.height : this.width) - 1);
    for (let a = Math.max(0, Math.round(first)); a <= end; a++) {
      const middle = b1 + (a - a1) * slope + 0.5;
      const [from, to] = [middle - half, middle + half];
      const bound = Math.min(Math.ceil(to), steep ? this.width : this.height);
      for (let b = Math.max(0, Math.floor(from)); b < bound; b++) {
        const alpha = Math.round(256 * (Math.min(to, b + 1) - Math.max(from, b)));
        if (steep) this.fill(data, b, a, b + 1, a + 1, ink, alpha);
        else this.fill(data, a, b, a + 1, b + 1, ink, alpha);
      }
    }
  }

  /** Letters from a pen position at the top of the capitals on, as far as the frame goes. */
  text(data: Uint8Array, font: Font, codes: ArrayLike<number>, x: number, y: number, ink: Ink): void {
    let pen = x;
    for (let i = 0; i < codes.length; i++) {
      const glyph = font.glyph(codes[i] as number);
      this.blit(data, glyph, pen, y, ink);
      pen += glyph.advance;
      if (pen >= this.width) return;
    }
  }
}

/** Share of a 2-pixel sample that lies between two pixels; the last sample of an odd size has one pixel only. */
function covered(sample: number, from: number, to: number, size: number): number {
  const first = 2 * sample, last = Math.min(size, first + 2);
  return (Math.min(to, last) - Math.max(from, first)) / (last - first);
}

/** How RGB becomes the values of the planes (ITU-R BT.601 and BT.709). */
function inkMaker({ format, colour }: PixelLayout): (rgb: Rgb) => Ink {
  const [kr, kb] = colour?.matrix === "bt709" && format !== "gray8" ? [0.2126, 0.0722] : [0.299, 0.114];
  const full = format === "gray8" || colour?.range === "full";
  return (rgb) => {
    if (format === "rgb24" || format === "bgr24" || format === "rgba") return rgb;
    const [r, g, b] = rgb.map((v) => v / 255) as [number, number, number];
    const y = kr * r + (1 - kr - kb) * g + kb * b;
    const luma = full ? 255 * y : 16 + 219 * y;
    if (format === "gray8") return [Math.round(luma)];
    const span = full ? 255 : 224;
    const chroma = (v: number) => Math.max(0, Math.min(255, Math.round(128 + span * v)));
    return [Math.round(luma), chroma((b - y) / (2 - 2 * kb)), chroma((r - y) / (2 - 2 * kr))];
  };
}
