import { assertEquals, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { type Case, i64, opCase, OpTester, randn } from "./harness.ts";
import { randint } from "./integers.ts";

const BOTH = { outputs: 2, relative: 0 };

Deno.test("TopK sorts rows of any length, equal elements in their order", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  for (const extent of [1, 2, 5, 64, 65, 512, 513, 1000, 2049]) {
    for (const k of new Set([1, Math.ceil(extent / 3), extent])) {
      for (const largest of [0, 1]) {
        cases.push(
          opCase("TopK", [randn(random, [3, extent]), i64(k)], { largest }, BOTH),
          opCase("TopK", [randint(random, "f32", [2, extent], -3, 3), i64(k)], { largest }, BOTH),
        );
      }
    }
  }
  await tester.check(cases);
});

Deno.test("TopK takes any axis, type and operator set", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const cases: Case[] = [];
  for (const axis of [0, 1, 2, 3, -2]) {
    cases.push(
      opCase("TopK", [randn(random, [3, 5, 4, 6]), i64(2)], { axis }, BOTH),
      opCase("TopK", [randint(random, "i32", [3, 5, 4, 6], -4, 4), i64(3)], { axis, largest: 0 }, BOTH),
    );
  }
  cases.push(
    opCase("TopK", [randint(random, "i64", [2, 700], -1000, 1000), i64(9)], {}, BOTH),
    opCase("TopK", [randn(random, [3, 8])], { k: 3, axis: 1 }, { ...BOTH, opset: 9 }),
    opCase("TopK", [randn(random, [3, 8]), i64(3)], { axis: 1 }, { ...BOTH, opset: 10 }),
    opCase("TopK", [randn(random, [3, 8]), i64(0)], { axis: 1 }, BOTH),
    opCase("TopK", [hostTensor("f32", [1, 6], [0, -0, -Infinity, 1, Infinity, -0]), i64(6)], {}, BOTH),
  );
  await tester.check(cases);
});

Deno.test("TopK of 100,000 elements, a few and all of them", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  await tester.check([
    opCase("TopK", [randn(random, [100_000]), i64(300)], {}, BOTH),
    opCase("TopK", [randint(random, "f32", [1, 100_000], 0, 5000), i64(100_000)], {}, BOTH),
  ]);
});

Deno.test("NaN goes before everything in TopK, and every place is filled", async () => {
  using tester = await OpTester.create();
  const x = hostTensor("f32", [5], [1, NaN, 3, NaN, 2]);
  const { outputs } = await tester.runCase(opCase("TopK", [x, i64(5)], {}, BOTH));
  assertEquals([...outputs.y1!.data], [1n, 3n, 2n, 4n, 0n]);
  assertEquals([...outputs.y0!.data], [NaN, NaN, 3, 2, 1]);
});

Deno.test("TopK of constants, and one of whose outputs only one is used", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  await tester.check([
    {
      name: "folded",
      opset: 13,
      nodes: [
        node("TopK", ["c", "k"], ["v", "i"], { axis: 1 }, { name: "top" }),
        node("Concat", ["v", "x"], ["y"], { axis: 1 }, { name: "concat" }),
        node("Concat", ["i", "z"], ["w"], { axis: 1 }, { name: "concat2" }),
      ],
      inputs: { x: randn(random, [3, 2, 4]), z: randint(random, "i64", [3, 2, 4], 0, 9) },
      initializers: { c: randint(random, "f32", [3, 7, 4], 0, 5), k: i64(4).constant },
      outputs: ["y", "w"],
    },
    ...["v", "i"].map((output): Case => ({
      name: `only ${output} is an output`,
      opset: 13,
      nodes: [node("TopK", ["x", "k"], ["v", "i"], { axis: 0 }, { name: "top" })],
      inputs: { x: randn(random, [7, 3]) },
      initializers: { k: i64(4).constant },
      outputs: [output],
    })),
  ]);
});

Deno.test("TopK refuses more elements than there are", async () => {
  using tester = await OpTester.create();
  await assertRejects(
    () => tester.runCase(opCase("TopK", [randn(new Random(1), [2, 3]), i64(4)], {}, BOTH)),
    GraphError,
    "takes 4 elements along axis 1 of [2, 3]",
  );
});
