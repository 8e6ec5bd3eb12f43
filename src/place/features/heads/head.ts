/**
 * What the heads of networks for local features have in common: which outputs they take and how those are meant.
 *
 * @module
 */
import type { BufferRange } from "../../../gpu/mod.ts";

/** The families of outputs that can be read. */
export type KeyPointFamily = "xfeat" | "superpoint" | "heat";

/** Which outputs are the scores and descriptors of pixels, and what goes with their family. */
export interface KeyPointHead {
  /**
   * - `xfeat`: logits of cells of 8 x 8 pixels, a reliability by which scores are multiplied, descriptors of cells.
   * - `superpoint`: logits of cells of 8 x 8 pixels, descriptors of cells.
   * - `heat`: scores of pixels, descriptors of cells of any size.
   */
  readonly family: KeyPointFamily;
  /** Name of the output `[1, 65, rows, columns]` of logits, or with `heat` `[1, 1, height, width]` of scores. */
  readonly scores: string;
  /** Name of the output `[1, dimensions, rows, columns]`. */
  readonly descriptors: string;
  /** Name of the output `[1, 1, rows, columns]`; with `xfeat` only. */
  readonly reliability?: string;
  /** Numbers of a descriptor. */
  readonly dimensions: number;
}

/** One output of a network on the GPU: f32, row-major, in the order of its ONNX shape. */
export interface KeyPointOutput {
  readonly range: BufferRange;
  readonly shape: readonly number[];
}

/** A network's outputs by name. */
export type KeyPointOutputs = Readonly<Record<string, KeyPointOutput>>;

/** The shapes of a network's outputs by name. */
export type KeyPointShapes = Readonly<Record<string, readonly number[]>>;

/** Side of the cells whose logits are given. */
export const CELL_PIXELS = 8;
/** Channels of the logits: the pixels of a cell, and one for no key point. */
export const LOGITS: number = CELL_PIXELS ** 2 + 1;

/** Outputs do not fit a head. The message says which shapes were found and which would fit. */
export class KeyPointHeadError extends Error {
  override readonly name = "KeyPointHeadError";
}

/** `a [1, 2], b [3]`. */
export function describeOutputs(shapes: KeyPointShapes): string {
  return Object.entries(shapes).map(([name, shape]) => `${name} [${shape.join(", ")}]`).join(", ") || "none";
}

/** Whether a shape is `[1, channels, rows, columns]`, or one of a single channel without the channel. */
export function isMap(shape: readonly number[], channels: number, rows: number, columns: number): boolean {
  const wanted = [1, channels, rows, columns];
  const full = shape.length === 3 && channels === 1 ? [shape[0], 1, ...shape.slice(1)] : shape;
  return full.length === 4 && wanted.every((extent, axis) => full[axis] === extent);
}
