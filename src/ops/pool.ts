/**
 * MaxPool, AveragePool, GlobalMaxPool and GlobalAveragePool.
 * {@link https://onnx.ai/onnx/operators/onnx__MaxPool.html}, {@link https://onnx.ai/onnx/operators/onnx__AveragePool.html}
 *
 * @module
 */
import TILED from "../../shaders/pool/tiled.wgsl" with { type: "text" };
import WINDOW from "../../shaders/pool/window.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelOptions, type KernelSource } from "../gpu/mod.ts";
import { attr } from "./attribute.ts";
import { planEpilogue } from "./epilogue.ts";
import { addressUniforms, type NodeContext, type Operator } from "./operator.ts";
import { lowerPixels } from "./reduce_pixels.ts";
import { MAX_ITERATIONS } from "./strided.ts";
import { readWindow, spatialOut, type Window } from "./window.ts";

const tiledKernel: KernelSource = { name: "pool/tiled", wgsl: TILED };
const windowKernel: KernelSource = { name: "pool/window", wgsl: WINDOW };

/** Elements of the largest window that is unrolled. */
const MAX_TILED_WINDOW = 49;

/** Output rows and columns of an invocation, where neighbouring windows overlap or at least lie close. */
interface PoolTile {
  r: number;
  p: number;
}

/** The tile for a window, or `undefined` for windows that are too large, or dilated. */
export function chooseTile({ kernel, strides, dilations, out }: Window): PoolTile | undefined {
  const [kh, kw] = kernel;
  const dilated = (kh > 1 && dilations[0] > 1) || (kw > 1 && dilations[1] > 1);
  if (dilated || kh * kw > MAX_TILED_WINDOW || strides[0] > kh || strides[1] > kw) return undefined;
  if (strides[0] === kh && strides[1] === kw) return { r: 1, p: Math.min(2, out[1]) };
  return { r: out[0] === 1 ? 1 : out[0] <= 16 || strides[0] > 1 ? 2 : 4, p: Math.min(4, out[1]) };
}

/** The kernel for a window, what it is told, and the tile that an invocation computes. */
function choosePool(
  window: Window,
  average: boolean,
): { kernel: KernelSource; options: KernelOptions; tile: PoolTile; uniforms: Record<string, number> } {
  const [[kh, kw], [strideH, strideW]] = [window.kernel, window.strides];
  const tile = chooseTile(window);
  if (!tile) {
    return {
      kernel: windowKernel,
      options: { overrides: { KH: kh, KW: kw, AVERAGE: average } },
      tile: { r: 1, p: 1 },
      uniforms: {
        stride_h: strideH,
        stride_w: strideW,
        dilation_h: window.dilations[0],
        dilation_w: window.dilations[1],
      },
    };
  }
  const constants = {
    AVERAGE: average ? 1 : 0,
    KH: kh,
    KW: kw,
    STRIDE_H: strideH,
    STRIDE_W: strideW,
    R: tile.r,
    P: tile.p,
    ROWS: (tile.r - 1) * strideH + kh,
    COLS: (tile.p - 1) * strideW + kw,
    OUTPUTS: tile.r * tile.p,
  };
  const text = Object.entries(constants).map(([name, value]) => `const ${name} = ${value}u;`).join("\n");
  return {
    kernel: tiledKernel,
    options: { overrides: constants, inject: { tile: text } },
    tile,
    uniforms: {},
  };
}

function poolWindow(node: NodeContext): Window {
  const window = readWindow(node, attr.ints(node.node, "kernel_shape"));
  const [taps, limit] = [(window.kernel[0] + 1) * (window.kernel[1] + 1), MAX_ITERATIONS];
  if (taps > limit) {
    node.fail(
      `its window of ${window.kernel.join(" x ")} is too large`,
      `up to about ${limit} elements are supported; use a global pooling operator`,
    );
  }
  return window;
}

function pool(op: "MaxPool" | "AveragePool"): Operator {
  const average = op === "AveragePool";
  return {
    op,
    opsets: [1, 99],
    layout: "image",
    fusesEpilogue: true,
    infer(node) {
      const [batch, channels] = node.shape(0) as [number, number];
      return [{ dtype: node.type(0).dtype, shape: [batch, channels, ...spatialOut(node, poolWindow(node))] }];
    },
    lower(node) {
      const window = poolWindow(node);
      const countsPadding = attr.int(node.node, "count_include_pad", 0) === 1;
      const { view: x, address } = node.image(0);
      const { view: y, address: destination } = node.imageOutput(0);
      const epilogue = planEpilogue(node, node.outputType(0).shape, "image");
      const { n, c, c4, h, w } = address;
      const [outH, outW] = window.out;
      const { kernel, options, tile, uniforms } = choosePool(window, average);
      const count = n * Math.ceil(outH / tile.r) * Math.ceil(outW / tile.p) * c4;
      const counted = (extent: number, axis: 0 | 1): [number, number] =>
        countsPadding ? [-window.padBegin[axis], extent + window.padEnd[axis]] : [0, extent];
      const [rows, columns] = [counted(h, 0), counted(w, 1)];
      node.emit({
        kernel,
        options: { ...options, inject: { ...options.inject, ...epilogue.inject } },
        bindings: { x, y, ...epilogue.bindings },
        uniforms: {
          count,
          c,
          c4,
          in_h: h,
          in_w: w,
          out_h: outH,
          out_w: outW,
          ...uniforms,
          pad_top: window.padBegin[0],
          pad_left: window.padBegin[1],
          count_begin_h: rows[0],
          count_begin_w: columns[0],
          count_end_h: rows[1],
          count_end_w: columns[1],
          ...addressUniforms("x", address),
          ...addressUniforms("y", destination),
          operands: epilogue.operands,
        },
        workgroups: foldWorkgroups(Math.ceil(count / 64)),
      });
    },
  };
}

function globalPool(op: "GlobalMaxPool" | "GlobalAveragePool"): Operator {
  return {
    op,
    opsets: [1, 99],
    layout: "image",
    fusesEpilogue: true,
    infer(node) {
      const shape = node.shape(0);
      if (shape.length !== 3 && shape.length !== 4) {
        node.fail(`works on ${shape.length - 2} spatial dimensions`, "1 and 2 are supported");
      }
      return [{ dtype: node.type(0).dtype, shape: shape.map((extent, axis) => axis < 2 ? extent : 1) }];
    },
    lower(node) {
      lowerPixels(
        node,
        node.image(0),
        node.imageOutput(0),
        { mode: op === "GlobalMaxPool" ? "max" : "mean" },
        planEpilogue(node, node.outputType(0).shape, "image"),
      );
    },
  };
}

/** All pooling operators. */
export const poolOperators: readonly Operator[] = [
  pool("MaxPool"),
  pool("AveragePool"),
  globalPool("GlobalMaxPool"),
  globalPool("GlobalAveragePool"),
];
