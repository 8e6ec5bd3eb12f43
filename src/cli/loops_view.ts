/**
 * The annotated frames of `framewise loops`: the frame beside the earlier one that it was taken for, with lines between
 * what both show.
 *
 * @module
 */
import type { LoopStatus } from "../place/loop/result.ts";
import type { Size } from "../vision/fit.ts";
import { Font } from "../vision/font.ts";
import { type Ink, Painter, type Rgb } from "../vision/paint.ts";
import { type FramePicture, PICTURE_SIDE } from "./frame_pictures.ts";

/** What is shown of one frame. */
export interface LoopViewContent {
  readonly picture: FramePicture;
  /** The line below. */
  readonly caption: string;
  readonly status: LoopStatus;
  /** The earlier frame: its picture unless there is none, what it is called, and the inliers. */
  readonly match?: {
    readonly picture: FramePicture | undefined;
    readonly caption: string;
    /** Column and row in the new frame and in the earlier one, in pixels of the frames, by turns. */
    readonly lines: Float32Array;
  };
}

/** Lines that are drawn at most: more hide the pictures. */
const MOST_LINES = 60;
const GAP = 8;
const CAPTION = 26;
const BACKGROUND = 24;
const TEXT: Rgb = [235, 235, 240];
const FAINT: Rgb = [150, 152, 160];
const LOOP: Rgb = [64, 220, 140];
const REJECTED: Rgb = [240, 170, 60];

/** Draws views of one size, each onto the pixels of the one before. */
export class LoopView {
  /** Of all views, in pixels; even, as video wants it. */
  readonly size: Size;
  readonly #pane: Size;
  readonly #painter: Painter;
  readonly #font = new Font(9);
  readonly #pixels: Uint8Array<ArrayBuffer>;
  readonly #inks: Record<"text" | "faint" | "loop" | "rejected", Ink>;

  /** @param first the first picture: panes are as large, and others are put in their middle. */
  constructor(first: Size) {
    const { width, height } = first;
    const scale = Math.max(1, Math.floor(PICTURE_SIDE / 2 / Math.max(width, height)));
    this.#pane = { width: Math.max(width * scale, 160), height: Math.max(height * scale, 60) };
    const even = (value: number): number => value + value % 2;
    this.size = { width: even(2 * this.#pane.width + GAP), height: even(this.#pane.height + CAPTION) };
    this.#painter = new Painter({ format: "rgb24", ...this.size });
    this.#pixels = new Uint8Array(this.size.width * this.size.height * 3);
    const { ink } = this.#painter;
    this.#inks = { text: ink(TEXT), faint: ink(FAINT), loop: ink(LOOP), rejected: ink(REJECTED) };
  }

  /** The view as `rgb24`; valid until the next call. */
  draw(content: LoopViewContent): Uint8Array<ArrayBuffer> {
    const { picture, match, status, caption } = content;
    const pixels = this.#pixels.fill(BACKGROUND);
    const right = this.#pane.width + GAP;
    const here = this.#put(picture, 0);
    const colour = status === "loop" ? this.#inks.loop : this.#inks.rejected;
    if (match) {
      const there = match.picture && this.#put(match.picture, right);
      if (there) {
        this.#lines(match.lines, here, there, colour);
        this.#painter.frame(
          pixels,
          right,
          0,
          right + this.#pane.width,
          this.#pane.height,
          3,
          colour,
          256,
        );
      }
      this.#text(match.caption, right, match.picture ? this.#inks.text : this.#inks.faint);
    }
    if (status === "loop") {
      this.#painter.frame(pixels, 0, 0, this.#pane.width, this.#pane.height, 3, colour, 256);
    }
    this.#text(caption, 0, match ? colour : this.#inks.faint);
    return pixels;
  }

  /** Puts a picture into the middle of a pane; returns how its frame's coordinates become those of the view. */
  #put(picture: FramePicture, left: number): (x: number, y: number) => [number, number] {
    const zoom = Math.min(this.#pane.width / picture.width, this.#pane.height / picture.height);
    const width = Math.round(picture.width * zoom), height = Math.round(picture.height * zoom);
    const x0 = left + Math.floor((this.#pane.width - width) / 2);
    const y0 = Math.floor((this.#pane.height - height) / 2);
    for (let y = 0; y < height; y++) {
      const row = Math.floor(y * picture.height / height) * picture.width;
      for (let x = 0; x < width; x++) {
        const from = 3 * (row + Math.floor(x * picture.width / width));
        const to = 3 * ((y0 + y) * this.size.width + x0 + x);
        for (let c = 0; c < 3; c++) this.#pixels[to + c] = picture.pixels[from + c]!;
      }
    }
    const scale = picture.scale * zoom;
    return (x, y) => [x0 + (x + 0.5) * scale - 0.5, y0 + (y + 0.5) * scale - 0.5];
  }

  #lines(
    lines: Float32Array,
    here: (x: number, y: number) => [number, number],
    there: (x: number, y: number) => [number, number],
    ink: Ink,
  ): void {
    const count = lines.length / 4;
    const step = Math.max(1, count / MOST_LINES);
    for (let i = 0; i < count; i += step) {
      const [x1, y1, x2, y2] = lines.subarray(4 * Math.floor(i)) as unknown as [
        number,
        number,
        number,
        number,
      ];
      this.#painter.line(this.#pixels, here(x1, y1), there(x2, y2), 1, ink);
    }
  }

  #text(text: string, left: number, ink: Ink): void {
    const codes: number[] = [];
    let width = 8;
    for (let i = 0; i < text.length; i++) {
      width += this.#font.glyph(text.charCodeAt(i)).advance;
      if (width > this.#pane.width) break;
      codes.push(text.charCodeAt(i));
    }
    this.#painter.text(this.#pixels, this.#font, codes, left + 4, this.#pane.height + 8, ink);
  }
}
