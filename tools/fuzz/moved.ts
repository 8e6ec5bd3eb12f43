/**
 * Tensors for operators that move elements.
 *
 * @module
 */
import type { HostTensor } from "../../src/tensor/host_tensor.ts";
import type { Draw, Operand } from "./draw.ts";

/** How often an extent is 0. */
export const EMPTY = 0.03;
/** What types elements have. */
export const MOVED = ["f32", "i32", "i64", "u8", "i8", "bool"] as const;

/** A tensor to be moved: floats mostly. */
export function moved(d: Draw, shape: readonly number[]): HostTensor {
  return d.tensor(d.chance(0.6) ? "f32" : d.pick(MOVED), shape);
}

/** The same as an input, constant at times. */
export function movedOperand(d: Draw, shape: readonly number[]): Operand {
  return d.operand(moved(d, shape), 0.1);
}
