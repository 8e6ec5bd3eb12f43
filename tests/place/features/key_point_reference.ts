/**
 * Key points by plain loops, after the methods that the kernels name.
 *
 * @module
 */

/** An array of [channels, height, width]. */
export interface Planes {
  readonly data: Float32Array | Float64Array;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** How key points are found. */
export interface ReferenceOptions {
  readonly radius: number;
  readonly threshold: number;
  readonly maxFeatures: number;
  /** First column and row, and those after the last. */
  readonly area: readonly [number, number, number, number];
  readonly refine: boolean;
  readonly cubic: boolean;
  /** Whether cells lie as XFeat's implementation has them. */
  readonly stretched: boolean;
}

/** What is found. */
export interface ReferencePoint {
  readonly pixel: number;
  readonly score: number;
  readonly x: number;
  readonly y: number;
  readonly descriptor: number[];
}

/** Softmax over 65 channels; the first 64 are the pixels of a cell of 8 x 8. */
export function heatOf(logits: Planes): Planes {
  const { height: rows, width: columns } = logits;
  const [height, width] = [rows * 8, columns * 8];
  const heat = new Float64Array(height * width);
  for (let cell = 0; cell < rows * columns; cell++) {
    const values = Array.from({ length: 65 }, (_, c) => logits.data[c * rows * columns + cell]!);
    const most = Math.max(...values);
    const sum = values.reduce((total, value) => total + Math.exp(value - most), 0);
    for (let i = 0; i < 64; i++) {
      const y = Math.floor(cell / columns) * 8 + Math.floor(i / 8), x = cell % columns * 8 + i % 8;
      heat[y * width + x] = Math.exp(values[i]! - most) / sum;
    }
  }
  return { data: heat, channels: 1, height, width };
}

/** The pixels of the area above the threshold that are largest, the first of equal ones, of their window. */
export function peaksOf(heat: Planes, { radius, threshold, area }: ReferenceOptions): number[] {
  const { data, width, height } = heat;
  const found: number[] = [];
  const above = Math.fround(threshold);
  for (let y = area[1]; y < Math.min(area[3], height); y++) {
    for (let x = area[0]; x < Math.min(area[2], width); x++) {
      const own = data[y * width + x]!;
      let largest = own > above;
      for (let v = Math.max(y - radius, 0); largest && v <= Math.min(y + radius, height - 1); v++) {
        for (let u = Math.max(x - radius, 0); largest && u <= Math.min(x + radius, width - 1); u++) {
          const other = data[v * width + u]!;
          const before = v < y || (v === y && u < x);
          if (other > own || (other === own && before)) largest = false;
        }
      }
      if (largest) found.push(y * width + x);
    }
  }
  return found;
}

/** Where pixel `at` of `side` pixels lies among `cells`. */
function place(at: number, side: number, cells: number, stretched: boolean): number {
  return stretched ? at / (side - 1) * cells - 0.5 : (at + 0.5) / side * cells - 0.5;
}

/** Keys's cubic weights with a = -0.75 as a piecewise polynomial of the distance, or linear ones. */
function weight(distance: number, cubic: boolean): number {
  const d = Math.abs(distance), a = -0.75;
  if (!cubic) return Math.max(1 - d, 0);
  if (d <= 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
  return d < 2 ? a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a : 0;
}

/** A plane at a position between its pixels; zero beyond its edges. */
export function sample(planes: Planes, channel: number, x: number, y: number, cubic: boolean): number {
  const { data, width, height } = planes;
  let sum = 0;
  for (let v = Math.floor(y) - 1; v <= Math.floor(y) + 2; v++) {
    for (let u = Math.floor(x) - 1; u <= Math.floor(x) + 2; u++) {
      if (u < 0 || v < 0 || u >= width || v >= height) continue;
      sum += weight(x - u, cubic) * weight(y - v, cubic) * data[(channel * height + v) * width + u]!;
    }
  }
  return sum;
}

/** Where the peak of a quadratic form through nine pixels is, from the middle one. */
export function refined(heat: Planes, pixel: number): [number, number] {
  const { data, width, height } = heat;
  const [x, y] = [pixel % width, Math.floor(pixel / width)];
  if (x === 0 || y === 0 || x === width - 1 || y === height - 1) return [0, 0];
  const at = (u: number, v: number): number => data[(y + v) * width + x + u]!;
  const [gx, gy] = [(at(1, 0) - at(-1, 0)) / 2, (at(0, 1) - at(0, -1)) / 2];
  const xx = at(1, 0) - 2 * at(0, 0) + at(-1, 0), yy = at(0, 1) - 2 * at(0, 0) + at(0, -1);
  const xy = (at(1, 1) - at(-1, 1) - at(1, -1) + at(-1, -1)) / 4;
  const determinant = xx * yy - xy * xy;
  const dx = -(yy * gx - xy * gy) / determinant, dy = -(xx * gy - xy * gx) / determinant;
  if (xx < 0 && determinant > 0 && Math.abs(dx) <= 0.5 && Math.abs(dy) <= 0.5) return [dx, dy];
  return [xx < 0 ? -gx / xx : 0, yy < 0 ? -gy / yy : 0];
}

function unit(vector: number[]): number[] {
  const length = Math.hypot(...vector);
  return vector.map((value) => length > 0 ? value / length : 0);
}

/** The planes with each pixel's channels of unit length. */
function unitCells(planes: Planes): Planes {
  const { data, channels, height, width } = planes;
  const out = new Float64Array(data.length);
  const cells = height * width;
  for (let cell = 0; cell < cells; cell++) {
    const column = unit(Array.from({ length: channels }, (_, c) => data[c * cells + cell]!));
    for (let c = 0; c < channels; c++) out[c * cells + cell] = column[c]!;
  }
  return { ...planes, data: out };
}

/** The key points, strongest first. */
export function referencePoints(
  heat: Planes,
  descriptors: Planes,
  reliability: Planes | undefined,
  options: ReferenceOptions,
): ReferencePoint[] {
  const { width, height } = heat;
  const { stretched, cubic, maxFeatures, refine } = options;
  const among = (map: Planes, x: number, y: number): [number, number] => [
    place(x, width, map.width, stretched),
    place(y, height, map.height, stretched),
  ];
  const found = peaksOf(heat, options).map((pixel) => {
    let score = heat.data[pixel]!;
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    if (reliability) score *= sample(reliability, 0, ...among(reliability, x, y), false);
    return { pixel, score };
  }).filter(({ score }) => score > 0);
  found.sort((a, b) => b.score - a.score || a.pixel - b.pixel);
  const cells = unitCells(descriptors);
  return found.slice(0, maxFeatures).map(({ pixel, score }) => {
    const [dx, dy] = refine ? refined(heat, pixel) : [0, 0];
    const [x, y] = [pixel % width + dx, Math.floor(pixel / width) + dy];
    const at = among(cells, x, y);
    const descriptor = unit(Array.from({ length: cells.channels }, (_, c) => sample(cells, c, ...at, cubic)));
    return { pixel, score, x, y, descriptor };
  });
}
