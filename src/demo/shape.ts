/**
 * Outlines: the `d` attribute of SVG paths (absolute commands M, L, H, V, C, Q, Z) flattened once into
 * polygons, and the few outlines that are easier computed than written down.
 */

/** Closed polygons in local units; one outline may have several rings (letters, holes). */
export interface Shape {
  /** One ring each: x0, y0, x1, y1, ... (closed implicitly). */
  readonly rings: readonly Float64Array[];
}

/** Segments per curve: at the sizes drawn here a chord stays within a tenth of a pixel of its curve. */
const CURVE_SEGMENTS = 10;

const ARGUMENTS: Readonly<Record<string, number>> = { M: 2, L: 2, H: 1, V: 1, C: 6, Q: 4, Z: 0 };

/**
 * Parses an SVG path (absolute commands only) and flattens its curves.
 *
 * @example A square with a square hole (the hole runs the other way round)
 * ```ts
 * import { shape } from "./shape.ts";
 *
 * const frame = shape("M0 0 H10 V10 H0 Z M3 3 V7 H7 V3 Z");
 * if (frame.rings.length !== 2) throw new Error("expected two rings");
 * ```
 *
 * @throws {SyntaxError} at an unknown command or a wrong count of numbers
 */
export function shape(path: string): Shape {
  const rings: Float64Array[] = [];
  let ring: number[] = [];
  let x = 0, y = 0;
  const close = (): void => {
    if (ring.length >= 6) rings.push(Float64Array.from(ring));
    ring = [];
  };
  for (const [, command = "", text = ""] of path.matchAll(/([A-Za-z])([^A-Za-z]*)/g)) {
    const count = ARGUMENTS[command];
    const numbers = (text.match(/-?\d*\.?\d+/g) ?? []).map(Number);
    if (count === undefined) {
      throw new SyntaxError(`Cannot parse path: unknown command "${command}" in "${path}"`);
    }
    if (count === 0 ? numbers.length > 0 : numbers.length === 0 || numbers.length % count !== 0) {
      throw new SyntaxError(`Cannot parse path: "${command}" has ${numbers.length} numbers in "${path}"`);
    }
    if (count === 0) {
      close();
      continue;
    }
    for (let i = 0; i < numbers.length; i += count) {
      const a = numbers.slice(i, i + count) as [number, number, number, number, number, number];
      if (command === "M" && i === 0) {
        close();
        [x, y] = a;
        ring.push(x, y);
      } else if (command === "C" || command === "Q") {
        const [x0, y0] = [x, y];
        for (let s = 1; s <= CURVE_SEGMENTS; s++) {
          const t = s / CURVE_SEGMENTS, u = 1 - t;
          if (command === "C") {
            x = u * u * u * x0 + 3 * u * u * t * a[0] + 3 * u * t * t * a[2] + t * t * t * a[4];
            y = u * u * u * y0 + 3 * u * u * t * a[1] + 3 * u * t * t * a[3] + t * t * t * a[5];
          } else {
            x = u * u * x0 + 2 * u * t * a[0] + t * t * a[2];
            y = u * u * y0 + 2 * u * t * a[1] + t * t * a[3];
          }
          ring.push(x, y);
        }
      } else {
        if (command === "H") x = a[0];
        else if (command === "V") y = a[0];
        else [x, y] = a;
        ring.push(x, y);
      }
    }
  }
  close();
  return { rings };
}

/** An ellipse; `ry` defaults to `rx` (a circle). */
export function ellipse(cx: number, cy: number, rx: number, ry = rx): Shape {
  return { rings: [arcRing(cx, cy, rx, ry, 0, 2 * Math.PI, 40)] };
}

/** A ring of outer radius `r` and the given thickness. */
export function annulus(cx: number, cy: number, r: number, thickness: number): Shape {
  const inner = r - thickness;
  return {
    rings: [arcRing(cx, cy, r, r, 0, 2 * Math.PI, 40), arcRing(cx, cy, inner, inner, 2 * Math.PI, 0, 40)],
  };
}

/** A regular polygon whose first vertex lies at angle `phase` (radians, clockwise from the x axis). */
export function polygon(cx: number, cy: number, r: number, sides: number, phase = 0): Shape {
  return { rings: [arcRing(cx, cy, r, r, phase, phase + 2 * Math.PI, sides)] };
}

/** A rectangle with corners rounded by `radius`. */
export function rectangle(x: number, y: number, width: number, height: number, radius = 0): Shape {
  if (radius <= 0) {
    return { rings: [Float64Array.of(x, y, x + width, y, x + width, y + height, x, y + height)] };
  }
  const r = Math.min(radius, width / 2, height / 2);
  const [left, right, top, bottom] = [x + r, x + width - r, y + r, y + height - r];
  const quarter = Math.PI / 2;
  const corner = (cx: number, cy: number, from: number): number[] => [
    ...arcRing(cx, cy, r, r, from, from + quarter, 6),
    cx + r * Math.cos(from + quarter),
    cy + r * Math.sin(from + quarter),
  ];
  return {
    rings: [
      Float64Array.from([
        ...corner(right, bottom, 0),
        ...corner(left, bottom, quarter),
        ...corner(left, top, 2 * quarter),
        ...corner(right, top, 3 * quarter),
      ]),
    ],
  };
}

/** A straight bar of the given width from one point to the other; its ends are square unless `round`. */
export function bar(
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  width: number,
  endWidth: number = width,
): Shape {
  const length = Math.hypot(x1 - x0, y1 - y0) || 1;
  const nx = -(y1 - y0) / length / 2, ny = (x1 - x0) / length / 2;
  return {
    rings: [
      Float64Array.of(
        x0 + nx * width,
        y0 + ny * width,
        x1 + nx * endWidth,
        y1 + ny * endWidth,
        x1 - nx * endWidth,
        y1 - ny * endWidth,
        x0 - nx * width,
        y0 - ny * width,
      ),
    ],
  };
}

/** Several shapes as one (their rings must not overlap in opposite directions). */
export function union(...shapes: readonly Shape[]): Shape {
  return { rings: shapes.flatMap((s) => s.rings) };
}

function arcRing(
  cx: number,
  cy: number,
  rx: number,
  ry: number,
  from: number,
  to: number,
  segments: number,
): Float64Array {
  const ring = new Float64Array(segments * 2);
  for (let i = 0; i < segments; i++) {
    const angle = from + (to - from) * i / segments;
    ring[2 * i] = cx + rx * Math.cos(angle);
    ring[2 * i + 1] = cy + ry * Math.sin(angle);
  }
  return ring;
}
