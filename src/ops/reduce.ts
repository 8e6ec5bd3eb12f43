/**
 * Reductions over any dimensions: ReduceSum, ReduceMean, ReduceMax and their kin.
 * {@link https://onnx.ai/onnx/operators/onnx__ReduceSum.html}
 *
 * @module
 */
import STRIDED from "../../shaders/reduce/strided.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { attr } from "./attribute.ts";
import { type HostTensor, hostTensor, toNumbers } from "../tensor/host_tensor.ts";
import { denseStrides, imageAddress, reshapeView, type View, viewOffsets } from "../tensor/view.ts";
import { addressed, type Lowering, type NodeContext, type Operator } from "./operator.ts";
import { lowerPixels, MODE_NUMBER, type ReduceMode } from "./reduce_pixels.ts";
import { axesCount, chooseLanes, extentRow, mergeAxes, strideRow } from "./strided.ts";

const stridedKernel: KernelSource = { name: "reduce/strided", wgsl: STRIDED };

/** A reduction: what is done to each value, how they are brought together, and what is done to the result. */
interface Reduction {
  mode: ReduceMode;
  term?: string;
  finish?: string;
  host(values: number[]): number;
}

const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);

const REDUCTIONS: Readonly<Record<string, Reduction>> = {
  ReduceSum: { mode: "sum", host: sum },
  ReduceMean: { mode: "mean", host: (values) => sum(values) / values.length },
  ReduceMax: { mode: "max", host: (values) => values.reduce((a, b) => Math.max(a, b), -Infinity) },
  ReduceMin: { mode: "min", host: (values) => values.reduce((a, b) => Math.min(a, b), Infinity) },
  ReduceProd: { mode: "prod", host: (values) => values.reduce((a, b) => a * b, 1) },
  ReduceL1: { mode: "sum", term: "abs(value)", host: (values) => sum(values.map(Math.abs)) },
  ReduceL2: {
    mode: "sum",
    term: "value * value",
    finish: "sqrt(value)",
    host: (values) => Math.sqrt(sum(values.map((value) => value * value))),
  },
  ReduceSumSquare: {
    mode: "sum",
    term: "value * value",
    host: (values) => sum(values.map((value) => value * value)),
  },
  ReduceLogSum: { mode: "sum", finish: "log(value)", host: (values) => Math.log(sum(values)) },
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
    infer: (node) => [{ dtype: node.type(0).dtype, shape: reducedShape(node) }],
    evaluate: (node, [x]) => [evaluateReduce(node, x!, reduction)],
    lower(node) {
      const axes = reducedAxes(node);
      const x = node.view(0);
      if (axes.length === 0 && reduction.term === undefined && reduction.finish === undefined) {
        node.alias(0, x);
      } else if (isSpatial(x, axes) && reduction.finish === undefined) {
        lowerSpatial(node, x, reduction);
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

function lowerStrided(node: Lowering, x: View, axes: readonly number[], reduction: Reduction): void {
  const axisOf = (extent: number, axis: number) => ({ extent, strides: [x.strides[axis]!], axis });
  const all = x.shape.map(axisOf);
  const outer = mergeAxes(all.filter(({ axis }) => !axes.includes(axis)));
  const inner = mergeAxes(all.filter(({ axis }) => axes.includes(axis)));
  const [count, innerCount] = [axesCount(outer), axesCount(inner)];
  const lanes = chooseLanes(count, innerCount, inner.length + 1) ??
    node.fail(`reduces ${innerCount} elements to one`, "reduce one dimension after the other");
  const { term = "value", finish = "value", mode } = reduction;
  const y = node.output(0, "linear");
  node.emit({
    kernel: stridedKernel,
    options: {
      overrides: { ...lanes, MODE: MODE_NUMBER[mode] },
      inject: {
        functions: `fn term(value: f32) -> f32 { return ${term}; }\n` +
          `fn finish(value: f32) -> f32 { return ${finish}; }`,
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
      scale: mode === "mean" ? 1 / Math.max(innerCount, 1) : 1,
      outer_extents: extentRow(outer),
      outer_strides: strideRow(outer, 0),
      inner_extents: extentRow(inner),
      inner_strides: strideRow(inner, 0),
    },
    workgroups: foldWorkgroups(Math.ceil(count / (lanes.WG / lanes.LANES))),
  });
}

function evaluateReduce(node: NodeContext, x: HostTensor, { host }: Reduction): HostTensor {
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
  const results = Array.from(
    viewOffsets({ ...pick(false), offset: 0 }),
    (offset) => host(Array.from(viewOffsets({ ...pick(true), offset }), (at) => numbers[at]!)),
  );
  const whole = ["f32", "f16", "f64"].includes(x.dtype) ? results : results.map(Math.trunc);
  return hostTensor(x.dtype, reducedShape(node), whole);
}

/** All reductions. */
export const reduceOperators: readonly Operator[] = Object.entries(REDUCTIONS).map(([op, reduction]) =>
  reduce(op, reduction)
);
