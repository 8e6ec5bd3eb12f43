import { assertEquals, assertRejects } from "@std/assert";
import type { KernelTarget } from "../../src/gpu/mod.ts";
import { GraphError } from "../../src/ops/error.ts";
import { Session } from "../../src/graph/session.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { assertClose } from "../support/compare.ts";
import { node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";
import { runOrt } from "../support/ort.ts";
import { Random } from "../support/random.ts";
import { type Case, caseModel, opCase, OpTester, randn } from "./harness.ts";
import { randint } from "./integers.ts";

Deno.test("Gemm takes transposed operands, factors, and every broadcast of C", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  for (
    const [rows, depth, columns] of [[1, 1, 1], [3, 5, 7], [17, 33, 9], [1, 64, 10], [8, 4, 12]] as const
  ) {
    for (const transA of [0, 1]) {
      for (const transB of [0, 1]) {
        const a = randn(random, transA ? [depth, rows] : [rows, depth]);
        const b = randn(random, transB ? [columns, depth] : [depth, columns]);
        const c = randn(random, random.pick([[rows, columns], [columns], [1, columns], [rows, 1], [1], []]));
        cases.push(
          opCase("Gemm", [a, { constant: b }, { constant: c }], { transA, transB }),
          opCase("Gemm", [a, b, c], { transA, transB, alpha: 0.5, beta: 2 }),
          opCase("Gemm", [{ constant: a }, b], { transA, transB }),
        );
      }
    }
  }
  await tester.check(cases);
});

Deno.test("MatMul takes vectors, batches and broadcast batches", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const pairs = [
    [[3, 4], [4, 5]],
    [[4], [4, 5]],
    [[3, 4], [4]],
    [[4], [4]],
    [[2, 3, 4], [4, 5]],
    [[3, 4], [2, 4, 5]],
    [[2, 3, 4], [2, 4, 5]],
    [[2, 1, 3, 4], [1, 6, 4, 5]],
    [[2, 5, 9, 6], [6, 1]],
    [[1, 130], [130, 66]],
    [[2, 3, 1, 5, 4], [3, 2, 4, 3]],
  ] as const;
  await tester.check(pairs.flatMap(([a, b]) => [
    opCase("MatMul", [randn(random, a), { constant: randn(random, b) }]),
    opCase("MatMul", [randn(random, a), randn(random, b)]),
  ]));
});

Deno.test("weights that no binding holds are multiplied some columns at a time", async () => {
  using tester = await OpTester.create();
  const random = new Random(11);
  const weights = (...shape: number[]) => ({ constant: randn(random, shape) });
  const cases = [
    opCase("Gemm", [randn(random, [1, 37]), weights(29, 37), weights(29)], { transB: 1, alpha: 0.5 }),
    opCase("Gemm", [randn(random, [9, 32]), weights(32, 50), weights(9, 1)]),
    opCase("MatMul", [randn(random, [2, 3, 16]), weights(16, 45)]),
    opCase("MatMul", [randn(random, [64]), weights(64, 33)]),
  ];
  // Eight columns of 37 elements are 1,280 bytes.
  const target = { ...tester.device.target, bindingBytes: 1300 };
  await tester.check(cases, target);
  const { plan } = await tester.run(caseModel(cases[0]!), cases[0]!.inputs, target);
  const names = plan.steps.map(({ kernel }) => kernel.name);
  assertEquals(names.filter((name) => name.startsWith("gemm/")).length, 4, names.join(", "));
});

Deno.test("operands that do not multiply are refused with their shapes", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const [a, b] = [randn(random, [2, 3]), randn(random, [4, 5])];
  await assertRejects(() => tester.runCase(opCase("MatMul", [a, b])), GraphError, "[2, 3] and [4, 5]");
  await assertRejects(() => tester.runCase(opCase("Gemm", [a, b])), GraphError, "3 is not 4");
  const c = randn(random, [7]);
  const fitting = randn(random, [3, 5]);
  await assertRejects(() => tester.runCase(opCase("Gemm", [a, fitting, c])), GraphError, "C of [7]");
});

Deno.test("every kernel for matrix products takes odd sizes, batches, transposed operands and constants", async () => {
  using tester = await OpTester.create();
  const targets: [string, KernelTarget][] = [
    ["gemm/strided", { software: true, subgroups: false, plain: true }],
    ["gemm/register", { software: true, subgroups: false }],
    ["gemm/tiled", { software: false, subgroups: false }],
    ["gemm/subgroup", { software: true, subgroups: true }],
  ];
  for (const [kernel, target] of targets) {
    if (target.subgroups && !tester.device.target.subgroups) continue;
    const random = new Random(4);
    const cases: Case[] = [];
    for (const [rows, depth, columns] of [[70, 40, 72], [33, 17, 66], [9, 6, 5], [130, 64, 8]] as const) {
      const bias = randn(random, [columns]);
      cases.push(
        opCase("Gemm", [randn(random, [rows, depth]), { constant: randn(random, [columns, depth]) }, bias], {
          transB: 1,
          alpha: 0.5,
        }),
        opCase("Gemm", [randn(random, [depth, rows]), randn(random, [depth, columns])], { transA: 1 }),
        opCase("MatMul", [randn(random, [2, 3, rows, depth]), randn(random, [3, depth, columns])]),
        opCase("MatMul", [randn(random, [2, rows, depth]), { constant: randn(random, [depth, columns]) }]),
        opCase("MatMul", [{ constant: randn(random, [rows, depth]) }, randn(random, [2, depth, columns])]),
      );
    }
    await tester.check(cases, target);
    const { plan } = await tester.run(caseModel(cases[0]!), cases[0]!.inputs, target);
    assertEquals(plan.steps.map((step) => step.kernel.name), [kernel]);
  }
});

Deno.test("a single row is multiplied without sharing", async () => {
  using tester = await OpTester.create();
  const random = new Random(5);
  const cases = [1, 3, 7].flatMap((rows) => [
    opCase(
      "Gemm",
      [randn(random, [rows, 61]), { constant: randn(random, [100, 61]) }, randn(random, [100])],
      {
        transB: 1,
      },
    ),
    opCase("MatMul", [randn(random, [4, rows, 32]), randn(random, [4, 32, 40])]),
  ]);
  await tester.check(cases);
  const { plan } = await tester.runCase(cases[0]!);
  assertEquals(plan.steps.map((step) => step.kernel.name), ["gemm/register"]);
});

Deno.test("what follows a matrix product is done as it is written", async () => {
  using tester = await OpTester.create();
  const random = new Random(6);
  for (const width of [24, 21]) {
    const one: Case = {
      name: `MatMul to ${width}, bias, Relu, residual, mask of each row`,
      opset: 13,
      nodes: [
        node("MatMul", ["x", "w"], ["m"], {}, { name: "product" }),
        node("Add", ["b", "m"], ["a"], {}, { name: "bias" }),
        node("Relu", ["a"], ["r"], {}, { name: "relu" }),
        node("Add", ["r", "residual"], ["s"], {}, { name: "residual" }),
        node("Mul", ["s", "mask"], ["y"], {}, { name: "mask" }),
      ],
      inputs: {
        x: randn(random, [2, 17, 16]),
        residual: randn(random, [2, 17, width]),
        mask: randn(random, [2, 17, 1]),
      },
      initializers: { w: randn(random, [16, width]), b: randn(random, [width]) },
      outputs: ["y"],
    };
    await tester.check([one]);
    await tester.check([one], { ...tester.device.target, plain: true });
    const { plan } = await tester.runCase(one);
    assertEquals(plan.steps.filter((step) => step.kernel.name.startsWith("elementwise")).length, 0);
  }
});

Deno.test("MatMul of integers wraps around as they do, and of constants is folded", async () => {
  using tester = await OpTester.create();
  const random = new Random(7);
  const whole = (...shape: number[]) => randint(random, "i32", shape, -99, 100);
  await tester.check([
    { ...opCase("MatMul", [whole(3, 70), whole(70, 9)]), relative: 0 },
    { ...opCase("MatMul", [whole(2, 3, 4), { constant: whole(4, 5) }]), relative: 0 },
  ]);
  const folded: Case = {
    name: "folded products",
    opset: 13,
    nodes: [
      node("MatMul", ["a", "b"], ["m"], {}, { name: "product" }),
      node("Gemm", ["m", "b", "c"], ["g"], { transB: 1, alpha: 0.5, beta: 2 }, { name: "gemm" }),
      node("Add", ["x", "g"], ["y"], {}, { name: "add" }),
    ],
    inputs: { x: randn(random, [3, 4]) },
    initializers: { a: randn(random, [3, 4]), b: randn(random, [4, 4]), c: randn(random, [4]) },
    outputs: ["y"],
  };
  await tester.check([folded]);
  const { plan } = await tester.runCase(folded);
  assertEquals(plan.steps.filter((step) => step.kernel.name.startsWith("gemm")).length, 0);
});

Deno.test("products over nothing are zero, of no rows empty, and batches have up to six dimensions", async () => {
  using tester = await OpTester.create();
  const random = new Random(8);
  const empty = (...shape: number[]) => hostTensor("f32", shape, []);
  await tester.check([
    opCase("MatMul", [empty(2, 0), empty(0, 3)]),
    opCase("MatMul", [empty(0, 4), randn(random, [4, 3])]),
    opCase("MatMul", [empty(0, 4), { constant: randn(random, [4, 8]) }]),
    opCase("Gemm", [empty(2, 0), empty(0, 3), randn(random, [3])]),
    opCase("Gemm", [empty(0, 4), { constant: randn(random, [4, 3]) }]),
    opCase("MatMul", [randn(random, [2, 1, 2, 3, 2, 1, 9, 8]), randn(random, [1, 2, 1, 3, 1, 2, 8, 12])]),
  ]);
});

Deno.test("operands transposed by a view are read as they lie: the keys of an attention", async () => {
  using tester = await OpTester.create();
  const random = new Random(9);
  for (const [rows, columns, depth] of [[9, 13, 8], [20, 21, 12], [33, 64, 16], [17, 9, 7]] as const) {
    const one: Case = {
      name: `${rows} x ${columns} over ${depth}`,
      opset: 13,
      nodes: [
        node("Relu", ["b"], ["r"], {}, { name: "relu" }),
        node("Reshape", ["r", "shape"], ["s"], {}, { name: "reshape" }),
        node("Transpose", ["s"], ["t"], { perm: [0, 2, 3, 1] }, { name: "transpose" }),
        node("MatMul", ["a", "t"], ["y"], {}, { name: "product" }),
      ],
      inputs: {
        a: randn(random, [2, 3, rows, depth]),
        b: randn(random, [2 * columns, 3 * depth]),
      },
      initializers: { shape: hostTensor("i64", [4], [2, columns, 3, depth]) },
      outputs: ["y"],
    };
    await tester.check([one]);
    await tester.check([one], { software: false, subgroups: false });
    if (depth % 4 !== 0 || !tester.device.target.subgroups) continue;
    const { plan } = await tester.runCase(one);
    // What is left is of the first operand, which enters as an image.
    const copies = plan.steps.filter((step) => step.kernel.name.startsWith("copy"));
    assertEquals(copies.length, 1, one.name);
  }
});

Deno.test("a constant that depends on the shape is another one in the plan of another shape", async () => {
  using tester = await OpTester.create();
  const random = new Random(10);
  const b = randn(random, [8, 12]);
  // The constant is multiplied by the number of rows.
  const model = onnxModel({
    opset: 13,
    nodes: [
      node("Shape", ["x"], ["shape"], {}, { name: "shape" }),
      node("Gather", ["shape", "first"], ["rows"], { axis: 0 }, { name: "rows" }),
      node("Cast", ["rows"], ["factor"], { to: 1 }, { name: "factor" }),
      node("Mul", ["b", "factor"], ["scaled"], {}, { name: "scaled" }),
      node("MatMul", ["x", "scaled"], ["y"], {}, { name: "product" }),
    ],
    inputs: [tensorInfo("x", "f32", ["rows", 8])],
    outputs: ["y"],
    initializers: { b, first: hostTensor("i64", [], [0]) },
  });
  using session = await Session.load(tester.device, model);
  for (const rows of [12, 40, 12]) {
    const x = randn(random, [rows, 8]);
    const { y } = await session.run({ x });
    const expected = await runOrt(model, { x });
    assertClose(y!, expected.y!, { relative: 1e-5, context: `${rows} rows` });
  }
});
