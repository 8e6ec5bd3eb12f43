/**
 * The ways to compute a depthwise convolution and the 1x1 convolution behind it: in two dispatches, or in one, with which
 * tile, and what they are estimated to take.
 *
 * @module
 */
import type { KernelTarget } from "../gpu/mod.ts";
import { convCandidates } from "./conv_candidates.ts";
import { convLayer, type ConvShape, isDepthwise } from "./conv_shape.ts";
import { MAX_STATIONARY } from "./conv_stationary.ts";
import { keptPairCost, pairCost } from "./conv_cost.ts";
import { type Candidate, inOrder, shortestOfBest } from "./kernel_choice.ts";
import { MAX_ITERATIONS } from "./strided.ts";

/** Both layers in numbers: the output of the first is the input of the second. */
export interface PairShape {
  depthwise: ConvShape;
  pointwise: ConvShape;
}

/** What an invocation computes: rows and columns of pixels, and groups of four output channels. */
export interface PairTile {
  r: number;
  p: number;
  q: number;
  /** Whether it keeps all weights and goes along the rows; if not, it takes one tile, channel by channel. */
  keeps?: boolean;
}

/** One of the ways. */
export interface PairCandidate extends Candidate {
  /** Nanoseconds of one core, as an estimate has them. */
  cost: number;
  /** The tile of the one dispatch; `undefined` for two. */
  tile: PairTile | undefined;
}

/** Those that keep weights may take so much longer: the others' text takes several times as long to compile. */
const LONGER = 1.15;
/** What a dispatch takes, with the copies before it, however little it does. */
const DISPATCH = 150_000;
/** Invocations that share what they load. */
const LANES = 8;
/** Loads of an invocation's tile; all are in the text. */
const MOST_LOADS = 36;
/** Windows with more taps were faster by less than a tenth, and take up to 15 s to compile. */
const MOST_TAPS = 9;
/** Groups of output channels of an invocation. For more channels, each block would compute the first layer anew. */
const MOST_GROUPS = 16;
/** Output `vec4`s of an invocation, as for other kernels: more take too long to compile. */
const MOST_SUMS = 32;
/** One dispatch must be estimated to be that much faster. */
const MARGIN = 0.95;
/** Rows and columns of pixels. */
const TILES: readonly (readonly [r: number, p: number])[] = [[4, 4], [2, 4], [2, 2], [1, 4], [1, 2]];

/** Whether one dispatch was measured to be faster on some layer on such an adapter. */
export function pairsConvolutions({ software, subgroups, plain }: KernelTarget): boolean {
  return software && subgroups && !plain;
}

/** Whether two layers can be one dispatch that may be faster. */
export function canPair({ depthwise, pointwise }: PairShape): boolean {
  const { kernel: [kh, kw], dilations } = depthwise;
  return isDepthwise(depthwise) && kh * kw <= MOST_TAPS && dilations.every((dilation) => dilation === 1) &&
    pointwise.groups === 1 && groupsOf(pointwise) <= MOST_GROUPS &&
    pointwise.kernel.every((extent) => extent === 1) && pointwise.strides.every((stride) => stride === 1) &&
    Math.ceil(depthwise.inC / 4) + MOST_SUMS <= MAX_ITERATIONS &&
    [...pointwise.padBegin, ...pointwise.padEnd].every((pad) => pad === 0);
}

/** A pair in numbers: equal pairs are equally fast with equal kernels. */
export function pairLayer({ depthwise, pointwise }: PairShape): string {
  return `${convLayer(depthwise)}, then 1x1 to ${pointwise.outC}`;
}

/** The ways to compute a pair: the estimate's choice, two dispatches, then the others by their estimates. */
export function pairCandidates(shape: PairShape, target: KernelTarget): PairCandidate[] {
  const q = 2 * Math.ceil(groupsOf(shape.pointwise) / 2);
  const separate: PairCandidate = { id: "separate", cost: separateCost(shape, target), tile: undefined };
  const paired = TILES.filter(([r, p]) => r * p * q <= MOST_SUMS)
    .map(([r, p]): PairCandidate => {
      const tile = { r, p, q };
      return { id: `paired R${r} P${p} Q${q}`, cost: pairedCost(shape, tile), tile };
    })
    .sort((a, b) => a.cost - b.cost);
  const keeping = keepingCandidates(shape);
  const best = keeping.length > 0 ? shortestOfBest(keeping) : undefined;
  const one = best && best.cost < LONGER * (paired[0]?.cost ?? Infinity) ? best : paired[0];
  if (!one) return [separate];
  const rest = inOrder(one, [...keeping, ...paired], ({ cost }) => cost).slice(1);
  return one.cost < MARGIN * separate.cost ? [one, separate, ...rest] : [separate, one, ...rest];
}

/** Those that keep their weights, where registers hold them. */
function keepingCandidates(shape: PairShape): PairCandidate[] {
  const { kernel: [kh, kw], inC, strides, out } = shape.depthwise;
  const inC4 = Math.ceil(inC / 4);
  const g = Math.ceil(inC4 / LANES), q = Math.ceil(groupsOf(shape.pointwise) / LANES);
  if (g * (kh * kw + 1) + 4 * inC4 * q > MAX_STATIONARY) return [];
  const loads = (p: number): number => g * kh * ((p - 1) * strides[1] + kw);
  return [2, 1].filter((p) => (p === 1 || loads(p) <= MOST_LOADS) && p <= out[1])
    .map((p): PairCandidate => {
      const tiles = shape.depthwise.batch * out[0] * Math.ceil(out[1] / p);
      const cost = keptPairCost({ tiles, pixels: p, loads: loads(p), taps: kh * kw, g, inC4 }, q);
      return { id: `kept P${p}`, cost, tile: { r: 1, p, q, keeps: true } };
    });
}

/** Tiles of rows and columns of pixels. */
export function pairTiles(
  { depthwise: { batch, out: [h, w] } }: PairShape,
  { r, p }: Pick<PairTile, "r" | "p">,
): number {
  return batch * Math.ceil(h / r) * Math.ceil(w / p);
}

/** Groups of four output channels. */
function groupsOf({ outC }: ConvShape): number {
  return Math.ceil(outC / 4);
}

/** Elements of the input that a tile reads of one channel. */
function windowOf({ depthwise: { kernel, strides } }: PairShape, r: number, p: number): number {
  return ((r - 1) * strides[0] + kernel[0]) * ((p - 1) * strides[1] + kernel[1]);
}

/** What two dispatches are estimated to take. */
function separateCost({ depthwise, pointwise }: PairShape, target: KernelTarget): number {
  const [first, second] = [depthwise, pointwise].map((shape) => convCandidates(shape, target)[0]);
  return (first?.cost ?? Infinity) + (second?.cost ?? Infinity) + DISPATCH;
}

/** What one dispatch is estimated to take, channel by channel. */
function pairedCost(shape: PairShape, { r, p, q }: PairTile): number {
  const inC4 = Math.ceil(shape.depthwise.inC / 4);
  const tiles = Math.ceil(pairTiles(shape, { r, p }) / 8);
  return pairCost({ tiles, window: windowOf(shape, r, p), pixels: r * p, inC4 }, q);
}

/** Why a pair is computed as it is. */
export function whyPair(shape: PairShape, { tile, cost }: PairCandidate, target: KernelTarget): string {
  const one = tile ? cost : pairCandidates(shape, target)[1]!.cost;
  const part = (one / separateCost(shape, target)).toFixed(2);
  if (!tile) return `one dispatch is estimated at ${part} of the time of two`;
  if (tile.keeps) {
    return `what lies between is not stored, and all weights stay in registers, for ${tile.p} pixels at a time and ${
      32 * tile.q
    } channels of eight invocations: estimated at ${part} of the time of two dispatches`;
  }
  return `what lies between is not stored: ${tile.r}x${tile.p} pixels x ${
    4 * tile.q
  } channels an invocation, ` +
    `estimated at ${part} of the time of two dispatches`;
}
