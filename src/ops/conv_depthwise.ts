/**
 * Depthwise convolution in one dispatch: where it is unrolled, with which tiles, and how it is told of them.
 *
 * @module
 */
import DEPTHWISE from "../../shaders/conv/depthwise.wgsl" with { type: "text" };
import type { KernelSource, KernelTarget } from "../gpu/mod.ts";
import { depthwiseCost } from "./conv_cost.ts";
import type { ConvChoice, ConvShape, PlanesVariant } from "./conv_shape.ts";
import { inOrder, MOST_CANDIDATES, shortestOfBest } from "./kernel_choice.ts";
import { tiled } from "./kernel_text.ts";

const depthwise: KernelSource = { name: "conv/depthwise", wgsl: DEPTHWISE };

/** Taps up to which the kernel is unrolled. */
const MAX_TAPS = 225;
/** Elements of a window, up to which it is worth to have more than one output an invocation. */
const MAX_SHARED_WINDOW = 49;
/** Tiles below which workgroups are small. */
const FEW_TILES = 2048;

/** Outputs of one channel group that an invocation makes, in rows and columns. */
interface DepthwiseTile {
  r: number;
  p: number;
}

/** From the longest text to the shortest. */
const TILES: readonly DepthwiseTile[] = [
  { r: 2, p: 8 },
  { r: 4, p: 4 },
  { r: 2, p: 7 },
  { r: 2, p: 4 },
  { r: 1, p: 7 },
  { r: 1, p: 4 },
  { r: 2, p: 2 },
];

/** The tiles of a depthwise convolution, the estimate's choice first; none where its window has too many taps. */
export function depthwiseCandidates(shape: ConvShape, target: KernelTarget): ConvChoice[] {
  const { kernel: [kh, kw], dilations: [dilationH, dilationW] } = shape;
  if (kh * kw > MAX_TAPS) return [];
  // Everything is unrolled: a large window with a large tile would be a very long program.
  const large = ((kh - 1) * dilationH + 1) * ((kw - 1) * dilationW + 1) > MAX_SHARED_WINDOW;
  const all = (large ? [{ r: 1, p: 1 }] : TILES).flatMap((tile) => {
    // Small images have few tiles: small workgroups spread them over all cores. Of equal estimates the last is taken.
    const sizes = tilesOf(shape, tile) < FEW_TILES ? [64, 16] : [16, 64];
    return sizes.map((wg) => depthwiseChoice(shape, target, tile, wg));
  });
  return inOrder(shortestOfBest(all), all, ({ cost }) => cost).slice(0, MOST_CANDIDATES);
}

function tilesOf({ batch, outC, out: [outH, outW] }: ConvShape, { r, p }: DepthwiseTile): number {
  return batch * Math.ceil(outH / r) * Math.ceil(outW / p) * Math.ceil(outC / 4);
}

function depthwiseChoice(
  shape: ConvShape,
  target: KernelTarget,
  tile: DepthwiseTile,
  wg: number,
): ConvChoice {
  const { r, p } = tile;
  const constants = constantsOf(shape, tile);
  const tiles = tilesOf(shape, tile);
  // Elsewhere neighbouring invocations, which have neighbouring channels, would store far from each other.
  const planes = target.software && p > 1 && shape.out[1] % 4 === 0;
  return {
    id: `depthwise R${r} P${p} WG${wg}`,
    kernel: depthwise,
    stores: r * p,
    options: tiled({ WG: wg, PLANES: 0 }, constants),
    ...(planes && { planes: planesVariant(shape, r, wg) }),
    workgroups: Math.ceil(tiles / wg),
    weights: "buffer",
    uniforms: { y_stride_c: 0 },
    cost: depthwiseCost({ tiles, window: constants.ROWS * constants.COLS, outputs: r * p }),
  };
}

/** The variant that writes planes: four pixels of a row go into a `vec4` of each channel. */
function planesVariant(shape: ConvShape, r: number, wg: number): PlanesVariant {
  const tile = { r, p: 4 };
  return {
    options: tiled({ WG: wg, UNROLLED: 0, LOOPED: 0, PLANES: 1 }, constantsOf(shape, tile)),
    workgroups: Math.ceil(tilesOf(shape, tile) / wg),
    unrolled: r * tile.p,
  };
}

/** The kernel's constants. */
function constantsOf(
  { kernel: [kh, kw], strides: [strideH, strideW], dilations: [dilationH, dilationW] }: ConvShape,
  { r, p }: DepthwiseTile,
) {
  const single = r === 1 && p === 1;
  const [rowStep, colStep] = single ? [dilationH, dilationW] : [1, 1];
  return {
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
    FOURS: Math.floor(p / 4),
  };
}
