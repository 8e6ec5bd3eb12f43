/**
 * The figures of the report, as SVG that is part of the page and takes its colours from there.
 *
 * @module
 */
import type { LoopEvaluation } from "../../place/evaluation.ts";
import { FONT, frameAxis, line, numberAxis, PAGE_THEME, renderChart, valueAxis } from "../charts.ts";
import type { LoopRank } from "../loop_truth.ts";
import { escape } from "./html.ts";
import type { LikenessPicture } from "./likeness.ts";

/** A loop in the matrix; `right` is undefined where the truth is not known. */
export interface MatrixLoop {
  readonly id: number;
  readonly match: number;
  readonly right?: boolean;
}

/** Points of the curve of times at most. */
const MOST_POINTS = 300;

/** What one frame took, in milliseconds; what is undefined was not measured. */
export interface FrameTimes {
  /** Since the frame before was done. */
  readonly whole: number | undefined;
  /** On the GPU, and of this in the search of the index alone. */
  readonly gpu: number | undefined;
  readonly search: number | undefined;
}

const TIME_LINES = [["whole", "frame", "var(--accent)"], ["gpu", "GPU", "var(--faint)"], [
  "search",
  "search",
  "var(--good)",
]] as const;

/** Mean times of frames, over windows as long as the picture needs. */
export function drawTimes(times: readonly FrameTimes[], least: number): { svg: string; window: number } {
  const window = Math.max(least, Math.ceil(times.length / MOST_POINTS));
  const series = TIME_LINES.flatMap(([key, name, colour]) => {
    const points = means(times.map((time) => time[key]), window);
    return points.length === 0
      ? []
      : [{ ...line(name, points, colour, 0, name), showSymbol: points.length < 3 }];
  });
  const svg = renderChart(PAGE_THEME, { width: 1000, height: 300 }, {
    grid: { left: 70, right: 70, top: 20, bottom: 48 },
    xAxis: frameAxis(PAGE_THEME, 0, times.length),
    yAxis: { ...valueAxis(PAGE_THEME, 0, (value) => `${value} ms`), min: 0 },
    series,
  });
  return { svg, window };
}

/** Means over windows of frames, at the windows' ends; windows without a value have no point. */
function means(values: readonly (number | undefined)[], window: number): [frame: number, mean: number][] {
  const points: [number, number][] = [];
  for (let from = 0; from < values.length; from += window) {
    const part = values.slice(from, from + window);
    // The rest at the end is too short for a mean of its own, unless it is all there is.
    if (part.length < window && points.length > 0) break;
    const known = part.filter((value) => value !== undefined);
    if (known.length === 0) continue;
    points.push([from + part.length, known.reduce((sum, value) => sum + value, 0) / known.length]);
  }
  return points;
}

/** Precision against recall. */
export function drawCurve({ curve }: LoopEvaluation): string {
  const points = curve.map(({ recall, precision }): [number, number] => [recall, precision]);
  const [first] = points;
  return renderChart(PAGE_THEME, { width: 560, height: 360 }, {
    grid: { left: 60, right: 24, top: 20, bottom: 48 },
    xAxis: { ...numberAxis(PAGE_THEME, 0, "recall", 1), splitNumber: 5 },
    yAxis: {
      ...valueAxis(PAGE_THEME, 0, (value) => String(value)),
      min: 0,
      max: 1,
      name: "precision",
      nameLocation: "middle",
      nameGap: 38,
      nameTextStyle: { color: PAGE_THEME.faint, fontFamily: FONT, fontSize: 12 },
    },
    series: [{
      ...line("precision", first ? [[0, first[1]], ...points] : [], "var(--accent)", 0),
      areaStyle: { color: "var(--accent)", opacity: 0.12 },
      symbol: "circle",
      symbolSize: 5,
      showSymbol: points.length <= 60,
    }],
  });
}

/** What a curve's thresholds are, for the words below it. */
export const RANK_NAMES: Readonly<Record<LoopRank, string>> = {
  inliers: "the number of features that one motion of the camera explains",
  similarity: "the likeness of the whole images",
  bow: "the likeness of the words of both",
};

const SIDE = 640;
const MARGIN = { left: 64, top: 12, right: 12, bottom: 48 };

/** The matrix with found loops below the diagonal and true pairs above it. */
export function drawMatrix(
  picture: LikenessPicture,
  loops: readonly MatrixLoop[],
  truth: readonly (readonly [number, number])[],
): string {
  const frames = picture.side * picture.stride;
  const at = (id: number): string => ((id + 0.5) / frames * SIDE).toFixed(1);
  // Few frames have large pixels; marks of many frames must not hide each other.
  const radius = Math.min(7, Math.max(2.5, SIDE / frames * 0.8)).toFixed(1);
  // What is seen on light and on dark: light, with a dark rim.
  const circle = (kind: string, x: number, y: number, r: string, title = ""): string =>
    `<circle class="rim ${kind}" cx="${at(x)}" cy="${at(y)}" r="${r}"/>` +
    `<circle class="${kind}" cx="${at(x)}" cy="${at(y)}" r="${r}">${title}</circle>`;
  const marks = loops.filter(({ id }) => id < frames).map(({ id, match, right }) => {
    const wrong = right === false;
    const title = `<title>frame ${id}: ${match}${wrong ? " (wrong)" : ""}</title>`;
    return circle(wrong ? "wrong" : "found", match, id, radius, title);
  });
  const dots = truth.map(([a, b]) => [Math.max(a, b), Math.min(a, b)] as const)
    .filter(([later]) => later < frames)
    .map(([later, earlier]) => circle("true", later, earlier, "1.6"));
  const ticks = roundSteps(frames).map((id) => {
    const place = (id / frames * SIDE).toFixed(1);
    return `<text x="${place}" y="${SIDE + 18}" text-anchor="middle">${id}</text>` +
      `<text x="-8" y="${Number(place) + 4}" text-anchor="end">${id}</text>`;
  });
  const { left, top, right, bottom } = MARGIN;
  const middle = SIDE / 2;
  return `<svg class="matrix" viewBox="0 0 ${left + SIDE + right} ${
    top + SIDE + bottom
  }" role="img" aria-label="${
    escape("How much every frame resembles every earlier one")
  }"><g transform="translate(${left} ${top})">` +
    `<image width="${SIDE}" height="${SIDE}" href="data:image/png;base64,${picture.png.toBase64()}"/>` +
    dots.join("") + marks.join("") +
    `<g class="ticks">${ticks.join("")}<text x="${middle}" y="${
      SIDE + 40
    }" text-anchor="middle">earlier frame</text>` +
    `<text transform="translate(-46 ${middle}) rotate(-90)" text-anchor="middle">frame</text></g></g></svg>`;
}

/** Round numbers from 0 to below `end`, about six. */
export function roundSteps(end: number): number[] {
  const rough = end / 6;
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const step = Math.max(1, [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough)!);
  return Array.from({ length: Math.ceil(end / step) }, (_, i) => i * step);
}

/** One of two pictures side by side. */
export interface PairSide {
  readonly jpeg: Uint8Array<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
  /** What a coordinate of the frame is multiplied by to be one of the picture. */
  readonly scale: number;
}

/** Lines that are drawn at most: more hide the pictures. */
const MOST_LINES = 50;

/** The later frame on the left, the earlier one on the right, and lines between what both show. */
export function drawPair(later: PairSide, earlier: PairSide, lines: Float32Array): string {
  const gap = 8;
  const right = later.width + gap;
  const count = lines.length / 4;
  const step = Math.max(1, count / MOST_LINES);
  const drawn: string[] = [];
  for (let i = 0; i < count; i += step) {
    const [x1, y1, x2, y2] = lines.subarray(4 * Math.floor(i)) as unknown as [number, number, number, number];
    const from = [(x1 + 0.5) * later.scale, (y1 + 0.5) * later.scale];
    const to = [right + (x2 + 0.5) * earlier.scale, (y2 + 0.5) * earlier.scale];
    const [a, b, c, d] = [...from, ...to].map((value) => value.toFixed(1));
    drawn.push(
      `<path d="M${a} ${b}L${c} ${d}"/><circle cx="${a}" cy="${b}" r="1.8"/><circle cx="${c}" cy="${d}" r="1.8"/>`,
    );
  }
  const image = ({ jpeg, width, height }: PairSide, x: number): string =>
    `<image x="${x}" width="${width}" height="${height}" href="data:image/jpeg;base64,${jpeg.toBase64()}"/>`;
  return `<svg class="pair" viewBox="0 0 ${right + earlier.width} ${
    Math.max(later.height, earlier.height)
  }">${image(later, 0)}${image(earlier, right)}<g class="inliers">${drawn.join("")}</g></svg>`;
}
