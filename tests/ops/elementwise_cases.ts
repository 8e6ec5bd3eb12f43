/**
 * One small case of every element-wise operator, on images of 5 channels.
 *
 * @module
 */
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import type { Random } from "../support/random.ts";
import { opCase, type OpCaseOptions, type Operand, randn } from "./harness.ts";
import type { OperatorCase } from "./operator_cases.ts";

/** Functions of one tensor of any floats, with the operator set to test them in. */
const UNARY: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    [
      "Abs",
      "Asinh",
      "Atan",
      "Ceil",
      "Celu",
      "Clip",
      "Cos",
      "Cosh",
      "Elu",
      "Erf",
      "Exp",
      "Floor",
      "HardSigmoid",
      "IsInf",
      "IsNaN",
      "LeakyRelu",
      "Neg",
      "Relu",
      "Round",
      "Selu",
      "Shrink",
      "Sigmoid",
      "Sign",
      "Sin",
      "Sinh",
      "Softplus",
      "Softsign",
      "Tan",
      "Tanh",
      "ThresholdedRelu",
    ].map((op) => [op, 13]),
  ),
  Gelu: 20,
  HardSwish: 14,
  Mish: 18,
};

/** The cases. */
export function elementwiseCases(random: Random): OperatorCase[] {
  const shape = [2, 5, 4, 6];
  const x = () => randn(random, shape);
  const between = (low: number, high: number): HostTensor =>
    hostTensor("f32", shape, random.uniforms(240, low, high));
  const whole = (dtype: "i32" | "bool"): HostTensor =>
    hostTensor(dtype, shape, Array.from({ length: 240 }, () => random.int(0, dtype === "bool" ? 1 : 9)));
  const image = (
    op: string,
    operands: Operand[],
    options: OpCaseOptions = {},
    to?: number,
  ): OperatorCase => ({
    op,
    one: opCase(op, operands, to === undefined ? {} : { to }, options),
    image: true,
  });
  const microsoft: OpCaseOptions = { domain: "com.microsoft" };
  return [
    ...Object.entries(UNARY).map(([op, opset]) => image(op, [x()], { opset })),
    ...["Acos", "Asin", "Atanh"].map((op) => image(op, [between(-0.9, 0.9)])),
    image("Acosh", [between(1, 5)]),
    ...["Log", "Sqrt", "Reciprocal"].map((op) => image(op, [between(0.2, 3)])),
    ...["Add", "Div", "Max", "Mean", "Min", "Mul", "Pow", "Sub", "Sum"].map((op) =>
      image(op, [between(0.2, 3), between(0.2, 3)])
    ),
    ...["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"].map((op) =>
      image(op, [whole("i32"), whole("i32")], { opset: 16 })
    ),
    ...["And", "Or", "Xor"].map((op) => image(op, [whole("bool"), whole("bool")])),
    ...["BitwiseAnd", "BitwiseOr", "BitwiseXor"].map((op) =>
      image(op, [whole("i32"), whole("i32")], { opset: 18 })
    ),
    image("Not", [whole("bool")]),
    image("BitwiseNot", [whole("i32")], { opset: 18 }),
    image("Mod", [whole("i32"), { constant: hostTensor("i32", [], [4]) }]),
    image("PRelu", [x(), { constant: randn(random, [5, 1, 1]) }]),
    image("Where", [whole("bool"), x(), x()]),
    image("Cast", [x()], {}, 6),
    image("CastLike", [x(), { constant: hostTensor("i32", [1], [0]) }], { opset: 19 }),
    image("BiasGelu", [x(), { constant: randn(random, [6]) }], microsoft),
    image("FastGelu", [x()], microsoft),
    image("QuickGelu", [x()], microsoft),
  ];
}
