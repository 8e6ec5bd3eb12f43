/**
 * A small typeface for labels, drawn for this project: printable ASCII as strokes, rendered with smooth edges at any
 * size, so that text stays sharp from 320 to 3840 pixels a frame.
 *
 * The strokes are on a grid with y downwards: capitals from 0 to 10, small letters from 3, descenders to 13. `M` moves,
 * `L`, `H` and `V` draw lines, `Q` a quadratic curve, `Z` closes.
 *
 * @module
 */

const BOWL_LEFT = "M5.3 5.6Q4.9 3 2.6 3Q0 3 0 6V7Q0 10 2.6 10Q4.9 10 5.3 7.4";
const BOWL_RIGHT = "M0 5.6Q0.4 3 2.7 3Q5.3 3 5.3 6V7Q5.3 10 2.7 10Q0.4 10 0 7.4";
const ROUND = "M3.3 0Q0 0 0 3.6V6.4Q0 10 3.3 10Q6.6 10 6.6 6.4V3.6Q6.6 0 3.3 0Z";
const CURVE_S = "M5.9 2.3Q5.5 0 3.1 0Q0.3 0 0.3 2.5Q0.3 4.5 3 4.9Q6.2 5.4 6.2 7.4Q6.2 10 3.1 10Q0.4 10 0 7.6";

/** Strokes of the characters from space (32) to tilde (126). */
const STROKES: readonly string[] = [
  "", // space
  "M0 0V6.6M0 9.7V9.8",
  "M0 0V2.6M2.4 0V2.6",
  "M2 0.5L1 9.5M5.2 0.5L4.2 9.5M0.3 3.3H6.2M0 6.7H5.9",
  `${CURVE_S}M3.1 -1.3V11.3`,
  "M1.8 0Q0 0 0 2.2Q0 4.4 1.8 4.4Q3.6 4.4 3.6 2.2Q3.6 0 1.8 0ZM6.8 5.6Q5 5.6 5 7.8Q5 10 6.8 10Q8.6 10 8.6 7.8Q8.6 5.6 6.8 5.6ZM7 0L1.6 10",
  "M7 10L1.6 3.2Q0.9 2.2 1.2 1.3Q1.7 0 3 0Q4.8 0 4.8 1.9Q4.8 3.2 2.8 4.5Q0 6 0 7.6Q0 10 2.8 10Q5.8 10 6.6 5.6",
  "M0 0V2.6",
  "M1.8 -0.8Q0 1.8 0 5.2Q0 8.8 1.8 11.8",
  "M0 -0.8Q1.8 1.8 1.8 5.2Q1.8 8.8 0 11.8",
  "M2.2 0V4.8M0.1 1.2L4.3 3.6M4.3 1.2L0.1 3.6",
  "M0 5.6H5.6M2.8 2.8V8.4",
  "M0.7 9.7L0 11.9",
  "M0 6H3.4",
  "M0 9.7V9.8",
  "M4 -0.5L0 11",
  "M2.9 0Q0 0 0 3.4V6.6Q0 10 2.9 10Q5.8 10 5.8 6.6V3.4Q5.8 0 2.9 0Z",
  "M0.9 1.9L3.4 0V10",
  "M0.2 2.7Q0.2 0 2.9 0Q5.6 0 5.6 2.6Q5.6 4.2 4 5.9L0.1 10H5.8",
  "M0.3 0H5.4L2.5 3.9Q5.8 3.9 5.8 6.9Q5.8 10 2.8 10Q0.5 10 0 7.9",
  "M4.4 10V0L0 7.2H5.9",
  "M5.2 0H0.9L0.4 4.7Q1.3 3.8 2.8 3.8Q5.8 3.8 5.8 6.9Q5.8 10 2.8 10Q0.5 10 0 8",
  "M4.4 0L1 4.8Q0 6.2 0 7Q0 10 2.9 10Q5.8 10 5.8 7Q5.8 4.1 2.9 4.1Q1.5 4.1 0.8 5.1",
  "M0 0H5.8L2 10",
  "M2.9 0Q0.4 0 0.4 2.4Q0.4 4.7 2.9 4.7Q5.4 4.7 5.4 2.4Q5.4 0 2.9 0ZM2.9 4.7Q0 4.7 0 7.3Q0 10 2.9 10Q5.8 10 5.8 7.3Q5.8 4.7 2.9 4.7Z",
  "M1.4 10L4.8 5.2Q5.8 3.8 5.8 3Q5.8 0 2.9 0Q0 0 0 3Q0 5.9 2.9 5.9Q4.3 5.9 5 4.9",
  "M0 4.1V4.2M0 9.7V9.8",
  "M0.7 4.1V4.2M0.7 9.7L0 11.9",
  "M5 2.6L0 5.6L5 8.6",
  "M0 4.2H5.4M0 7.2H5.4",
  "M0 2.6L5 5.6L0 8.6",
  "M0 2.4Q0.2 0 2.5 0Q5 0 5 2.5Q5 4 3.4 5Q2.4 5.7 2.4 7M2.4 9.7V9.8",
  "M6.2 3.4V6.4Q6.2 7.9 7.3 7.9Q8.8 7.9 8.8 5Q8.8 0.4 4.6 0.4Q0 0.4 0 5.6Q0 11 4.8 11Q6.4 11 7.4 10.4M6.2 4.9Q5.9 3.3 4.5 3.3Q2.6 3.3 2.6 5.6Q2.6 7.9 4.3 7.9Q5.8 7.9 6.2 6.3",
  "M0 10L3.5 0L7 10M1.2 6.7H5.8",
  "M0 4.8H3.5Q6.3 4.8 6.3 7.4Q6.3 10 3.5 10H0V0H3.2Q5.8 0 5.8 2.4Q5.8 4.8 3.2 4.8",
  "M6.3 2.5Q5.8 0 3.2 0Q0 0 0 3.5V6.5Q0 10 3.2 10Q5.8 10 6.3 7.5",
  "M0 0V10H2.8Q6.3 10 6.3 6.3V3.7Q6.3 0 2.8 0Z",
  "M5.5 0H0V10H5.5M0 4.8H4.8",
  "M5.5 0H0V10M0 4.9H4.8",
  "M6.3 2.4Q5.7 0 3.2 0Q0 0 0 3.5V6.5Q0 10 3.2 10Q6.4 10 6.4 6.8V5.4H3.6",
  "M0 0V10M6.2 0V10M0 4.9H6.2",
  "M0 0V10",
  "M4.5 0V7Q4.5 10 2.2 10Q0.3 10 0 7.8",
  "M0 0V10M6 0L0 6M2.2 4L6.2 10",
  "M0 0V10H5.2",
  "M0 10V0L4 6.5L8 0V10",
  "M0 10V0L6.3 10V0",
  ROUND,
  "M0 10V0H3.3Q6.2 0 6.2 2.8Q6.2 5.6 3.3 5.6H0",
  `${ROUND}M4.2 7.6L6.9 11`,
  "M0 10V0H3.3Q6.2 0 6.2 2.8Q6.2 5.6 3.3 5.6H0M3.2 5.6L6.4 10",
  CURVE_S,
  "M0 0H6.6M3.3 0V10",
  "M0 0V6.6Q0 10 3.1 10Q6.2 10 6.2 6.6V0",
  "M0 0L3.4 10L6.8 0",
  "M0 0L2.4 10L4.9 1.5L7.4 10L9.8 0",
  "M0.2 0L6.2 10M6.2 0L0.2 10",
  "M0 0L3.2 5L6.4 0M3.2 5V10",
  "M0.2 0H6L0 10H6.2",
  "M1.6 -0.8H0V11.8H1.6",
  "M0 -0.5L4 11",
  "M0 -0.8H1.6V11.8H0",
  "M0 3.6L2.4 0L4.8 3.6",
  "M0 11.6H6",
  "M0 -0.4L1.6 1.4",
  "M0.4 4.4Q1 3 2.7 3Q5 3 5 5.2V10M5 6.2H2.6Q0 6.2 0 8.1Q0 10 2.3 10Q4.6 10 5 8",
  `M0 0V10${BOWL_RIGHT}`,
  "M5 4.9Q4.6 3 2.6 3Q0 3 0 5.9V7.1Q0 10 2.6 10Q4.6 10 5 8.1",
  `M5.3 0V10${BOWL_LEFT}`,
  "M0 6.4H5.2V5.9Q5.2 3 2.6 3Q0 3 0 5.9V7.1Q0 10 2.7 10Q4.5 10 5.1 8.5",
  "M3.6 0.1Q1.4 -0.4 1.4 2V10M0 3H3.4",
  "M5.3 3V10.4Q5.3 13 2.7 13Q0.8 13 0.2 11.7M5.3 5.6Q4.9 3 2.6 3Q0 3 0 6V6.8Q0 9.6 2.6 9.6Q4.9 9.6 5.3 7",
  "M0 0V10M0 5.6Q0.4 3 2.6 3Q4.9 3 4.9 5.6V10",
  "M0 3V10M0 0.1V0.2",
  "M1.6 3V11.2Q1.6 13 0 12.9M1.6 0.1V0.2",
  "M0 0V10M4.6 3L0 7.2M1.8 5.6L4.9 10",
  "M0 0V8.2Q0 10 1.6 9.9",
  "M0 3V10M0 5.2Q0.4 3 2.2 3Q4 3 4 5.2V10M4 5.2Q4.4 3 6.2 3Q8 3 8 5.2V10",
  "M0 3V10M0 5.6Q0.4 3 2.6 3Q4.9 3 4.9 5.6V10",
  "M2.7 3Q0 3 0 5.9V7.1Q0 10 2.7 10Q5.4 10 5.4 7.1V5.9Q5.4 3 2.7 3Z",
  `M0 3V13${BOWL_RIGHT}`,
  `M5.3 3V13${BOWL_LEFT}`,
  "M0 3V10M0 5.8Q0.4 3 3 3.1",
  "M4.5 4.6Q4.2 3 2.4 3Q0.2 3 0.2 4.7Q0.2 6.1 2.4 6.4Q4.8 6.7 4.8 8.2Q4.8 10 2.4 10Q0.3 10 0 8.3",
  "M1.3 1V8.2Q1.3 10 3.5 9.8M0 3H3.4",
  "M0 3V7.4Q0 10 2.3 10Q4.5 10 4.9 7.4M4.9 3V10",
  "M0 3L2.6 10L5.2 3",
  "M0 3L1.9 10L3.9 4L5.9 10L7.8 3",
  "M0.1 3L4.8 10M4.8 3L0.1 10",
  "M0 3L2.6 9.8M5.2 3L2.2 11.2Q1.5 13 0 12.8",
  "M0.1 3H4.6L0 10H4.8",
  "M2.4 -0.8Q1 -0.8 1 0.8V3.8Q1 5.5 0 5.5Q1 5.5 1 7.2V10.2Q1 11.8 2.4 11.8",
  "M0 -1V12",
  "M0 -0.8Q1.4 -0.8 1.4 0.8V3.8Q1.4 5.5 2.4 5.5Q1.4 5.5 1.4 7.2V10.2Q1.4 11.8 0 11.8",
  "M0 6.4Q0.4 4.6 1.7 4.6Q2.6 4.6 3.3 5.5Q4 6.4 4.9 6.4Q6.2 6.4 6.6 4.6",
];

/** Shown for characters that the typeface does not have. */
const MISSING = "M0 0H5V10H0Z";

/** Grid units from the top of capitals to the baseline. */
const CAP_UNITS = 10;
/** Width of strokes, and the white space between letters, in grid units. */
const STROKE_UNITS = 1.45;
const GAP_UNITS = 1.15;
const SPACE_UNITS = 3.2;
const DIGIT_UNITS = 5.8;

/** Coverage of a shape's pixels, 0 to 255, row by row, placed relative to a pen on the top of capitals. */
export interface Mask {
  /** Coverage, `width * height` long. */
  readonly alpha: Uint8Array;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** Pixels from the pen to the left column. */
  readonly left: number;
  /** Pixels from the pen to the top row. */
  readonly top: number;
  /** Pixels to the next pen position. */
  readonly advance: number;
}

type Segment = [x0: number, y0: number, x1: number, y1: number];

/** The line pieces of a stroke description; curves in 8 pieces. */
function segmentsOf(strokes: string): Segment[] {
  const segments: Segment[] = [];
  let x = 0, y = 0, startX = 0, startY = 0;
  const lineTo = (toX: number, toY: number) => {
    segments.push([x, y, toX, toY]);
    x = toX;
    y = toY;
  };
  for (const [, command, list] of strokes.matchAll(/([MLHVQZ])([^MLHVQZ]*)/g)) {
    const [a = 0, b = 0, c = 0, d = 0] = (list ?? "").trim().split(/\s+/).map(Number);
    if (command === "M") [x, y, startX, startY] = [a, b, a, b];
    else if (command === "L") lineTo(a, b);
    else if (command === "H") lineTo(a, y);
    else if (command === "V") lineTo(x, a);
    else if (command === "Z") lineTo(startX, startY);
    else {
      const [fromX, fromY] = [x, y];
      for (let i = 1; i <= 8; i++) {
        const t = i / 8, u = 1 - t;
        lineTo(u * u * fromX + 2 * u * t * a + t * t * c, u * u * fromY + 2 * u * t * b + t * t * d);
      }
    }
  }
  return segments;
}

/** Distance from a point to a line piece. */
function distance(x: number, y: number, [x0, y0, x1, y1]: Segment): number {
  const dx = x1 - x0, dy = y1 - y0;
  const length2 = dx * dx + dy * dy;
  const t = length2 === 0 ? 0 : Math.max(0, Math.min(1, ((x - x0) * dx + (y - y0) * dy) / length2));
  return Math.hypot(x - x0 - t * dx, y - y0 - t * dy);
}

/** Renders line pieces as a round pen of some radius draws them, in pixels. */
function render(segments: Segment[], radius: number, advance: number): Mask {
  if (segments.length === 0) {
    return { alpha: new Uint8Array(0), width: 0, height: 0, left: 0, top: 0, advance };
  }
  const xs = segments.flatMap(([x0, , x1]) => [x0, x1]);
  const ys = segments.flatMap(([, y0, , y1]) => [y0, y1]);
  const left = Math.floor(Math.min(...xs) - radius - 0.5);
  const top = Math.floor(Math.min(...ys) - radius - 0.5);
  const width = Math.ceil(Math.max(...xs) + radius + 0.5) - left;
  const height = Math.ceil(Math.max(...ys) + radius + 0.5) - top;
  const alpha = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const x = left + column + 0.5, y = top + row + 0.5;
      let nearest = Infinity;
      for (const segment of segments) nearest = Math.min(nearest, distance(x, y, segment));
      alpha[row * width + column] = Math.round(255 * Math.max(0, Math.min(1, radius + 0.5 - nearest)));
    }
  }
  return { alpha, width, height, left, top, advance };
}

/** A filled disc whose middle is the pen. */
export function discMask(radius: number): Mask {
  return render([[0, 0, 0, 0]], radius, 0);
}

/** The typeface at one size. Everything is rendered when it is made. */
export class Font {
  /** Height of capitals in pixels. */
  readonly capHeight: number;
  /** Pixels below the baseline that descenders take. */
  readonly descent: number;
  readonly #glyphs: Mask[];
  readonly #missing: Mask;

  /** @param capHeight Height of capitals in pixels, from 5. */
  constructor(capHeight: number) {
    this.capHeight = capHeight;
    const radius = Math.max(0.6, STROKE_UNITS * capHeight / CAP_UNITS / 2);
    // Capitals fill capHeight with their strokes' outer edges, so the pen's path is inset by the radius, and the edges
    // of horizontal strokes fall on whole pixels at the top and at the baseline.
    const scale = (capHeight - 2 * radius) / CAP_UNITS;
    this.descent = Math.ceil(3 * scale + radius);
    const gap = Math.max(1, GAP_UNITS * scale);
    const glyph = (strokes: string, units: number | undefined): Mask => {
      const grid = segmentsOf(strokes);
      const wide = units ?? Math.max(0, ...grid.flatMap(([x0, , x1]) => [x0, x1]));
      const segments = grid.map(([x0, y0, x1, y1]): Segment => [
        x0 * scale + radius,
        y0 * scale + radius,
        x1 * scale + radius,
        y1 * scale + radius,
      ]);
      return render(segments, radius, Math.round(wide * scale + 2 * radius + gap));
    };
    this.#glyphs = STROKES.map((strokes, i) => {
      const digit = i + 32 >= 48 && i + 32 <= 57;
      if (i === 0) return { ...glyph("", 0), advance: Math.round(SPACE_UNITS * scale + gap) };
      return glyph(strokes, digit ? DIGIT_UNITS : undefined);
    });
    this.#missing = glyph(MISSING, undefined);
  }

  /** The glyph of a character code; a hollow box for what is not printable ASCII. */
  glyph(code: number): Mask {
    return this.#glyphs[code - 32] ?? this.#missing;
  }
}
