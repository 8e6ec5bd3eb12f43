/**
 * Reductions over any dimensions: ReduceSum, ReduceMean, ReduceMax and their kin.
 * {@link https://onnx.ai/onnx/operators/onnx__ReduceSum.html}
 *
 * @module
 */
import STRIDED from "../../shaders/reduce/strided.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { attr } from "./attribute.ts";
import { type DType, gpuScalar, isFloat } from "../tensor/dtype.ts";
import { type HostTensor, hostTensor, toNumbers } from "../tensor/host_tensor.ts";
import { denseStrides, imageAddress, reshapeView, type View, viewOffsets } from "../tensor/view.ts";
import { emitConv } from "./conv_kernels.ts";
import { NO_EPILOGUE } from "./epilogue.ts";
import { addressed, type Lowering, type NodeContext, type Operator } from "./operator.ts";
import { IDENTITY, lowerPixels, type ReduceMode } from "./reduce_pixels.ts";
import { axesCount, chooseLanes, extentRow, mergeAxes, strideRow } from "./strided.ts";
import { ANY_TYPE, FLOATS, typesOf } from "./types.ts";
import { pointWindow } from "./window.ts";

const stridedKernel: KernelSource = { name: "reduce/strided", wgsl: STRIDED };

/**
 * A reduction: what is done to each value, how they are brought together, and what is done to the result. In the texts
 * the value is called `value`, of whatever type is summed; `shift` is the row's largest value.
 */
interface Reduction {
  mode: ReduceMode;
  term?: string;
  finish?: string;
  /** Each row is brought below 1 by its largest value first, so that its exponentials stay finite. */
  shifted?: boolean;
  /** Sums floats, whatever the elements are. */
  inFloats?: boolean;
  host(values: number[]): number;
}

const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);
const largest = (values: number[]): number => values.reduce((a, b) => Math.max(a, b), -Infinity);

const REDUCTIONS: Readonly<Record<string, Reduction>> = {
  ReduceSum: { mode: "sum", host: sum },
  ReduceMean: { mode: "mean", host: (values) => sum(values) / values.length },
  ReduceMax: { mode: "max", host: largest },
  ReduceMin: { mode: "min", host: (values) => values.reduce((a, b) => Math.min(a, b), Infinity) },
  ReduceProd: { mode: "prod", host: (values) => values.reduce((a, b) => a * b, 1) },
  ReduceL1: { mode: "sum", term: "abs(value)", host: (values) => sum(values.map(Math.abs)) },
  ReduceL2: {
    mode: "sum",
    term: "value * value",
    finish: "sqrt(value)",
    inFloats: true,
    host: (values) => Math.sqrt(sum(values.map((value) => value * value))),
  },
  ReduceSumSquare: {
    mode: "sum",
    term: "value * value",
    host: (values) => sum(values.map((value) => value * value)),
  },
  ReduceLogSum: {
    mode: "sum",
    finish: "log(value)",
    inFloats: true,
    host: (values) => Math.log(sum(values)),
  },
  ReduceLogSumExp: {
    mode: "sum",
    term: "exp(value - shift)",
    finish: "log(value) + shift",
    shifted: true,
    inFloats: true,
    host(values) {
      const most = largest(values);
      const shift = Number.isFinite(most) ? most : 0;
      return Math.log(sum(values.map((value) => Math.exp(value - shift)))) + shift;
    },
  },
};

/** How the kernels bring two values together. */
const COMBINE: Readonly<Record<ReduceMode, string>> = {
  sum: "a + b",
  mean: "a + b",
  max: "max(a, b)",
  min: "min(a, b)",
  prod: "a * b",
};

/** The dimensions that a node reduces, in order. */
function reducedAxes(node: NodeContext): number[] {
  const rank = node.shape(0).length;
  const listed = node.listFrom("axes", 1) ?? [];
  const all = Array.from({ length: rank }, (_, axis) => axis);
  if (listed.length === 0) return attr.int(node.node, "noop_with_empty_axes", 0) === 1 ? [] : all;
  const axes = new Set(listed.map((axis) => node.axis(axis, rank)));
  return all.filter((axis) => axes.has(axis));
}

function reducedShape(node: NodeContext): number[] {
  const keep = attr.int(node.node, "keepdims", 1) === 1;
  const axes = reducedAxes(node);
  return node.shape(0)
    .map((extent, axis) => axes.includes(axis) ? 1 : extent)
    .filter((_, axis) => keep || !axes.includes(axis));
}

function reduce(op: string, reduction: Reduction): Operator {
  return {
    op,
    opsets: [1, 99],
    // Sums and products of narrow integers would have to wrap; ONNX has none.
    types: ["max", "min"].includes(reduction.mode) ? ANY_TYPE : [...FLOATS, "i32", "i64"],
    infer: (node) => [{ dtype: node.type(0).dtype, shape: reducedShape(node) }],
    evaluate: (node, [x]) => [evaluateReduce(node, x!, reduction)],
    lower(node) {
      const axes = reducedAxes(node);
      const x = node.view(0);
      if (axes.length === 0 && reduction.term === undefined && reduction.finish === undefined) {
        node.alias(0, x);
      } else if (isSpatial(x, axes) && reduction.finish === undefined && gpuScalar(x.dtype) === "f32") {
        lowerSpatial(node, x, reduction);
      } else if (isOverChannels(node, x, axes, reduction)) {
        lowerChannels(node, x, reduction);
      } else {
        lowerStrided(node, x, axes, reduction);
      }
    },
  };
}

/** Whether an image is reduced over all its pixels, channel by channel. */
function isSpatial(x: View, axes: readonly number[]): boolean {
  return x.shape.length >= 3 && imageAddress(x) !== undefined && axes.length === x.shape.length - 2 &&
    axes.every((axis) => axis >= 2);
}

function lowerSpatial(node: Lowering, x: View, { mode, term }: Reduction): void {
  const [n, c] = x.shape as [number, number];
  const body = term === undefined
    ? {}
    : { term: `fn term(value: vec4f, at: u32) -> vec4f { return ${term}; }` };
  const { dtype, shape } = node.outputType(0);
  const keeps = shape.length === x.shape.length;
  const y = keeps ? node.output(0, "image") : node.temporary({ dtype, shape: [n, c, 1, 1] }, "image");
  lowerPixels(node, { view: x, address: imageAddress(x)! }, addressed(y), { mode, ...body });
  if (!keeps) node.alias(0, reshapeView(y, shape)!);
}

/** Pixels from which a sum over channels is a convolution; with fewer, invocations that share a row are faster. */
const LEAST_PIXELS = 1024;
/** And channels up to which it is one. */
const MOST_CHANNELS = 256;

/** Whether the channels of an image of many pixels are added up, and their dimension stays. Measured on software alone. */
function isOverChannels(node: Lowering, x: View, axes: readonly number[], reduction: Reduction): boolean {
  const { mode, term, finish } = reduction;
  const [n, c, ...pixels] = x.shape as [number, number, ...number[]];
  if (!node.target.software || c === 0 || c > MOST_CHANNELS) return false;
  if (pixels.reduce((product, extent) => product * extent, n) < LEAST_PIXELS) return false;
  return axes.length === 1 && axes[0] === 1 && (mode === "sum" || mode === "mean") &&
    term === undefined &&
    finish === undefined && gpuScalar(x.dtype) === "f32" && imageAddress(x) !== undefined &&
    node.outputType(0).shape.length === x.shape.length;
}

/** A sum over channels is a 1x1 convolution. */
function lowerChannels(node: Lowering, x: View, { mode }: Reduction): void {
  const source = addressed(x);
  const { n, c, h, w } = source.address;
  const weight = mode === "mean" ? 1 / c : 1;
  emitConv(
    node,
    {
      batch: n,
      inC: c,
      outC: 1,
      groups: 1,
      ...pointWindow([h, w]),
    },
    source,
    node.imageOutput(0),
    {
      // Which channels there are is no attribute: plans for other inputs must not take these weights for theirs.
      key: `${mode} of ${c} channels`,
      inC: c,
      outC: 1,
      groups: 1,
      taps: 1,
      weights: () => new Float32Array(c).fill(weight),
    },
    NO_EPILOGUE,
  );
}

/** Sums a view over some of its dimensions, into output 0, which is linear and has the others in their order. */
export function lowerSum(node: Lowering, x: View, axes: readonly number[]): void {
  lowerStrided(node, x, axes, REDUCTIONS.ReduceSum!);
}

function lowerStrided(node: Lowering, x: View, axes: readonly number[], reduction: Reduction): void {
  const axisOf = (extent: number, axis: number) => ({ extent, strides: [x.strides[axis]!], axis });
  const all = x.shape.map(axisOf);
  const outer = mergeAxes(all.filter(({ axis }) => !axes.includes(axis)));
  const inner = mergeAxes(all.filter(({ axis }) => axes.includes(axis)));
  const [count, innerCount] = [axesCount(outer), axesCount(inner)];
  const steps = (inner.length + 1) * (reduction.shifted ? 2 : 1);
  const lanes = chooseLanes(count, innerCount, steps) ??
    node.fail(`reduces ${innerCount} elements to one`, "reduce one dimension after the other");
  const y = node.output(0, "linear");
  const total = reduction.inFloats ? "f32" : gpuScalar(x.dtype);
  node.emit({
    kernel: stridedKernel,
    options: {
      overrides: { ...lanes, ...(reduction.shifted && { SHIFTED: true }) },
      inject: {
        ...typesOf(x.dtype),
        ...(total === "i32" && { total: "alias total_t = i32;" }),
        functions: functions(reduction, x.dtype, innerCount),
      },
    },
    bindings: { x, y },
    uniforms: {
      count,
      inner_count: innerCount,
      outer_rank: outer.length,
      inner_rank: inner.length,
      x_offset: x.offset,
      y_offset: y.offset,
      identity: total === "f32" ? IDENTITY[reduction.mode] : integerIdentity(x.dtype, reduction.mode),
      outer_extents: extentRow(outer),
      outer_strides: strideRow(outer, 0),
      inner_extents: extentRow(inner),
      inner_strides: strideRow(inner, 0),
    },
    workgroups: foldWorkgroups(Math.ceil(count / (lanes.WG / lanes.LANES))),
  });
}

function functions(
  { mode, term = "value", finish = "value", inFloats }: Reduction,
  dtype: DType,
  innerCount: number,
): string {
  const total = inFloats ? "f32" : gpuScalar(dtype);
  // A mean of nothing is no number; of whole numbers it is cut off, as integers divide.
  const count = total === "f32" && innerCount > 0
    ? "f32(params.inner_count)"
    : `${total}(max(params.inner_count, 1u))`;
  const mean = innerCount === 0 && total === "f32"
    ? "bitcast<f32>(0x7fc00000u + u32(value))"
    : `value / ${count}`;
  return [
    `fn term(element: scalar, shift: f32) -> total_t { let value = total_t(element); return ${term}; }`,
    `fn combine(a: total_t, b: total_t) -> total_t { return ${COMBINE[mode]}; }`,
    `fn finish(value: total_t, shift: f32) -> scalar { return scalar(${mode === "mean" ? mean : finish}); }`,
  ].join("\n");
}

/** The least or largest value of an integer type stands for infinity. */
function integerIdentity(dtype: DType, mode: ReduceMode): number {
  if (mode !== "max" && mode !== "min") return IDENTITY[mode];
  if (dtype === "bool") return mode === "max" ? 0 : 1;
  const [bits, signed] = dtype === "i8" || dtype === "u8"
    ? [8, dtype === "i8"]
    : dtype === "i16" || dtype === "u16"
    ? [16, dtype === "i16"]
    : [32, true];
  const half = 2 ** (bits - 1);
  return mode === "max" ? (signed ? -half : 0) : (signed ? half - 1 : 2 * half - 1);
}

function evaluateReduce(node: NodeContext, x: HostTensor, { host, mode }: Reduction): HostTensor {
  const axes = reducedAxes(node);
  const strides = denseStrides(x.shape, "linear");
  const pick = (wanted: boolean): Pick<View, "shape" | "strides"> => {
    const chosen = x.shape.map((_, axis) => axis).filter((axis) => axes.includes(axis) === wanted);
    return {
      shape: chosen.map((axis) => x.shape[axis]!),
      strides: chosen.map((axis) => strides[axis]!),
    };
  };
  const numbers = toNumbers(x);
  const results = Array.from(viewOffsets({ ...pick(false), offset: 0 }), (offset) => {
    const row = Array.from(viewOffsets({ ...pick(true), offset }), (at) => numbers[at]!);
    return row.length === 0 && !isFloat(x.dtype) ? integerIdentity(x.dtype, mode) : host(row);
  });
  const whole = isFloat(x.dtype) ? results : results.map(Math.trunc);
  return hostTensor(x.dtype, reducedShape(node), whole);
}

/** All reductions. */
export const reduceOperators: readonly Operator[] = Object.entries(REDUCTIONS).map(([op, reduction]) =>
  reduce(op, reduction)
);
