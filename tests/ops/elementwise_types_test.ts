import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import type { DType } from "../../src/tensor/dtype.ts";
import { dataTypeOf } from "../../src/onnx/data_type.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { node } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { constantly } from "./folded.ts";
import { type Case, opCase, type OpCaseOptions, type Operand, OpTester, randn } from "./harness.ts";

/** Whole numbers of a type; few, so that equal ones meet. */
function integers(random: Random, dtype: DType, shape: readonly number[], low = -5, high = 5): HostTensor {
  const unsigned = dtype.startsWith("u") || dtype === "bool";
  const count = shape.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: count }, () => random.int(unsigned ? Math.max(low, 0) : low, high));
  return hostTensor(dtype, shape, dtype === "bool" ? values.map((value) => value % 2) : values);
}

/** Checks cases while the network runs and folded. */
async function checkBoth(tester: OpTester, cases: readonly Case[]): Promise<void> {
  await tester.check([...cases, ...cases.map(constantly)]);
}

Deno.test("arithmetic of integers wraps, truncates and keeps the signs that ONNX Runtime keeps", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  const pair = (dtype: DType, low = -5, high = 5) =>
    [
      integers(random, dtype, [2, 5, 3, 3], low, high),
      integers(random, dtype, [5, 1, 1], low, high),
    ] as const;
  for (const dtype of ["i32", "i64", "i8", "u8", "i16", "u16"] as const) {
    for (const op of ["Add", "Sub", "Mul"]) {
      cases.push(opCase(op, [...pair(dtype)], {}, { opset: 14 }));
      // Beyond the narrow types' range.
      cases.push(opCase(op, [...pair(dtype, 60, 120)], {}, { opset: 14 }));
    }
    const [a] = pair(dtype, -100, 100);
    const divisor = integers(random, dtype, [3, 3], 1, 7);
    cases.push(opCase("Div", [a, divisor], {}, { opset: 14 }));
    const signs = hostTensor(dtype, [3], dtype.startsWith("u") ? [3, 5, 7] : [3, -5, 7]);
    cases.push(opCase("Mod", [a, signs]), opCase("Mod", [a, signs], { fmod: 1 }));
  }
  for (const dtype of ["i32", "i64", "i8", "u8"] as const) {
    for (const op of ["Max", "Min"]) cases.push(opCase(op, [...pair(dtype), integers(random, dtype, [1])]));
    cases.push(
      opCase("Clip", [pair(dtype)[0], hostTensor(dtype, [], [2]), hostTensor(dtype, [], [4])]),
      opCase("Clip", [pair(dtype)[0], { constant: hostTensor(dtype, [], [2]) }]),
    );
  }
  for (const dtype of ["i32", "i64", "i8", "u8", "i16"] as const) cases.push(opCase("Abs", [pair(dtype)[0]]));
  for (const dtype of ["i32", "i64", "i8"] as const) {
    cases.push(opCase("Neg", [pair(dtype)[0]]), opCase("Sign", [pair(dtype)[0]]));
  }
  for (const dtype of ["i32", "i8"] as const) cases.push(opCase("Relu", [pair(dtype)[0]], {}, { opset: 14 }));
  for (const dtype of ["i32", "i64", "i8", "u8"] as const) {
    for (const op of ["BitwiseAnd", "BitwiseOr", "BitwiseXor"]) {
      cases.push(opCase(op, [...pair(dtype, -100, 100)], {}, { opset: 18 }));
    }
    cases.push(opCase("BitwiseNot", [pair(dtype)[0]], {}, { opset: 18 }));
  }
  for (
    const [a, b] of [["i32", "i32"], ["i64", "i64"], ["i32", "f32"], ["f32", "i64"], ["i64", "f32"]] as const
  ) {
    cases.push(
      opCase("Pow", [integers(random, a, [4, 5], 1, 6), integers(random, b, [5], 0, 7)], {}, { opset: 15 }),
    );
  }
  const largest = { constant: hostTensor("i64", [1], [2n ** 63n - 1n]) };
  cases.push(
    opCase("Min", [pair("i64")[0], largest]),
    opCase("Clip", [pair("i64")[0], undefined, {
      constant: hostTensor("i64", [], [2n ** 63n - 1n]),
    }]),
  );
  await checkBoth(tester, cases);
});

Deno.test("comparisons and logic give booleans, of every type", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const cases: Case[] = [];
  for (const dtype of ["f32", "i32", "i64", "i8", "u8"] as const) {
    for (const op of ["Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"]) {
      const opset = 16;
      cases.push(
        opCase(op, [integers(random, dtype, [2, 5, 3, 3]), integers(random, dtype, [5, 1, 1])], {}, {
          opset,
        }),
        opCase(op, [integers(random, dtype, [7]), { constant: integers(random, dtype, []) }], {}, { opset }),
      );
    }
  }
  for (const op of ["And", "Or", "Xor", "Equal"]) {
    cases.push(
      opCase(op, [integers(random, "bool", [2, 5, 3, 3]), integers(random, "bool", [3, 3])]),
      opCase(op, [integers(random, "bool", [3, 1]), integers(random, "bool", [1, 6])]),
    );
  }
  cases.push(
    opCase("Not", [integers(random, "bool", [2, 5, 3, 3])]),
    opCase("Not", [integers(random, "bool", [])]),
  );
  const odd = hostTensor("f32", [6], [NaN, Infinity, -Infinity, 0, -1, 3e38]);
  for (const [negative, positive] of [[1, 1], [0, 1], [1, 0]] as const) {
    cases.push(opCase("IsInf", [odd], { detect_negative: negative, detect_positive: positive }));
  }
  cases.push(opCase("IsNaN", [odd]));
  for (const op of ["Equal", "Less", "Greater"]) {
    cases.push(opCase(op, [odd, { constant: hostTensor("f32", [], [Infinity]) }]));
    cases.push(opCase(op, [odd, odd]));
  }
  await checkBoth(tester, cases);
});

Deno.test("Where chooses in every type, with whichever operand is as large as the output", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const cases: Case[] = [];
  const shapes = [
    [[2, 5, 3, 3], [2, 5, 3, 3], [2, 5, 3, 3]],
    [[2, 5, 3, 3], [1], [5, 1, 1]],
    [[3, 1], [2, 1, 4], [4]],
    [[1, 1, 3, 3], [2, 5, 3, 3], []],
    [[1], [], [2, 3]],
    [[], [], []],
  ];
  for (const dtype of ["f32", "i32", "i64", "u8"] as const) {
    for (const [c, a, b] of shapes) {
      const where = [integers(random, "bool", c!), integers(random, dtype, a!), integers(random, dtype, b!)];
      cases.push(opCase("Where", where));
    }
  }
  const mask = [integers(random, "bool", [2, 3, 7]), { constant: hostTensor("f32", [], [-Infinity]) }];
  cases.push(opCase("Where", [...mask, randn(random, [2, 3, 7])]));
  await checkBoth(tester, cases);
});

Deno.test("Cast goes from every type to every other one", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const types = ["f32", "f16", "i8", "u8", "i16", "u16", "i32", "i64", "bool"] as const;
  const cases: Case[] = [];
  for (const from of types) {
    for (const to of types) {
      const float = from === "f32" || from === "f16";
      const x = float
        ? hostTensor(from, [12], [-100.7, -2.5, -0.6, -0.0, 0, 0.4, 0.5, 1.5, 2.5, 99.9, 100, 127])
        : integers(random, from, [2, 5, 3], -120, 120);
      cases.push(opCase("Cast", [x], { to: dataTypeOf(to) }));
    }
  }
  // Integers keep their lower bits.
  for (const to of ["i8", "u8", "i16", "u16"] as const) {
    for (const from of ["i32", "i64"] as const) {
      const x = hostTensor(from, [6], [-70000, -129, 128, 255, 300, 70000]);
      cases.push(opCase("Cast", [x], { to: dataTypeOf(to) }));
    }
  }
  const odd = hostTensor("f32", [4], [NaN, Infinity, -Infinity, 1e-30]);
  cases.push(
    opCase("Cast", [odd], { to: dataTypeOf("bool") }),
    opCase("Cast", [odd], { to: dataTypeOf("f16") }),
  );
  const like = { constant: hostTensor("i32", [2], [0, 0]) };
  cases.push(opCase("CastLike", [randn(random, [2, 5, 3, 3], 5), like], {}, { opset: 19 }));
  await checkBoth(tester, cases);
});

Deno.test("Cast to f16 and back rounds to what 16 bits hold", async () => {
  using tester = await OpTester.create();
  const random = new Random(5);
  const special = [65504, 65519, 65520, 7e4, -65520, 6.1e-5, 5.97e-8, 2.98e-8, 2.99e-8, 1e-9, 1 + 2 ** -11];
  const values = Array.from({ length: 500 }, () => random.normal() * 10 ** random.int(-8, 5));
  const x = hostTensor("f32", [special.length + 500], [...special, ...values]);
  const one: Case = {
    name: "f32, f16, f32",
    opset: 13,
    nodes: [
      node("Cast", ["x"], ["h"], { to: dataTypeOf("f16") }, { name: "down" }),
      node("Cast", ["h"], ["y"], { to: dataTypeOf("f32") }, { name: "up" }),
    ],
    inputs: { x },
    initializers: {},
    outputs: ["y"],
  };
  const { outputs } = await tester.runCase(one);
  assertEquals(outputs.y!.data, Float32Array.from(x.data as Float32Array, Math.f16round));
});

Deno.test("functions of floats are within 1e-6 of the largest value that ONNX Runtime gives, near 0 and far from it", async () => {
  using tester = await OpTester.create();
  const random = new Random(6);
  const between = (low: number, high: number, ...shape: number[]): HostTensor =>
    hostTensor("f32", shape, random.uniforms(shape.reduce((a, b) => a * b, 1), low, high));
  // Near 0, where differences of large numbers would lose all digits, and far from it.
  const ranges: [op: string, low: number, high: number, options?: OpCaseOptions][] = [
    ["Acos", -1, 1],
    ["Acosh", 1, 20],
    ["Asin", -1, 1],
    ["Asinh", -20, 20],
    ["Atan", -5, 5],
    ["Atanh", -0.999, 0.999],
    ["Cos", -50, 50],
    ["Cosh", -6, 6],
    ["Erf", -4, 4],
    ["Exp", -8, 8],
    ["Log", 1e-3, 20],
    ["Mish", -10, 10, { opset: 18 }],
    ["Selu", -5, 5],
    ["Celu", -5, 5],
    ["Elu", -5, 5],
    ["Sigmoid", -10, 10],
    ["Sin", -50, 50],
    ["Sinh", -6, 6],
    ["Softplus", -10, 10],
    ["Softsign", -10, 10],
    ["Tan", -1.5, 1.5],
    ["Tanh", -6, 6],
  ];
  const cases: Case[] = [];
  for (const [op, low, high, options] of ranges) {
    cases.push(opCase(op, [between(low, high, 3, 100)], {}, { ...options, relative: 1e-6 }));
    if (low < 0) {
      cases.push(opCase(op, [between(-1e-3, 1e-3, 2, 5, 3, 3)], {}, { ...options, relative: 1e-6 }));
    }
  }
  cases.push(opCase("Pow", [between(0.01, 30, 200), between(-4, 4, 200)], {}, { relative: 2e-6 }));
  cases.push(
    opCase("Pow", [between(-4, 4, 200), integers(random, "f32", [200], -6, 9)], {}, { relative: 1e-6 }),
  );
  for (const power of [-1, 0.5, 2, 3, 2.5, -2, 0]) {
    cases.push(opCase("Pow", [between(0.01, 4, 2, 5, 3, 3), { constant: hostTensor("f32", [], [power]) }]));
    cases.push(opCase("Pow", [between(0.01, 4, 2, 5, 3, 3), { constant: hostTensor("f64", [], [power]) }]));
  }
  await checkBoth(tester, cases);
});

Deno.test("functions of floats are right to 3e-7 of each value, however small", async () => {
  using tester = await OpTester.create();
  const count = 2000;
  const ranges: [op: string, exact: (x: number) => number, low: number, high: number][] = [
    ["Acos", Math.acos, -1, 0.99],
    ["Acosh", Math.acosh, 1, 50],
    ["Asin", Math.asin, -1, 1],
    ["Asinh", Math.asinh, -50, 50],
    ["Asinh", Math.asinh, -0.01, 0.01],
    ["Atan", Math.atan, -10, 10],
    ["Atanh", Math.atanh, -0.999, 0.999],
    ["Atanh", Math.atanh, -0.01, 0.01],
    ["Cosh", Math.cosh, -20, 20],
    ["Elu", Math.expm1, -1, 0],
    ["Exp", Math.exp, -80, 80],
    ["Log", Math.log, 0.5, 2],
    ["Log", Math.log, 1e-30, 1e-3],
    ["Sigmoid", (x) => 1 / (1 + Math.exp(-x)), -30, 30],
    ["Sinh", Math.sinh, -20, 20],
    ["Sinh", Math.sinh, -0.01, 0.01],
    ["Softplus", (x) => Math.log1p(Math.exp(x)), -30, 30],
    ["Tanh", Math.tanh, -0.01, 0.01],
  ];
  for (const [op, exact, low, high] of ranges) {
    const x = Float32Array.from({ length: count }, (_, i) => low + (high - low) * (i + 0.5) / count);
    const { outputs } = await tester.runCase(opCase(op, [hostTensor("f32", [count], x)]));
    outputs.y0!.data.forEach((got, i) => {
      const wanted = exact(x[i]!);
      const off = Math.abs(Number(got) - wanted) / Math.abs(wanted);
      assertLess(off, 3e-7, `${op} of ${x[i]}: got ${got}, expected ${wanted}`);
    });
  }
});

Deno.test("rounding, thresholds and the remainder of floats", async () => {
  using tester = await OpTester.create();
  const random = new Random(7);
  const halves = hostTensor("f32", [9], [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.2, -3.7, 1e9]);
  const cases = [
    opCase("Round", [halves]),
    opCase("Sign", [halves]),
    opCase("Shrink", [halves], { bias: 0.5, lambd: 1.5 }),
    opCase("Shrink", [randn(random, [2, 5, 3, 3])]),
    opCase("ThresholdedRelu", [halves], { alpha: 1.5 }),
    opCase("Selu", [halves], { alpha: 1.2, gamma: 0.7 }),
    opCase("Celu", [halves], { alpha: 2 }),
    opCase("Mod", [randn(random, [40], 10), randn(random, [40], 3)], { fmod: 1 }),
    opCase("Mean", [randn(random, [2, 3]), randn(random, [3]), randn(random, [2, 1])]),
    opCase("Mean", [randn(random, [2, 3]), randn(random, [2, 3])]),
    opCase("Sum", Array.from({ length: 11 }, (_, i) => randn(random, i % 2 ? [2, 5, 3, 3] : [5, 1, 1]))),
    opCase("Max", [randn(random, [4])]),
    opCase("Mean", [randn(random, [4])]),
  ];
  const odd = hostTensor("f32", [4], [NaN, 1, -Infinity, Infinity]);
  for (const op of ["Max", "Min"]) {
    cases.push(opCase(op, [odd, { constant: hostTensor("f32", [], [0]) }]));
    cases.push(opCase(op, [hostTensor("f32", [4], [0, NaN, 2, 3]), odd]));
  }
  await checkBoth(tester, cases);
});

Deno.test("a NaN stays one, and infinities have the limits that ONNX Runtime gives them", async () => {
  using tester = await OpTester.create();
  const odd = hostTensor("f32", [6], [NaN, Infinity, -Infinity, 90, -110, -0]);
  const functions = [
    "Abs",
    "Atan",
    "Celu",
    "Clip",
    "Cosh",
    "Elu",
    "Erf",
    "Exp",
    "Floor",
    "HardSigmoid",
    "LeakyRelu",
    "Log",
    "Relu",
    "Selu",
    "Sigmoid",
    "Sign",
    "Sinh",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Tanh",
    "ThresholdedRelu",
  ];
  const constant = (value: number) => ({ constant: hostTensor("f32", [], [value]) });
  await checkBoth(tester, [
    ...functions.map((op) => opCase(op, [odd])),
    opCase("HardSwish", [odd], {}, { opset: 14 }),
    opCase("Clip", [odd, constant(0), constant(6)]),
    opCase("Clip", [odd], {}, { opset: 7 }),
    ...[0, 2, 3, -3].map((power) => opCase("Pow", [odd, constant(power)])),
    ...[-2, 0, 1.5].map((base) => opCase("Pow", [constant(base), odd])),
  ]);
});

Deno.test("Gelu and Microsoft's activations", async () => {
  using tester = await OpTester.create();
  const random = new Random(8);
  const x = () => randn(random, [2, 5, 3, 4], 2);
  const domain = "com.microsoft";
  await checkBoth(tester, [
    opCase("Gelu", [x()], {}, { opset: 20 }),
    opCase("Gelu", [x()], { approximate: "tanh" }, { opset: 20 }),
    opCase("Gelu", [x()], {}, { domain }),
    opCase("FastGelu", [x()], {}, { domain }),
    opCase("FastGelu", [x(), randn(random, [4])], {}, { domain }),
    opCase("BiasGelu", [x(), randn(random, [4])], {}, { domain }),
    opCase("QuickGelu", [x()], { alpha: 1.5 }, { domain }),
  ]);
});

Deno.test("tensors of 16-bit floats are computed in 32 bits and rounded at the end", async () => {
  using tester = await OpTester.create();
  const random = new Random(11);
  const half = (...shape: number[]): HostTensor =>
    hostTensor("f16", shape, random.uniforms(shape.reduce((a, b) => a * b, 1), 0.2, 3));
  const constant = { constant: hostTensor("f16", [], [0.3]) };
  const options = { opset: 13, relative: 2e-3 };
  await checkBoth(tester, [
    ...["Add", "Sub", "Mul", "Div", "Max", "Pow"].map((op) =>
      opCase(op, [half(2, 5, 3, 3), half(5, 1, 1)], {}, options)
    ),
    ...["Add", "Mul", "Less"].map((op) => opCase(op, [half(3, 7), constant], {}, options)),
    ...["Relu", "Sigmoid", "Exp", "Sqrt", "Tanh", "Clip"].map((op) =>
      opCase(op, [half(2, 5, 3, 3)], {}, options)
    ),
    opCase("Where", [integers(random, "bool", [5, 1, 1]), half(2, 5, 3, 3), constant], {}, options),
  ]);
});

Deno.test("Clip takes bounds that are computed while the network runs", async () => {
  using tester = await OpTester.create();
  const random = new Random(9);
  const [low, high] = [hostTensor("f32", [], [-0.5]), hostTensor("f32", [], [0.7])];
  await checkBoth(tester, [
    opCase("Clip", [randn(random, [2, 5, 3, 3]), low, high]),
    opCase("Clip", [randn(random, [7]), undefined, high]),
    opCase("Clip", [randn(random, [7]), high, { constant: low }]),
    opCase("Clip", [randn(random, [2, 3]), low]),
  ]);
});

Deno.test("operands broadcast along outer, inner and middle dimensions, from rank 0 to 8, and over nothing", async () => {
  using tester = await OpTester.create();
  const random = new Random(10);
  const cases: Case[] = [];
  const pairs: [number[], number[]][] = [
    [[], []],
    [[3, 7], [7]],
    [[3, 8], [8]],
    [[3, 7], [3, 1]],
    [[3, 8], [3, 1]],
    [[2, 3, 8], [3, 1]],
    [[2, 3, 5], [3, 1]],
    [[2, 3, 4], [2, 1, 4]],
    [[2, 3, 4, 8], [1, 3, 4, 8]],
    [[2, 3, 4, 5], [1, 3, 4, 5]],
    [[2, 3, 4, 5], [2, 3, 1, 1]],
    [[2, 3, 4, 5], [2, 1, 1, 1]],
    [[2, 3, 4, 5], [1, 1, 4, 5]],
    [[2, 3, 4, 5, 2], [3, 1, 1, 1]],
    [[1, 2, 1, 2, 3, 1, 2, 2], [2, 1, 1, 3, 1, 1, 2]],
    [[2, 1, 2, 1, 2, 1, 2, 1], [1, 2, 1, 2, 1, 2, 1, 2]],
    [[0, 3], [3]],
    [[2, 0, 3, 3], [1]],
    [[0], [0]],
  ];
  for (const [a, b] of pairs) {
    for (const dtype of ["f32", "i32"] as const) {
      const operands = (): Operand[] => [integers(random, dtype, a), integers(random, dtype, b)];
      cases.push(opCase("Sub", operands()), opCase("Less", operands()), opCase("Sub", operands().reverse()));
    }
  }
  await checkBoth(tester, cases);
});

Deno.test("what an element-wise operator cannot take is refused with the types", async () => {
  using tester = await OpTester.create();
  const bools = hostTensor("bool", [2], [0, 1]);
  const ints = hostTensor("i32", [2], [0, 1]);
  const floats = hostTensor("f32", [2], [0, 1]);
  for (
    const [one, message] of [
      [opCase("Add", [bools, bools]), 'Add (node "Add"): it is not defined for bool'],
      [opCase("Sin", [ints]), 'Sin (node "Sin"): it is not defined for i32'],
      [opCase("And", [ints, ints]), 'And (node "And"): it is not defined for i32'],
      [opCase("Mul", [ints, floats]), 'Mul (node "Mul"): inputs are i32 and f32'],
      [opCase("Where", [ints, floats, floats]), 'Where (node "Where"): its condition is i32, not bool'],
      [opCase("Cast", [floats], { to: 16 }), "casts to BFLOAT16 (16), which is not supported"],
      [opCase("Add", [floats]), 'Add (node "Add"): it has 1 inputs, but takes 2'],
      [
        opCase("Div", [{ constant: ints }, { constant: ints }]),
        'Div (node "Div"): its inputs are constant, and division by zero',
      ],
    ] as const
  ) {
    await assertRejects(() => tester.runCase(one), GraphError, message);
  }
});
