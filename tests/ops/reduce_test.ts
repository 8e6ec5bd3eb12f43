import { assertEquals } from "@std/assert";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { Session } from "../../src/graph/session.ts";
import { assertClose } from "../support/compare.ts";
import { node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";
import { runOrt } from "../support/ort.ts";
import { Random } from "../support/random.ts";
import { type Case, i64, opCase, OpTester, randn } from "./harness.ts";

const REDUCTIONS = [
  "ReduceSum",
  "ReduceMean",
  "ReduceMax",
  "ReduceMin",
  "ReduceProd",
  "ReduceL1",
  "ReduceL2",
  "ReduceSumSquare",
  "ReduceLogSumExp",
];

Deno.test("reductions take any axes, as attribute and as input, with and without keepdims", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  const axesLists = [[0], [1], [2, 3], [-1], [1, 2, 3], [0, 2], [0, 1, 2, 3], [3, 1]];
  for (const op of REDUCTIONS) {
    for (const axes of axesLists) {
      const keepdims = random.int(0, 1);
      const shape = random.pick([[2, 5, 3, 7], [1, 8, 6, 4], [3, 1, 5, 2]]);
      cases.push(opCase(op, [randn(random, shape)], { axes, keepdims }, { opset: 11 }));
      cases.push(opCase(op, [randn(random, shape), i64(...axes)], { keepdims: 1 - keepdims }, { opset: 18 }));
    }
    cases.push(opCase(op, [randn(random, [2, 3, 4])], {}, { opset: 11 }));
    cases.push(opCase(op, [randn(random, [2, 3, 4, 5])], { keepdims: 0 }, { opset: 18 }));
    cases.push(opCase(op, [randn(random, [6])], { axes: [0] }, { opset: 11 }));
  }
  const positive = hostTensor("f32", [2, 5, 3], random.uniforms(30, 0.1, 2));
  cases.push(opCase("ReduceLogSum", [positive], { axes: [1] }, { opset: 11 }));
  cases.push(opCase("ReduceSum", [randn(random, [2, 3]), i64()], { noop_with_empty_axes: 1 }, { opset: 13 }));
  await tester.check(cases);
});

Deno.test("reductions are exact enough over a million elements", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  await tester.check([
    opCase("ReduceMean", [randn(random, [1000, 1000])], { axes: [1] }, { opset: 11, relative: 1e-4 }),
    opCase("ReduceSum", [randn(random, [1, 1_000_003])], { axes: [1] }, { opset: 11, relative: 1e-4 }),
    opCase("ReduceMax", [randn(random, [1000, 999])], { axes: [0] }, { opset: 11 }),
    opCase("ReduceMean", [randn(random, [1, 3, 400, 401])], { axes: [2, 3] }, { opset: 11, relative: 1e-4 }),
  ]);
});

Deno.test("the channels of an image of many pixels are added up by a convolution on software adapters", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const shapes = [[2, 3, 25, 30], [1, 1, 32, 33], [1, 70, 31, 40], [2, 6, 600]];
  const cases = shapes.flatMap((shape) => [
    opCase("ReduceMean", [randn(random, shape)], { axes: [1], keepdims: 1 }, { opset: 11 }),
    opCase("ReduceSum", [randn(random, shape)], { axes: [1], keepdims: 1 }, { opset: 11 }),
  ]);
  await tester.check(cases);
  for (const one of cases) {
    const { plan } = await tester.runCase(one);
    const byConvolution = plan.steps[0]!.kernel.name.startsWith("conv/");
    assertEquals(byConvolution, tester.device.target.software, one.name);
  }
  for (const few of [[2, 5, 3, 7], [1, 300, 40, 40]]) {
    const { plan } = await tester.runCase(
      opCase("ReduceSum", [randn(random, few)], { axes: [1] }, { opset: 11 }),
    );
    assertEquals(plan.steps[0]!.kernel.name, "reduce/strided", `${few}`);
  }
  const none = hostTensor("f32", [1, 0, 2, 2], []);
  await tester.check([opCase("ReduceSum", [none], { axes: [1], keepdims: 1 }, { opset: 11 })]);
});

Deno.test("one session adds up the channels of images with more and with fewer of them", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  for (const op of ["ReduceSum", "ReduceMean"]) {
    const model = onnxModel({
      opset: 11,
      nodes: [node(op, ["x"], ["y"], { axes: [1], keepdims: 1 }, { name: "over channels" })],
      inputs: [tensorInfo("x", "f32", [1, "C", 32, 32])],
      initializers: {},
      outputs: ["y"],
    });
    using session = await Session.load(tester.device, model);
    for (const channels of [5, 7, 8, 6]) {
      const x = randn(random, [1, channels, 32, 32]);
      const expected = await runOrt(model, { x });
      assertClose((await session.run({ x })).y!, expected.y!, {
        relative: 1e-5,
        absolute: 1e-6,
        context: `${op} over ${channels} channels`,
      });
    }
  }
});

Deno.test("a reduction of constants is folded", async () => {
  using tester = await OpTester.create();
  const constant = hostTensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]);
  const one: Case = {
    name: "folded",
    opset: 11,
    nodes: [
      node("ReduceMean", ["c"], ["m"], { axes: [1], keepdims: 1 }, { name: "mean" }),
      node("Add", ["x", "m"], ["y"], {}, { name: "add" }),
    ],
    inputs: { x: hostTensor("f32", [2, 1], [1, 1]) },
    initializers: { c: constant },
    outputs: ["y"],
  };
  await tester.check([one]);
  const { plan } = await tester.runCase(one);
  assertEquals(plan.steps.length, 1);
});

Deno.test("reductions of integers are exact, and cut off where integers divide", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const cases: Case[] = [];
  const whole = (dtype: "i32" | "i8" | "u8", shape: number[], low: number, high: number): HostTensor =>
    hostTensor(dtype, shape, Array.from({ length: 24 }, () => random.int(low, high)));
  for (
    const op of [
      "ReduceSum",
      "ReduceMean",
      "ReduceMax",
      "ReduceMin",
      "ReduceProd",
      "ReduceL1",
      "ReduceSumSquare",
    ]
  ) {
    const high = op === "ReduceProd" ? 3 : 5000;
    cases.push(opCase(op, [whole("i32", [2, 3, 4], -high, high), i64(1)], {}, { opset: 18 }));
    cases.push(opCase(op, [whole("i32", [1, 3, 2, 4], -high, high), i64(2, 3)], {}, { opset: 18 }));
    cases.push(opCase(op, [whole("i32", [24], -high, high)], { keepdims: 0 }, { opset: 18 }));
  }
  for (const op of ["ReduceMax", "ReduceMin"]) {
    cases.push(opCase(op, [whole("i8", [4, 6], -128, 127), i64(0)], {}, { opset: 18 }));
    cases.push(opCase(op, [whole("u8", [4, 6], 0, 255), i64(-1)], {}, { opset: 18 }));
    const flags = hostTensor("bool", [4, 2], [0, 0, 0, 1, 1, 0, 1, 1]);
    cases.push(opCase(op, [flags, i64(1)], {}, { opset: 20 }));
  }
  await tester.check(cases.map((one) => ({ ...one, relative: 0 })));
});

Deno.test("reductions of nothing give their identity", async () => {
  using tester = await OpTester.create();
  const empty = hostTensor("f32", [2, 0, 3], []);
  const identities = {
    ReduceSum: 0,
    ReduceProd: 1,
    ReduceMax: -Infinity,
    ReduceMin: Infinity,
    ReduceLogSum: -Infinity,
    ReduceLogSumExp: -Infinity,
    ReduceL1: 0,
    ReduceL2: 0,
    ReduceSumSquare: 0,
  };
  await tester.check(
    Object.entries(identities).map(([op, value]) => ({
      ...opCase(op, [empty, i64(1)], {}, { opset: 20 }),
      expected: () => ({ y0: hostTensor("f32", [2, 1, 3], new Array(6).fill(value)) }),
    })),
  );
});

Deno.test("ReduceLogSumExp and ReduceMax keep infinities and large values", async () => {
  using tester = await OpTester.create();
  const rows = [[100, 200, 300], [-Infinity, -Infinity, -Infinity], [-Infinity, 2, 1], [Infinity, 0, 1]];
  const x = hostTensor("f32", [4, 3], rows.flat());
  const logSumExp = (row: number[]): number => {
    const most = Math.max(...row);
    if (!Number.isFinite(most)) return most;
    return most + Math.log(row.reduce((total, one) => total + Math.exp(one - most), 0));
  };
  const expected = (host: (row: number[]) => number) => () => ({
    y0: hostTensor("f32", [4, 1], rows.map(host)),
  });
  await tester.check([
    { ...opCase("ReduceLogSumExp", [x, i64(1)], {}, { opset: 18 }), expected: expected(logSumExp) },
    { ...opCase("ReduceMax", [x, i64(1)], {}, { opset: 18 }), expected: expected((row) => Math.max(...row)) },
    { ...opCase("ReduceMin", [x, i64(1)], {}, { opset: 18 }), expected: expected((row) => Math.min(...row)) },
  ]);
});
