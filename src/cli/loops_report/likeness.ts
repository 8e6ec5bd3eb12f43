/**
 * How much every frame resembles every earlier one, as a picture; of a long run, of every so-manieth frame.
 *
 * @module
 */
import { type Bag, scoreBags, type Scoring } from "../../place/vocabulary/mod.ts";
import { encodePng } from "./png.ts";

/** What frames are compared by. */
export type Likeness =
  | { readonly kind: "similarity"; readonly descriptor: Float32Array }
  | { readonly kind: "bow"; readonly bag: Bag; readonly scoring: Scoring };

/** The square picture, and what its pixels are. */
export interface LikenessPicture {
  readonly kind: Likeness["kind"];
  readonly png: Uint8Array<ArrayBuffer>;
  /** Pixels of a side. */
  readonly side: number;
  /** A pixel is a pair of frames whose numbers are multiples of this. */
  readonly stride: number;
  /** What the darkest and the lightest colour stand for. */
  readonly low: number;
  readonly high: number;
}

/** Frames that are kept at most: the pixels of a side. */
const MOST_FRAMES = 1000;

/** Keeps what frames are compared by: of every frame at first, of every second one when there are too many, and so on. */
export class LikenessSample {
  readonly #most: number;
  #kept: Likeness[] = [];
  #stride = 1;
  #seen = 0;

  /** @param most frames that are kept. */
  constructor(most: number = MOST_FRAMES) {
    this.#most = most;
  }

  /** Takes the next frame. */
  add(likeness: Likeness): void {
    if (this.#seen++ % this.#stride !== 0) return;
    this.#kept.push(likeness);
    if (this.#kept.length <= this.#most) return;
    this.#stride *= 2;
    this.#kept = this.#kept.filter((_, i) => i % 2 === 0);
  }

  /** Whether nothing was taken. */
  get empty(): boolean {
    return this.#seen === 0;
  }

  /** Compares all that was kept; undefined for fewer than two frames. */
  async picture(): Promise<LikenessPicture | undefined> {
    const side = this.#kept.length;
    const [first] = this.#kept;
    if (first === undefined || side < 2) return undefined;
    const values = new Float32Array(side * side);
    for (let i = 0; i < side; i++) {
      for (let j = 0; j < i; j++) values[i * side + j] = likeness(this.#kept[i]!, this.#kept[j]!);
    }
    const below = values.filter((_, at) => at % side < Math.floor(at / side)).sort();
    // A few frames that resemble nothing shall not take all the colours.
    const low = below[Math.floor(below.length * 0.02)]!;
    const high = Math.max(below.at(-1)!, low + 1e-6);
    const pixels = new Uint8Array(side * side).fill(255);
    for (let i = 0; i < side; i++) {
      for (let j = 0; j < i; j++) {
        const share = (values[i * side + j]! - low) / (high - low);
        pixels[i * side + j] = pixels[j * side + i] = Math.round(255 * Math.min(1, Math.max(0, share)));
      }
    }
    const png = await encodePng({ width: side, height: side, pixels, palette: PALETTE });
    return { kind: first.kind, png, side, stride: this.#stride, low, high };
  }
}

function likeness(a: Likeness, b: Likeness): number {
  if (a.kind === "bow") return b.kind === "bow" ? scoreBags(a.scoring, a.bag, b.bag) : 0;
  if (b.kind === "bow") return 0;
  let sum = 0;
  for (let i = 0; i < a.descriptor.length; i++) sum += a.descriptor[i]! * b.descriptor[i]!;
  return sum;
}

/** From dark blue by green to yellow, each lighter than the one before: read in grey, too. */
const ANCHORS: readonly (readonly [number, number, number])[] = [
  [18, 14, 54],
  [45, 52, 118],
  [38, 100, 140],
  [30, 148, 135],
  [88, 190, 98],
  [190, 220, 60],
  [250, 240, 140],
];

const PALETTE = Array.from({ length: 256 }, (_, i): [number, number, number] => {
  const at = i / 255 * (ANCHORS.length - 1);
  const from = Math.min(Math.floor(at), ANCHORS.length - 2);
  const mix = (c: 0 | 1 | 2): number =>
    Math.round(ANCHORS[from]![c] + (at - from) * (ANCHORS[from + 1]![c] - ANCHORS[from]![c]));
  return [mix(0), mix(1), mix(2)];
});

/** The colours as CSS, from low to high. */
export const LIKENESS_GRADIENT: string = ANCHORS.map((rgb) => `rgb(${rgb.join(" ")})`).join(", ");
