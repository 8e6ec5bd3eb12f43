/**
 * What a frame is found to be like, and the kernels of the habits that look for it without an index: one dispatch for each
 * earlier frame, and one that takes the best.
 *
 * @module
 */
import type { KernelSource } from "../../src/gpu/mod.ts";
import innerProducts from "./inner_products.wgsl" with { type: "text" };
import bestRow from "./best_row.wgsl" with { type: "text" };

/** Compares one descriptor with others. */
export const INNER_PRODUCTS: KernelSource = { name: "habits/inner_products", wgsl: innerProducts };
/** Takes the best of what {@linkcode INNER_PRODUCTS} kept. */
export const BEST_ROW: KernelSource = { name: "habits/best_row", wgsl: bestRow };

/** Bytes of what {@linkcode BEST_ROW} writes. */
export const RESULT_BYTES = 8;

/** The most similar descriptor: its row and the inner product. */
export interface Match {
  row: number;
  score: number;
}

/** Reads a result; `undefined` if there was nothing to compare with. */
export function readMatch(bytes: ArrayBuffer): Match | undefined {
  const view = new DataView(bytes, 0, RESULT_BYTES);
  const row = view.getUint32(0, true);
  return row === 0xffffffff ? undefined : { row, score: view.getFloat32(4, true) };
}
