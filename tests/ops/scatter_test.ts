import { assertEquals, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { node } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { type Case, i64, opCase, OpTester, randn } from "./harness.ts";
import { integers, randint, TYPES } from "./integers.ts";

const REDUCTIONS = ["none", "add", "mul", "max", "min"];

Deno.test("ScatterElements writes each update where its index says, the last one last", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  for (
    const [shape, indices, axis] of [
      [[7], [9], 0],
      [[4, 5], [4, 12], 1],
      [[4, 5], [6, 3], 0],
      [[2, 5, 3, 4], [2, 9, 3, 2], 1],
      [[2, 5, 3, 4], [1, 5, 2, 6], -1],
      [[3, 2, 2, 2, 3, 2], [2, 2, 1, 2, 5, 2], 4],
    ] as const
  ) {
    const extent = shape.at(axis)!;
    const own = randint(random, "i64", indices, -extent, extent);
    for (const reduction of REDUCTIONS) {
      for (const operand of [own, { constant: own }]) {
        cases.push(
          opCase(
            "ScatterElements",
            [randn(random, shape), operand, randn(random, indices)],
            { axis, reduction },
            { opset: 18 },
          ),
        );
      }
    }
  }
  const ints = randint(random, "i32", [3, 4], 0, 3);
  cases.push(
    opCase("ScatterElements", [randn(random, [3, 4]), ints, randn(random, [3, 4])], {}, { opset: 11 }),
    opCase("Scatter", [randn(random, [3, 4]), ints, randn(random, [3, 4])], { axis: 0 }, { opset: 9 }),
    opCase("ScatterElements", [randn(random, [3, 4]), hostTensor("i64", [0, 4], []), randn(random, [0, 4])]),
  );
  await tester.check(cases);
});

Deno.test("ScatterND writes a slice for each tuple, the last one last", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const cases: Case[] = [];
  for (
    const [shape, indices] of [
      [[7], [12, 1]],
      [[4, 5], [9, 1]],
      [[4, 4], [2, 11, 2]],
      [[3, 3, 5, 2], [2, 7, 2]],
      [[3, 3, 3], [20, 3]],
    ] as const
  ) {
    const size = indices.at(-1)!;
    const least = Math.min(...shape.slice(0, size));
    const own = randint(random, "i64", indices, -least, least);
    const updates = [...indices.slice(0, -1), ...shape.slice(size)];
    for (const reduction of REDUCTIONS) {
      for (const operand of [own, { constant: own }]) {
        cases.push(
          opCase("ScatterND", [randn(random, shape), operand, randn(random, updates)], { reduction }, {
            opset: 18,
          }),
        );
      }
    }
  }
  await tester.check(cases);
});

Deno.test("scatters are of every type", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const indices = randint(random, "i64", [3, 6], 0, 5);
  const tuples = randint(random, "i64", [6, 1], 0, 3);
  const cases = TYPES.flatMap((dtype) => [
    opCase("ScatterElements", [
      randint(random, dtype, [3, 5], 0, 100),
      indices,
      randint(random, dtype, [3, 6], 0, 100),
    ], { axis: 1 }),
    opCase("ScatterND", [randint(random, dtype, [3, 5], 0, 9), tuples, randint(random, dtype, [6, 5], 0, 9)]),
  ]);
  // Narrow integers wrap.
  for (const dtype of ["i8", "u8", "i32", "i64"] as const) {
    for (const reduction of ["add", "mul", "max"]) {
      cases.push(
        opCase(
          "ScatterElements",
          [
            randint(random, dtype, [3, 5], 0, 30),
            indices,
            randint(random, dtype, [3, 6], 0, 30),
          ],
          { axis: 1, reduction },
          { opset: 18, relative: 0 },
        ),
      );
    }
  }
  await tester.check(cases);
});

Deno.test("a line of updates longer than one dispatch may walk is combined in order", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const count = 70_000;
  const indices = randint(random, "i64", [count], 0, 3);
  const updates = randint(random, "i32", [count], -5, 5);
  const data = randint(random, "i32", [3], 0, 9);
  await tester.check([
    opCase("ScatterElements", [data, indices, updates], { reduction: "add" }, { opset: 18, relative: 0 }),
    opCase("ScatterElements", [data, indices, updates], {}, { opset: 18, relative: 0 }),
  ]);
});

Deno.test("scatters of constants are folded", async () => {
  using tester = await OpTester.create();
  const random = new Random(5);
  const folded = (op: string, operands: HostTensor[], reduction: string): Case => ({
    name: `${op} ${reduction} of constants of ${operands[0]!.dtype}`,
    opset: 18,
    nodes: [
      node(op, ["x", "i", "u"], ["s"], { reduction }, { name: "scatter" }),
      node("Concat", ["s", "rest"], ["y"], { axis: 0 }, { name: "concat" }),
    ],
    inputs: { rest: randint(random, operands[0]!.dtype, [1, 3], 0, 5) },
    initializers: { x: operands[0]!, i: operands[1]!, u: operands[2]! },
    outputs: ["y"],
  });
  const cases = (["f32", "i64", "u8"] as const).flatMap((dtype) =>
    REDUCTIONS.flatMap((reduction) => {
      const of = (...shape: number[]) => randint(random, dtype, shape, 1, 20);
      return [
        folded("ScatterElements", [of(4, 3), randint(random, "i64", [5, 2], -4, 4), of(5, 2)], reduction),
        folded("ScatterND", [of(4, 3), randint(random, "i64", [5, 1], -4, 4), of(5, 3)], reduction),
      ];
    })
  );
  await tester.check(cases);
});

Deno.test("a constant scatter that replaces is one dispatch", async () => {
  using tester = await OpTester.create();
  const x = randn(new Random(6), [4, 3]);
  const one = opCase("ScatterND", [
    x,
    { constant: hostTensor("i64", [2, 1], [1, 3]) },
    randn(new Random(7), [2, 3]),
  ]);
  const { plan } = await tester.runCase(one);
  assertEquals(plan.steps.map((step) => step.kernel.name), ["scatter/select"]);
});

Deno.test("scatters that do not fit are refused with the numbers", async () => {
  using tester = await OpTester.create();
  const x = randn(new Random(8), [2, 3]);
  const refused = (one: Case, words: string) => assertRejects(() => tester.runCase(one), GraphError, words);
  await refused(
    opCase("ScatterElements", [x, i64(0), randn(new Random(1), [1])]),
    "updates of [1] by indices of [1] do not fit data of [2, 3]",
  );
  await refused(
    opCase("ScatterND", [x, hostTensor("i64", [1, 1], [0]), randn(new Random(1), [1, 2])]),
    "updates are [1, 2], but indices of [1, 1] into data of [2, 3] need [1, 3]",
  );
  await refused(
    opCase("ScatterElements", [
      randn(new Random(1), [3]),
      { constant: integers(5) },
      randn(new Random(1), [1]),
    ]),
    "index 5 is outside an axis of 3",
  );
});
