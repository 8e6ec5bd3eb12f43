/**
 * The convolution kernels over height and width for constant weights, and which of them takes which shape.
 *
 * @module
 */
import DEPTHWISE from "../../shaders/conv/depthwise.wgsl" with { type: "text" };
import DIRECT from "../../shaders/conv/direct.wgsl" with { type: "text" };
import GEMM_TILED from "../../shaders/conv/gemm_tiled.wgsl" with { type: "text" };
import IMPLICIT_GEMM from "../../shaders/conv/implicit_gemm.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelOptions, type KernelSource, type KernelTarget } from "../gpu/mod.ts";
import { whyConvolution } from "./choice_reasons.ts";
import { emitGeneral, type PackedWeights } from "./conv_general.ts";
import type { PlannedEpilogue } from "./epilogue.ts";
import { broadcastWeights, LANE_BUILTIN, TEXTURE_WEIGHTS, tiled } from "./kernel_text.ts";
import {
  type Addressed,
  addressUniforms,
  type Lowering,
  type WeightForm,
  type WeightRef,
} from "./operator.ts";
import { MAX_ITERATIONS } from "./strided.ts";
import { flatVolume } from "./volume.ts";
import { type Window, type WindowAxis, windowUniforms } from "./window.ts";
import { emitWinograd } from "./winograd.ts";
import { chooseWinograd } from "./winograd_choice.ts";

const depthwise: KernelSource = { name: "conv/depthwise", wgsl: DEPTHWISE };
const direct: KernelSource = { name: "conv/direct", wgsl: DIRECT };
const gemmTiled: KernelSource = { name: "conv/gemm_tiled", wgsl: GEMM_TILED };
const implicitGemm: KernelSource = { name: "conv/implicit_gemm", wgsl: IMPLICIT_GEMM };

/** Everything that the choice of a kernel depends on. */
export interface ConvShape extends Window {
  batch: number;
  inC: number;
  outC: number;
  groups: number;
}

/** How one kernel computes one convolution. */
export interface ConvChoice {
  kernel: KernelSource;
  options: KernelOptions;
  /** Workgroups before folding. */
  workgroups: number;
  weights: WeightForm;
}

/** Constant weights and bias. */
export interface ConvConstants {
  /** Names them within the node. */
  key: string;
  /** How many there are of each. */
  inC: number;
  outC: number;
  groups: number;
  taps: number;
  /** In the order [outC, inC / groups, taps]; asked for once, when they are uploaded. */
  weights(): ArrayLike<number>;
  /** One an output channel. */
  bias?(): ArrayLike<number>;
}

/**
 * Weights as `vec4`s over output channels, zeros where there is no channel: `(co4 * taps + tap) * inputs + ci`, `inputs`
 * being a group's input channels, padded to a multiple of 4 where kernels read them so.
 */
export function packConstants(
  node: Lowering,
  constants: ConvConstants,
  padded: boolean,
  form: WeightForm,
): PackedWeights & { weights: WeightRef } {
  const { key, inC, outC, groups, taps } = constants;
  const groupInC = inC / groups;
  const inputs = padded ? Math.ceil(groupInC / 4) * 4 : groupInC;
  // Plans of one session may choose different kernels: what they pack differently has different names.
  return {
    weights: node.weights(`${key} weights, ${inputs} inputs, ${form}`, () => {
      const weights = constants.weights();
      const packed = new Float32Array(Math.ceil(outC / 4) * 4 * taps * inputs);
      for (let co = 0; co < outC; co++) {
        for (let ci = 0; ci < groupInC; ci++) {
          for (let tap = 0; tap < taps; tap++) {
            const at = (((co >> 2) * taps + tap) * inputs + ci) * 4 + (co & 3);
            packed[at] = weights[(co * groupInC + ci) * taps + tap]!;
          }
        }
      }
      return packed;
    }, form),
    bias: packBias(node, constants),
  };
}

/** The bias as `vec4`s, zeros where there is no channel. */
function packBias(node: Lowering, { outC, bias }: ConvConstants): WeightRef {
  return node.weights("bias", () => {
    const packed = new Float32Array(Math.ceil(outC / 4) * 4);
    if (bias) packed.set(bias());
    return packed;
  });
}

/** Emits a convolution over height and width. */
export function emitConv(
  node: Lowering,
  shape: ConvShape,
  x: Addressed,
  y: Addressed,
  constants: ConvConstants,
  epilogue: PlannedEpilogue,
): void {
  const { batch, inC, outC, groups, kernel: [kh, kw], out: [outH, outW] } = shape;
  if (batch * outC * outH * outW === 0) return;
  const tile = chooseWinograd(shape, node.target);
  if (tile) {
    const { key, weights } = constants;
    emitWinograd(node, shape, tile, x, y, { key, weights, bias: packBias(node, constants) }, epilogue);
    return;
  }
  const choice = chooseConv(shape, node.target);
  if (!choice) {
    const packed = packConstants(node, constants, false, "buffer");
    emitGeneral(
      node,
      {
        axes: axesOf(shape, x),
        inC,
        outC,
        groups,
        transposed: false,
        why: whyConvolution(shape, node.target, choice),
      },
      flatVolume(x),
      flatVolume(y),
      packed,
      epilogue,
    );
    return;
  }
  const isDepthwise = choice.kernel === depthwise;
  node.emit({
    kernel: choice.kernel,
    options: { ...choice.options, inject: { ...choice.options.inject, ...epilogue.inject } },
    bindings: {
      x: x.view,
      ...packConstants(node, constants, !isDepthwise, choice.weights),
      y: y.view,
      ...epilogue.bindings,
    },
    uniforms: {
      ...addressUniforms("x", x.address),
      ...addressUniforms("y", y.address),
      batch,
      in_h: x.address.h,
      in_w: x.address.w,
      group_in_c4: Math.ceil(inC / groups / 4),
      ...windowUniforms(shape),
      out_c: outC,
      group_out_c4: isDepthwise ? Math.ceil(outC / 4) : Math.ceil(outC / groups / 4),
      groups,
      in_c: inC,
      operands: epilogue.operands,
    },
    workgroups: foldWorkgroups(choice.workgroups),
    multiplyAdds: pixelsOf(shape) * outC * inC / groups * kh * kw,
    why: whyConvolution(shape, node.target, choice),
  });
}

function axesOf(shape: ConvShape, { address }: Addressed): WindowAxis[] {
  return ([0, 1] as const).map((axis) => ({
    extent: axis === 0 ? address.h : address.w,
    kernel: shape.kernel[axis],
    stride: shape.strides[axis],
    dilation: shape.dilations[axis],
    padBegin: shape.padBegin[axis],
    padEnd: shape.padEnd[axis],
    out: shape.out[axis],
  }));
}

/** Chooses the kernel for a shape on an adapter; `undefined` where only the general one applies. */
export function chooseConv(shape: ConvShape, target: KernelTarget): ConvChoice | undefined {
  const { inC, outC, groups } = shape;
  if (target.plain) return undefined;
  const [kh, kw] = shape.kernel;
  if (groups > 1 && groups === inC && groups === outC) {
    return kh * kw <= MAX_DEPTHWISE_TAPS ? chooseDepthwise(shape) : undefined;
  }
  const dense = groups === 1 || (inC / groups % 4 === 0 && outC / groups % 4 === 0);
  const iterations = kh * (1 + kw * (1 + Math.ceil(inC / groups / 4))) + MAX_UNROLLED;
  if (!dense || inC === 0 || iterations > MAX_ITERATIONS) return undefined;
  if (!target.software && inC / groups >= 16 && outC / groups >= 16) return chooseTiled(shape);
  return shape.kernel[1] === 1 ? chooseGemm(shape, target) : chooseDirect(shape, target);
}

function pixelsOf({ batch, out: [h, w] }: ConvShape): number {
  return batch * h * w;
}

/** Taps up to which a depthwise kernel is unrolled. */
const MAX_DEPTHWISE_TAPS = 225;

/** A tile of R x P outputs of one channel group. */
function chooseDepthwise(shape: ConvShape): ConvChoice {
  const { batch, outC, kernel: [kh, kw], out: [outH, outW] } = shape;
  const [strideH, strideW] = shape.strides;
  const [dilationH, dilationW] = shape.dilations;
  // Everything is unrolled: a large window with a large tile would be a very long program.
  const large = ((kh - 1) * dilationH + 1) * ((kw - 1) * dilationW + 1) > 49;
  const [r, p] = large ? [1, 1] : [4, 4];
  const [rowStep, colStep] = large ? [dilationH, dilationW] : [1, 1];
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
  const tiles = batch * Math.ceil(outH / r) * Math.ceil(outW / p) * Math.ceil(outC / 4);
  // Small images have few tiles: small workgroups spread them over all cores.
  const wg = tiles < 2048 ? 16 : 64;
  return {
    kernel: depthwise,
    options: tiled({ WG: wg }, tile),
    workgroups: Math.ceil(tiles / wg),
    weights: "buffer",
  };
}

/**
 * Output vec4s of an invocation at most. Everything is unrolled over them, and llvmpipe's compiler takes more than twice
 * as long for twice as many: about 2 s with 32, 7 s with 64, most of a minute with 128, for 3x3 kernels a third faster.
 */
const MAX_UNROLLED = 32;

/** Whether subgroup kernels pay: measured on llvmpipe, where they are four times as fast as the plain ones. */
function prefersSubgroups(target: KernelTarget): boolean {
  return target.software && target.subgroups;
}

/** Output channel groups of an invocation's tile: even, at most `most`, and no more than there are. */
function channelTile(shape: ConvShape, most: number): { q: number; blocks: number } {
  const groupOutC4 = Math.ceil(shape.outC / shape.groups / 4);
  const q = Math.min(most, Math.ceil(groupOutC4 / 2) * 2);
  return { q, blocks: shape.groups * Math.ceil(groupOutC4 / q) };
}

function chooseGemm(shape: ConvShape, target: KernelTarget): ConvChoice {
  const [kh, kw] = shape.kernel;
  const pixels = pixelsOf(shape);
  const subgroups = prefersSubgroups(target);
  const { q, blocks } = channelTile(shape, 8);
  const p = Math.min(8, Math.floor(MAX_UNROLLED / q));
  const wg = target.software ? 8 : 64;
  return {
    kernel: implicitGemm,
    ...denseOptions({ WG: wg, KH: kh, KW: kw }, { P: p, Q: q }, subgroups),
    workgroups: Math.ceil(pixels / (wg * p)) * blocks,
  };
}

function chooseDirect(shape: ConvShape, target: KernelTarget): ConvChoice {
  const { batch, inC, kernel: [kh, kw], out: [outH, outW], strides: [, strideW], dilations: [, dilationW] } =
    shape;
  const subgroups = prefersSubgroups(target);
  const { q, blocks } = channelTile(shape, subgroups ? 4 : 8);
  const widest = Math.min(8, Math.floor(MAX_UNROLLED / q));
  // On narrow images the tile that wastes the fewest columns.
  const waste = (tile: number): number => Math.ceil(outW / tile) * tile - outW;
  const p = [8, 4, 2].filter((tile) => tile <= widest).reduce((best, tile) =>
    outW < 16 && waste(tile) < waste(best) ? tile : best
  );
  const wg = target.software ? 8 : 64;
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
    kernel: direct,
    ...denseOptions({ WG: wg }, tile, subgroups),
    workgroups: Math.ceil(batch * outH * Math.ceil(outW / p) / wg) * blocks,
  };
}

/** Tiles in workgroup memory, for layers with enough channels to fill them on a GPU that is no software. */
function chooseTiled(shape: ConvShape): ConvChoice {
  const [kh, kw] = shape.kernel;
  const tile = { TILE_PIXELS: 32, TILE_CHANNELS4: 16, STEP4: 4, P: 4, Q: 2 };
  const wg = (tile.TILE_PIXELS / tile.P) * (tile.TILE_CHANNELS4 / tile.Q);
  const blocks = shape.groups * Math.ceil(Math.ceil(shape.outC / shape.groups / 4) / tile.TILE_CHANNELS4);
  return {
    kernel: gemmTiled,
    options: tiled({ WG: wg, KH: kh, KW: kw }, tile),
    workgroups: Math.ceil(pixelsOf(shape) / tile.TILE_PIXELS) * blocks,
    weights: "buffer",
  };
}

/** What is injected so that eight invocations load the weights of two output channel groups for all. */
const BROADCAST_WEIGHTS = {
  builtins: LANE_BUILTIN,
  load: `let pair_c4 = group_c4 + min(first_in_group + 2u * part + ((lane >> 2u) & 1u), last_in_group);
${broadcastWeights("weight(pair_c4 * co_stride + tap_at + (lane & 3u))")}`,
};

function denseOptions(
  overrides: Record<string, number>,
  tile: Record<string, number>,
  subgroups: boolean,
): Pick<ConvChoice, "options" | "weights"> {
  const atOnce = subgroups ? 2 : 1;
  const options = tiled(overrides, { ...tile, AT_ONCE: atOnce, BLOCKS: tile.Q! / atOnce });
  if (!subgroups) return { options, weights: "buffer" };
  return {
    options: { ...options, inject: { ...options.inject, ...BROADCAST_WEIGHTS, weights: TEXTURE_WEIGHTS } },
    weights: "texture",
  };
}
