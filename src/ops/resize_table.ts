/**
 * Where each output position of a Resize comes from, along one dimension. All steps round to 32-bit floats, so that ties
 * fall as they do in ONNX Runtime.
 * {@link https://onnx.ai/onnx/operators/onnx__Resize.html}
 *
 * @module
 */
import { OUTSIDE, type ResampleTable } from "./resample.ts";

/** One dimension of a Resize. */
export interface ResizeAxis {
  from: number;
  to: number;
  /** Output extent over input extent, as given. */
  scale: number;
  /** The output's extent before it is rounded down: what corners are aligned by. */
  length: number;
  /** Begin and end of the region of interest, in parts of the extent. */
  roi: readonly [begin: number, end: number];
}

/** How a Resize maps positions and mixes elements. */
export interface ResizeRule {
  mode: "nearest" | "linear" | "cubic";
  coordinates: string;
  nearest: string;
  cubicCoefficient: number;
  excludeOutside: boolean;
  antialias: boolean;
}

const round = Math.fround;

/** The coordinate transformations, by ONNX's names. */
const COORDINATES: Readonly<Record<string, (x: number, axis: ResizeAxis) => number>> = {
  half_pixel: (x, { scale }) => round(round(round(x + 0.5) / scale) - 0.5),
  half_pixel_symmetric: (x, { from, to, scale }) => {
    const adjustment = round(to / round(scale * from));
    const offset = round(round(from / 2) * round(1 - adjustment));
    // The sum is of doubles in ONNX Runtime, other than in half_pixel.
    return round(offset + (x + 0.5) / scale - 0.5);
  },
  pytorch_half_pixel: (x, { to, scale }) => to > 1 ? round(round(round(x + 0.5) / scale) - 0.5) : 0,
  tf_half_pixel_for_nn: (x, { scale }) => round(round(x + 0.5) / scale),
  // The standard's own results divide by the extent before rounding, where scales are given.
  align_corners: (x, { from, to, length }) => to === 1 ? 0 : round(round(x * (from - 1)) / round(length - 1)),
  asymmetric: (x, { scale }) => round(x / scale),
  tf_crop_and_resize: (x, { from, to, roi: [begin, end] }) =>
    to > 1
      ? round(round(begin * (from - 1)) + round(round(x * round(end - begin)) * (from - 1)) / (to - 1))
      : round(0.5 * round(begin + end) * (from - 1)),
};

/** The roundings of nearest mode, by ONNX's names; `simple` is that of operator set 10 and before. */
const NEAREST: Readonly<Record<string, (x: number, shrinks: boolean) => number>> = {
  // A tie that rounding to 32 bits put just above or below is a tie, as it is to ONNX Runtime.
  round_prefer_floor: (x) => Math.ceil(x - 0.5 - 1e-6 * Math.max(1, Math.abs(x))),
  round_prefer_ceil: (x) => Math.floor(x + 0.5 + 1e-6 * Math.max(1, Math.abs(x))),
  floor: (x) => Math.floor(x),
  ceil: (x) => Math.ceil(x),
  simple: (x, shrinks) => shrinks ? Math.ceil(x) : Math.floor(x),
};

/** The names of the coordinate transformations that are understood. */
export const COORDINATE_NAMES: readonly string[] = Object.keys(COORDINATES);

/** The names of the roundings that are understood. */
export const NEAREST_NAMES: readonly string[] = Object.keys(NEAREST);

/** The table of one dimension. */
export function resizeTable(axis: ResizeAxis, rule: ResizeRule): ResampleTable {
  const rows: [index: number, weight: number][][] = [];
  for (let x = 0; x < axis.to; x++) {
    const at = COORDINATES[rule.coordinates]!(x, axis);
    const outside = rule.coordinates === "tf_crop_and_resize" && (at < 0 || at > axis.from - 1);
    rows.push(outside ? [[OUTSIDE, 0]] : tapsAt(at, axis, rule));
  }
  const taps = rows.reduce((most, row) => Math.max(most, row.length), 1);
  const pairs = new Float32Array(axis.to * taps * 2);
  rows.forEach((row, x) => row.forEach((pair, i) => pairs.set(pair, (x * taps + i) * 2)));
  return { taps, pairs };
}

function tapsAt(at: number, axis: ResizeAxis, rule: ResizeRule): [number, number][] {
  const clamp = (index: number): number => Math.min(Math.max(index, 0), axis.from - 1);
  if (rule.mode === "nearest") return [[clamp(NEAREST[rule.nearest]!(at, axis.scale < 1)), 1]];
  if (rule.antialias && axis.scale < 1) return antialiasedTaps(at, axis, rule);
  if (rule.mode === "linear") {
    const inside = clamp(at);
    const low = Math.min(Math.floor(inside), axis.from - 1);
    const part = round(inside - low);
    return [[low, round(1 - part)], [clamp(low + 1), part]];
  }
  const low = Math.floor(at);
  const taps = [-1, 0, 1, 2].map((step): [number, number] => [
    low + step,
    cubicWeight(at - low - step, rule.cubicCoefficient),
  ]);
  return weighed(taps, axis, rule.excludeOutside);
}

/** The filter, stretched over as many elements as one output element stands for. */
function antialiasedTaps(at: number, axis: ResizeAxis, rule: ResizeRule): [number, number][] {
  const reach = (rule.mode === "linear" ? 1 : 2) / axis.scale;
  const centre = at + 0.5;
  const first = Math.floor(centre - reach + 0.5);
  const end = Math.floor(centre + reach + 0.5);
  const taps: [number, number][] = [];
  for (let index = first; index < end; index++) {
    const distance = (index + 0.5 - centre) * axis.scale;
    const weight = rule.mode === "linear"
      ? Math.max(0, 1 - Math.abs(distance))
      : cubicWeight(distance, rule.cubicCoefficient);
    taps.push([index, weight]);
  }
  const sum = taps.reduce((total, [, weight]) => total + weight, 0);
  return weighed(taps.map(([index, weight]) => [index, weight / sum]), axis, rule.excludeOutside);
}

/** Positions outside are clamped to the border, or left out and the others' weights raised to a sum of 1. */
function weighed(
  taps: readonly [number, number][],
  { from }: ResizeAxis,
  excludeOutside: boolean,
): [number, number][] {
  if (!excludeOutside) {
    return taps.map(([index, weight]) => [Math.min(Math.max(index, 0), from - 1), weight]);
  }
  const inside = taps.filter(([index]) => index >= 0 && index < from);
  const sum = inside.reduce((total, [, weight]) => total + weight, 0);
  return inside.map(([index, weight]) => [index, weight / sum]);
}

/** Keys' cubic kernel with coefficient `a` (1981). */
function cubicWeight(distance: number, a: number): number {
  const d = Math.abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return 0;
}
