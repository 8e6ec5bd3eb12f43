/**
 * What kernels are estimated to take, to try the likely ones first: nanoseconds of one core for eight invocations at a
 * time, fitted to the times of the tuning table for llvmpipe (880 dense kernels, 310 depthwise ones and 200 pairs; most
 * are within a fourth). The order is all that is made of them.
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
    (BEGINNING + steps * (loads * LOAD + taps * q * (weights + PRODUCT * p)) + p * q * DIRECT_OUTPUT);
}

/** Addresses of eight invocations before their first output. */
const BEGINNING = 400;
/** A load of a weight that stays: what it takes to spill it is in it. */
const KEPT_WEIGHT = 40;
/** Four multiply-adds of vec4s with weights that stay, the broadcast of a factor included. */
const KEPT_PRODUCT = 7.8;
/** What a pixel takes besides: addresses, and a load that eight share. */
const PIXEL = 30;
/** A load of those of an invocation that shares its pixel with fewer; by the time of a load, not fitted. */
const OWN_LOAD = 12;
/** A store of a vec4, its epilogue included. */
const OUTPUT = 30;

/**
 * What one takes that keeps its weights: they are loaded once for each run of pixels.
 *
 * @param workgroups of eight invocations, in all.
 * @param turns of all of them together: each is a pixel, or one of each stream.
 * @param loads of an invocation and turn.
 * @param entries vec4s of inputs of a pixel.
 * @param factors of each that are multiplied.
 */
export function stationaryCost(
  { workgroups, turns, loads, entries, factors }: Record<
    "workgroups" | "turns" | "loads" | "entries" | "factors",
    number
  >,
  q: number,
): number {
  const weights = workgroups * (BEGINNING + 4 * entries * q * KEPT_WEIGHT);
  const moreLoads = loads - entries / 8;
  return weights +
    turns * (PIXEL + moreLoads * OWN_LOAD + entries * q * KEPT_PRODUCT * factors / 4 + q * OUTPUT);
}

/** What one with an unrolled depthwise window takes: loads, and outputs with their products and stores. */
export function depthwiseCost(
  { tiles, window, outputs }: Record<"tiles" | "window" | "outputs", number>,
): number {
  return tiles / 8 * (window * 28 + outputs * 84);
}

/**
 * What a depthwise convolution takes with the 1x1 convolution behind it, in one dispatch and channel by channel.
 *
 * @param tiles eights of tiles of pixels.
 * @param window elements that a tile reads of a channel.
 * @param pixels of a tile.
 */
export function pairCost(
  { tiles, window, pixels, inC4 }: Record<"tiles" | "window" | "pixels" | "inC4", number>,
  q: number,
): number {
  return tiles * (inC4 * (window * 15.4 + q * (12.4 + pixels * 11.9)) + pixels * q * 130);
}

/**
 * The same with weights that stay.
 *
 * @param tiles of `pixels` in a row each.
 * @param loads vec4s that an invocation loads for a tile.
 * @param g groups of four channels that it makes of what lies between, of `inC4` in all.
 */
export function keptPairCost(
  { tiles, pixels, loads, taps, g, inC4 }: Record<
    "tiles" | "pixels" | "loads" | "taps" | "g" | "inC4",
    number
  >,
  q: number,
): number {
  return tiles * (loads * 4.4 + pixels * (g * taps * 1.06 + inC4 * q * 15.6 + q * OUTPUT));
}
