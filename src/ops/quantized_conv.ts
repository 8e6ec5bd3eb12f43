/**
 * QLinearConv and ConvInteger: convolution of bytes, summed in 32 bits.
 * {@link https://onnx.ai/onnx/operators/onnx__QLinearConv.html},
 * {@link https://onnx.ai/onnx/operators/onnx__ConvInteger.html}
 *
 * @module
 */
import DEPTHWISE from "../../shaders/quantize/conv_depthwise.wgsl" with { type: "text" };
import GROUPED from "../../shaders/quantize/conv_grouped.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { type HostTensor, hostTensor } from "../tensor/host_tensor.ts";
import type { View } from "../tensor/view.ts";
import { attr } from "./attribute.ts";
import { addressUniforms, type Lowering, type NodeContext, type Operator } from "./operator.ts";
import { integers, requireBytes, saturate, single, spread } from "./quantization.ts";
import {
  type ByteImage,
  byteInput,
  byteOutput,
  emitPackedProduct,
  type Finish,
  isPacked,
  KEEP_SUMS,
  packBytes,
  requantise,
  signShift,
  targetOf,
  type Weights,
  type ZeroPoint,
  zeroPoint,
} from "./quantized_product.ts";
import { MAX_ITERATIONS } from "./strided.ts";
import { readWindow, spatialOut, type Window, windowUniforms } from "./window.ts";
import { BYTES } from "./types.ts";

const depthwise: KernelSource = { name: "quantize/conv_depthwise", wgsl: DEPTHWISE };
const grouped: KernelSource = { name: "quantize/conv_grouped", wgsl: GROUPED };

/** Which inputs are what: QLinearConv has its scales among them. */
interface Roles {
  weights: number;
  xZero: number;
  wZero: number;
  bias?: number;
}

const LINEAR: Roles = { weights: 3, xZero: 2, wZero: 5, bias: 8 };
const INTEGER: Roles = { weights: 1, xZero: 2, wZero: 3 };

interface Shape {
  window: Window;
  batch: number;
  inC: number;
  outC: number;
  groups: number;
}

function readShape(node: NodeContext, { weights: index, bias }: Roles): Shape {
  const x = node.shape(0);
  const weights = node.shape(index);
  if (x.length !== weights.length || (x.length !== 3 && x.length !== 4)) {
    node.fail(
      `its input has ${x.length} dimensions, its weights ${weights.length}`,
      "1-D and 2-D convolutions of equal ranks are supported",
    );
  }
  requireBytes(node, 0);
  requireBytes(node, index);
  const groups = attr.int(node.node, "group", 1);
  const [batch, inC] = x as [number, number];
  const [outC, groupInC] = weights as [number, number];
  if (groups < 1 || inC !== groupInC * groups || outC % groups !== 0) {
    node.fail(
      `${inC} input channels and ${outC} output channels in ${groups} groups do not fit weights [${
        weights.join(", ")
      }]`,
      "check the input's size, or export the model again",
    );
  }
  if (
    bias !== undefined && node.has(bias) && (node.shape(bias).length !== 1 || node.shape(bias)[0] !== outC)
  ) {
    node.fail(
      `its bias is [${node.shape(bias).join(", ")}], but ${outC} channels leave`,
      "export the model again",
    );
  }
  const window = readWindow(node, attr.ints(node.node, "kernel_shape", weights.slice(2)));
  const [kernelH, kernelW] = window.kernel;
  // A kernel takes one channel a step, or four where there is one group.
  const steps = kernelH * (1 + kernelW * (1 + (groups === 1 ? Math.ceil(groupInC / 4) : groupInC)));
  if (steps > MAX_ITERATIONS) {
    node.fail(
      `sums over ${groupInC} channels of ${kernelH} x ${kernelW} pixels in ${steps} steps`,
      `up to ${MAX_ITERATIONS} are supported; split the channels when exporting the model`,
    );
  }
  return { window, batch, inC, outC, groups };
}

/** Weights, their zero points and the bias. @throws {UnknownValueError} if they are computed while the network runs. */
function readWeights(node: NodeContext, roles: Roles, { window, inC, outC, groups }: Shape): Weights {
  const elements = integers(node, roles.weights, "weights");
  const groupInC = inC / groups;
  const taps = window.kernel[0] * window.kernel[1];
  const zeros = node.numbers(roles.wZero, "weight zero point") ?? [0];
  return {
    outC,
    inC: groupInC,
    taps,
    at: (co, ci, tap) => elements[(co * groupInC + ci) * taps + tap]!,
    zeros: spread(node, "weight zero point", zeros, outC),
    bias: roles.bias !== undefined && node.has(roles.bias) ? integers(node, roles.bias, "bias") : undefined,
    shift: signShift(node.type(roles.weights).dtype),
  };
}

function outputShape(node: NodeContext, { window, batch, outC }: Shape): number[] {
  return [batch, outC, ...spatialOut(node, window)];
}

/** The factor of each output channel, as ONNX Runtime works it out: in single precision, from left to right. */
function factorsOf(node: NodeContext, outC: number): number[] {
  const scale = single(node, 1, "x_scale");
  const result = single(node, 6, "y_scale");
  const weights = spread(node, "w_scale", node.numbers(4, "w_scale") ?? [], outC);
  return weights.map((weight) => Math.fround(Math.fround(scale * weight) / result));
}

/** The kernel that takes a shape. */
function kindOf({ inC, outC, groups }: Shape): "depthwise" | "dense" | "general" {
  if (groups > 1 && groups === inC && groups === outC) return "depthwise";
  return groups === 1 || (inC / groups % 4 === 0 && outC / groups % 4 === 0) ? "dense" : "general";
}

/** Whether a QLinearConv can take its input and give its output packed: see `isPacked`. */
export function takesPacked(node: NodeContext): boolean {
  return kindOf(readShape(node, LINEAR)) !== "general";
}

function lowerConv(node: Lowering, roles: Roles, shape: Shape, finish: Finish): void {
  const { batch, inC, groups } = shape;
  const zero = zeroPoint(node, roles.xZero);
  const weights = readWeights(node, roles, shape);
  const kind = node.target.plain ? "general" : kindOf(shape);
  if (kind === "depthwise") emitDepthwise(node, shape, weights, zero, finish);
  else if (kind === "dense") {
    const x = packedInput(node);
    const y = byteOutput(node);
    emitPackedProduct(node, {
      x,
      shift: signShift(node.type(0).dtype),
      zero,
      batch,
      inC,
      inH: x.shape[1]!,
      inW: x.shape[2]!,
      groups,
      window: shape.window,
      weights,
      finish,
      y,
    });
  } else emitGrouped(node, shape, weights, zero, finish);
}

/** Input 0 as packed bytes. */
function packedInput(node: Lowering): View {
  if (isPacked(node, 0)) return node.view(0);
  const { view, address } = node.image(0);
  const { n, c, h, w, strideN, strideH, strideW } = address;
  const strides = [strideN * 4, strideH * 4, strideW * 4, 1] as const;
  return packBytes(node, { view, extents: [n, h, w, c], strides }, signShift(node.type(0).dtype));
}

function emitDepthwise(
  node: Lowering,
  { window, batch, outC }: Shape,
  weights: Weights,
  zero: ZeroPoint,
  finish: Finish,
): void {
  const p = 4;
  const tiles = batch * window.out[0] * Math.ceil(window.out[1] / p) * Math.ceil(outC / 4);
  const wg = tiles < 2048 ? 16 : 64;
  const [x, y] = [byteInput(node), byteOutput(node)];
  emitWords(node, depthwise, window, weights, zero, finish, {
    batch,
    x,
    y,
    overrides: { WG: wg, P: p },
    inject: { tile: `const P = ${p}u;` },
    uniforms: { x_shift: x.shift, y_shift: y.shift },
    workgroups: Math.ceil(tiles / wg),
  });
}

function emitGrouped(
  node: Lowering,
  { window, batch, inC, outC, groups }: Shape,
  weights: Weights,
  zero: ZeroPoint,
  finish: Finish,
): void {
  emitWords(node, grouped, window, weights, zero, finish, {
    batch,
    x: { ...node.image(0), inject: {}, shift: 0 },
    y: { ...node.imageOutput(0), inject: {}, shift: 0 },
    overrides: { WG: 64 },
    inject: {},
    uniforms: { in_c: inC, groups },
    workgroups: Math.ceil(batch * window.out[0] * window.out[1] * Math.ceil(outC / 4) / 64),
  });
}

interface WordsDispatch {
  batch: number;
  x: ByteImage;
  y: ByteImage;
  overrides: Record<string, number>;
  inject: Record<string, string>;
  uniforms: Record<string, number>;
  workgroups: number;
}

/** Emits a kernel that reads bytes a word each. */
function emitWords(
  node: Lowering,
  kernel: KernelSource,
  window: Window,
  weights: Weights,
  zero: ZeroPoint,
  finish: Finish,
  { batch, x, y, overrides, inject, uniforms, workgroups }: WordsDispatch,
): void {
  node.emit({
    kernel,
    options: {
      overrides: { KH: window.kernel[0], KW: window.kernel[1], ...overrides },
      inject: { ...inject, ...finish.inject, ...x.inject, ...y.inject },
    },
    bindings: {
      x: x.view,
      weights: node.weights("word weights", () => wordWeights(weights)),
      terms: node.weights("word terms", () => wordTerms(weights)),
      y: y.view,
      zero: zero.view,
      ...finish.bindings,
    },
    uniforms: {
      ...addressUniforms("x", x.address),
      ...addressUniforms("y", y.address),
      batch,
      in_h: x.address.h,
      in_w: x.address.w,
      ...windowUniforms(window),
      out_c: weights.outC,
      zero_offset: zero.offset,
      ...uniforms,
      ...finish.uniforms,
    },
    workgroups: foldWorkgroups(workgroups),
    multiplyAdds: batch * window.out[0] * window.out[1] * weights.outC * weights.inC * weights.taps,
  });
}

/** `vec4`s over output channels, less their zero points: `(co4 * taps + tap) * inC + ci`. */
function wordWeights({ outC, inC, taps, at, zeros }: Weights): Int32Array<ArrayBuffer> {
  const packed = new Int32Array(Math.ceil(outC / 4) * 4 * taps * inC);
  for (let co = 0; co < outC; co++) {
    for (let tap = 0; tap < taps; tap++) {
      for (let ci = 0; ci < inC; ci++) {
        packed[(((co >> 2) * taps + tap) * inC + ci) * 4 + (co & 3)] = at(co, ci, tap) - zeros[co]!;
      }
    }
  }
  return packed;
}

function wordTerms({ outC, bias }: Weights): Int32Array<ArrayBuffer> {
  return Int32Array.from({ length: Math.ceil(outC / 4) * 4 }, (_, co) => co < outC ? bias?.[co] ?? 0 : 0);
}

/** The sums on the host, in ONNX's order. */
function evaluateSums(
  x: HostTensor,
  shape: Shape,
  weights: Weights,
  zero: number,
): Int32Array {
  const { window, batch, inC, outC, groups } = shape;
  const [inH, inW] = x.shape.length === 3 ? [1, x.shape[2]!] : [x.shape[2]!, x.shape[3]!];
  const [kh, kw] = window.kernel;
  const [outH, outW] = window.out;
  const sums = new Int32Array(batch * outC * outH * outW);
  const elements = x.data as ArrayLike<number>;
  let i = 0;
  for (let n = 0; n < batch; n++) {
    for (let co = 0; co < outC; co++) {
      const first = Math.floor(co / (outC / groups)) * (inC / groups);
      for (let oh = 0; oh < outH; oh++) {
        for (let ow = 0; ow < outW; ow++) {
          let sum = weights.bias?.[co] ?? 0;
          for (let ky = 0; ky < kh; ky++) {
            const h = oh * window.strides[0] - window.padBegin[0] + ky * window.dilations[0];
            if (h < 0 || h >= inH) continue;
            for (let kx = 0; kx < kw; kx++) {
              const w = ow * window.strides[1] - window.padBegin[1] + kx * window.dilations[1];
              if (w < 0 || w >= inW) continue;
              for (let ci = 0; ci < weights.inC; ci++) {
                const value = elements[((n * inC + first + ci) * inH + h) * inW + w]!;
                sum += (value - zero) * (weights.at(co, ci, ky * kw + kx) - weights.zeros[co]!);
              }
            }
          }
          sums[i++] = sum;
        }
      }
    }
  }
  return sums;
}

/** QLinearConv: scales and zero points, weights and bias are constants or small inputs. */
export const qLinearConv: Operator = {
  op: "QLinearConv",
  opsets: [10, 99],
  types: BYTES,
  layout: "image",
  infer(node) {
    const shape = readShape(node, LINEAR);
    readWeights(node, LINEAR, shape);
    factorsOf(node, shape.outC);
    targetOf(node, 7);
    return [{ dtype: node.type(7).dtype, shape: outputShape(node, shape) }];
  },
  evaluate(node, inputs) {
    const shape = readShape(node, LINEAR);
    const factors = factorsOf(node, shape.outC);
    const { zero, low, high } = targetOf(node, 7);
    const xZero = single(node, 2, "x_zero_point");
    const sums = evaluateSums(inputs[0]!, shape, readWeights(node, LINEAR, shape), xZero);
    const pixels = shape.window.out[0] * shape.window.out[1];
    const numbers = Array.from(sums, (sum, i) => {
      const factor = factors[Math.floor(i / pixels) % shape.outC]!;
      return saturate(Math.fround(Math.fround(sum) * factor), zero, [low, high]);
    });
    return [hostTensor(node.type(7).dtype, outputShape(node, shape), numbers)];
  },
  lower(node) {
    const shape = readShape(node, LINEAR);
    lowerConv(node, LINEAR, shape, requantise(node, () => factorsOf(node, shape.outC), targetOf(node, 7)));
  },
};

/** ConvInteger: the input's zero point may be computed while the network runs. */
export const convInteger: Operator = {
  op: "ConvInteger",
  opsets: [10, 99],
  types: BYTES,
  layout: "image",
  infer(node) {
    const shape = readShape(node, INTEGER);
    readWeights(node, INTEGER, shape);
    return [{ dtype: "i32", shape: outputShape(node, shape) }];
  },
  evaluate(node, inputs) {
    const shape = readShape(node, INTEGER);
    const zero = single(node, 2, "x_zero_point", 0);
    const sums = evaluateSums(inputs[0]!, shape, readWeights(node, INTEGER, shape), zero);
    return [hostTensor("i32", outputShape(node, shape), sums)];
  },
  lower: (node) => lowerConv(node, INTEGER, readShape(node, INTEGER), KEEP_SUMS),
};

/** Convolutions of bytes. */
export const quantizedConvOperators: readonly Operator[] = [qLinearConv, convInteger];
