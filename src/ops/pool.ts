/**
 * MaxPool, AveragePool and LpPool over a sliding window of one to three dimensions.
 * {@link https://onnx.ai/onnx/operators/onnx__MaxPool.html}, {@link https://onnx.ai/onnx/operators/onnx__AveragePool.html},
 * {@link https://onnx.ai/onnx/operators/onnx__LpPool.html}
 *
 * @module
 */
import MAX_INDICES from "../../shaders/pool/max_indices.wgsl" with { type: "text" };
import TILED from "../../shaders/pool/tiled.wgsl" with { type: "text" };
import WINDOW from "../../shaders/pool/window.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { type DType, gpuScalar } from "../tensor/dtype.ts";
import { type HostTensor, hostTensor, toNumbers } from "../tensor/host_tensor.ts";
import { attr } from "./attribute.ts";
import { planEpilogue } from "./epilogue.ts";
import { hostWindows, planeSize } from "./host_windows.ts";
import { addressUniforms, type Lowering, type NodeContext, type Operator } from "./operator.ts";
import { MAX_ITERATIONS } from "./strided.ts";
import { BYTES, FLOATS, typesOf } from "./types.ts";
import { volumeInput, volumeOutput, volumeUniforms } from "./volume.ts";
import {
  axesUniforms,
  loopIterations,
  planarWindow,
  readAxes,
  requireFloats,
  spatialExtents,
  type Window,
  type WindowAxis,
} from "./window.ts";

const maxIndicesKernel: KernelSource = { name: "pool/max_indices", wgsl: MAX_INDICES };
const tiledKernel: KernelSource = { name: "pool/tiled", wgsl: TILED };
const windowKernel: KernelSource = { name: "pool/window", wgsl: WINDOW };

/** How the elements of a window become one. */
export interface Pooling {
  /** For `//#inject pooling`: where the kernels begin, what they take of an element, how they bring terms together, and how they end. */
  wgsl: string;
  /** The same on the host; `counted` is what a mean is divided by. */
  host(values: number[], counted: number): number;
}

/** The largest element. */
function largest(dtype: DType): Pooling {
  const vec = gpuScalar(dtype) === "f32" ? "vec4f" : "vec4i";
  return {
    wgsl: `const START = ${vec}(${leastOf(dtype)});
fn term(value: ${vec}) -> ${vec} { return value; }
fn combine(a: ${vec}, b: ${vec}) -> ${vec} { return max(a, b); }
fn finish(total: ${vec}, taps: f32) -> ${vec} { return total; }`,
    host: (values) => values.reduce((a, b) => Math.max(a, b), hostLeast(dtype)),
  };
}

/** The mean. */
const MEAN: Pooling = {
  wgsl: `const START = vec4f();
fn term(value: vec4f) -> vec4f { return value; }
fn combine(a: vec4f, b: vec4f) -> vec4f { return a + b; }
fn finish(total: vec4f, taps: f32) -> vec4f { return total / taps; }`,
  host: (values, counted) => values.reduce((a, b) => a + b, 0) / Math.max(counted, 1),
};

/** The p-norm; `p` is a whole number from 1 on. */
export function norm(p: number): Pooling {
  return {
    wgsl: `const START = vec4f();
fn term(value: vec4f) -> vec4f { return ${powerText(p)}; }
fn combine(a: vec4f, b: vec4f) -> vec4f { return a + b; }
fn finish(total: vec4f, taps: f32) -> vec4f { return ${rootText(p)}; }`,
    host: (values) => values.reduce((sum, value) => sum + Math.abs(value) ** p, 0) ** (1 / p),
  };
}

/** WGSL for `|value|^p`. */
export function powerText(p: number): string {
  const even = p % 2 === 0;
  return even
    ? new Array(p).fill("value").join(" * ")
    : [...new Array(p - 1).fill("value"), "abs(value)"].join(" * ");
}

/** WGSL for the p-th root of `total`. */
export function rootText(p: number): string {
  if (p === 1) return "total";
  if (p === 2) return "sqrt(total)";
  // The built-in power of 0 may be no number.
  return `select(pow(max(total, vec4f(1e-37)), vec4f(${1 / p})), vec4f(), total <= vec4f())`;
}

/** The exponent of a norm. @throws {GraphError} if it is none. */
export function readExponent(node: NodeContext): number {
  const given = node.node.attributes.get("p");
  // In operator set 1 it was a float.
  const p = given?.type === "float" ? given.value : attr.int(node.node, "p", 2);
  if (!Number.isInteger(p) || p < 1 || p > 16) {
    node.fail(`p is ${p}`, "whole numbers from 1 to 16 are supported");
  }
  return p;
}

/** The least value of a type, as WGSL. */
function leastOf(dtype: DType): string {
  return gpuScalar(dtype) === "f32" ? "-3.4028234663852886e38" : "-2147483647 - 1";
}

function hostLeast(dtype: DType): number {
  return gpuScalar(dtype) === "f32" ? -3.4028234663852886e38 : -0x80000000;
}

/** Elements of the largest window that is unrolled. */
const MAX_TILED_WINDOW = 49;

/** Elements of a window from which on tiles are narrow. */
const LONG_WINDOW = 16;

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
  // Large windows have long texts: what is loaded twice costs less than to compile one of twice the length.
  const columns = kh * kw > LONG_WINDOW ? 2 : 4;
  return { r: out[0] === 1 ? 1 : out[0] <= 16 || strides[0] > 1 ? 2 : 4, p: Math.min(columns, out[1]) };
}

function poolAxes(node: NodeContext): WindowAxis[] {
  const shape = attr.ints(node.node, "kernel_shape");
  const axes = readAxes(node, shape, "kernel");
  const iterations = loopIterations(axes, 0) + shape.reduce((sum, extent) => sum + extent, 0);
  if (iterations > MAX_ITERATIONS) {
    node.fail(
      `its window of ${shape.join(" x ")} is too large`,
      `up to about ${MAX_ITERATIONS} elements are supported; use a global pooling operator`,
    );
  }
  return axes;
}

function pooledShape(node: NodeContext, axes: readonly WindowAxis[]): number[] {
  return [...node.shape(0).slice(0, 2), ...axes.map(({ out }) => out)];
}

/** Between which positions the taps of a mean are counted, by dimension: those inside, or padding too. */
function countedRange(node: NodeContext, axes: readonly WindowAxis[]): [begin: number, end: number][] {
  const padding = attr.int(node.node, "count_include_pad", 0) === 1;
  return axes.map(({ extent, padBegin, padEnd }) => padding ? [-padBegin, extent + padEnd] : [0, extent]);
}

/** Emits pooling over a window: by tiles where they pay, else window by window. */
function lowerPool(node: Lowering, axes: readonly WindowAxis[], pooling: Pooling): void {
  const tile = axes.length <= 2 ? chooseTile(planarWindow(axes)) : undefined;
  if (tile) lowerTiled(node, axes, pooling, tile);
  else lowerWindows(node, axes, pooling);
}

function lowerTiled(node: Lowering, axes: readonly WindowAxis[], pooling: Pooling, tile: PoolTile): void {
  const window = planarWindow(axes);
  const { view: x, address } = node.image(0);
  const { view: y, address: destination } = node.imageOutput(0);
  const epilogue = planEpilogue(node, node.outputType(0).shape, "image", undefined, node.type(0).dtype);
  const { n, c, c4, h, w } = address;
  const [[kh, kw], [strideH, strideW], [outH, outW]] = [window.kernel, window.strides, window.out];
  const constants = {
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
  const count = n * Math.ceil(outH / tile.r) * Math.ceil(outW / tile.p) * c4;
  const ranges = countedRange(node, axes);
  const [rows, columns] = ranges.length === 1 ? [[0, 1] as const, ranges[0]!] : [ranges[0]!, ranges[1]!];
  node.emit({
    kernel: tiledKernel,
    options: {
      overrides: constants,
      inject: { ...typesOf(x.dtype), pooling: pooling.wgsl, tile: text, ...epilogue.inject },
    },
    bindings: { x, y, ...epilogue.bindings },
    uniforms: {
      count,
      c,
      c4,
      in_h: h,
      in_w: w,
      out_h: outH,
      out_w: outW,
      pad_top: window.padBegin[0] >>> 0,
      pad_left: window.padBegin[1] >>> 0,
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
}

function lowerWindows(node: Lowering, axes: readonly WindowAxis[], pooling: Pooling): void {
  const x = volumeInput(node, 0);
  const y = volumeOutput(node, 0);
  const epilogue = planEpilogue(node, node.outputType(0).shape, "image", undefined, node.type(0).dtype);
  const { n, c, c4 } = x.address;
  const count = axes.reduce((product, { out }) => product * out, n * c4);
  const ranges = countedRange(node, axes);
  const row = (side: 0 | 1): number[] => [
    ...new Array<number>(3 - ranges.length).fill(side),
    ...ranges.map((range) => range[side]),
    1,
  ];
  node.emit({
    kernel: windowKernel,
    options: { inject: { ...typesOf(x.view.dtype), pooling: pooling.wgsl, ...epilogue.inject } },
    bindings: { x: x.view, y: y.view, ...epilogue.bindings },
    uniforms: {
      ...axesUniforms(axes),
      count_begin: row(0),
      count_end: row(1),
      count,
      c,
      c4,
      ...volumeUniforms("x", x.address),
      ...volumeUniforms("y", y.address),
      operands: epilogue.operands,
    },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  });
}

/** What one step along each spatial dimension adds to an index of MaxPool. */
function indexStrides(node: NodeContext): number[] {
  const spatial = spatialExtents(node);
  const strides = spatial.map(() => 1);
  if (attr.int(node.node, "storage_order", 0) === 1) {
    // Columns first: height lies densest, then width, then (as ONNX Runtime has it) depth.
    for (let axis = 1; axis < strides.length; axis++) strides[axis] = strides[axis - 1]! * spatial[axis - 1]!;
  } else {
    for (let axis = strides.length - 2; axis >= 0; axis--) {
      strides[axis] = strides[axis + 1]! * spatial[axis + 1]!;
    }
  }
  return strides;
}

function lowerMaxIndices(node: Lowering, axes: readonly WindowAxis[]): void {
  const x = volumeInput(node, 0);
  const y = volumeOutput(node, 0);
  const indices = volumeOutput(node, 1);
  const { n, c, c4 } = x.address;
  const count = axes.reduce((product, { out }) => product * out, n * c4);
  const strides = indexStrides(node);
  node.emit({
    kernel: maxIndicesKernel,
    options: {
      inject: { ...typesOf(x.view.dtype), least: `const LEAST = ${leastOf(x.view.dtype)};` },
    },
    bindings: { x: x.view, y: y.view, indices: indices.view },
    uniforms: {
      ...axesUniforms(axes),
      index_strides: [...new Array<number>(3 - strides.length).fill(0), ...strides, planeSize(axes)],
      count,
      c,
      c4,
      ...volumeUniforms("x", x.address),
      ...volumeUniforms("y", y.address),
      ...volumeUniforms("i", indices.address),
    },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  });
}

function evaluatePool(
  node: NodeContext,
  x: HostTensor,
  axes: readonly WindowAxis[],
  pooling: Pooling,
): HostTensor {
  const numbers = toNumbers(x);
  const windows = hostWindows(axes);
  const size = planeSize(axes);
  const padding = attr.int(node.node, "count_include_pad", 0) === 1;
  const results: number[] = [];
  for (let plane = 0; plane < x.shape[0]! * x.shape[1]!; plane++) {
    for (const { sources, padded } of windows) {
      const values = sources.map((source) => numbers[plane * size + source]!);
      results.push(pooling.host(values, padding ? padded : values.length));
    }
  }
  return hostTensor(x.dtype, pooledShape(node, axes), results);
}

/** The places of the largest elements. */
function evaluateIndices(node: NodeContext, x: HostTensor, axes: readonly WindowAxis[]): HostTensor {
  const numbers = toNumbers(x);
  const spatial = spatialExtents(node);
  const strides = indexStrides(node);
  const size = planeSize(axes);
  const placeOf = (source: number): number => {
    let [rest, place] = [source, 0];
    for (let axis = spatial.length - 1; axis >= 0; axis--) {
      place += (rest % spatial[axis]!) * strides[axis]!;
      rest = Math.floor(rest / spatial[axis]!);
    }
    return place;
  };
  const windows = hostWindows(axes);
  const results: number[] = [];
  for (let plane = 0; plane < x.shape[0]! * x.shape[1]!; plane++) {
    for (const { sources } of windows) {
      const [first = 0, ...others] = sources;
      const best = others.reduce(
        (a, b) => numbers[plane * size + b]! > numbers[plane * size + a]! ? b : a,
        first,
      );
      results.push(plane * size + placeOf(best));
    }
  }
  return hostTensor("i64", pooledShape(node, axes), results);
}

const maxPool: Operator = {
  op: "MaxPool",
  opsets: [1, 99],
  types: [...FLOATS, ...BYTES],
  layout: "image",
  fusesEpilogue: true,
  infer(node) {
    const shape = pooledShape(node, poolAxes(node));
    return [{ dtype: node.type(0).dtype, shape }, { dtype: "i64", shape }];
  },
  evaluate(node, [x]) {
    const axes = poolAxes(node);
    return [evaluatePool(node, x!, axes, largest(x!.dtype)), evaluateIndices(node, x!, axes)];
  },
  lower(node) {
    const axes = poolAxes(node);
    if ((node.node.outputs[1] ?? "") !== "") lowerMaxIndices(node, axes);
    else lowerPool(node, axes, largest(node.type(0).dtype));
  },
};

/** An operator that pools floats. */
function floatPool(op: string, poolingOf: (node: NodeContext) => Pooling): Operator {
  return {
    op,
    opsets: [1, 99],
    layout: "image",
    fusesEpilogue: true,
    infer(node) {
      requireFloats(node);
      poolingOf(node);
      return [{ dtype: node.type(0).dtype, shape: pooledShape(node, poolAxes(node)) }];
    },
    evaluate: (node, [x]) => [evaluatePool(node, x!, poolAxes(node), poolingOf(node))],
    lower: (node) => lowerPool(node, poolAxes(node), poolingOf(node)),
  };
}

/** All operators that pool over a window. */
export const poolOperators: readonly Operator[] = [
  maxPool,
  floatPool("AveragePool", () => MEAN),
  floatPool("LpPool", (node) => norm(readExponent(node))),
];
