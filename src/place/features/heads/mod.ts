/**
 * Recognising networks for local features by their outputs, and what is customary for each family.
 *
 * @module
 */
import type { Size } from "../../../vision/fit.ts";
import {
  CELL_PIXELS,
  describeOutputs,
  isMap,
  type KeyPointFamily,
  type KeyPointHead,
  type KeyPointShapes,
  LOGITS,
} from "./head.ts";

export * from "./head.ts";

/** How key points are taken from scores, and descriptors from cells. */
export interface KeyPointCustom {
  /** A key point is the largest of the pixels that are this near in both directions. */
  readonly radius: number;
  /** What the score of a pixel is above, before the reliability. */
  readonly threshold: number;
  /** How descriptors are interpolated. */
  readonly sampling: "bilinear" | "bicubic";
}

/**
 * The numbers that the authors use. XFeat: {@link https://arxiv.org/abs/2404.19174 Potje and others, 2024}, and their
 * implementation: windows of 5 x 5, 0.05, bicubic. SuperPoint:
 * {@link https://arxiv.org/abs/1712.07629 DeTone, Malisiewicz and Rabinovich, 2018}, bilinear; radius 4, threshold 0.005 as
 * their followers have it. A heat map is taken for SuperPoint's.
 */
export const KEY_POINT_CUSTOMS: Readonly<Record<KeyPointFamily, KeyPointCustom>> = {
  xfeat: { radius: 2, threshold: 0.05, sampling: "bicubic" },
  superpoint: { radius: 4, threshold: 0.005, sampling: "bilinear" },
  heat: { radius: 4, threshold: 0.005, sampling: "bilinear" },
};

/** A head, or why none fits. */
export type RecognisedKeyPoints =
  | { readonly head: KeyPointHead }
  | { readonly head?: undefined; readonly reason: string };

/**
 * Finds the family of a network for local features by the shapes of its outputs.
 *
 * @param shapes the outputs' shapes by name, with no open dimension.
 * @param input the size of the network's input.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * const shapes = { semi: [1, 65, 60, 80], desc: [1, 256, 60, 80] };
 * const { head } = recogniseKeyPoints(shapes, { width: 640, height: 480 });
 * assertEquals(head, { family: "superpoint", scores: "semi", descriptors: "desc", dimensions: 256 });
 * ```
 */
export function recogniseKeyPoints(shapes: KeyPointShapes, input: Size): RecognisedKeyPoints {
  const { width, height } = input;
  const [rows, columns] = [height / CELL_PIXELS, width / CELL_PIXELS];
  const names = Object.keys(shapes);
  const only = (found: string[]): string | undefined => found.length === 1 ? found[0] : undefined;
  const maps = (channels: number, r: number, c: number): string | undefined =>
    only(names.filter((name) => isMap(shapes[name]!, channels, r, c)));
  const logits = maps(LOGITS, rows, columns);
  const reliability = maps(1, rows, columns);
  const heat = maps(1, height, width);
  const named = [logits, reliability, heat];
  const descriptors = only(names.filter((name) => {
    const shape = shapes[name]!;
    const fits = shape.length === 4 && shape[0] === 1 && shape[1]! > 1 && shape[2]! > 0 && shape[3]! > 0;
    return fits && !named.includes(name) &&
      (logits === undefined || (shape[2] === rows && shape[3] === columns));
  }));
  if (descriptors !== undefined) {
    const common = { descriptors, dimensions: shapes[descriptors]![1]! };
    if (names.length === 3 && logits && reliability) {
      return { head: { family: "xfeat", scores: logits, reliability, ...common } };
    }
    if (names.length === 2 && logits) return { head: { family: "superpoint", scores: logits, ...common } };
    if (names.length === 2 && heat) return { head: { family: "heat", scores: heat, ...common } };
  }
  const cells = `${rows}, ${columns}`;
  return {
    reason: `no head fits the outputs ${describeOutputs(shapes)} of an input of ${width}x${height}. ` +
      `xfeat: it takes [1, 65, ${cells}], [1, 1, ${cells}] and [1, dimensions, ${cells}]. ` +
      `superpoint: it takes [1, 65, ${cells}] and [1, dimensions, ${cells}]. ` +
      `heat: it takes [1, 1, ${height}, ${width}] and [1, dimensions, rows, columns]`,
  };
}
