/**
 * The ways to compute a convolution over height and width with constant weights: which kernels apply to a shape on an
 * adapter, with which tiles, and which of them the estimates take first.
 *
 * @module
 */
import DEPTHWISE from "../../shaders/conv/depthwise.wgsl" with { type: "text" };
import DIRECT from "../../shaders/conv/direct.wgsl" with { type: "text" };
import GEMM_TILED from "../../shaders/conv/gemm_tiled.wgsl" with { type: "text" };
import IMPLICIT_GEMM from "../../shaders/conv/implicit_gemm.wgsl" with { type: "text" };
import STATIONARY from "../../shaders/conv/stationary.wgsl" with { type: "text" };
import type { KernelOptions, KernelSource, KernelTarget, UniformValues } from "../gpu/mod.ts";
import { denseCost, type DenseTile, depthwiseCost, stationaryCost } from "./conv_cost.ts";
import { type Candidate, inOrder, shortestOfBest } from "./kernel_choice.ts";
import { broadcastWeights, LANE_BUILTIN, TEXTURE_WEIGHTS, tiled } from "./kernel_text.ts";
import type { WeightForm } from "./operator.ts";
import { MAX_ITERATIONS } from "./strided.ts";
import type { Window } from "./window.ts";
import { chooseWinograd, winogradApplies, winogradCost, type WinogradTile } from "./winograd_choice.ts";

const depthwise: KernelSource = { name: "conv/depthwise", wgsl: DEPTHWISE };
const direct: KernelSource = { name: "conv/direct", wgsl: DIRECT };
const gemmTiled: KernelSource = { name: "conv/gemm_tiled", wgsl: GEMM_TILED };
const implicitGemm: KernelSource = { name: "conv/implicit_gemm", wgsl: IMPLICIT_GEMM };
const stationary: KernelSource = { name: "conv/stationary", wgsl: STATIONARY };

/** Everything that the choice of a kernel depends on. */
export interface ConvShape extends Window {
  batch: number;
  inC: number;
  outC: number;
  groups: number;
}

/** How one kernel computes one convolution. */
export interface ConvChoice extends Candidate {
  kernel: KernelSource;
  options: KernelOptions;
  /** Workgroups before folding. */
  workgroups: number;
  /** How often they are there, along z; 1 if left out. */
  layers?: number;
  /** Parameters besides those that all these kernels have. */
  uniforms?: UniformValues;
  /** Options of the kernel's variant that writes planes in place of an image; left out where it has none for the shape. */
  planes?: KernelOptions;
  weights: WeightForm;
  /** Nanoseconds, as an estimate has them; only their order means anything. */
  cost: number;
}

/** The same by Winograd's algorithm. */
export interface WinogradConv extends Candidate {
  winograd: WinogradTile;
  cost: number;
}

/** One of the ways to compute a convolution. */
export type ConvCandidate = ConvChoice | WinogradConv;

/** A convolution in numbers: equal layers are equally fast with equal kernels. */
export function convLayer(
  { batch, inC, outC, groups, kernel, strides, dilations, out }: ConvShape,
): string {
  const dilated = dilations.some((dilation) => dilation !== 1) ? ` dilated ${dilations.join("x")}` : "";
  return `conv ${kernel.join("x")}/${strides.join("x")}${dilated} ${inC}>${outC}` +
    `${groups === 1 ? "" : ` in ${groups} groups`} at ${batch}x${out.join("x")}`;
}

/** Whether each input channel makes an output channel of its own. */
export function isDepthwise({ inC, outC, groups }: Pick<ConvShape, "inC" | "outC" | "groups">): boolean {
  return groups > 1 && groups === inC && groups === outC;
}

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
  const keeps = own[0]?.kernel === stationary && own[0].cost < (byTiles?.cost ?? 0);
  const first = keeps ? own[0] : byTiles ?? own[0];
  if (!first) return [];
  // The estimates are of software. Elsewhere nothing was measured, and the usual ones go before the others.
  return inOrder<ConvCandidate>(first, [...own, ...transformed], ({ cost }) => target.software ? cost : 0);
}

function winogradConv(shape: ConvShape, tile: WinogradTile): WinogradConv {
  return { id: `winograd ${tile}x${tile}`, winograd: tile, cost: winogradCost(shape, tile) };
}

/** Those of a single dispatch. */
function denseCandidates(shape: ConvShape, target: KernelTarget): ConvChoice[] {
  const { inC, outC, groups } = shape;
  const [kh, kw] = shape.kernel;
  if (isDepthwise(shape)) return kh * kw <= MAX_DEPTHWISE_TAPS ? depthwiseCandidates(shape) : [];
  const dense = groups === 1 || (inC / groups % 4 === 0 && outC / groups % 4 === 0);
  const iterations = kh * (1 + kw * (1 + Math.ceil(inC / groups / 4))) + MAX_UNROLLED;
  if (!dense || inC === 0 || iterations > MAX_ITERATIONS) return [];
  const registers = registerCandidates(shape, target);
  if (target.software) return withStationary(registers, stationaryCandidates(shape, target));
  const tiles = TILES.map((tile) => tiledChoice(shape, tile));
  const fills = inC / groups >= 16 && outC / groups >= 16;
  return fills ? [...tiles, ...registers.slice(0, 4)] : [...registers, ...tiles.slice(0, 4)];
}

function pixelsOf({ batch, out: [h, w] }: ConvShape): number {
  return batch * h * w;
}

/** Tiles of one layer that come into question; those behind are estimated to take longer. */
const MOST_CANDIDATES = 8;

/** Taps up to which a depthwise kernel is unrolled. */
const MAX_DEPTHWISE_TAPS = 225;
/** Elements of a window, up to which it is worth to have more than one output an invocation. */
const MAX_SHARED_WINDOW = 49;
/** Rows and columns of outputs of an invocation, from the longest text to the shortest. */
const DEPTHWISE_TILES: readonly (readonly [r: number, p: number])[] = [
  [2, 8],
  [4, 4],
  [2, 4],
  [1, 4],
  [2, 2],
];

function depthwiseCandidates(shape: ConvShape): ConvChoice[] {
  const { kernel: [kh, kw], dilations: [dilationH, dilationW] } = shape;
  // Everything is unrolled: a large window with a large tile would be a very long program.
  const large = ((kh - 1) * dilationH + 1) * ((kw - 1) * dilationW + 1) > MAX_SHARED_WINDOW;
  const tiles = large ? [[1, 1]] as const : DEPTHWISE_TILES;
  const all = tiles.flatMap(([r, p]) => {
    const tiles = depthwiseTiles(shape, r, p);
    // Small images have few tiles: small workgroups spread them over all cores.
    return (tiles < 2048 ? [16, 64] : [64, 16]).map((wg) => depthwiseChoice(shape, { r, p, wg }));
  });
  return inOrder(shortestOfBest(all), all, ({ cost }) => cost).slice(0, MOST_CANDIDATES);
}

/** Tiles of R x P outputs of one channel group. */
function depthwiseTiles({ batch, outC, out: [outH, outW] }: ConvShape, r: number, p: number): number {
  return batch * Math.ceil(outH / r) * Math.ceil(outW / p) * Math.ceil(outC / 4);
}

/** A tile of R x P outputs of one channel group. */
function depthwiseChoice(shape: ConvShape, { r, p, wg }: { r: number; p: number; wg: number }): ConvChoice {
  const { kernel: [kh, kw], strides: [strideH, strideW], dilations: [dilationH, dilationW] } = shape;
  const single = r === 1 && p === 1;
  const [rowStep, colStep] = single ? [dilationH, dilationW] : [1, 1];
  const tile = {
    KH: kh,
    KW: kw,
    STRIDE_H: strideH,
    STRIDE_W: strideW,
    DILATION_H: dilationH,
    DILATION_W: dilationW,
    R: r,
    P: p,
    ROW_STEP: rowStep,
    COL_STEP: colStep,
    ROWS: ((r - 1) * strideH + (kh - 1) * dilationH) / rowStep + 1,
    COLS: ((p - 1) * strideW + (kw - 1) * dilationW) / colStep + 1,
    TAPS: kh * kw,
    OUTPUTS: r * p,
  };
  const tiles = depthwiseTiles(shape, r, p);
  const { ROWS, COLS, OUTPUTS } = tile;
  return {
    id: `depthwise R${r} P${p} WG${wg}`,
    kernel: depthwise,
    options: tiled({ WG: wg }, tile),
    workgroups: Math.ceil(tiles / wg),
    weights: "buffer",
    cost: depthwiseCost({ tiles, window: ROWS * COLS, outputs: OUTPUTS }),
  };
}

/** Output vec4s of an invocation at most: everything is unrolled over them. */
const MAX_UNROLLED = 32;
/**
 * Those of the tiles that are taken unmeasured. llvmpipe's compiler takes seven times as long for twice as many (0.25 s with
 * 16, 1.7 s with 32), for kernels that are faster by a twentieth, or slower by as much.
 */
const USUAL_UNROLLED = 16;

/** Whether subgroup kernels pay: measured on llvmpipe, where they are four times as fast as the plain ones. */
function prefersSubgroups(target: KernelTarget): boolean {
  return target.software && target.subgroups;
}

/** Tiles of registers, each of up to {@linkcode MAX_UNROLLED} vec4s. */
const REGISTER_TILES: readonly DenseTile[] = [
  { p: 8, q: 4 },
  { p: 4, q: 8 },
  { p: 8, q: 2 },
  { p: 4, q: 4 },
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
  const first = kw === 1
    ? gemmChoice(shape, target, usualGemmTile(shape))
    : directChoice(shape, target, usualDirectTile(shape));
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

function usualGemmTile(shape: ConvShape): DenseTile {
  const q = Math.min(4, widestTile(shape));
  return { p: Math.min(8, Math.floor(USUAL_UNROLLED / q)), q };
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

/** Groups of four input channels of a group. */
function inputs4({ inC, groups }: ConvShape): number {
  return Math.ceil(inC / groups / 4);
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

/**
 * Weights that an invocation holds at most, in vec4s: 36 KiB for eight of them, about as much as the nearest cache. Twice
 * as many are still faster than other kernels, by a tenth, and compile for 4 to 6 s.
 */
export const MAX_STATIONARY = 288;
/** Groups of output channels that an invocation takes, where a pixel has more than eight invocations take. */
const STATIONARY_TILES = [4, 3, 2, 1] as const;

/** Kernels that keep their weights, where those of a window are few enough. */
function stationaryCandidates(shape: ConvShape, target: KernelTarget): ConvChoice[] {
  if (!prefersSubgroups(target) || shape.groups > 1) return [];
  const inputs = windowInputs(shape) * 4;
  const lanes = lanesOfPixel(shape);
  const tiles = lanes === 8 ? STATIONARY_TILES : [1];
  const streamsFit = 8 / lanes - 1 <= shape.out[1];
  return streamsFit
    ? tiles.filter((q) => inputs * q <= MAX_STATIONARY).map((q) => stationaryChoice(shape, q))
    : [];
}

/** Of eight invocations, how many share a pixel: as many as there are groups of output channels, rounded up to a power of two. */
function lanesOfPixel({ outC }: ConvShape): 1 | 2 | 4 | 8 {
  return outC > 16 ? 8 : outC > 8 ? 4 : outC > 4 ? 2 : 1;
}

/** Groups of four inputs of a window. */
function windowInputs(shape: ConvShape): number {
  return shape.kernel[0] * shape.kernel[1] * inputs4(shape);
}

/** Workgroups that keep the cores of a machine busy to the end. */
const ENOUGH_WORKGROUPS = 48;
/** Pixels that weights are loaded for at the least, if there are so many. */
const LEAST_RUN = 64;
/** And at the most: each is a turn of a loop. */
const MOST_RUN = MAX_ITERATIONS / 2;

/** In how many runs the pixels of a layer are taken, with weights that stay; none longer than a loop may be. */
export function stationaryRuns(pixels: number, blocks: number): number {
  const enough = Math.min(Math.ceil(ENOUGH_WORKGROUPS / blocks), Math.floor(pixels / LEAST_RUN));
  return Math.max(1, enough, Math.ceil(pixels / MOST_RUN));
}

/**
 * `vec4`s of inputs times output channel groups up to which planes are written at once. Four pixels are unrolled for them:
 * with more, the machine code outgrows the nearest cache, and 3x3 32>32 takes a tenth longer than with a copy behind it.
 */
const MOST_FOR_PLANES = 40;
/** What runs are a multiple of, in pixels. */
const TURN = 32;

function stationaryChoice(shape: ConvShape, q: number): ConvChoice {
  const { inC, outC, out: [, outW] } = shape;
  const lanes = lanesOfPixel(shape);
  const entries = windowInputs(shape);
  const blocks = Math.ceil(Math.ceil(outC / 4) / (lanes * q));
  const pixels = pixelsOf(shape);
  const run = Math.ceil(pixels / stationaryRuns(pixels, blocks) / TURN) * TURN;
  const atOnce =
    [8, 4, 2].find((some) => some * entries <= lanes && some * Math.max(1, 8 / lanes - 1) <= outW) ?? 1;
  const planes = entries * q <= MOST_FOR_PLANES && 4 * (8 / lanes - 1) <= outW;
  return {
    id: `stationary Q${q}`,
    kernel: stationary,
    options: stationaryOptions(shape, q, atOnce, false),
    ...(planes && { planes: stationaryOptions(shape, q, Math.min(atOnce, 4), true) }),
    workgroups: Math.ceil(pixels / run),
    layers: blocks,
    uniforms: { run, y_stride_c: 0 },
    weights: "texture",
    cost: stationaryCost(
      {
        workgroups: Math.ceil(pixels / run) * blocks,
        turns: pixels * blocks * lanes / 8,
        loads: entries / lanes,
        entries,
        factors: Math.min(4, inC),
      },
      q,
    ),
  };
}

function stationaryOptions(shape: ConvShape, q: number, atOnce: number, planes: boolean): KernelOptions {
  const lanes = lanesOfPixel(shape);
  const entries = windowInputs(shape);
  const options = tiled({ PLANES: Number(planes) }, {
    KW: shape.kernel[1],
    C4: inputs4(shape),
    E: entries,
    Q: q,
    LANES: lanes,
    STREAMS: 8 / lanes,
    AT_ONCE: atOnce,
    GATHERED: planes ? 4 : atOnce,
    STEPS: planes ? 4 / atOnce : 1,
    LOADS: Math.ceil(atOnce * entries / lanes),
    INPUT_LANES: Math.min(4, shape.inC),
  });
  const share = SHARES[lanes] && { share: SHARES[lanes] };
  return { ...options, inject: { ...options.inject, weights: TEXTURE_WEIGHTS, ...share } };
}

/** How lanes that share a pixel come by an input; a shuffle, as the kernel has it, for two. */
const SHARES: Partial<Record<number, string>> = {
  1: "let v = taken[t * E + e];",
  4: "let v = quadBroadcast(taken[(t * E + e) / 4u], (t * E + e) % 4u);",
  8: "let v = subgroupBroadcast(taken[(t * E + e) / 8u], (t * E + e) % 8u);",
};

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
