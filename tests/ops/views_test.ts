import { assertEquals, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { type Case, i64, opCase, OpTester, randn } from "./harness.ts";
import { randint, TYPES } from "./integers.ts";

const END = Number.MAX_SAFE_INTEGER;

Deno.test("Slice takes negative starts, ends beyond the extent, steps and negative steps", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const x = () => randn(random, [2, 9, 6, 7]);
  await tester.check([
    opCase("Slice", [x(), i64(1), i64(4), i64(2)]),
    opCase("Slice", [x(), i64(4), i64(END), i64(1)]),
    opCase("Slice", [x(), i64(0), i64(5), i64(1)]),
    opCase("Slice", [x(), i64(3), i64(7), i64(1)]),
    opCase("Slice", [x(), i64(-3, 0), i64(-1, 100), i64(1, 3), i64(1, 2)]),
    opCase("Slice", [x(), i64(-1), i64(-END), i64(2), i64(-1)]),
    opCase("Slice", [x(), i64(-1, 8), i64(-100, 1), i64(3, 1), i64(-2, -3)]),
    opCase("Slice", [x(), i64(1), i64(2), i64(-4)]),
    // A start before the first element is the first, also backwards.
    opCase("Slice", [x(), i64(-20), i64(-END), i64(2), i64(-1)]),
    opCase("Slice", [x(), i64(-20), i64(-END), i64(2), i64(1)]),
    opCase("Slice", [x(), i64(0, 1, 2, 3), i64(2, 8, 6, 7)]),
    opCase("Slice", [x(), i64(0), i64(END), i64(2), i64(2)]),
    opCase("Slice", [randn(random, [11]), i64(9), i64(1), i64(0), i64(-3)]),
    opCase("Slice", [randn(random, [4, 5]), i64(1), i64(4), i64(1)]),
    opCase("Slice", [x()], { starts: [1, 2], ends: [9, -1], axes: [1, 2] }, { opset: 9 }),
    opCase("Slice", [x()], { starts: [1], ends: [2] }, { opset: 9 }),
  ]);
});

Deno.test("Split gives even, uneven and told parts", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const x = () => randn(random, [2, 8, 6, 5]);
  await tester.check([
    opCase("Split", [x()], { axis: 1 }, { outputs: 2, opset: 11 }),
    opCase("Split", [x()], { axis: 1, split: [3, 5] }, { outputs: 2, opset: 11 }),
    opCase("Split", [x(), i64(1, 3, 4)], { axis: 1 }, { outputs: 3 }),
    opCase("Split", [x(), i64(2, 4)], { axis: -2 }, { outputs: 2 }),
    opCase("Split", [x()], { axis: 3, num_outputs: 2 }, { outputs: 2, opset: 18 }),
    opCase("Split", [randn(random, [7, 3])], { axis: 0, num_outputs: 3 }, { outputs: 3, opset: 18 }),
    opCase("Split", [randn(random, [6])], {}, { outputs: 3, opset: 11 }),
  ]);
});

Deno.test("Transpose takes every order of four dimensions, and reverses without one", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const orders = (rest: number[]): number[][] =>
    rest.length === 0
      ? [[]]
      : rest.flatMap((axis) => orders(rest.filter((one) => one !== axis)).map((order) => [axis, ...order]));
  await tester.check([
    ...orders([0, 1, 2, 3]).map((perm) => opCase("Transpose", [randn(random, [2, 5, 3, 4])], { perm })),
    opCase("Transpose", [randn(random, [2, 5, 3, 4])]),
    opCase("Transpose", [randn(random, [3, 7])]),
    opCase("Transpose", [randn(random, [1, 2, 3, 2, 3])], { perm: [0, 3, 1, 4, 2] }),
    opCase("Transpose", [randn(random, [2, 1, 2, 3, 2, 3])], { perm: [5, 0, 3, 1, 4, 2] }),
  ]);
});

Deno.test("Reshape, Flatten, Squeeze and Unsqueeze keep the order of elements", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const x = () => randn(random, [2, 6, 4, 5]);
  await tester.check([
    opCase("Reshape", [x(), i64(2, 120)]),
    opCase("Reshape", [x(), i64(2, 6, -1)]),
    opCase("Reshape", [x(), i64(0, 0, 20)]),
    opCase("Reshape", [x(), i64(2, 2, 3, 4, 5)]),
    opCase("Reshape", [x(), i64(-1)]),
    opCase("Reshape", [x(), i64(12, 4, 5)]),
    opCase("Reshape", [x(), i64(2, 6, 5, 4)]),
    opCase("Reshape", [randn(random, [1, 8, 1, 1]), i64(1, 8)]),
    opCase("Reshape", [randn(random, [3, 4]), i64(1, 3, 4, 1)]),
    opCase("Reshape", [randn(random, [1, 1, 4, 4]), i64(1, 16, 1, 1)]),
    opCase("Flatten", [x()]),
    opCase("Flatten", [x()], { axis: 0 }),
    opCase("Flatten", [x()], { axis: -1 }),
    opCase("Flatten", [x()], { axis: 4 }),
    opCase("Squeeze", [randn(random, [1, 5, 1, 3])], {}, { opset: 11 }),
    opCase("Squeeze", [randn(random, [1, 5, 1, 3])], { axes: [2] }, { opset: 11 }),
    opCase("Squeeze", [randn(random, [1, 5, 1, 3]), i64(-2, 0)]),
    opCase("Unsqueeze", [randn(random, [5, 3])], { axes: [0, 3] }, { opset: 11 }),
    opCase("Unsqueeze", [randn(random, [5, 3]), i64(-1)]),
    opCase("Unsqueeze", [x(), i64(2)]),
    opCase("Expand", [randn(random, [3, 1]), i64(3, 4)]),
    opCase("Expand", [randn(random, [1, 5, 1, 1]), i64(2, 1, 3, 4)]),
    opCase("Expand", [randn(random, [3]), i64(2, 2, 3)]),
    opCase("Identity", [x()]),
    opCase("Dropout", [x()]),
  ]);
});

Deno.test("views and Concat are of every type, and of no elements", async () => {
  using tester = await OpTester.create();
  const random = new Random(9);
  const cases = TYPES.flatMap((dtype) => {
    const x = () => randint(random, dtype, [2, 3, 4, 5], 0, 100);
    return [
      opCase("Reshape", [x(), i64(2, -1)]),
      opCase("Flatten", [x()]),
      opCase("Transpose", [x()], { perm: [0, 2, 3, 1] }),
      opCase("Slice", [x(), i64(3), i64(-END), i64(2), i64(-2)]),
      opCase("Squeeze", [randint(random, dtype, [2, 1, 3], 0, 100)]),
      opCase("Unsqueeze", [x(), i64(1)]),
      opCase("Split", [x()], { axis: 3, num_outputs: 2 }, { outputs: 2, opset: 18 }),
      opCase("Expand", [randint(random, dtype, [3, 1], 0, 100), i64(2, 1, 4)]),
      opCase("Concat", [x(), x()], { axis: 1 }),
      opCase("Identity", [x()], {}, { opset: 14 }),
    ];
  });
  cases.push(
    opCase("Reshape", [randn(random, [0, 3]), i64(3, 0)], { allowzero: 1 }, { opset: 14 }),
    opCase("Transpose", [randn(random, [2, 0, 3])]),
    opCase("Slice", [randn(random, [4, 3]), i64(2), i64(2), i64(0)]),
    opCase("Concat", [randn(random, [2, 0, 3]), randn(random, [2, 2, 3])], { axis: 1 }),
    opCase("Split", [randn(random, [4, 3]), i64(0, 4)], { axis: 0 }, { outputs: 2 }),
  );
  await tester.check(cases);
});

Deno.test("Dropout keeps everything, and its mask says so", async () => {
  using tester = await OpTester.create();
  const random = new Random(10);
  await tester.check([
    opCase("Dropout", [randn(random, [2, 3, 4])], {}, { outputs: 2 }),
    opCase("Dropout", [randn(random, [2, 3, 4, 3]), { constant: hostTensor("f32", [], [0.3]) }], {}, {
      outputs: 2,
    }),
    opCase("Dropout", [randn(random, [5])], { ratio: 0.25 }, { opset: 10 }),
  ]);
});

Deno.test("views of views are read rightly by kernels of every layout", async () => {
  using tester = await OpTester.create();
  const random = new Random(6);
  const chains: Case[] = [];
  for (let seed = 0; seed < 40; seed++) {
    const pick = new Random(seed);
    let shape = [pick.int(1, 2), pick.int(2, 9), pick.int(2, 6), pick.int(2, 6)];
    const one: Case = {
      name: "",
      opset: 13,
      nodes: [],
      inputs: { x: randn(random, shape) },
      initializers: {},
      outputs: ["y"],
    };
    const nodes = [...one.nodes];
    const initializers: Record<string, ReturnType<typeof i64>["constant"]> = {};
    const steps: string[] = [`[${shape.join(", ")}]`];
    let value = "x";
    const add = (
      op: string,
      attributes: Record<string, number[] | number>,
      ...constants: number[][]
    ): void => {
      const names = constants.map((values, i) => {
        initializers[`${op}${nodes.length}_${i}`] = i64(...values).constant;
        return `${op}${nodes.length}_${i}`;
      });
      const next = `v${nodes.length}`;
      nodes.push(node(op, [value, ...names], [next], attributes, { name: `n${nodes.length}` }));
      steps.push(`${op} ${JSON.stringify(constants)} ${JSON.stringify(attributes)} -> [${shape.join(", ")}]`);
      value = next;
    };
    for (let i = 0; i < 4; i++) {
      const axis = pick.int(0, shape.length - 1);
      const kind = pick.int(0, 4);
      if (kind === 0) {
        const perm = pick.shuffled(shape.map((_, at) => at));
        shape = perm.map((at) => shape[at]!);
        add("Transpose", { perm });
      } else if (kind === 1 && shape[axis]! > 1) {
        const backwards = pick.next() < 0.4;
        const start = pick.int(0, shape[axis]! - 2);
        const count = shape[axis]! - start;
        shape = shape.with(axis, count);
        if (backwards) add("Slice", {}, [count - 1], [-END], [axis], [-1]);
        else add("Slice", {}, [start], [END], [axis], [1]);
      } else if (kind === 2 && shape.length < 6) {
        shape = shape.toSpliced(axis, 0, 1);
        add("Unsqueeze", {}, [axis]);
      } else if (kind === 3 && shape.length > 2) {
        const [a, b] = [shape[0]!, shape[1]!];
        shape = [a * b, ...shape.slice(2)];
        add("Reshape", {}, shape);
      } else {
        nodes.push(node(pick.pick(["Relu", "Sigmoid", "Neg"]), [value], [`v${nodes.length}`], {}, {
          name: `n${nodes.length}`,
        }));
        value = `v${nodes.length - 1}`;
        steps.push("function");
      }
    }
    nodes.push(node("Add", [value, value], ["y"], {}, { name: "add" }));
    chains.push({ ...one, nodes, initializers, name: `seed ${seed}: ${steps.join("; ")}` });
  }
  await tester.check(chains);
});

Deno.test("a split whose parts are used takes no dispatch of its own", async () => {
  using tester = await OpTester.create();
  const random = new Random(7);
  const one: Case = {
    name: "split",
    opset: 13,
    nodes: [
      node("Split", ["x"], ["a", "b"], { axis: 1 }, { name: "split" }),
      node("Mul", ["a", "b"], ["y"], {}, { name: "mul" }),
    ],
    inputs: { x: randn(random, [1, 8, 3, 3]) },
    initializers: {},
    outputs: ["y"],
  };
  await tester.check([one]);
  const { plan } = await tester.runCase(one);
  assertEquals(plan.steps.map((step) => step.kernel.name), ["elementwise/map", "copy/planes"]);
});

Deno.test("views that cannot be are refused with the numbers", async () => {
  using tester = await OpTester.create();
  const x = randn(new Random(8), [2, 3, 4]);
  const refused = (one: Case, words: string) => assertRejects(() => tester.runCase(one), GraphError, words);
  await refused(opCase("Reshape", [x, i64(5, 5)]), "[2, 3, 4] (24 elements) does not reshape to [5, 5]");
  await refused(opCase("Reshape", [x, i64(7, -1)]), "does not reshape to [7, -1]");
  await refused(opCase("Squeeze", [x, i64(1)]), "axis 1 of [2, 3, 4] is 3, not 1");
  await refused(opCase("Transpose", [x], { perm: [0, 1] }), "perm [0, 1] is no order of 3 dimensions");
  await refused(
    opCase("Split", [x, i64(1, 1)], { axis: 2 }, { outputs: 2 }),
    "splits 4 into 2 parts of [1, 1]",
  );
  await refused(opCase("Slice", [x, i64(0), i64(1), i64(3)]), "axis 3 does not exist in rank 3");
  await refused(opCase("Slice", [x, i64(0), i64(1), i64(0), i64(0)]), "a step is 0");
  await refused(opCase("Expand", [x, i64(5)]), "[2, 3, 4] does not expand to [5]");
  const yes = { constant: hostTensor("bool", [], [1]) };
  await refused(opCase("Dropout", [x, undefined, yes]), "drops 0.5 of its input at random, as in training");
});
