/**
 * QLinearMatMul, MatMulInteger and Microsoft's QGemm: matrix products of bytes, summed in 32 bits. A constant matrix is
 * multiplied by packed dot products.
 * {@link https://onnx.ai/onnx/operators/onnx__QLinearMatMul.html},
 * {@link https://onnx.ai/onnx/operators/onnx__MatMulInteger.html},
 * {@link https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md ONNX Runtime's operators}
 *
 * @module
 */
import STRIDED from "../../shaders/quantize/matmul_strided.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { type HostTensor, hostTensor } from "../tensor/host_tensor.ts";
import { elementCount } from "../tensor/host_tensor.ts";
import { denseStrides, denseView, expandView, permuteView, type View, viewOffsets } from "../tensor/view.ts";
import { attr } from "./attribute.ts";
import { broadcastShapes } from "./broadcast.ts";
import type { Lowering, NodeContext, Operator } from "./operator.ts";
import { integers, requireBytes, saturate, single, spread } from "./quantization.ts";
import {
  type ByteImage,
  emitPackedProduct,
  KEEP_SUMS,
  packBytes,
  requantise,
  signShift,
  type Target8,
  targetOf,
  type Weights,
  zeroPoint,
} from "./quantized_product.ts";
import { axesCount, extentRow, MAX_ITERATIONS, mergeAxes, strideRow } from "./strided.ts";
import { BYTES } from "./types.ts";
import { pointWindow } from "./window.ts";

const stridedKernel: KernelSource = { name: "quantize/matmul_strided", wgsl: STRIDED };

/** Which inputs are what, and whether the sums are brought to 8 bits. */
interface Roles {
  b: number;
  aZero: number;
  bZero: number;
  bias?: number;
  /** Where the scales are, if there are any. */
  scales?: { a: number; b: number; y: number; yZero: number };
}

const INTEGER: Roles = { b: 1, aZero: 2, bZero: 3 };
const LINEAR: Roles = { b: 3, aZero: 2, bZero: 5, scales: { a: 1, b: 4, y: 6, yZero: 7 } };
const GEMM: Roles = { b: 3, aZero: 2, bZero: 5, bias: 6, scales: { a: 1, b: 4, y: 7, yZero: 8 } };

/** Shapes of the operands as `[..., rows, depth]` and `[..., depth, columns]`. */
interface Shape {
  batch: readonly number[];
  rows: number;
  depth: number;
  columns: number;
  /** The output's own shape: without the dimensions that vectors do not have. */
  out: readonly number[];
}

function transposes(node: NodeContext): { a: boolean; b: boolean } {
  return { a: attr.int(node.node, "transA", 0) === 1, b: attr.int(node.node, "transB", 0) === 1 };
}

function readShape(node: NodeContext, roles: Roles): Shape {
  requireBytes(node, 0);
  requireBytes(node, roles.b);
  const given = [node.shape(0), node.shape(roles.b)] as const;
  const flip = transposes(node);
  const matrix = (shape: readonly number[], swapped: boolean): number[] =>
    swapped ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : [...shape];
  const a = given[0].length === 1 ? [1, given[0][0]!] : matrix(given[0], flip.a);
  const b = given[1].length === 1 ? [given[1][0]!, 1] : matrix(given[1], flip.b);
  const batch = broadcastShapes(a.slice(0, -2), b.slice(0, -2));
  if (given.some((shape) => shape.length === 0) || !batch || a.at(-1) !== b.at(-2)) {
    node.fail(
      `[${given[0].join(", ")}] and [${given[1].join(", ")}] do not multiply`,
      "check the input's size, or export the model again",
    );
  }
  const [rows, depth, columns] = [a.at(-2)!, a.at(-1)!, b.at(-1)!];
  const out = [
    ...batch,
    ...(given[0].length === 1 ? [] : [rows]),
    ...(given[1].length === 1 ? [] : [columns]),
  ];
  for (
    const [index, count, side] of [[roles.aZero, rows, "row"], [roles.bZero, columns, "column"]] as const
  ) {
    const zeros = node.has(index) ? elementCount(node.shape(index)) : 1;
    if (zeros !== 1 && zeros !== count) {
      node.fail(
        `it has ${zeros} zero points for ${count} ${side}s`,
        `1 or one for each ${side} are supported`,
      );
    }
  }
  if (roles.bias !== undefined && node.has(roles.bias)) {
    const bias = elementCount(node.shape(roles.bias));
    if (bias !== 1 && (bias !== columns || node.shape(roles.bias).at(-1) !== columns)) {
      node.fail(
        `its C is [${node.shape(roles.bias).join(", ")}], and ${columns} columns leave`,
        "one number for each column is supported",
      );
    }
  }
  return { batch, rows, depth, columns, out };
}

/** The factor of each row and column, in single precision, from left to right, as ONNX Runtime works it out. */
interface Factors {
  rows: number;
  columns: number;
  /** By rows. */
  values: number[];
}

function factorsOf(node: NodeContext, { a, b, y }: NonNullable<Roles["scales"]>, shape: Shape): Factors {
  const scale = (index: number, name: string, count: number): number[] => {
    const numbers = node.numbers(index, name) ?? [];
    return spread(node, name, numbers, numbers.length === 1 ? 1 : count);
  };
  const left = scale(a, "a_scale", shape.rows).map((one) =>
    Math.fround(attr.float(node.node, "alpha", 1) * one)
  );
  const right = scale(b, "b_scale", shape.columns);
  const result = single(node, y, "y_scale");
  const values = left.flatMap((one) => right.map((other) => Math.fround(Math.fround(one * other) / result)));
  return { rows: left.length, columns: right.length, values };
}

function biasOf(node: NodeContext, roles: Roles, columns: number): number[] | undefined {
  if (roles.bias === undefined || !node.has(roles.bias)) return undefined;
  return spread(node, "C", Array.from(integers(node, roles.bias, "C")), columns);
}

function inferProduct(node: NodeContext, roles: Roles): Shape {
  const shape = readShape(node, roles);
  biasOf(node, roles, shape.columns);
  if (roles.scales) {
    if (!node.has(roles.scales.y) || !node.has(roles.scales.yZero)) {
      node.fail("it has no scale or zero point for its output", "quantise the model's outputs, too");
    }
    factorsOf(node, roles.scales, shape);
    targetOf(node, roles.scales.yZero);
  }
  return shape;
}

function lowerProduct(node: Lowering, roles: Roles): void {
  const shape = readShape(node, roles);
  if (shape.depth > MAX_ITERATIONS) {
    node.fail(`sums over ${shape.depth} elements`, `up to ${MAX_ITERATIONS} are supported`);
  }
  const factors = roles.scales && factorsOf(node, roles.scales, shape);
  const target = roles.scales && targetOf(node, roles.scales.yZero);
  const oneMatrix = node.constant(roles.b) &&
    elementCount(node.shape(roles.b)) === shape.depth * shape.columns;
  const zerosKnown = !node.has(roles.bZero) || node.constant(roles.bZero);
  const oneRow = (!factors || factors.rows === 1) &&
    (!node.has(roles.aZero) || elementCount(node.shape(roles.aZero)) === 1);
  if (oneMatrix && zerosKnown && oneRow && elementCount(shape.out) > 0 && !node.target.plain) {
    lowerPacked(node, roles, shape, factors, target);
  } else if (roles.bias !== undefined && node.has(roles.bias)) {
    lowerPacked(node, roles, shape, factors, target);
  } else lowerStrided(node, roles, shape, factors, target);
}

/** The rows are pixels of `depth` channels, and the constant matrix is a 1 x 1 convolution. */
function lowerPacked(
  node: Lowering,
  roles: Roles,
  { batch, rows, depth, columns, out }: Shape,
  factors: Factors | undefined,
  target: Target8 | undefined,
): void {
  const pixels = elementCount(batch) * rows;
  const flip = transposes(node);
  const view = node.shape(0).length === 2 ? node.view(0) : node.linear(0);
  const [rowStride, depthStride] = node.shape(0).length === 2
    ? flip.a ? [view.strides[1]!, view.strides[0]!] : [view.strides[0]!, view.strides[1]!]
    : [depth, 1];
  const shift = signShift(node.type(0).dtype);
  const x = packBytes(
    node,
    { view, extents: [1, 1, pixels, depth], strides: [0, 0, rowStride, depthStride] },
    shift,
  );
  const elements = integers(node, roles.b, "b");
  const bias = biasOf(node, roles, columns);
  const weights: Weights = {
    outC: columns,
    inC: depth,
    taps: 1,
    at: (co, ci) => elements[flip.b ? co * depth + ci : ci * columns + co]!,
    zeros: spread(node, "b_zero_point", node.numbers(roles.bZero, "b_zero_point") ?? [0], columns),
    bias,
    shift: signShift(node.type(roles.b).dtype),
  };
  const finish = factors && target
    ? requantise(node, () => spread(node, "b_scale", factors.values, columns), target)
    : KEEP_SUMS;
  const y = packedOutput(node, pixels, columns, out);
  emitPackedProduct(node, {
    x,
    shift,
    zero: zeroPoint(node, roles.aZero),
    batch: 1,
    inC: depth,
    inH: 1,
    inW: pixels,
    groups: 1,
    window: pointWindow([1, pixels]),
    weights,
    finish,
    y,
  });
}

/** The output itself if its rows are whole `vec4`s; else rows with room behind them, of which the output is a view. */
function packedOutput(node: Lowering, pixels: number, columns: number, out: readonly number[]): ByteImage {
  const c4 = Math.ceil(columns / 4);
  const address = { n: 1, c: columns, h: 1, w: pixels, c4, strideN: 0, strideH: 0, strideW: c4 };
  if (columns % 4 === 0) {
    const view = node.output(0, "linear");
    return { view, address: { ...address, offset: view.offset / 4 }, inject: {}, shift: 0 };
  }
  const { dtype } = node.outputType(0);
  const padded = node.temporary({ dtype, shape: [pixels, c4 * 4] }, "linear");
  const whole = denseStrides([...out.slice(0, -1), c4 * 4], "linear");
  // A matrix by a vector has one column, which the output's shape does not show.
  const strides = columns === 1 && elementCount(out) === pixels
    ? denseStrides(out, "linear").map((stride) => stride * c4 * 4)
    : whole;
  node.alias(0, { ...padded, dtype, shape: out, strides, padded: false });
  return { view: padded, address: { ...address, offset: 0 }, inject: {}, shift: 0 };
}

function lowerStrided(
  node: Lowering,
  roles: Roles,
  { batch, rows, depth, columns }: Shape,
  factors: Factors | undefined,
  target: Target8 | undefined,
): void {
  const flip = transposes(node);
  const swap = (view: View, swapped: boolean): View => {
    const axes = view.shape.map((_, axis) => axis);
    return swapped ? permuteView(view, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!]) : view;
  };
  const vector = (view: View, axis: 0 | 1): View => {
    if (view.shape.length !== 1) return view;
    const [shape, strides] = [[view.shape[0]!, 1], [view.strides[0]!, 0]];
    return axis === 0
      ? { ...view, shape: shape.toReversed(), strides: strides.toReversed(), padded: false }
      : { ...view, shape, strides, padded: false };
  };
  const a = expandView(swap(vector(node.view(0), 0), flip.a), [...batch, rows, depth]);
  const b = expandView(swap(vector(node.view(roles.b), 1), flip.b), [...batch, depth, columns]);
  const walked = mergeAxes(
    batch.map((extent, axis) => ({ extent, strides: [a.strides[axis]!, b.strides[axis]!] })),
  );
  const batches = axesCount(walked);
  const zero = (index: number) => {
    const { view, offset } = zeroPoint(node, index);
    const several = node.has(index) && elementCount(node.shape(index)) > 1;
    return { view, offset, step: several ? 1 : 0, factor: node.has(index) ? 1 : 0 };
  };
  const [aZero, bZero] = [zero(roles.aZero), zero(roles.bZero)];
  const [outer] = [batch.length];
  const blocks = batches * Math.ceil(rows / 4) * Math.ceil(columns / 4);
  const y = node.output(0, "linear");
  node.emit({
    kernel: stridedKernel,
    options: { overrides: { REQUANTISE: factors ? 1 : 0 } },
    bindings: {
      a,
      b,
      a_zero: aZero.view,
      b_zero: bZero.view,
      y,
      factors: node.weights("row factors", () => Float32Array.from(factors?.values ?? [1])),
    },
    uniforms: {
      rows,
      columns,
      depth,
      batches,
      batch_rank: walked.length,
      a_offset: a.offset,
      a_stride_m: a.strides[outer]!,
      a_stride_k: a.strides[outer + 1]!,
      b_offset: b.offset,
      b_stride_k: b.strides[outer]!,
      b_stride_n: b.strides[outer + 1]!,
      y_offset: y.offset,
      a_zero_offset: aZero.offset,
      a_zero_step: aZero.step,
      a_zero_factor: aZero.factor,
      b_zero_offset: bZero.offset,
      b_zero_step: bZero.step,
      b_zero_factor: bZero.factor,
      factor_step_m: factors && factors.rows > 1 ? factors.columns : 0,
      factor_step_n: factors && factors.columns > 1 ? 1 : 0,
      y_zero: target?.zero ?? 0,
      low: target?.low ?? 0,
      high: target?.high ?? 0,
      batch_extents: extentRow(walked),
      batch_a_strides: strideRow(walked, 0),
      batch_b_strides: strideRow(walked, 1),
    },
    workgroups: foldWorkgroups(Math.ceil(blocks / 64)),
    multiplyAdds: batches * rows * columns * depth,
  });
}

/** The sums on the host, `finish`ed one by one. */
function evaluateProduct(
  node: NodeContext,
  inputs: readonly (HostTensor | undefined)[],
  roles: Roles,
): HostTensor {
  const { batch, rows, depth, columns, out } = readShape(node, roles);
  const flip = transposes(node);
  const place = (index: number, vectorShape: readonly number[], swapped: boolean): View => {
    const { dtype, shape } = inputs[index]!;
    const view = denseView(0, dtype, shape.length === 1 ? vectorShape : shape, "linear");
    const axes = view.shape.map((_, axis) => axis);
    return swapped ? permuteView(view, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!]) : view;
  };
  const a = expandView(place(0, [1, depth], flip.a), [...batch, rows, depth]);
  const b = expandView(place(roles.b, [depth, 1], flip.b), [...batch, depth, columns]);
  const [left, right] = [inputs[0]!.data, inputs[roles.b]!.data] as [ArrayLike<number>, ArrayLike<number>];
  const zeros = (index: number, count: number) =>
    spread(node, "zero point", node.numbers(index, "zero point") ?? [0], count);
  const [aZeros, bZeros] = [zeros(roles.aZero, rows), zeros(roles.bZero, columns)];
  const bias = biasOf(node, roles, columns);
  const factors = roles.scales && factorsOf(node, roles.scales, { batch, rows, depth, columns, out });
  const target = roles.scales && targetOf(node, roles.scales.yZero);
  const starts = (view: View) =>
    viewOffsets({ shape: batch, strides: view.strides.slice(0, -2), offset: view.offset });
  const [aStarts, bStarts] = [starts(a), starts(b)];
  const results: number[] = [];
  for (const aStart of aStarts) {
    const bStart = bStarts.next().value as number;
    for (let m = 0; m < rows; m++) {
      for (let n = 0; n < columns; n++) {
        let sum = bias?.[n] ?? 0;
        for (let k = 0; k < depth; k++) {
          const x = left[aStart + m * a.strides.at(-2)! + k * a.strides.at(-1)!]! - aZeros[m]!;
          sum += x * (right[bStart + k * b.strides.at(-2)! + n * b.strides.at(-1)!]! - bZeros[n]!);
        }
        if (factors && target) {
          const factor = factors.values[(m % factors.rows) * factors.columns + n % factors.columns]!;
          sum = saturate(Math.fround(Math.fround(sum) * factor), target.zero, [target.low, target.high]);
        }
        results.push(sum);
      }
    }
  }
  const dtype = roles.scales ? inputs[roles.scales.yZero]!.dtype : "i32";
  return hostTensor(dtype, out, results);
}

function product(op: string, domain: string, roles: Roles): Operator {
  return {
    op,
    domain,
    opsets: [domain === "" ? 10 : 1, 99],
    types: BYTES,
    infer(node) {
      const { out } = inferProduct(node, roles);
      return [{ dtype: roles.scales ? node.type(roles.scales.yZero).dtype : "i32", shape: out }];
    },
    evaluate: (node, inputs) => [evaluateProduct(node, inputs, roles)],
    lower: (node) => lowerProduct(node, roles),
  };
}

/** Matrix products of bytes. */
export const quantizedGemmOperators: readonly Operator[] = [
  product("QLinearMatMul", "", LINEAR),
  product("MatMulInteger", "", INTEGER),
  product("QGemm", "com.microsoft", GEMM),
];
