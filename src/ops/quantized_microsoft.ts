/**
 * Quantised operators of Microsoft's domain: sums and products, and functions by table.
 * {@link https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md ONNX Runtime's operators}
 *
 * @module
 */
import PAIR from "../../shaders/quantize/pair.wgsl" with { type: "text" };
import TABLE from "../../shaders/quantize/table.wgsl" with { type: "text" };
import type { KernelSource } from "../gpu/mod.ts";
import type { DType } from "../tensor/dtype.ts";
import { type HostTensor, hostTensor } from "../tensor/host_tensor.ts";
import { denseView, expandView, viewOffsets } from "../tensor/view.ts";
import { attr } from "./attribute.ts";
import { broadcastShapes } from "./broadcast.ts";
import type { Lowering, NodeContext, Operator } from "./operator.ts";
import { given, quantizedRange, requireBytes, saturate, single } from "./quantization.ts";
import { mapPlaces } from "./quantized_map.ts";
import { type Scheme, tableOf } from "./quantized_scheme.ts";
import { MICROSOFT } from "./quantize.ts";
import { BYTES } from "./types.ts";

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
];
