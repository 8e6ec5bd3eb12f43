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

/** Addresses of eight invocations before their first pixel. */
const BEGINNING = 800;
/** A broadcast of a vec4. */
const BROADCAST = 3;
/** What a pixel takes besides its inputs, products and stores. */
const PIXEL = 15;
/** A store of a vec4, its epilogue included. */
const OUTPUT = 55;

/**
 * What one takes that keeps its weights: they are loaded once for each run of pixels.
 *
 * @param workgroups of eight invocations, in all.
 * @param pixels of all of them together.
 * @param entries vec4s of inputs of a pixel.
 * @param lanes of each that are multiplied.
 */
export function stationaryCost(
  { workgroups, pixels, entries, lanes }: Record<"workgroups" | "pixels" | "entries" | "lanes", number>,
  q: number,
): number {
  const weights = workgroups * (BEGINNING + 4 * entries * q * LOAD);
  const loads = Math.ceil(entries / 8) * 2 * LOAD;
  return weights + pixels * (PIXEL + loads + entries * (BROADCAST + q * PRODUCT * lanes / 4) + q * OUTPUT);
}

/**
 * The same for a depthwise convolution with the 1x1 convolution behind it.
 *
 * @param tiles of `pixels` in a row each.
 * @param loads vec4s that an invocation loads for a tile.
 * @param g groups of four channels that it makes of what lies between, of `inC4` in all.
 */
export function keepingPairCost(
  { tiles, pixels, loads, taps, g, inC4 }: Record<
    "tiles" | "pixels" | "loads" | "taps" | "g" | "inC4",
    number
  >,
  q: number,
): number {
  const between = loads * 1.3 * LOAD + pixels * g * (taps * PRODUCT / 4 + PIXEL);
  return tiles * (between + pixels * (inC4 * (BROADCAST + q * PRODUCT) + q * OUTPUT) + 2 * PIXEL);
}

/** What one with an unrolled depthwise window takes: loads, products and stores of a tile. */
export function depthwiseCost(
  { tiles, window, taps, outputs }: { tiles: number; window: number; taps: number; outputs: number },
): number {
  return tiles / 8 * (window * LOAD + taps * LOAD + outputs * (taps * PRODUCT / 4 + DIRECT_OUTPUT / 4));
}
