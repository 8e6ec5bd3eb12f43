/**
 * Element-wise operators, comparisons, logic, casts, selection.
 *
 * @module
 */
import { elementCount, hostTensor, toNumbers } from "../../src/tensor/host_tensor.ts";
import type { NumericDType } from "../../src/tensor/dtype.ts";
import type { AttributeSpec } from "../../tests/support/onnx_builder.ts";
import type { Draw } from "./draw.ts";
import { type Generator, generator, microsoft } from "./generator.ts";

/** ONNX's numbers of element types. */
export const TYPE_NUMBER: Partial<Record<NumericDType, number>> = {
  f32: 1,
  u8: 2,
  i8: 3,
  u16: 4,
  i16: 5,
  i32: 6,
  i64: 7,
  bool: 9,
  f16: 10,
};

const EMPTY = 0.03;

function anyShape(d: Draw): number[] {
  return d.shape(0, d.chance(0.1) ? 8 : 5, { empty: EMPTY, elements: d.chance(0.02) ? 100_000 : 2000 });
}

/** A function of one float, drawn from a span. */
function unary(
  op: string,
  opsets: readonly number[],
  [low, high]: readonly [number, number],
  attributes: (d: Draw) => Record<string, AttributeSpec> = () => ({}),
  whole: readonly NumericDType[] = [],
  wholeFrom = 7,
): Generator {
  return generator(op, opsets, (d) => {
    const shape = anyShape(d);
    if (whole.length > 0 && d.opset >= wholeFrom && d.chance(0.3)) {
      return { operands: [d.operand(d.tensor(d.pick(whole), shape), 0.1)], attributes: attributes(d) };
    }
    return { operands: [d.operand(d.between("f32", shape, low, high), 0.1)], attributes: attributes(d) };
  });
}

const some = (
  d: Draw,
  spans: Record<string, readonly [number, number]>,
): Record<string, AttributeSpec> =>
  Object.fromEntries(
    Object.entries(spans).filter(() => d.chance(0.6)).map((
      [name, [low, high]],
    ) => [name, { float: Math.fround(d.uniform(low, high)) }]),
  );

const WIDE = [-6, 6] as const;

const UNARY: readonly Generator[] = [
  unary("Abs", [7, 13], WIDE, undefined, ["i8", "i32", "i64"]),
  unary("Acos", [7, 22], [-0.99, 0.99]),
  unary("Acosh", [9, 22], [1.05, 9]),
  unary("Asin", [7, 22], [-0.99, 0.99]),
  unary("Asinh", [9, 22], WIDE),
  unary("Atan", [7, 22], WIDE),
  unary("Atanh", [9, 22], [-0.95, 0.95]),
  unary("Ceil", [7, 13], WIDE),
  unary("Celu", [12], WIDE, (d) => some(d, { alpha: [0.3, 3] })),
  unary("Cos", [7, 22], [-9, 9]),
  unary("Cosh", [9, 22], WIDE),
  unary("Elu", [7, 22], WIDE, (d) => some(d, { alpha: [0.1, 2] })),
  unary("Erf", [9, 13], [-4, 4]),
  unary("Exp", [7, 13], [-8, 5]),
  unary("Floor", [7, 13], WIDE),
  unary("Gelu", [20], WIDE, (d) => d.chance(0.5) ? { approximate: d.pick(["tanh", "none"]) } : {}),
  unary("HardSigmoid", [7, 22], WIDE, (d) => some(d, { alpha: [0.1, 0.9], beta: [0.1, 0.9] })),
  unary("HardSwish", [14, 22], WIDE),
  unary("LeakyRelu", [7, 16], WIDE, (d) => some(d, { alpha: [-0.5, 0.9] })),
  unary("Log", [7, 13], [0.01, 30]),
  unary("Mish", [18, 22], WIDE),
  unary("Neg", [7, 13], WIDE, undefined, ["i8", "i32", "i64"]),
  unary("Reciprocal", [7, 13], [0.2, 5]),
  unary("Relu", [7, 13, 14], WIDE, undefined, ["i8", "i32"], 14),
  unary("Selu", [7, 22], WIDE, (d) => some(d, { alpha: [0.5, 2], gamma: [0.5, 2] })),
  unary("Shrink", [9], WIDE, (d) => some(d, { bias: [-1, 1], lambd: [0.1, 2] })),
  unary("Sigmoid", [7, 13], WIDE),
  unary("Sign", [9, 13], WIDE, undefined, ["i8", "u8", "i32", "i64"]),
  unary("Sin", [7, 22], [-9, 9]),
  unary("Sinh", [9, 22], WIDE),
  unary("Softplus", [7, 22], [-20, 20]),
  unary("Softsign", [7, 22], WIDE),
  unary("Sqrt", [7, 13], [0.001, 30]),
  unary("Swish", [24], WIDE, (d) => some(d, { alpha: [0.3, 2] })),
  unary("Tan", [7, 22], [-1.4, 1.4]),
  unary("Tanh", [7, 13], WIDE),
  unary("ThresholdedRelu", [10, 22], WIDE, (d) => some(d, { alpha: [0.1, 2] })),
];

/** Operators of two or more operands of one type that broadcast. */
function broadcasting(
  op: string,
  opsets: readonly number[],
  types: (opset: number) => readonly NumericDType[],
  values: (d: Draw, dtype: NumericDType, shape: number[], index: number) => ReturnType<Draw["tensor"]> = (
    d,
    dtype,
    shape,
  ) => d.tensor(dtype, shape),
  count: (d: Draw) => number = () => 2,
): Generator {
  return generator(op, opsets, (d) => {
    const dtype = d.chance(0.6) ? types(d.opset)[0]! : d.pick(types(d.opset));
    const shapes = d.broadcast(count(d), { empty: EMPTY, elements: d.chance(0.02) ? 80_000 : 2000 });
    // Before operator set 8 these took equal shapes.
    if (d.opset < 8 && ["Max", "Mean", "Min", "Sum"].includes(op)) shapes.fill(shapes[0]!);
    return { operands: shapes.map((shape, i) => d.operand(values(d, dtype, shape, i), 0.25)) };
  });
}

const small = (d: Draw, dtype: NumericDType, shape: number[]) =>
  dtype === "f32" ? d.floats(shape) : d.whole(dtype, shape, dtype.startsWith("u") ? 0 : -9, 9);

/** Divisors are kept off zero. */
const divisible = (d: Draw, dtype: NumericDType, shape: number[], index: number) => {
  if (index === 0) return d.tensor(dtype, shape);
  if (dtype !== "f32") {
    const magnitude = d.whole(dtype, shape, 1, 9);
    if (dtype.startsWith("u")) return magnitude;
    return hostTensor(
      dtype,
      shape,
      toNumbers(magnitude).map((x) => d.chance(0.5) ? -x : x),
    );
  }
  return hostTensor("f32", shape, d.uniforms(elementCount(shape), 0.3, 3).map((x) => d.chance(0.5) ? -x : x));
};

/** Few different whole values, so that equal ones meet; floats on a coarse grid for the same reason. */
const meeting = (d: Draw, dtype: NumericDType, shape: number[]) => {
  const drawn = d.whole(
    dtype === "f32" ? "i32" : dtype,
    shape,
    dtype === "u8" || dtype === "bool" ? 0 : -2,
    dtype === "bool" ? 1 : 2,
  );
  return dtype === "f32" ? hostTensor("f32", shape, toNumbers(drawn).map((x) => x / 2)) : drawn;
};

const arithmetic = (): readonly NumericDType[] => ["f32", "i32", "i64"];
const ordered = (opset: number): readonly NumericDType[] => opset < 9 ? ["f32"] : ["f32", "i32", "i64"];
const bools = (): readonly NumericDType[] => ["bool"];
const bits = (): readonly NumericDType[] => ["i32", "i64", "u8", "i8"];
const ranked = (opset: number): readonly NumericDType[] =>
  opset < 12 ? ["f32"] : ["f32", "i32", "i64", "i8", "u8"];
const several = (d: Draw): number => d.chance(0.6) ? 2 : d.pick([1, 3, 4]);

const BROADCASTING: readonly Generator[] = [
  broadcasting("Add", [7, 13, 14], arithmetic),
  broadcasting("Sub", [7, 13, 14], arithmetic),
  broadcasting("Mul", [7, 13, 14], arithmetic, small),
  broadcasting("Div", [7, 13, 14], arithmetic, divisible),
  broadcasting("And", [7], bools),
  broadcasting("Or", [7], bools),
  broadcasting("Xor", [7], bools),
  broadcasting("Equal", [7, 11, 13, 19], (opset) =>
    opset < 11 ? ["i32", "i64", "bool"] : [
      "f32",
      "i32",
      "i64",
      "bool",
    ], meeting),
  broadcasting("Greater", [7, 9, 13], ordered, meeting),
  broadcasting("Less", [7, 9, 13], ordered, meeting),
  broadcasting("GreaterOrEqual", [12, 16], ordered, meeting),
  broadcasting("LessOrEqual", [12, 16], ordered, meeting),
  broadcasting("BitwiseAnd", [18], bits),
  broadcasting("BitwiseOr", [18], bits),
  broadcasting("BitwiseXor", [18], bits),
  broadcasting("Max", [7, 8, 12, 13], ranked, undefined, several),
  broadcasting("Min", [7, 8, 12, 13], ranked, undefined, several),
  broadcasting("Sum", [7, 8, 13], () => ["f32"], undefined, several),
  broadcasting("Mean", [7, 8, 13], () => ["f32"], undefined, several),
];

const OTHERS: readonly Generator[] = [
  generator("Not", [7], (d) => ({ operands: [d.operand(d.tensor("bool", anyShape(d)), 0.1)] })),
  generator("BitwiseNot", [18], (d) => ({ operands: [d.tensor(d.pick(bits()), anyShape(d))] })),
  generator("BitShift", [11], (d) => {
    const shapes = d.broadcast(2);
    return {
      operands: [d.tensor("u8", shapes[0]!), d.operand(d.whole("u8", shapes[1]!, 0, 7))],
      attributes: { direction: d.pick(["LEFT", "RIGHT"]) },
    };
  }),
  generator("Round", [11, 22], (d) => {
    const shape = anyShape(d);
    // Halves go to the even neighbour.
    const halves = hostTensor(
      "f32",
      shape,
      toNumbers(d.whole("i32", shape, -9, 9)).map((x) => x / 2),
    );
    return { operands: [d.chance(0.5) ? halves : d.between("f32", shape, -6, 6)] };
  }),
  generator("IsNaN", [9, 13, 20], (d) => ({ operands: [d.operand(odd(d, anyShape(d)), 0.3)] })),
  generator("IsInf", [10, 20], (d) => ({
    operands: [d.operand(odd(d, anyShape(d)), 0.3)],
    attributes: d.chance(0.5) ? {} : { detect_positive: d.int(0, 1), detect_negative: d.int(0, 1) },
  })),
  generator("Clip", [7, 11, 12, 13], (d) => {
    const dtype = d.opset >= 12 && d.chance(0.3) ? d.pick(["i32", "i64", "i8", "u8"] as const) : "f32";
    const shape = anyShape(d);
    if (d.opset < 11) {
      return { operands: [d.floats(shape)], attributes: some(d, { min: [-1.5, 0], max: [0, 1.5] }) };
    }
    const [low, high] = dtype === "f32"
      ? [d.uniform(-1.5, 0), d.uniform(0, 1.5)]
      : [d.int(0, 20), d.int(20, 90)];
    return {
      operands: [
        d.tensor(dtype, shape),
        d.chance(0.75) ? d.scalar(dtype, low, 0.25) : undefined,
        d.chance(0.75) ? d.scalar(dtype, high, 0.25) : undefined,
      ],
    };
  }),
  generator("Pow", [7, 12, 13, 15], (d) => {
    const [a, b] = d.broadcast(2, { empty: EMPTY }) as [number[], number[]];
    const whole = d.opset >= 12 && d.chance(0.3);
    const base = whole && d.chance(0.5)
      ? d.whole(d.pick(["i32", "i64"]), a, -9, 9)
      : whole || d.chance(0.3)
      ? d.between("f32", a, -3, 3)
      : d.between("f32", a, 0.1, 3);
    const negative = toNumbers(base).some((x) => x < 0);
    const exponent = base.dtype !== "f32" || whole
      ? d.whole(d.opset >= 12 ? d.pick(["i32", "i64"]) : "f32", b, 0, 4)
      : negative
      ? d.whole("f32", b, 0, 4)
      : d.between("f32", b, -2, 3);
    return { operands: [base, d.operand(exponent, 0.5)] };
  }),
  generator("Mod", [10, 13], (d) => {
    const floats = d.chance(0.4);
    const dtype = floats ? "f32" : d.pick(["i32", "i64", "i8", "u8"] as const);
    const [a, b] = d.broadcast(2, { empty: EMPTY }) as [number[], number[]];
    // Floats are multiples of 1/8, so that remainders are exact and none is next to the divisor.
    const eighths = (shape: number[], low: number): ReturnType<Draw["tensor"]> =>
      hostTensor(
        "f32",
        shape,
        toNumbers(d.whole("i32", shape, low, 60)).map((x) => (d.chance(0.5) ? -1 : 1) * x / 8),
      );
    return {
      operands: floats ? [eighths(a, 0), d.operand(eighths(b, 1))] : [
        d.tensor(dtype, a),
        d.operand(divisible(d, dtype, b, 1)),
      ],
      attributes: floats || d.chance(0.3) ? { fmod: 1 } : {},
    };
  }),
  generator("PRelu", [7, 9, 16], (d) => {
    const shape = d.chance(0.6) ? d.image() : d.shape(1, 4, { empty: EMPTY });
    const channels = d.chance(0.5) && shape.length > 2;
    const slope = channels
      ? [shape[1]!, ...shape.slice(2).map(() => 1)]
      : shape.slice(d.int(0, shape.length)).map((extent) => d.chance(0.4) ? 1 : extent);
    return { operands: [d.floats(shape), d.operand(d.floats(slope), 0.6)] };
  }),
  generator("Where", [9, 16], (d) => {
    const [c, a, b] = d.broadcast(3, { empty: EMPTY }) as [number[], number[], number[]];
    const dtype = d.chance(0.6) ? "f32" : d.pick(["i32", "i64", "u8"] as const);
    return {
      operands: [
        d.operand(d.tensor("bool", c)),
        d.operand(d.tensor(dtype, a)),
        d.operand(d.tensor(dtype, b)),
      ],
    };
  }),
  generator("Cast", [7, 9, 13, 19, 21, 23], (d) => {
    const from = d.pick(CASTABLE), to = d.pick(CASTABLE);
    return {
      operands: [d.operand(castable(d, from, to, anyShape(d)), 0.15)],
      attributes: { to: TYPE_NUMBER[to]! },
    };
  }),
  generator("CastLike", [15, 19, 21, 23], (d) => {
    const from = d.pick(CASTABLE), to = d.pick(CASTABLE);
    return { operands: [castable(d, from, to, anyShape(d)), d.operand(d.tensor(to, [2]), 0.5)] };
  }),
  generator("Identity", [7, 13, 14, 16, 19, 21, 23, 24], (d) => ({
    operands: [d.operand(d.tensor(d.pick(["f32", "i32", "i64", "u8", "i8", "bool"]), anyShape(d)), 0.15)],
  })),
  generator("Dropout", [7, 10, 12, 13, 22], (d) => ({
    operands: [
      d.floats(anyShape(d)),
      ...(d.opset >= 12 && d.chance(0.5) ? [d.scalar("f32", Math.fround(d.uniform(0, 0.9)), 0)] : []),
    ],
    attributes: d.opset < 12 && d.chance(0.5) ? { ratio: { float: Math.fround(d.uniform(0, 0.9)) } } : {},
    // What the mask is before operator set 12, when nothing is dropped, is left open.
    outputs: d.opset >= 12 && d.chance(0.3) ? 2 : 1,
  })),
  microsoft("Gelu", (d) => ({ operands: [d.between("f32", anyShape(d), ...WIDE)] })),
  microsoft("QuickGelu", (d) => ({
    operands: [d.between("f32", anyShape(d), ...WIDE)],
    attributes: some(d, { alpha: [0.5, 2] }),
  })),
  ...["FastGelu", "BiasGelu"].map((op) =>
    microsoft(op, (d) => {
      const shape = d.shape(1, 4);
      const bias = op === "BiasGelu" || d.chance(0.5) ? [d.operand(d.floats(shape.slice(-1)), 0.8)] : [];
      return { operands: [d.between("f32", shape, ...WIDE), ...bias] };
    })
  ),
  generator("Constant", [7, 9, 11, 12, 13, 19, 21, 23], (d) => {
    if (d.opset >= 12 && d.chance(0.5)) {
      return {
        operands: [],
        attributes: d.pick<Record<string, AttributeSpec>>([
          { value_float: { float: Math.fround(d.normal()) } },
          { value_floats: { floats: [...d.normals(d.int(1, 5))] } },
          { value_int: { int: d.int(-9, 9) } },
          { value_ints: { ints: [d.int(-9, 9), d.int(-9, 9)] } },
        ]),
      };
    }
    return {
      operands: [],
      attributes: { value: d.tensor(d.pick(["f32", "i32", "i64", "u8", "bool"]), d.shape(0, 4)) },
    };
  }),
];

const CASTABLE = ["f32", "f16", "i8", "u8", "i32", "i64", "bool"] as const;

/** Values that the other type can hold, so that what a cast gives is defined. */
function castable(
  d: Draw,
  from: NumericDType,
  to: NumericDType,
  shape: number[],
): ReturnType<Draw["tensor"]> {
  if (from === "bool") return d.tensor("bool", shape);
  const [low, high] = from === "u8" || to === "u8" ? [0, 127] : [-100, 127];
  if (to === "bool") return d.whole(from, shape, 0, 2);
  if (from === "f32" || from === "f16") return d.between(from, shape, low, high);
  return d.whole(from, shape, low, high);
}

/** Numbers with infinities and NaN among them. */
function odd(d: Draw, shape: number[]): ReturnType<Draw["tensor"]> {
  const data = d.normals(elementCount(shape)).map((x) =>
    d.chance(0.3) ? d.pick([Infinity, -Infinity, NaN, 0, 3e38]) : x
  );
  return hostTensor("f32", shape, data);
}

/** The generators of this family. */
export const elementwiseGenerators: readonly Generator[] = [...UNARY, ...BROADCASTING, ...OTHERS];
