import { assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { node } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { type Case, f32, opCase, OpTester, randn } from "./harness.ts";

const positive = (random: Random, shape: number[]): HostTensor<"f32"> =>
  hostTensor("f32", shape, random.uniforms(shape.reduce((a, b) => a * b, 1), 0.1, 4));

Deno.test("functions of one tensor give what ONNX Runtime gives, on images and on anything else", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  for (const shape of [[2, 5, 4, 3], [1, 8, 3, 3], [7], [3, 5], [2, 3, 5], []]) {
    const x = () => randn(random, shape, 3);
    for (
      const op of [
        "Abs",
        "Ceil",
        "Elu",
        "Exp",
        "Floor",
        "HardSigmoid",
        "LeakyRelu",
        "Neg",
        "Relu",
        "Sigmoid",
        "Softplus",
        "Tanh",
      ]
    ) {
      cases.push(opCase(op, [x()], {}, op === "Exp" ? { relative: 1e-4 } : {}));
    }
    cases.push(
      opCase("Log", [positive(random, shape)]),
      opCase("Sqrt", [positive(random, shape)]),
      opCase("Reciprocal", [positive(random, shape)]),
      opCase("HardSwish", [x()], {}, { opset: 14 }),
      opCase("Elu", [x()], { alpha: 0.5 }),
      opCase("LeakyRelu", [x()], { alpha: 0.2 }),
      opCase("HardSigmoid", [x()], { alpha: 0.3, beta: 0.4 }),
      opCase("Clip", [x()], { min: -1, max: 2 }, { opset: 6 + 3 }),
      opCase("Clip", [x()], { min: 0.5 }, { opset: 9 }),
      opCase("Clip", [x(), { constant: hostTensor("f32", [], [-1]) }, {
        constant: hostTensor("f32", [], [1.5]),
      }]),
      opCase("Clip", [x(), undefined, { constant: hostTensor("f32", [], [0]) }]),
      opCase("Clip", [x()]),
    );
  }
  await tester.check(cases);
});

Deno.test("functions keep their limits for arguments far out", async () => {
  using tester = await OpTester.create();
  const far = hostTensor("f32", [8], [-1e30, -200, -88, -20, 20, 88, 200, 1e30]);
  await tester.check(
    ["Sigmoid", "Tanh", "Softplus", "Elu", "HardSigmoid", "Relu"].map((op) => opCase(op, [far])),
  );
});

Deno.test("functions of two tensors broadcast in every way", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const cases: Case[] = [];
  const pairs: [number[], number[]][] = [
    [[2, 5, 4, 3], [2, 5, 4, 3]],
    [[2, 5, 4, 3], [5, 1, 1]],
    [[2, 5, 4, 3], [1, 5, 1, 1]],
    [[2, 8, 4, 3], [2, 8, 1, 1]],
    [[2, 5, 4, 3], [2, 1, 4, 3]],
    [[2, 5, 4, 3], [4, 3]],
    [[2, 5, 4, 3], [3]],
    [[2, 5, 4, 3], [4, 1]],
    [[2, 5, 4, 3], [1]],
    [[2, 5, 4, 3], []],
    [[2, 1, 4, 1], [1, 5, 1, 3]],
    [[2, 5, 1, 1], [2, 5, 4, 3]],
    [[1, 5, 3], [1, 5, 1]],
    [[4, 1], [1, 6]],
    [[7], [7]],
    [[5, 3], [3]],
    [[3, 1, 2, 2, 3], [4, 1, 1, 3]],
  ];
  for (const op of ["Add", "Sub", "Mul", "Div", "Max", "Min"]) {
    for (const [a, b] of pairs) {
      const [left, right] = [positive(random, a), positive(random, b)];
      cases.push(opCase(op, [left, right]));
      if (random.next() < 0.4) cases.push(opCase(op, [left, { constant: right }]));
      if (random.next() < 0.4) cases.push(opCase(op, [{ constant: left }, right]));
    }
  }
  for (const slope of [[5, 1, 1], [1], [2, 5, 4, 3], [1, 5, 1, 1]]) {
    cases.push(opCase("PRelu", [randn(random, [2, 5, 4, 3]), { constant: randn(random, slope) }]));
  }
  cases.push(
    opCase("Max", [randn(random, [2, 3]), randn(random, [3]), { constant: randn(random, [2, 1]) }]),
    opCase("Min", [randn(random, [1, 5, 2, 2]), randn(random, [5, 1, 1]), randn(random, [1, 5, 2, 2])]),
    opCase("Add", [randn(random, [3, 2]), f32(2)]),
  );
  await tester.check(cases);
});

Deno.test("a chain of element-wise nodes is one dispatch, whatever the order of its operands", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const chain = (shape: number[]): Case => ({
    name: `chain of [${shape.join(", ")}]`,
    opset: 13,
    nodes: [
      node("Sub", ["two", "a"], ["t0"], {}, { name: "sub" }),
      node("Mul", ["b", "t0"], ["t1"], {}, { name: "mul" }),
      node("Relu", ["t1"], ["t2"], {}, { name: "relu" }),
      node("Div", ["t2", "c"], ["t3"], {}, { name: "div" }),
      node("Sigmoid", ["t3"], ["y"], {}, { name: "sigmoid" }),
    ],
    inputs: { a: randn(random, shape), b: randn(random, shape), c: positive(random, shape) },
    initializers: { two: hostTensor("f32", [], [2]) },
    outputs: ["y"],
  });
  const cases = [chain([5, 3]), chain([2, 5, 4, 3])];
  await tester.check(cases);
  for (const one of cases) {
    const { plan } = await tester.runCase(one);
    const maps = plan.steps.filter((step) => step.kernel.name === "elementwise/map");
    if (maps.length !== 1) {
      throw new Error(`${one.name}: ${plan.steps.map((step) => step.kernel.name).join(", ")}`);
    }
  }
});

Deno.test("shapes that do not broadcast are refused with both shapes", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  await assertRejects(
    () => tester.runCase(opCase("Add", [randn(random, [2, 3]), randn(random, [2, 4])])),
    GraphError,
    'Add (node "Add"): shapes [2, 3] and [2, 4] do not broadcast',
  );
});
