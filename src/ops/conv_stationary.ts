/**
 * Convolution with weights that stay in registers: where it applies, with which tiles, and how it is told of them.
 *
 * @module
 */
import STATIONARY from "../../shaders/conv/stationary.wgsl" with { type: "text" };
import { type KernelOptions, type KernelSource, type KernelTarget, MOST_ROWS } from "../gpu/mod.ts";
import { stationaryCost } from "./conv_cost.ts";
import { type ConvChoice, type ConvShape, inputs4, pixelsOf, prefersSubgroups } from "./conv_shape.ts";
import { textureRows, tiled } from "./kernel_text.ts";
import { MAX_ITERATIONS } from "./strided.ts";

const stationary: KernelSource = { name: "conv/stationary", wgsl: STATIONARY };

/**
 * Weights that an invocation holds at most, in vec4s: 36 KiB for eight of them, about as much as the nearest cache. Twice
 * as many are still faster than other kernels, by a tenth, and compile for 4 to 6 s.
 */
export const MAX_STATIONARY = 288;
/** Groups of output channels that an invocation may take. */
const STATIONARY_TILES = [6, 5, 4, 3, 2, 1] as const;

/** Four output channels take a row of a texture. */
const MOST_CHANNELS = 4 * MOST_ROWS;

/** Kernels that keep their weights, where those of a window are few enough. */
export function stationaryCandidates(shape: ConvShape, target: KernelTarget): ConvChoice[] {
  if (!prefersSubgroups(target) || shape.groups > 1 || shape.outC > MOST_CHANNELS) return [];
  const inputs = windowInputs(shape) * 4;
  const lanes = lanesOfPixel(shape);
  const blocks = (q: number): number => Math.ceil(shape.outC / (4 * lanes * q));
  // As many blocks with smaller tiles leave fewer of their lanes without a channel.
  const tiles = STATIONARY_TILES.filter((q) => q === 1 || blocks(q) < blocks(q - 1));
  const streamsFit = 8 / lanes - 1 <= shape.out[1];
  return streamsFit
    ? tiles.filter((q) => inputs * q <= MAX_STATIONARY).map((q) => stationaryChoice(shape, q))
    : [];
}

/** Whether a choice is one of them. */
export function keepsWeights({ kernel }: ConvChoice): boolean {
  return kernel === stationary;
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
/** And at the most: each is a turn of a loop, if no streams share them. */
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

function stationaryChoice(shape: ConvShape, q: number): ConvChoice {
  const { inC, outC, out: [, outW] } = shape;
  const lanes = lanesOfPixel(shape);
  const entries = windowInputs(shape);
  const blocks = Math.ceil(Math.ceil(outC / 4) / (lanes * q));
  const pixels = pixelsOf(shape);
  const atOnce =
    [8, 4, 2].find((some) => some * entries <= lanes && some * Math.max(1, 8 / lanes - 1) <= outW) ?? 1;
  const planes = entries * q <= MOST_FOR_PLANES && 4 * (8 / lanes - 1) <= outW;
  const turn = 8 / lanes * Math.max(atOnce, planes ? 4 : 1);
  const run = Math.ceil(pixels / stationaryRuns(pixels, blocks) / turn) * turn;
  const workgroups = Math.ceil(pixels / run);
  return {
    id: `stationary Q${q}`,
    kernel: stationary,
    options: stationaryOptions(shape, q, atOnce, false),
    ...(planes &&
      { planes: { options: stationaryOptions(shape, q, Math.min(atOnce, 4), true), workgroups } }),
    workgroups,
    layers: blocks,
    uniforms: { run, y_stride_c: 0 },
    weights: "texture",
    rows: true,
    cost: stationaryCost(
      {
        workgroups: workgroups * blocks,
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
    KH: shape.kernel[0],
    KW: shape.kernel[1],
    C4: inputs4(shape),
    E: entries,
    INPUTS: 4 * entries,
    Q: q,
    LANES: lanes,
    STREAMS: 8 / lanes,
    AT_ONCE: atOnce,
    GATHERED: planes ? 4 : atOnce,
    STEPS: planes ? 4 / atOnce : 1,
    LOADS: Math.ceil(atOnce * entries / lanes),
  });
  const share = SHARES[lanes] && { share: SHARES[lanes] };
  const inject = { weights: textureRows(1, "weights", "weight"), ...share };
  return {
    ...options,
    inject: { ...options.inject, ...inject, ...(shape.inC < 4 && { sum: sumOf(shape.inC) }) },
  };
}

/** The function of the kernel for fewer than four input channels: the lanes of padding are not multiplied. */
function sumOf(channels: number): string {
  const sum = ["x", "y", "z"].slice(0, channels)
    .reduce((before, lane, i) => `fma(vec4f(v.${lane}), w${i}, ${before})`, "before");
  return `fn accumulate(before: vec4f, v: vec4f, w0: vec4f, w1: vec4f, w2: vec4f, w3: vec4f) -> vec4f {
  return ${sum};
}`;
}

/** How lanes that share a pixel come by an input; a shuffle, as the kernel has it, for two. */
const SHARES: Partial<Record<number, string>> = {
  1: "let v = taken[t * E + e];",
  4: "let v = quadBroadcast(taken[(t * E + e) / 4u], (t * E + e) % 4u);",
  8: "let v = subgroupBroadcast(taken[(t * E + e) / 8u], (t * E + e) % 8u);",
};
