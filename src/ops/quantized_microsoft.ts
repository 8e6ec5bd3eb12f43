/**
 * Quantised operators of Microsoft's domain: sums and products, functions by table, means.
 * {@link https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md ONNX Runtime's operators}
 *
 * @module
 */
import MEAN from "../../shaders/quantize/mean.wgsl" with { type: "text" };
import PAIR from "../../shaders/quantize/pair.wgsl" with { type: "text" };
import TABLE from "../../shaders/quantize/table.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import type { DType } from "../tensor/dtype.ts";
import { elementCount, type HostTensor, hostTensor } from "../tensor/host_tensor.ts";
import { denseView, expandView, permuteView, reshapeView, type View, viewOffsets } from "../tensor/view.ts";
import { attr } from "./attribute.ts";
import { broadcastShapes } from "./broadcast.ts";
import { addressed, addressUniforms, type Lowering, type NodeContext, type Operator } from "./operator.ts";
import { given, quantizedRange, requireBytes, saturate, single } from "./quantization.ts";
import { mapPlaces } from "./quantized_map.ts";
import { type Scheme, tableOf } from "./quantized_scheme.ts";
import { MICROSOFT } from "./quantize.ts";
import { BYTES } from "./types.ts";

const meanKernel: KernelSource = { name: "quantize/mean", wgsl: MEAN };
const pairKernel: KernelSource = { name: "quantize/pair", wgsl: PAIR };
const tableKernel: KernelSource = { name: "quantize/table", wgsl: TABLE };

/** The scheme of a tensor of the type of input `typed`, with its scale and zero point in two inputs. */
export function schemeOf(node: NodeContext, typed: number, scale: number, zero: number): Scheme {
  const dtype = requireBytes(node, typed);
  if (node.has(zero) && node.type(zero).dtype !== dtype) {
    node.fail(`input ${zero} is ${node.type(zero).dtype}, but ${dtype} is needed`, "export the model again");
  }
  const [low, high] = quantizedRange(node, dtype);
  return { dtype, scale: single(node, scale, "scale"), zero: single(node, zero, "zero point", 0), low, high };
}

/** Emits the kernel that looks up every element of input 0. */
function lowerTable(node: Lowering, low: number, table: () => Int32Array<ArrayBuffer>): void {
  const { inputs, y, uniforms, workgroups } = mapPlaces(node, { x: node.view(0) }, true);
  node.emit({
    kernel: tableKernel,
    bindings: { x: inputs[0]!, table: node.weights("table", table), y },
    uniforms: { ...uniforms, low },
    workgroups,
  });
}

/** Every element of `x` by a table that begins with that of `low`. */
export function lookUp(x: HostTensor, dtype: DType, low: number, table: ArrayLike<number>): HostTensor {
  return hostTensor(dtype, x.shape, Array.from(x.data as ArrayLike<number>, (value) => table[value - low]!));
}

/** An operator of one tensor: `X, X_scale, X_zero_point, Y_scale, Y_zero_point`. */
function byTable(op: string, f: (node: NodeContext) => (value: number) => number): Operator {
  const schemes = (node: NodeContext): [Scheme, Scheme] => [
    schemeOf(node, 0, 1, 2),
    schemeOf(node, 0, 3, 4),
  ];
  return {
    op,
    domain: MICROSOFT,
    opsets: [1, 99],
    types: BYTES,
    layout: "same",
    infer(node) {
      const [, { dtype }] = schemes(node);
      return [{ dtype, shape: node.shape(0) }];
    },
    evaluate(node, [x]) {
      const [from, to] = schemes(node);
      return [lookUp(given(x), to.dtype, from.low, tableOf(from, to, f(node)))];
    },
    lower(node) {
      const [from, to] = schemes(node);
      lowerTable(node, from.low, () => tableOf(from, to, f(node)));
    },
  };
}

/** A function of bytes, made by passes: `x`, and a constant table of its values from the least byte to the greatest. */
const quantisedTable: Operator = {
  op: "QuantisedTable",
  opsets: [1, 99],
  types: BYTES,
  layout: "same",
  infer(node) {
    requireBytes(node, 0);
    return [{ dtype: node.type(1).dtype, shape: node.shape(0) }];
  },
  evaluate(node, [x, table]) {
    const [low] = quantizedRange(node, given(x).dtype);
    return [lookUp(given(x), given(table).dtype, low, given(table).data as ArrayLike<number>)];
  },
  lower(node) {
    const [low] = quantizedRange(node, node.type(0).dtype);
    lowerTable(node, low, () => Int32Array.from(node.numbers(1, "table")!));
  },
};

/** What the kernel of sums and products is told: in single precision, as ONNX Runtime works it out. */
interface PairFactors {
  a: Scheme;
  b: Scheme;
  y: Scheme;
  aFactor: number;
  bFactor: number;
  rest: number;
}

function pairFactors(node: NodeContext, multiply: boolean): PairFactors {
  const { fround } = Math;
  const [a, b, y] = [schemeOf(node, 0, 1, 2), schemeOf(node, 3, 4, 5), schemeOf(node, 0, 6, 7)];
  if (a.dtype !== b.dtype) node.fail(`inputs are ${a.dtype} and ${b.dtype}`, "export the model again");
  const range = { low: attr.int(node.node, "low", y.low), high: attr.int(node.node, "high", y.high) };
  if (multiply) {
    const aFactor = fround(fround(a.scale * b.scale) / y.scale);
    return { a, b, y: { ...y, ...range }, aFactor, bFactor: 0, rest: y.zero };
  }
  const [aFactor, bFactor] = [fround(a.scale / y.scale), fround(b.scale / y.scale)];
  const rest = fround(y.zero - fround(fround(aFactor * a.zero) + fround(bFactor * b.zero)));
  return { a, b, y: { ...y, ...range }, aFactor, bFactor, rest };
}

function pairShape(node: NodeContext): number[] {
  return broadcastShapes(node.shape(0), node.shape(3)) ??
    node.fail(
      `shapes [${node.shape(0).join(", ")}] and [${node.shape(3).join(", ")}] do not broadcast`,
      "check the input's size, or export the model again",
    );
}

/** `A, A_scale, A_zero_point, B, B_scale, B_zero_point, C_scale, C_zero_point`. */
function pair(op: string, multiply: boolean): Operator {
  return {
    op,
    domain: MICROSOFT,
    opsets: [1, 99],
    types: BYTES,
    layout: "same",
    infer(node) {
      const { y } = pairFactors(node, multiply);
      return [{ dtype: y.dtype, shape: pairShape(node) }];
    },
    evaluate(node, inputs) {
      const { fround } = Math;
      const { a, b, y, aFactor, bFactor, rest } = pairFactors(node, multiply);
      const shape = pairShape(node);
      const spread = (index: number): number[] => {
        const { dtype, shape: own, data } = given(inputs[index]);
        const view = expandView(denseView(0, dtype, own, "linear"), shape);
        return Array.from(viewOffsets(view), (offset) => Number(data[offset]));
      };
      const right = spread(3);
      const numbers = spread(0).map((left, i) => {
        const value = multiply
          ? fround(fround((left - a.zero) * (right[i]! - b.zero) * aFactor) + rest)
          : fround(fround(aFactor * left) + fround(fround(bFactor * right[i]!) + rest));
        return saturate(value, 0, [y.low, y.high]);
      });
      return [hostTensor(y.dtype, shape, numbers)];
    },
    lower(node) {
      const { a, b, y, aFactor, bFactor, rest } = pairFactors(node, multiply);
      const { shape } = node.outputType(0);
      const operands = { a: expandView(node.view(0), shape), b: expandView(node.view(3), shape) };
      const places = mapPlaces(node, operands, true);
      node.emit({
        kernel: pairKernel,
        options: { overrides: { MULTIPLY: multiply ? 1 : 0 } },
        bindings: { a: places.inputs[0]!, b: places.inputs[1]!, y: places.y },
        uniforms: {
          ...places.uniforms,
          a_zero: a.zero,
          b_zero: b.zero,
          a_factor: aFactor,
          b_factor: bFactor,
          rest,
          low: y.low,
          high: y.high,
        },
        workgroups: places.workgroups,
      });
    },
  };
}

/** What a mean works on: the input as `[N, C, ...]`, and the factor of its sum. */
interface Mean {
  channelsLast: boolean;
  from: Scheme;
  to: Scheme;
  factor: number;
}

function meanOf(node: NodeContext): Mean {
  const shape = node.shape(0);
  if (shape.length < 3) node.fail(`its input is [${shape.join(", ")}]`, "an image is needed");
  const channelsLast = attr.int(node.node, "channels_last", 0) === 1;
  const [from, to] = [schemeOf(node, 0, 1, 2), schemeOf(node, 0, 3, 4)];
  const pixels = elementCount(channelsLast ? shape.slice(1, -1) : shape.slice(2));
  return { channelsLast, from, to, factor: Math.fround(from.scale / Math.fround(to.scale * pixels)) };
}

/** `[N, C, ...]` of a view of `[N, ..., C]`. */
function channelsSecond(view: View): View {
  return permuteView(view, [0, view.shape.length - 1, ...view.shape.map((_, axis) => axis).slice(1, -1)]);
}

/** `X, X_scale, X_zero_point, Y_scale, Y_zero_point`: the mean over all pixels. */
const globalAveragePool: Operator = {
  op: "QLinearGlobalAveragePool",
  domain: MICROSOFT,
  opsets: [1, 99],
  types: BYTES,
  layout: "image",
  infer(node) {
    const { channelsLast, to } = meanOf(node);
    const shape = node.shape(0);
    const channels = channelsLast ? shape.length - 1 : 1;
    return [{
      dtype: to.dtype,
      shape: shape.map((extent, axis) => axis === 0 || axis === channels ? extent : 1),
    }];
  },
  evaluate(node, [x]) {
    const { channelsLast, from, to, factor } = meanOf(node);
    const { dtype, shape, data } = given(x);
    const dense = denseView(0, dtype, shape, "linear");
    const view = channelsLast ? channelsSecond(dense) : dense;
    const pixels = { shape: view.shape.slice(2), strides: view.strides.slice(2) };
    const channels = { shape: view.shape.slice(0, 2), strides: view.strides.slice(0, 2), offset: 0 };
    const numbers = Array.from(viewOffsets(channels), (offset) => {
      let sum = 0;
      for (const at of viewOffsets({ ...pixels, offset })) sum += Number(data[at]) - from.zero;
      return saturate(Math.fround(Math.fround(sum) * factor), to.zero, [to.low, to.high]);
    });
    return [hostTensor(to.dtype, this.infer(node)[0]!.shape, numbers)];
  },
  lower(node) {
    const { channelsLast, from, to, factor } = meanOf(node);
    const given = channelsLast ? channelsSecond(node.view(0)) : node.view(0);
    const [n, c] = given.shape as [number, number];
    // One spatial dimension stands for all where the kernel would need more than two.
    const source = given.shape.length <= 4
      ? given
      : reshapeView(node.materialise(given, "linear"), [n, c, elementCount(given.shape.slice(2))])!;
    const x = addressed(node.materialise(source, "image"));
    const own = !channelsLast && given.shape.length <= 4;
    const y = own
      ? node.imageOutput(0)
      : addressed(node.temporary({ dtype: to.dtype, shape: [n, c, 1, 1] }, "image"));
    const { h, w, c4 } = x.address;
    node.emit({
      kernel: meanKernel,
      bindings: { x: x.view, y: y.view },
      uniforms: {
        n,
        c,
        c4: Math.max(c4, 1),
        h,
        w,
        ...addressUniforms("x", x.address),
        y_offset: y.address.offset,
        y_stride_n: y.address.strideN,
        x_zero: from.zero,
        y_zero: to.zero,
        factor,
        low: to.low,
        high: to.high,
      },
      workgroups: foldWorkgroups(n * c4),
    });
    if (own) return;
    const { shape } = node.outputType(0);
    const channels = channelsLast ? shape.length - 1 : 1;
    const strides = shape.map((_, axis) => axis === 0 ? y.view.strides[0]! : axis === channels ? 1 : 0);
    node.alias(0, { ...y.view, shape, strides, padded: false });
  },
};

/** Quantised operators of Microsoft's domain. */
export const quantizedMicrosoftOperators: readonly Operator[] = [
  byTable("QLinearLeakyRelu", (node) => {
    const alpha = attr.float(node.node, "alpha", 0.01);
    return (value) => value >= 0 ? value : alpha * value;
  }),
  byTable("QLinearSigmoid", () => (value) => 1 / (1 + Math.exp(-value))),
  quantisedTable,
  pair("QLinearAdd", false),
  pair("QLinearMul", true),
  globalAveragePool,
];
