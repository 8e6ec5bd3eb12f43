/**
 * The ways to compute a convolution over height and width with constant weights: which kernels apply to a shape on an
 * adapter, with which tiles, and which of them the estimates take first.
 *
 * @module
 */
import DIRECT from "../../shaders/conv/direct.wgsl" with { type: "text" };
import GEMM_TILED from "../../shaders/conv/gemm_tiled.wgsl" with { type: "text" };
import IMPLICIT_GEMM from "../../shaders/conv/implicit_gemm.wgsl" with { type: "text" };
import type { KernelSource, KernelTarget } from "../gpu/mod.ts";
import { denseCost, type DenseTile } from "./conv_cost.ts";
import { depthwiseCandidates } from "./conv_depthwise.ts";
import {
  type ConvChoice,
  type ConvShape,
  inputs4,
  isDepthwise,
  pixelsOf,
  prefersSubgroups,
} from "./conv_shape.ts";
import { keepsWeights, stationaryCandidates } from "./conv_stationary.ts";
import { type Candidate, inOrder, MOST_CANDIDATES, shortestOfBest } from "./kernel_choice.ts";
import { broadcastWeights, LANE_BUILTIN, TEXTURE_WEIGHTS, tiled } from "./kernel_text.ts";
import { MAX_ITERATIONS } from "./strided.ts";
import { chooseWinograd, winogradApplies, winogradCost, type WinogradTile } from "./winograd_choice.ts";

const direct: KernelSource = { name: "conv/direct", wgsl: DIRECT };
const gemmTiled: KernelSource = { name: "conv/gemm_tiled", wgsl: GEMM_TILED };
const implicitGemm: KernelSource = { name: "conv/implicit_gemm", wgsl: IMPLICIT_GEMM };

/** The same by Winograd's algorithm. */
export interface WinogradConv extends Candidate {
  winograd: WinogradTile;
  cost: number;
}

/** One of the ways to compute a convolution. */
export type ConvCandidate = ConvChoice | WinogradConv;

/** The ways to compute a convolution, the estimate's choice first; none where only the general kernel applies. */
export function convCandidates(shape: ConvShape, target: KernelTarget): ConvCandidate[] {
  if (target.plain) return [];
  const tile = chooseWinograd(shape, target);
  const own = denseCandidates(shape, target);
  if (target.winograd !== undefined && tile !== undefined) return [winogradConv(shape, tile)];
  const transformed = target.winograd === undefined && winogradApplies(shape)
    ? ([4, 2] as const).map((one) => winogradConv(shape, one))
    : [];
  const byTiles = transformed.find(({ winograd }) => winograd === tile);
  // What Winograd's estimate is compared with is conv/direct.
  const keeps = own[0] && keepsWeights(own[0]) && own[0].cost < (byTiles?.cost ?? 0);
  const first = keeps ? own[0] : byTiles ?? own[0];
  if (!first) return [];
  const all = [...own, ...transformed];
  if (target.software) return inOrder<ConvCandidate>(first, all, ({ cost }) => cost);
  // The estimates are of software. Elsewhere the first of each kernel goes before its other tiles: who times but a few then
  // times different ones.
  const kindOf = (one: ConvCandidate): string => "winograd" in one ? "winograd" : one.kernel.name;
  const firsts = all.filter((one, i) => all.findIndex((other) => kindOf(other) === kindOf(one)) === i);
  return inOrder<ConvCandidate>(first, [...firsts, ...all], () => 0);
}

function winogradConv(shape: ConvShape, tile: WinogradTile): WinogradConv {
  return { id: `winograd ${tile}x${tile}`, winograd: tile, cost: winogradCost(shape, tile) };
}

/** Those of a single dispatch. */
function denseCandidates(shape: ConvShape, target: KernelTarget): ConvChoice[] {
  const { inC, outC, groups } = shape;
  const [kh, kw] = shape.kernel;
  if (isDepthwise(shape)) return depthwiseCandidates(shape, target);
  const dense = groups === 1 || (inC / groups % 4 === 0 && outC / groups % 4 === 0);
  const iterations = kh * (1 + kw * (1 + Math.ceil(inC / groups / 4))) + MAX_UNROLLED;
  if (!dense || inC === 0 || iterations > MAX_ITERATIONS) return [];
  const registers = registerCandidates(shape, target);
  if (target.software) return withStationary(registers, stationaryCandidates(shape, target));
  const tiles = TILES.map((tile) => tiledChoice(shape, tile));
  const fills = inC / groups >= 16 && outC / groups >= 16;
  return fills ? [...tiles, ...registers.slice(0, 4)] : [...registers, ...tiles.slice(0, 4)];
}

/** Output vec4s of an invocation at most: everything is unrolled over them. */
const MAX_UNROLLED = 32;
/**
 * Those of the tiles that are taken unmeasured. llvmpipe's compiler takes seven times as long for twice as many (0.25 s with
 * 16, 1.7 s with 32), for kernels that are faster by a twentieth, or slower by as much.
 */
const USUAL_UNROLLED = 16;

/** Tiles of registers, each of up to {@linkcode MAX_UNROLLED} vec4s. */
const REGISTER_TILES: readonly DenseTile[] = [
  { p: 8, q: 4 },
  { p: 4, q: 8 },
  { p: 8, q: 2 },
  { p: 4, q: 4 },
  // 7 x 7 pixels are nearly 8 x 7, and 14 x 14 nearly 5 times 8 x 5.
  { p: 7, q: 4 },
  { p: 7, q: 2 },
  { p: 5, q: 6 },
  { p: 5, q: 4 },
  { p: 2, q: 8 },
  { p: 2, q: 16 },
  { p: 4, q: 2 },
  { p: 2, q: 4 },
  { p: 1, q: 8 },
];

/** Kernels with sums in registers. */
function registerCandidates(shape: ConvShape, target: KernelTarget): ConvChoice[] {
  const [, kw] = shape.kernel;
  const outW = shape.out[1];
  const first = kw === 1 ? usualGemm(shape, target) : directChoice(shape, target, usualDirectTile(shape));
  const narrowest = 2 ** Math.ceil(Math.log2(Math.max(outW, 1)));
  const tiles = REGISTER_TILES.map(({ p, q }) => ({ p, q: Math.min(q, widestTile(shape)) }));
  const others = [
    ...tiles.map((tile) => gemmChoice(shape, target, tile)),
    ...(kw === 1
      ? []
      : tiles.filter(({ p }) => p <= narrowest).map((tile) => directChoice(shape, target, tile))),
  ];
  return inOrder(first, others, ({ cost }) => cost).slice(0, MOST_CANDIDATES);
}

/** Output channel groups; from 4 on rounded up to an even number, for weights are loaded for two at once. */
function widestTile({ outC, groups }: ConvShape): number {
  const channels4 = Math.ceil(outC / groups / 4);
  return channels4 < 4 ? channels4 : Math.ceil(channels4 / 2) * 2;
}

/** Tiles that the output channels take. */
function channelBlocks({ outC, groups }: ConvShape, q: number): number {
  return groups * Math.ceil(Math.ceil(outC / groups / 4) / q);
}

/** A tile of pixels that is for images of 7 x 7, where the estimates know better; as short a text as the usual one's. */
const SEVEN: DenseTile = { p: 7, q: 2 };
/** It must be estimated to be that much faster. */
const SEVEN_MARGIN = 0.95;

function usualGemm(shape: ConvShape, target: KernelTarget): ConvChoice {
  const q = Math.min(4, widestTile(shape));
  const usual = gemmChoice(shape, target, { p: Math.min(8, Math.floor(USUAL_UNROLLED / q)), q });
  if (!target.software) return usual;
  const seven = gemmChoice(shape, target, { ...SEVEN, q: Math.min(SEVEN.q, q) });
  return seven.cost < SEVEN_MARGIN * usual.cost ? seven : usual;
}

function usualDirectTile(shape: ConvShape): DenseTile {
  const outW = shape.out[1];
  const q = Math.min(4, widestTile(shape));
  const widest = Math.min(8, Math.floor(USUAL_UNROLLED / q));
  // On narrow images the tile that wastes the fewest columns.
  const waste = (tile: number): number => Math.ceil(outW / tile) * tile - outW;
  const p = [8, 4, 2].filter((tile) => tile <= widest).reduce((best, tile) =>
    outW < 16 && waste(tile) < waste(best) ? tile : best
  );
  return { p, q };
}

function gemmChoice(shape: ConvShape, target: KernelTarget, { p, q }: DenseTile): ConvChoice {
  const [kh, kw] = shape.kernel;
  const subgroups = prefersSubgroups(target);
  const wg = target.software ? 8 : 64;
  const blocks = channelBlocks(shape, q);
  const runs = Math.ceil(pixelsOf(shape) / (wg * p));
  return {
    id: `implicit_gemm P${p} Q${q}`,
    kernel: implicitGemm,
    ...denseOptions(
      { WG: wg, KH: kh, KW: kw, GROUPED: Number(shape.groups > 1) },
      { P: p, Q: q },
      subgroups,
    ),
    stores: p * q,
    workgroups: runs,
    layers: blocks,
    cost: denseCost(
      { runs: runs * wg / 8, blocks, steps: kh * kw * inputs4(shape), loads: p, taps: 1 },
      { p, q },
      subgroups,
    ),
  };
}

function directChoice(shape: ConvShape, target: KernelTarget, { p, q }: DenseTile): ConvChoice {
  const { batch, inC, kernel: [kh, kw], out: [outH, outW] } = shape;
  const [strideW, dilationW] = [shape.strides[1], shape.dilations[1]];
  const subgroups = prefersSubgroups(target);
  const wg = target.software ? 8 : 64;
  const blocks = channelBlocks(shape, q);
  const runs = Math.ceil(batch * outH * Math.ceil(outW / p) / wg);
  const tile = {
    KH: kh,
    KW: kw,
    STRIDE_W: strideW,
    DILATION_W: dilationW,
    P: p,
    Q: q,
    COLS: (p - 1) * strideW + (kw - 1) * dilationW + 1,
    INPUT_LANES: Math.min(4, inC),
  };
  return {
    id: `direct P${p} Q${q}`,
    kernel: direct,
    ...denseOptions({ WG: wg, GROUPED: Number(shape.groups > 1) }, tile, subgroups),
    stores: p * q,
    workgroups: runs,
    layers: blocks,
    cost: denseCost(
      { runs: runs * wg / 8, blocks, steps: kh * inputs4(shape), loads: tile.COLS, taps: kw },
      { p, q },
      subgroups,
    ),
  };
}

/** Those that keep their weights go first where one of them is estimated to take less time than the others' first. */
function withStationary(registers: ConvChoice[], keeping: ConvChoice[]): ConvChoice[] {
  const best = keeping.length > 0 ? shortestOfBest(keeping) : undefined;
  const first = best && best.cost < registers[0]!.cost ? best : registers[0]!;
  return inOrder(first, [...registers, ...keeping], ({ cost }) => cost).slice(0, MOST_CANDIDATES + 2);
}

/** A tile in workgroup memory, of pixels x channel groups, and an invocation's part of it. */
interface SharedTile extends DenseTile {
  pixels: number;
  channels4: number;
}

/** Workgroups of 64, with up to 12 KiB of workgroup memory (WebGPU grants 16); the usual one first. */
const TILES: readonly SharedTile[] = [
  { pixels: 32, channels4: 16, p: 4, q: 2 },
  { pixels: 64, channels4: 16, p: 4, q: 4 },
  { pixels: 64, channels4: 16, p: 8, q: 2 },
  { pixels: 64, channels4: 8, p: 4, q: 2 },
  { pixels: 32, channels4: 8, p: 2, q: 2 },
  { pixels: 128, channels4: 16, p: 8, q: 4 },
];

/** Tiles in workgroup memory, for layers with enough channels to fill them on a GPU that is no software. */
function tiledChoice(shape: ConvShape, { pixels, channels4, p, q }: SharedTile): ConvChoice {
  const [kh, kw] = shape.kernel;
  const tile = { TILE_PIXELS: pixels, TILE_CHANNELS4: channels4, STEP4: 4, P: p, Q: q };
  const wg = (pixels / p) * (channels4 / q);
  return {
    id: `gemm_tiled ${pixels}x${4 * channels4} P${p} Q${q}`,
    kernel: gemmTiled,
    options: tiled({ WG: wg, KH: kh, KW: kw }, tile),
    workgroups: Math.ceil(pixelsOf(shape) / pixels) * channelBlocks(shape, channels4),
    weights: "buffer",
    cost: 0,
  };
}

/**
 * What is injected so that eight invocations load the weights of two output channel groups for all, or, twice, of the one
 * that is left where their number is odd.
 */
const BROADCAST_WEIGHTS = {
  1: `let one_c4 = group_c4 + min(first_in_group + part, last_in_group);
${broadcastWeights("weight(one_c4 * co_stride + tap_at + (lane & 3u))")}`,
  2: `let pair_c4 = group_c4 + min(first_in_group + 2u * part + ((lane >> 2u) & 1u), last_in_group);
${broadcastWeights("weight(pair_c4 * co_stride + tap_at + (lane & 3u))")}`,
} as const;

function denseOptions(
  overrides: Record<string, number>,
  tile: Record<string, number>,
  subgroups: boolean,
): Pick<ConvChoice, "options" | "weights"> {
  const atOnce = subgroups && tile.Q! % 2 === 0 ? 2 : 1;
  const options = tiled(overrides, { ...tile, AT_ONCE: atOnce, BLOCKS: tile.Q! / atOnce });
  if (!subgroups) return { options, weights: "buffer" };
  const inject = { builtins: LANE_BUILTIN, load: BROADCAST_WEIGHTS[atOnce], weights: TEXTURE_WEIGHTS };
  return { options: { ...options, inject: { ...options.inject, ...inject } }, weights: "texture" };
}
