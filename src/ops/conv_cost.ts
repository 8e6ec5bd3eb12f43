/**
 * What dense kernels are estimated to take, to try the likely ones first: nanoseconds of one core of the software adapter
 * that Winograd's estimates were measured on, for eight invocations at a time. The order is all that is made of them.
 *
 * @module
 */
import { DIRECT_OUTPUT, LOAD, PRODUCT, WEIGHTS } from "./winograd_choice.ts";

/** Four weights' loads where nobody shares them. */
const OWN_WEIGHTS = 4 * LOAD;

/** The tile of an invocation. */
export interface DenseTile {
  /** Pixels, or rows. */
  p: number;
  /** Groups of four output channels, or columns. */
  q: number;
}

/** The size of a product. */
export interface DenseExtents {
  /** Eights of tiles of pixels. */
  runs: number;
  /** Tiles of output channels. */
  blocks: number;
  /** How often a tile's inputs are loaded: groups of four input channels, times taps where each tap loads its own. */
  steps: number;
  /** Inputs that a step loads. */
  loads: number;
  /** Taps that use what a step loads. */
  taps: number;
}

/** What a product with sums in registers takes. */
export function denseCost(
  { runs, blocks, steps, loads, taps }: DenseExtents,
  { p, q }: DenseTile,
  shared: boolean,
): number {
  const weights = shared ? WEIGHTS : OWN_WEIGHTS;
  return runs * blocks *
    (steps * (loads * LOAD + taps * q * (weights + PRODUCT * p)) + p * q * DIRECT_OUTPUT);
}

/** What one with an unrolled depthwise window takes: loads, products and stores of a tile. */
export function depthwiseCost(
  { tiles, window, taps, outputs }: { tiles: number; window: number; taps: number; outputs: number },
): number {
  return tiles / 8 * (window * LOAD + taps * LOAD + outputs * (taps * PRODUCT / 4 + DIRECT_OUTPUT / 4));
}
