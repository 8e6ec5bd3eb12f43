/**
 * One small case of every operator in the registry.
 *
 * @module
 */
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { node } from "../support/onnx_builder.ts";
import type { Random } from "../support/random.ts";
import { elementwiseCases } from "./elementwise_cases.ts";
import { indexingCases } from "./indexing_cases.ts";
import { type Case, f32, i64, opCase, type OpCaseOptions, type Operand, randn } from "./harness.ts";
import { randomBytes, scalar, scales } from "./quantize_support.ts";

/** A case and whether its result is an image of odd channels. */
export interface OperatorCase {
  op: string;
  one: Case;
  image: boolean;
}

const REDUCTIONS = [
  "ReduceL1",
  "ReduceL2",
  "ReduceLogSumExp",
  "ReduceMax",
  "ReduceMean",
  "ReduceMin",
  "ReduceProd",
  "ReduceSum",
  "ReduceSumSquare",
];

/** The cases, on images of 5 channels where the operator takes images. */
export function allOperatorCases(random: Random): OperatorCase[] {
  const cases: OperatorCase[] = elementwiseCases(random);
  const x = () => randn(random, [2, 5, 4, 6]);
  const positive = () => hostTensor("f32", [2, 5, 4, 6], random.uniforms(240, 0.2, 3));
  const image = (
    op: string,
    operands: Operand[],
    attributes: Parameters<typeof opCase>[2] = {},
    options: OpCaseOptions = {},
  ): void => void cases.push({ op, one: opCase(op, operands, attributes, options), image: true });
  const other = (
    op: string,
    operands: Operand[],
    attributes: Parameters<typeof opCase>[2] = {},
    options: OpCaseOptions = {},
  ): void => void cases.push({ op, one: opCase(op, operands, attributes, options), image: false });
  const constant = (...shape: number[]) => ({ constant: randn(random, shape) });

  image("Conv", [x(), constant(7, 5, 3, 3), constant(7)], { pads: [1, 1, 1, 1] });
  image("Conv", [x(), constant(5, 1, 3, 3)], { group: 5 });
  image("Conv", [randn(random, [1, 6, 3, 3]), constant(10, 3, 1, 1)], { group: 2 });
  image("MaxPool", [x()], { kernel_shape: [2, 2] });
  image("AveragePool", [x()], { kernel_shape: [2, 2] });
  image("FusedConv", [x(), constant(7, 5, 1, 1)], { activation: "Relu" }, { domain: "com.microsoft" });
  image("ConvTranspose", [x(), constant(5, 7, 2, 2)], { strides: [2, 2] });
  other("Col2Im", [randn(random, [1, 12, 12]), i64(4, 5), i64(2, 2)], {}, { opset: 18 });
  image("DeformConv", [x(), constant(7, 5, 3, 3), randn(random, [2, 18, 2, 4])], {}, { opset: 19 });
  image("LpPool", [x()], { kernel_shape: [2, 2] }, { opset: 18 });
  image("LRN", [x()], { size: 3 });
  other("MaxUnpool", [randn(random, [1, 1, 2, 2]), hostTensor("i64", [1, 1, 2, 2], [5, 7, 13, 15])], {
    kernel_shape: [2, 2],
    strides: [2, 2],
  });
  image("GlobalLpPool", [x()]);
  image("GlobalMaxPool", [x()]);
  image("GlobalAveragePool", [x()]);
  image("Resize", [x(), undefined, f32(1, 1, 2, 1.5)], { mode: "linear" });
  image("Upsample", [x(), f32(1, 1, 2, 2)], {}, { opset: 9 });
  image("Pad", [x(), i64(0, 0, 1, 0, 0, 0, 0, 2)], { mode: "reflect" });
  image("Softmax", [x()], { axis: 1 });
  image("LogSoftmax", [x()], { axis: 1 });
  const spread = { constant: hostTensor("f32", [5], random.uniforms(5, 0.5, 2)) };
  image("BatchNormalization", [x(), constant(5), constant(5), constant(5), spread]);
  image("InstanceNormalization", [x(), constant(5), constant(5)], {}, { relative: 1e-4 });
  const group = () => randn(random, [5]);
  image("GroupNormalization", [x(), group(), group()], { num_groups: 5 }, { opset: 18, relative: 1e-4 });
  image("LpNormalization", [x()], { axis: 1 });
  image("MeanVarianceNormalization", [x()]);
  image("Hardmax", [x()], { axis: 1 });
  other("LayerNormalization", [x(), constant(6)], {}, { opset: 17, relative: 1e-4 });
  other("RMSNormalization", [x(), constant(6)], {}, { opset: 23, relative: 1e-4 });
  other("SimplifiedLayerNormalization", [x(), constant(6)], {}, { relative: 1e-4 });
  other(
    "SkipLayerNormalization",
    [randn(random, [2, 3, 8]), randn(random, [2, 3, 8]), constant(8), constant(8)],
    {},
    {
      domain: "com.microsoft",
      relative: 1e-4,
    },
  );
  image("Concat", [x(), x()], { axis: 1 });
  for (const op of REDUCTIONS) image(op, [x()], { axes: [2, 3] }, { opset: 11, relative: 1e-4 });
  other("ReduceLogSum", [positive()], { axes: [2] }, { opset: 11 });

  other("Gemm", [randn(random, [3, 5]), constant(7, 5), constant(7)], { transB: 1 });
  other("Einsum", [randn(random, [2, 3, 5]), randn(random, [2, 5, 4])], { equation: "bij,bjk->bki" });
  other("MatMul", [randn(random, [2, 3, 5]), constant(5, 4)]);
  other("Identity", [x()]);
  other("Dropout", [x()]);
  other("Reshape", [x(), i64(2, -1)]);
  other("Flatten", [x()]);
  other("Squeeze", [randn(random, [1, 5, 1]), i64(0)]);
  other("Unsqueeze", [randn(random, [5]), i64(0)]);
  other("Transpose", [x()], { perm: [0, 2, 3, 1] });
  other("Slice", [x(), i64(1), i64(4), i64(1)]);
  other("Split", [x()], { axis: 3 }, { outputs: 2 });
  other("Expand", [randn(random, [5, 1]), i64(5, 3)]);
  other("Gather", [x(), i64(0, 3, 1)], { axis: 1 });
  quantisedCases(random, image, other);
  samplingCases(random, image, other);
  cases.push(...indexingCases(random));
  cases.push(...shapeArithmetic(random));
  return cases;
}

/** Operators that are only ever folded, each on the way to a Reshape of something computed. */
function shapeArithmetic(random: Random): OperatorCase[] {
  const x = () => randn(random, [2, 3, 4]);
  const integers = (...values: number[]): HostTensor => hostTensor("i64", [values.length], values);
  const folded = (
    op: string,
    nodes: ReturnType<typeof node>[],
    initializers: Record<string, HostTensor> = {},
  ): OperatorCase => ({
    op,
    image: false,
    one: { name: `${op}, folded`, opset: 13, nodes, inputs: { x: x() }, initializers, outputs: ["y"] },
  });
  return [
    folded("Shape", [
      node("Shape", ["x"], ["s"], {}, { name: "shape" }),
      node("Gather", ["s", "i"], ["t"], {}, { name: "gather" }),
      node("Reshape", ["x", "t"], ["y"], {}, { name: "reshape" }),
    ], { i: integers(2, 0, 1) }),
    folded("Size", [
      node("Size", ["x"], ["s"], {}, { name: "size" }),
      node("Unsqueeze", ["s", "axes"], ["t"], {}, { name: "unsqueeze" }),
      node("Reshape", ["x", "t"], ["y"], {}, { name: "reshape" }),
    ], { axes: integers(0) }),
    folded("ConstantOfShape", [
      node("Shape", ["x"], ["s"], {}, { name: "shape" }),
      node("ConstantOfShape", ["s"], ["c"], { value: hostTensor("f32", [1], [2.5]) }, { name: "fill" }),
      node("Mul", ["x", "c"], ["y"], {}, { name: "mul" }),
    ]),
    folded("Range", [
      node("Range", ["start", "limit", "delta"], ["r"], {}, { name: "range" }),
      node("Add", ["x", "r"], ["y"], {}, { name: "add" }),
    ], {
      start: hostTensor("f32", [], [1]),
      limit: hostTensor("f32", [], [9]),
      delta: hostTensor("f32", [], [2]),
    }),
  ];
}

/** How the cases above add one. */
type AddCase = (
  op: string,
  operands: Operand[],
  attributes?: Parameters<typeof opCase>[2],
  options?: OpCaseOptions,
) => void;

/** Quantised operators. Signed weights against unsigned inputs are of 7 bits: see quantize_conv_test.ts. */
function quantisedCases(random: Random, image: AddCase, other: AddCase): void {
  const shape = [2, 5, 4, 6];
  const known = (tensor: HostTensor): Operand => ({ constant: tensor });
  const by = (
    scale: number,
    zero: number,
  ): Operand[] => [known(scalar("f32", scale)), known(scalar("u8", zero))];
  const x = (): Operand[] => [randomBytes(random, "u8", shape), ...by(0.03, 120)];
  const weights = (...extents: number[]): Operand => known(randomBytes(random, "i8", extents, 7));
  const symmetric = [known(scalar("f32", 0.02)), known(scalar("i8", 0))];
  const microsoft = { domain: "com.microsoft" };
  const channels = [known(scales(random, 0.02, 5)), known(randomBytes(random, "u8", [5]))];
  image("QuantizeLinear", [randn(random, shape), ...channels], { axis: 1 });
  image("DequantizeLinear", [randomBytes(random, "u8", shape), ...channels], { axis: 1 });
  image("DynamicQuantizeLinear", [randn(random, shape)], {}, { outputs: 3 });
  image("QLinearConv", [...x(), weights(7, 5, 3, 3), ...symmetric, ...by(0.3, 110)], { pads: [1, 1, 1, 1] });
  image("ConvInteger", [randomBytes(random, "u8", shape), weights(7, 5, 3, 3)]);
  other("QLinearMatMul", [...x(), weights(6, 3), ...symmetric, ...by(0.1, 110)]);
  other("MatMulInteger", [randomBytes(random, "u8", [3, 5]), weights(5, 7)]);
  const row = [randomBytes(random, "u8", [3, 5]), ...by(0.03, 120)];
  other("QGemm", [...row, weights(5, 7), ...symmetric, undefined, ...by(0.1, 110)], {}, microsoft);
  image("QLinearLeakyRelu", [...x(), ...by(0.027, 100)], { alpha: 0.1 }, microsoft);
  image("QLinearSigmoid", [...x(), ...by(1 / 256, 0)], {}, microsoft);
  image("QLinearAdd", [...x(), ...x(), ...by(0.05, 130)], {}, microsoft);
  image("QLinearMul", [...x(), ...x(), ...by(0.05, 130)], {}, microsoft);
  image("QLinearGlobalAveragePool", [...x(), ...by(0.004, 100)], { channels_last: 0 }, microsoft);
  image("QLinearConcat", [...by(0.05, 130), ...x(), ...x()], { axis: 1 }, microsoft);
  image("QLinearAveragePool", [...x(), ...by(0.0213, 110)], { kernel_shape: [2, 3] }, microsoft);
  other("QLinearSoftmax", [...x(), ...by(1 / 256, 0)], { axis: -1, opset: 13 }, microsoft);
}

/** Operators that read images between pixels. */
function samplingCases(random: Random, image: AddCase, other: AddCase): void {
  const x = (): Operand => randn(random, [2, 5, 4, 6]);
  const boxes = [0, 0, 3, 4, 1, 1, 4, 3, 0, 2, 5, 4];
  image("GridSample", [x(), randn(random, [2, 3, 3, 2], 0.7)], { mode: "bilinear" }, { opset: 16 });
  other("AffineGrid", [randn(random, [2, 2, 3]), i64(2, 5, 3, 4)], {}, { opset: 20 });
  image("RoiAlign", [x(), hostTensor("f32", [3, 4], boxes), hostTensor("i64", [3], [1, 0, 1])], {
    output_height: 2,
    output_width: 3,
  }, { opset: 16 });
  const rows = [0, 1, 2].flatMap((i) => [i % 2, ...boxes.slice(i * 4, i * 4 + 4)]);
  image("MaxRoiPool", [x(), hostTensor("f32", [3, 5], rows)], { pooled_shape: [2, 2] });
}
