/**
 * A depthwise convolution with the 1x1 convolution behind it: one dispatch where that is estimated or was measured to be
 * faster, else two. The graph pass `fuseDepthwise` makes such nodes.
 *
 * @module
 */
import PAIR from "../../shaders/conv/depthwise_pointwise.wgsl" with { type: "text" };
import KEEPING from "../../shaders/conv/depthwise_stationary.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelOptions, type KernelSource } from "../gpu/mod.ts";
import { toFloat32 } from "../tensor/host_tensor.ts";
import { readConv } from "./conv.ts";
import type { ConvShape } from "./conv_shape.ts";
import { stationaryRuns } from "./conv_stationary.ts";
import { type ConvConstants, emitConv, packConstants } from "./conv_kernels.ts";
import {
  type PairCandidate,
  pairCandidates,
  pairLayer,
  type PairShape,
  type PairTile,
  pairTiles,
  whyPair,
} from "./conv_pair_candidates.ts";
import { type EpilogueStep, type FusedNode, planEpilogue } from "./epilogue.ts";
import { type LayerChoice, whyChosen } from "./kernel_choice.ts";
import {
  broadcastWeights,
  LANE_BUILTIN,
  TEXTURE_WEIGHTS,
  textureConstants,
  textureRows,
  tiled,
} from "./kernel_text.ts";
import { addressed, addressUniforms, type Lowering, type NodeContext, type Operator } from "./operator.ts";
import { planarWindow, pointWindow } from "./window.ts";

const pair: KernelSource = { name: "conv/depthwise_pointwise", wgsl: PAIR };
const keeping: KernelSource = { name: "conv/depthwise_stationary", wgsl: KEEPING };

/** Invocations of a workgroup, a subgroup, which load for each other. */
const WORKGROUP = 8;

/** The operator that a pass makes of two convolutions with constant weights. */
export const DEPTHWISE_POINTWISE = "DepthwisePointwise";

/**
 * Its node. Inputs: x, weights and bias of the depthwise convolution, weights and bias of the other, then the operands of
 * `epilogue`, which follows the other. Attributes are those of the depthwise one.
 */
export interface PairNode extends FusedNode {
  /** What follows the depthwise convolution: steps without operands. */
  inner: readonly EpilogueStep[];
}

/** Where the inputs of the 1x1 convolution begin, its own input left out. */
const SECOND = 3;

/** How many inputs are the operator's own. */
export const PAIR_ARITY = 5;

/** Both layers of a node. */
function readPair(node: NodeContext): PairShape {
  const { batch, inC, groups, axes } = readConv(node);
  const window = planarWindow(axes);
  return {
    depthwise: { ...window, batch, inC, outC: inC, groups },
    pointwise: {
      ...pointWindow(window.out),
      batch,
      inC,
      outC: node.shape(SECOND)[0]!,
      groups: 1,
    },
  };
}

function lowerPair(node: Lowering): void {
  const shape = readPair(node);
  const { taken, choice } = node.choose(pairLayer(shape), pairCandidates(shape, node.target));
  if (taken.tile) emitPair(node, shape, taken.tile, choice, () => whyPair(shape, taken, node.target));
  else emitBoth(node, shape, taken, choice);
}

/** Two dispatches. */
function emitBoth(node: Lowering, shape: PairShape, taken: PairCandidate, choice: LayerChoice): void {
  const { depthwise, pointwise } = shape;
  const { batch, inC, out } = depthwise;
  const type = { dtype: node.type(0).dtype, shape: [batch, inC, ...out] };
  const between = addressed(node.temporary(type, "image"));
  const inner = planEpilogue(node, type.shape, "image", (node.node as PairNode).inner);
  const whole = { choice, why: () => whyPair(shape, taken, node.target) };
  emitConv(node, depthwise, node.image(0), between, constantsOf(node, "inner", 1, depthwise), inner, whole);
  const epilogue = planEpilogue(node, node.outputType(0).shape, "image");
  const constants = constantsOf(node, "conv", SECOND, pointwise);
  emitConv(node, pointwise, between, node.imageOutput(0), constants, epilogue, whole);
}

/** One dispatch. */
function emitPair(
  node: Lowering,
  shape: PairShape,
  tile: PairTile,
  choice: LayerChoice,
  why: () => string,
): void {
  const { depthwise, pointwise } = shape;
  const { batch, inC, kernel: [kh, kw], out: [outH, outW], padBegin } = depthwise;
  const { outC } = pointwise;
  if (batch * outC * outH * outW === 0) return;
  const { inner } = node.node as PairNode;
  const epilogue = planEpilogue(node, node.outputType(0).shape, "image", undefined, "f32", inner);
  const [x, y] = [node.image(0), node.imageOutput(0)];
  const taps = paddedTaps(depthwise);
  const options = (tile.keeps ? keepingOptions : pairOptions)(depthwise, tile, taps);
  const outC4 = Math.ceil(outC / 4);
  const tiles = pairTiles(shape, tile);
  const blocks = Math.ceil(outC4 / (WORKGROUP * tile.q));
  const run = Math.ceil(tiles / stationaryRuns(batch * outH * outW, blocks));
  const workgroups = tile.keeps
    ? Math.ceil(tiles / run)
    : Math.ceil(tiles / WORKGROUP) * Math.ceil(outC4 / tile.q);
  const [columns, rows] = foldWorkgroups(workgroups);
  node.emit({
    kernel: tile.keeps ? keeping : pair,
    options: { ...options, inject: { ...options.inject, ...epilogue.inject } },
    bindings: {
      x: x.view,
      ...packConstants(node, constantsOf(node, "conv", SECOND, pointwise), true, "texture", tile.keeps),
      inner_weights: node.weights(
        "inner weights and bias",
        () => packInner(constantsOf(node, "inner", 1, depthwise), taps),
        "texture",
        tile.keeps ? taps : undefined,
      ),
      y: y.view,
      ...epilogue.bindings,
    },
    uniforms: {
      ...addressUniforms("x", x.address),
      ...addressUniforms("y", y.address),
      batch,
      in_h: x.address.h,
      in_w: x.address.w,
      in_c: inC,
      out_h: outH,
      out_w: outW,
      out_c: outC,
      // The kernel takes them as i32: a window may begin behind the image's edge.
      pad_top: padBegin[0] >>> 0,
      pad_left: padBegin[1] >>> 0,
      ...(tile.keeps && { run }),
      operands: epilogue.operands,
    },
    workgroups: [columns, rows, tile.keeps ? blocks : 1],
    multiplyAdds: batch * outH * outW * inC * (kh * kw + outC),
    why: whyChosen(choice, why),
    choice,
  });
}

/** Weights and bias of one of the two. */
function constantsOf(
  node: Lowering,
  key: string,
  first: number,
  { inC, outC, groups, kernel: [kh, kw] }: ConvShape,
): ConvConstants {
  const weights = node.constant(first)!;
  const bias = node.has(first + 1) ? node.constant(first + 1) : undefined;
  return {
    key,
    inC,
    outC,
    groups,
    taps: kh * kw,
    weights: () => toFloat32(weights),
    ...(bias && { bias: () => toFloat32(bias) }),
  };
}

/** Taps and bias, in whole eights: as many as the invocations that load them. */
function paddedTaps({ kernel: [kh, kw] }: ConvShape): number {
  return Math.ceil((kh * kw + 1) / 8) * 8;
}

/** Taps and then the bias, as `vec4`s over channels; zeros where there is no channel. */
function packInner({ inC, taps, weights, bias }: ConvConstants, padded: number): Float32Array<ArrayBuffer> {
  const packed = new Float32Array(Math.ceil(inC / 4) * padded * 4);
  const [given, offsets] = [weights(), bias?.()];
  for (let c = 0; c < inC; c++) {
    const at = (c >> 2) * padded * 4 + (c & 3);
    for (let tap = 0; tap < taps; tap++) packed[at + 4 * tap] = given[c * taps + tap]!;
    packed[at + 4 * taps] = offsets?.[c] ?? 0;
  }
  return packed;
}

function pairOptions(
  { kernel: [kh, kw], strides: [strideH, strideW] }: ConvShape,
  { r, p, q }: PairTile,
  taps: number,
): KernelOptions {
  const options = tiled({ WG: WORKGROUP }, {
    KH: kh,
    KW: kw,
    STRIDE_H: strideH,
    STRIDE_W: strideW,
    R: r,
    P: p,
    Q: q,
    ROWS: (r - 1) * strideH + kh,
    COLS: (p - 1) * strideW + kw,
    TAPS: taps,
    OUTPUTS: r * p,
    AT_ONCE: 2,
    BLOCKS: q / 2,
  });
  const inject = {
    ...options.inject,
    builtins: LANE_BUILTIN,
    weights: TEXTURE_WEIGHTS,
    inner_weights: textureConstants(5, "inner_weights", "inner_weight"),
    load: `let pair_c4 = min(first_c4 + 2u * part + ((lane >> 2u) & 1u), out_c4 - 1u);
${broadcastWeights("weight((pair_c4 * in_c4 + ci4) * 4u + (lane & 3u))")}`,
    inner_load: broadcastTaps(taps),
  };
  return { ...options, inject };
}

/** The same where weights stay: nobody loads for others. */
function keepingOptions(
  { inC, kernel: [kh, kw], strides: [strideH, strideW] }: ConvShape,
  { p, q }: PairTile,
  taps: number,
): KernelOptions {
  const c4 = Math.ceil(inC / 4);
  const options = tiled({}, {
    KH: kh,
    KW: kw,
    STRIDE_H: strideH,
    STRIDE_W: strideW,
    C4: c4,
    G: Math.ceil(c4 / WORKGROUP),
    P: p,
    Q: q,
    COLS: (p - 1) * strideW + kw,
    TAPS: taps,
    WEIGHTS: kh * kw + 1,
    INPUTS: 4 * c4,
  });
  const inject = {
    ...options.inject,
    weights: textureRows(1, "weights", "weight"),
    inner_weights: textureRows(5, "inner_weights", "inner_weight"),
    share: "let v = subgroupBroadcast(between[t * G + e / 8u], e % 8u);",
  };
  return { ...options, inject };
}

/** Text by which eight invocations load taps and bias for all. */
function broadcastTaps(taps: number): string {
  const loads = Array.from(
    { length: taps / 8 },
    (_, i) => `let taps${i} = inner_weight(taps_at + ${8 * i}u + (lane & 7u));`,
  );
  const all = Array.from({ length: taps }, (_, i) => `  subgroupBroadcast(taps${i >> 3}, ${i & 7}u),`);
  return [...loads, "var taps = array<vec4f, TAPS>(", ...all, ");"].join("\n");
}

/** A depthwise convolution and a 1x1 convolution. */
export const depthwisePointwise: Operator = {
  op: DEPTHWISE_POINTWISE,
  opsets: [1, 99],
  layout: "image",
  fusesEpilogue: true,
  infer(node) {
    const { batch, outC, out } = readPair(node).pointwise;
    return [{ dtype: node.type(0).dtype, shape: [batch, outC, ...out] }];
  },
  lower: lowerPair,
};
