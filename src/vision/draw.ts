/**
 * Drawing detections onto frames, in place, in every pixel format: boxes, tags with label and score, key points, a
 * status line. Pure TypeScript; nothing of frame size is allocated, and nothing is ever written outside the frame.
 *
 * @module
 */

import type { Detection } from "./detection.ts";
import { discMask, Font, type Mask } from "./font.ts";
import { type Ink, Painter, type Rgb } from "./paint.ts";
import type { PixelLayout } from "./pixels.ts";

export type { Rgb };

/** Number of class colours; further classes begin again. */
const COLOURS = 256;

/** Converts OKLCH to sRGB, lowering the chroma until the colour exists (Björn Ottosson, "A perceptual color space"). */
function oklch(lightness: number, chroma: number, hueDegrees: number): Rgb {
  const a = chroma * Math.cos(hueDegrees * Math.PI / 180);
  const b = chroma * Math.sin(hueDegrees * Math.PI / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  if (chroma > 0.01 && linear.some((v) => v < -1e-4 || v > 1.0001)) {
    return oklch(lightness, chroma - 0.01, hueDegrees);
  }
  const [r = 0, g = 0, blue = 0] = linear.map((v) => {
    const c = Math.max(0, Math.min(1, v));
    return Math.round(255 * (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055));
  });
  return [r, g, blue];
}

/**
 * The colour of a class: neighbours in number differ by the golden angle in hue, and in lightness, so that the classes
 * of a picture are told apart.
 */
export function classColour(classId: number): Rgb {
  const id = Math.abs(Math.trunc(classId)) % COLOURS;
  const lightness = [0.7, 0.8, 0.62][id % 3] ?? 0.7;
  return oklch(lightness, 0.2, (245 + id * 137.50776) % 360);
}

/** Draws detections on frames of one shape. Make one a stream; it renders its letters once. */
export class Annotator {
  readonly #painter: Painter;
  readonly #font: Font;
  readonly #disc: Mask;
  readonly #halo: Mask;
  readonly #thickness: number;
  readonly #padX: number;
  readonly #padY: number;
  readonly #classInks: Ink[];
  readonly #classText: Ink[];
  readonly #white: Ink;
  readonly #black: Ink;
  readonly #codes = new Uint16Array(160);
  #length = 0;

  /** @param shape What all frames have in common. */
  constructor(shape: PixelLayout) {
    const { width, height } = shape;
    this.#painter = new Painter(shape);
    // Capitals 13 pixels high at 1280x720; tall frames are measured by their width.
    const cap = Math.max(8, Math.round(Math.min(height, width * 0.75) / 55));
    this.#font = new Font(cap);
    this.#thickness = Math.max(2, Math.round(cap / 4.5));
    this.#padX = Math.max(3, Math.round(cap * 0.45));
    this.#padY = Math.max(2, Math.round(cap * 0.38));
    this.#disc = discMask(Math.max(1.6, cap / 5));
    this.#halo = discMask(Math.max(2.6, cap / 5 + 1.2));
    const { ink } = this.#painter;
    this.#white = ink([255, 255, 255]);
    this.#black = ink([16, 16, 20]);
    const colours = Array.from({ length: COLOURS }, (_, id) => classColour(id));
    this.#classInks = colours.map(ink);
    this.#classText = colours.map(([r, g, b]) =>
      0.299 * r + 0.587 * g + 0.114 * b > 125 ? this.#black : this.#white
    );
  }

  /**
   * Draws in place.
   *
   * @param data Pixels of one frame of the annotator's shape.
   * @param detections What to draw; the first is drawn on top.
   * @param status A line for the lower left corner.
   */
  draw(data: Uint8Array, detections: readonly Detection[], status?: string): void {
    for (let i = detections.length - 1; i >= 0; i--) this.#outline(data, detections[i] as Detection);
    for (let i = detections.length - 1; i >= 0; i--) this.#points(data, detections[i] as Detection);
    for (let i = detections.length - 1; i >= 0; i--) this.#tag(data, detections[i] as Detection);
    if (status !== undefined && status !== "") this.#status(data, status);
  }

  #outline(data: Uint8Array, { box, class_id }: Detection): void {
    const [x1, y1, x2, y2] = box;
    if (!box.every(Number.isFinite)) return;
    const left = Math.round(x1), top = Math.round(y1);
    const right = Math.max(left + 1, Math.round(x2)), bottom = Math.max(top + 1, Math.round(y2));
    // A thin dark edge on both sides sets the box off from a background of its own colour.
    this.#painter.frame(data, left - 1, top - 1, right + 1, bottom + 1, 1, this.#black, 90);
    const inner = this.#thickness;
    this.#painter.frame(data, left + inner, top + inner, right - inner, bottom - inner, 1, this.#black, 60);
    this.#painter.frame(data, left, top, right, bottom, inner, this.#inkOf(class_id), 256);
  }

  #points(data: Uint8Array, { keypoints, class_id }: Detection): void {
    if (keypoints === undefined) return;
    for (const point of keypoints) {
      const [x, y] = point;
      if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
      this.#painter.blit(data, this.#halo, Math.round(x), Math.round(y), this.#black);
      this.#painter.blit(data, this.#disc, Math.round(x), Math.round(y), this.#inkOf(class_id));
    }
  }

  #tag(data: Uint8Array, { box, class_id, label, score }: Detection): void {
    const [x1, y1, , y2] = box;
    if (!box.every(Number.isFinite)) return;
    // A box that lies outside the frame has no tag either.
    if (box[2] <= 0 || y2 <= 0 || x1 >= this.#painter.width || y1 >= this.#painter.height) return;
    this.#length = 0;
    this.#append(label, this.#codes.length - 8);
    this.#append(" ", this.#codes.length);
    this.#appendScore(score);
    const width = this.#textWidth() + 2 * this.#padX;
    const height = this.#font.capHeight + 2 * this.#padY;
    const boxTop = Math.round(y1), boxLeft = Math.round(x1);
    // Above the box; inside it where there is no room above.
    const top = boxTop - height >= 0
      ? boxTop - height
      : Math.max(0, Math.min(boxTop, this.#painter.height - height));
    const left = Math.max(0, Math.min(boxLeft, this.#painter.width - width));
    this.#painter.fill(data, left, top, left + width, top + height, this.#inkOf(class_id), 256);
    const text = this.#classText[indexOfClass(class_id)] ?? this.#white;
    this.#text(data, left + this.#padX, top + this.#padY, text);
  }

  #status(data: Uint8Array, status: string): void {
    this.#length = 0;
    this.#append(status, this.#codes.length);
    const margin = 2 * this.#padY;
    const width = this.#textWidth() + 2 * this.#padX;
    const top = this.#painter.height - margin - this.#font.capHeight - 2 * this.#padY;
    this.#painter.fill(data, margin, top, margin + width, this.#painter.height - margin, this.#black, 160);
    this.#text(data, margin + this.#padX, top + this.#padY, this.#white);
  }

  #inkOf(classId: number): Ink {
    return this.#classInks[indexOfClass(classId)] ?? this.#white;
  }

  #append(text: string, limit: number): void {
    for (let i = 0; i < text.length && this.#length < limit; i++) {
      this.#codes[this.#length++] = text.charCodeAt(i);
    }
  }

  /** Appends a score with two decimals. */
  #appendScore(score: number): void {
    const hundredths = Number.isFinite(score) ? Math.round(Math.max(0, Math.min(9.99, score)) * 100) : 0;
    this.#codes[this.#length++] = 48 + Math.floor(hundredths / 100);
    this.#codes[this.#length++] = 46;
    this.#codes[this.#length++] = 48 + Math.floor(hundredths / 10) % 10;
    this.#codes[this.#length++] = 48 + hundredths % 10;
  }

  #textWidth(): number {
    let width = 0;
    for (let i = 0; i < this.#length; i++) width += this.#font.glyph(this.#codes[i] as number).advance;
    return width;
  }

  #text(data: Uint8Array, x: number, y: number, ink: Ink): void {
    this.#painter.text(data, this.#font, this.#codes.subarray(0, this.#length), x, y, ink);
  }
}

/** Index of a class in the tables of colours. */
function indexOfClass(classId: number): number {
  return Math.abs(Math.trunc(classId)) % COLOURS;
}
