/**
 * Prior boxes of SSD networks, after Caffe's PriorBox layer.
 *
 * @module
 */
import type { Size } from "../../vision/fit.ts";

/** The priors of one feature map. Sizes are in pixels of the network's input. */
export interface PriorBoxMap {
  readonly columns: number;
  readonly rows: number;
  readonly minSizes: readonly number[];
  /** As many as `minSizes`, or none: each pair gives a square of side sqrt(min * max). */
  readonly maxSizes?: readonly number[];
  /** Besides 1, which is always there. */
  readonly aspectRatios?: readonly number[];
  /** Whether 1 / ratio is taken as well; default true. */
  readonly flip?: boolean;
  /** Pixels from one cell to the next; the input's size divided by the map's unless told. */
  readonly step?: number;
  /** Where in its cell a prior has its centre; default 0.5. */
  readonly offset?: number;
}

/** Options of {@linkcode priorBoxes}. */
export interface PriorBoxOptions {
  /** Whether priors are cut at the input's edges; default false. */
  readonly clip?: boolean;
}

/**
 * The priors of all maps, in Caffe's order: cell by cell, in each cell the square of each minimal size, followed by the
 * square of its pair, followed by the aspect ratios.
 *
 * @returns left, top, right, bottom of each prior, 0..1 of the input.
 * @throws {RangeError} if the sizes of a map do not pair up or are no positive numbers.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * const priors = priorBoxes([{ columns: 1, rows: 1, minSizes: [50] }], { width: 100, height: 200 });
 * assertEquals([...priors], [0.25, 0.375, 0.75, 0.625]);
 * ```
 */
export function priorBoxes(
  maps: readonly PriorBoxMap[],
  input: Size,
  options: PriorBoxOptions = {},
): Float32Array<ArrayBuffer> {
  const boxes: number[] = [];
  for (const [index, map] of maps.entries()) {
    const { columns, rows, offset = 0.5 } = map;
    const [stepX, stepY] = [map.step ?? input.width / columns, map.step ?? input.height / rows];
    const shapes = shapesOfCell(map, index);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const [cx, cy] = [(column + offset) * stepX, (row + offset) * stepY];
        for (const [w, h] of shapes) {
          boxes.push(
            (cx - w / 2) / input.width,
            (cy - h / 2) / input.height,
            (cx + w / 2) / input.width,
            (cy + h / 2) / input.height,
          );
        }
      }
    }
  }
  return Float32Array.from(boxes, (x) => options.clip ? Math.min(Math.max(x, 0), 1) : x);
}

function shapesOfCell(map: PriorBoxMap, index: number): [width: number, height: number][] {
  const { minSizes, maxSizes = [], flip = true } = map;
  if (maxSizes.length !== 0 && maxSizes.length !== minSizes.length) {
    throw new RangeError(
      `Cannot make priors of map ${index}: ${minSizes.length} minimal and ${maxSizes.length} maximal sizes`,
    );
  }
  const ratios: number[] = [];
  for (const ratio of map.aspectRatios ?? []) {
    for (const r of flip ? [ratio, 1 / ratio] : [ratio]) {
      if (![1, ...ratios].some((known) => Math.abs(known - r) < 1e-6)) ratios.push(r);
    }
  }
  for (const size of [...minSizes, ...maxSizes, ...ratios]) {
    if (!(size > 0 && Number.isFinite(size))) {
      throw new RangeError(`Cannot make priors of map ${index}: ${size} is no positive size or ratio`);
    }
  }
  return minSizes.flatMap((min, i): [number, number][] => {
    const max = maxSizes[i];
    const pair: [number, number][] = max === undefined ? [] : [[Math.sqrt(min * max), Math.sqrt(min * max)]];
    const others = ratios.map((r): [number, number] => [min * Math.sqrt(r), min / Math.sqrt(r)]);
    return [[min, min], ...pair, ...others];
  });
}
