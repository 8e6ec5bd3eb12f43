/**
 * A small software canvas: anti-aliased polygons on an RGB24 image, by exact area coverage. It also notes whose
 * pixels are whose, so that a drawn scene knows its own truth.
 */
import type { Shape } from "./shape.ts";

/** An affine map: (x, y) becomes (a x + c y + e, b x + d y + f), as in SVG's `matrix(a b c d e f)`. */
export interface Transform {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly e: number;
  readonly f: number;
}

/** Colours are 0xRRGGBB. A vertical gradient runs from local y `from` to `to`; a radial one from a centre outwards. */
export type Paint =
  | number
  | { readonly vertical: readonly [from: number, to: number]; readonly colours: readonly number[] }
  | {
    readonly radial: readonly [cx: number, cy: number, r: number];
    readonly colours: readonly [number, number];
  };

/** Corners of a box in pixels: left, top, right, bottom. */
export type Corners = [x1: number, y1: number, x2: number, y2: number];

/** The map that moves by (x, y), after scaling by `scale`, after mirroring left-right if `mirror`. */
export function place(x: number, y: number, scale = 1, mirror = false): Transform {
  return { a: mirror ? -scale : scale, b: 0, c: 0, d: scale, e: x, f: y };
}

/** `outer` after a rotation by `angle` radians about (cx, cy). */
export function turn(outer: Transform, angle: number, cx = 0, cy = 0): Transform {
  const cos = Math.cos(angle), sin = Math.sin(angle);
  const { a, b, c, d } = outer;
  const x = cx - cos * cx + sin * cy, y = cy - sin * cx - cos * cy;
  return {
    a: a * cos + c * sin,
    b: b * cos + d * sin,
    c: -a * sin + c * cos,
    d: -b * sin + d * cos,
    e: a * x + c * y + outer.e,
    f: b * x + d * y + outer.f,
  };
}

const IDENTITY: Transform = place(0, 0);

/** An RGB24 image to draw on. */
export class Canvas {
  readonly width: number;
  readonly height: number;
  /** RGB24, rows top to bottom, no padding. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** For every pixel the object drawn there last, 0 for none: see {@linkcode Canvas.begin}. */
  readonly owner: Uint8Array<ArrayBuffer>;
  /** Where following shapes are drawn. */
  transform: Transform = IDENTITY;
  readonly #coverage: Float32Array;
  #object = 0;
  #bounds: Corners = [0, 0, 0, 0];

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.pixels = new Uint8Array(width * height * 3);
    this.owner = new Uint8Array(width * height);
    this.#coverage = new Float32Array((width + 3) * height);
  }

  /** From here to {@linkcode Canvas.end} what is drawn belongs to the object `id` (1 to 255). */
  begin(id: number): void {
    this.#object = id;
    this.#bounds = [Infinity, Infinity, -Infinity, -Infinity];
  }

  /** Closes an object; returns the exact bounds of its opaque shapes, not clipped to the image. */
  end(): Corners {
    this.#object = 0;
    return this.#bounds;
  }

  /** Copies `source`'s columns from `offset` on over the whole image, and clears the owners. */
  copyFrom(source: Canvas, offset: number): void {
    if (source.height !== this.height || offset < 0 || offset + this.width > source.width) {
      throw new RangeError(
        `Cannot copy ${this.width}x${this.height} from column ${offset} of ${source.width}x${source.height}`,
      );
    }
    const row = this.width * 3;
    for (let y = 0; y < this.height; y++) {
      const from = (y * source.width + offset) * 3;
      this.pixels.set(source.pixels.subarray(from, from + row), y * row);
    }
    this.owner.fill(0);
  }

  /**
   * Fills a shape. Rings that overlap in the same direction fill once; rings that run the other way are holes.
   * Shapes of `alpha` under a half (shadows, reflections, glows) neither own pixels nor extend the object's bounds.
   */
  fill(shape: Shape, paint: Paint, alpha = 1): void {
    const { a, b, c, d, e, f } = this.transform;
    let left = Infinity, top = Infinity, right = -Infinity, bottom = -Infinity;
    for (const ring of shape.rings) {
      for (let i = 0; i < ring.length; i += 2) {
        const u = ring[i]!, v = ring[i + 1]!;
        const x = a * u + c * v + e, y = b * u + d * v + f;
        if (x < left) left = x;
        if (x > right) right = x;
        if (y < top) top = y;
        if (y > bottom) bottom = y;
      }
    }
    const owns = this.#object > 0 && alpha >= 0.5;
    if (owns) {
      const box = this.#bounds;
      this.#bounds = [
        Math.min(box[0], left),
        Math.min(box[1], top),
        Math.max(box[2], right),
        Math.max(box[3], bottom),
      ];
    }
    const x0 = Math.max(0, Math.floor(left)), x1 = Math.min(this.width, Math.ceil(right));
    const y0 = Math.max(0, Math.floor(top)), y1 = Math.min(this.height, Math.ceil(bottom));
    if (x0 >= x1 || y0 >= y1) return;
    for (const ring of shape.rings) {
      const last = ring.length - 2;
      let px = a * ring[last]! + c * ring[last + 1]! + e;
      let py = b * ring[last]! + d * ring[last + 1]! + f;
      for (let i = 0; i <= last; i += 2) {
        const x = a * ring[i]! + c * ring[i + 1]! + e, y = b * ring[i]! + d * ring[i + 1]! + f;
        this.#edge(px, py, x, y, x0, x1, y0, y1);
        px = x;
        py = y;
      }
    }
    this.#paint(x0, x1, y0, y1, paint, alpha, owns ? this.#object : 0);
  }

  /**
   * Adds one edge's signed area to the coverage buffer: per row, the difference of coverage from one column to the
   * next (the accumulation buffer of font rasterisers). Columns left of x0 count at x0, right of x1 not at all.
   */
  #edge(
    px: number,
    py: number,
    qx: number,
    qy: number,
    x0: number,
    x1: number,
    y0: number,
    y1: number,
  ): void {
    if (py === qy) return;
    const sign = py < qy ? 1 : -1;
    const [ax, ay, bx, by] = sign > 0 ? [px, py, qx, qy] : [qx, qy, px, py];
    if (by <= y0 || ay >= y1) return;
    const slope = (bx - ax) / (by - ay);
    const cells = this.#coverage, stride = this.width + 3;
    const first = Math.max(y0, Math.floor(ay)), end = Math.min(y1, Math.ceil(by));
    let x = ax + (Math.max(ay, first) - ay) * slope;
    for (let row = first; row < end; row++) {
      const dy = Math.min(row + 1, by) - Math.max(row, ay);
      const next = x + slope * dy;
      const cover = dy * sign;
      let lo = Math.min(x, next), hi = Math.max(x, next);
      x = next;
      if (lo < x0) lo = x0;
      else if (lo > x1) lo = x1;
      if (hi < x0) hi = x0;
      else if (hi > x1) hi = x1;
      const column = Math.floor(lo), endColumn = Math.ceil(hi);
      const at = row * stride + column;
      if (endColumn <= column + 1) {
        const beyond = cover * ((lo + hi) / 2 - column);
        cells[at] = cells[at]! + cover - beyond;
        cells[at + 1] = cells[at + 1]! + beyond;
        continue;
      }
      // The edge crosses several columns. `reached` is the share of its height left of the column, `area` its
      // mean over the column; the buffer holds differences of `area`.
      const rate = 1 / (hi - lo);
      let reached = 0, area = 0;
      for (let k = column, i = at; k < endColumn; k++, i++) {
        const from = Math.max(lo, k), to = Math.min(hi, k + 1);
        const end = reached + rate * (to - from);
        const mean = (reached + end) / 2 * (to - from) + (k + 1 - to);
        cells[i] = cells[i]! + cover * (mean - area);
        reached = end;
        area = mean;
      }
      const i = row * stride + endColumn;
      cells[i] = cells[i]! + cover * (1 - area);
    }
  }

  #paint(
    x0: number,
    x1: number,
    y0: number,
    y1: number,
    paint: Paint,
    alpha: number,
    owner: number,
  ): void {
    const cells = this.#coverage, stride = this.width + 3, pixels = this.pixels, owners = this.owner;
    const { d, e, f, a } = this.transform;
    let red = 0, green = 0, blue = 0;
    const mix = (colours: readonly number[], t: number): void => {
      const position = Math.min(1, Math.max(0, t)) * (colours.length - 1);
      const i = Math.min(Math.floor(position), colours.length - 2);
      const from = colours[i]!, to = colours[i + 1]!, u = position - i;
      red = (from >> 16) + ((to >> 16) - (from >> 16)) * u;
      green = (from >> 8 & 255) + ((to >> 8 & 255) - (from >> 8 & 255)) * u;
      blue = (from & 255) + ((to & 255) - (from & 255)) * u;
    };
    const radial = typeof paint === "object" && "radial" in paint ? paint : undefined;
    if (typeof paint === "number") mix([paint, paint], 0);
    for (let y = y0; y < y1; y++) {
      if (typeof paint === "object" && "vertical" in paint) {
        const [from, to] = paint.vertical;
        mix(paint.colours, ((y + 0.5 - f) / d - from) / (to - from));
      }
      let sum = 0;
      for (let x = x0, i = y * stride + x0, p = y * this.width + x0; x < x1; x++, i++, p++) {
        sum += cells[i]!;
        cells[i] = 0;
        const coverage = Math.min(1, Math.abs(sum));
        if (coverage < 1 / 512) continue;
        if (radial) {
          const [cx, cy, r] = radial.radial;
          mix(radial.colours, Math.hypot((x + 0.5 - e) / a - cx, (y + 0.5 - f) / d - cy) / r);
        }
        if (owner > 0 && coverage >= 0.5) owners[p] = owner;
        const w = coverage * alpha, at = p * 3;
        // Plus a half: typed arrays truncate.
        pixels[at] = pixels[at]! + (red - pixels[at]!) * w + 0.5;
        pixels[at + 1] = pixels[at + 1]! + (green - pixels[at + 1]!) * w + 0.5;
        pixels[at + 2] = pixels[at + 2]! + (blue - pixels[at + 2]!) * w + 0.5;
      }
      // What was carried past the last column is not drawn, and must not stay for the next shape.
      cells.fill(0, y * stride + x1, y * stride + x1 + 3);
    }
  }
}
