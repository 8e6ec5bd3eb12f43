import { assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { node } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { type Case, opCase, OpTester, randn } from "./harness.ts";
import { randint } from "./integers.ts";

Deno.test("ArgMax and ArgMin find the first or last extreme along any axis", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  for (const op of ["ArgMax", "ArgMin"]) {
    for (const axis of [0, 1, 2, -1]) {
      for (const keepdims of [0, 1]) {
        for (const select_last_index of [0, 1]) {
          const attributes = { axis, keepdims, select_last_index };
          cases.push(
            opCase(op, [randn(random, [2, 5, 3, 7])], attributes, { relative: 0 }),
            // Many are equal.
            opCase(op, [randint(random, "i32", [3, 9, 4, 5], 0, 3)], attributes, { relative: 0 }),
          );
        }
      }
    }
    for (const extent of [1, 31, 33, 500, 3000, 100_000]) {
      cases.push(
        opCase(op, [randn(random, [2, extent])], { axis: 1 }, { relative: 0 }),
        opCase(op, [randint(random, "f32", [extent], 0, 4)], { select_last_index: 1 }, { relative: 0 }),
      );
    }
    for (const dtype of ["i8", "u8", "f32"] as const) {
      cases.push(opCase(op, [randint(random, dtype, [4, 6], 0, 90)], { axis: 1 }, { relative: 0 }));
    }
    cases.push(opCase(op, [randn(random, [3, 4])], {}, { opset: 11 }));
  }
  await tester.check(cases);
});

Deno.test("ArgMax of what lies transposed, and of constants", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  await tester.check([
    {
      name: "ArgMax of a transposition of a slice",
      opset: 13,
      nodes: [
        node("Transpose", ["x"], ["t"], { perm: [0, 2, 3, 1] }, { name: "transpose" }),
        node("ArgMax", ["t"], ["y"], { axis: 3, keepdims: 0 }, { name: "arg" }),
      ],
      inputs: { x: randn(random, [2, 19, 6, 5]) },
      initializers: {},
      outputs: ["y"],
    },
    {
      name: "ArgMax of a constant",
      opset: 13,
      nodes: [
        node("ArgMax", ["c"], ["m"], { axis: 1, select_last_index: 1 }, { name: "arg" }),
        node("Concat", ["m", "x"], ["y"], { axis: 1 }, { name: "concat" }),
      ],
      inputs: { x: randint(random, "i64", [3, 2, 4], 0, 9) },
      initializers: { c: randint(random, "i32", [3, 7, 4], 0, 3) },
      outputs: ["y"],
    },
  ]);
});

Deno.test("ArgMax of nothing is refused", async () => {
  using tester = await OpTester.create();
  await assertRejects(
    () => tester.runCase(opCase("ArgMax", [randn(new Random(1), [2, 0])], { axis: 1 })),
    GraphError,
    "axis 1 of [2, 0] has no elements to choose from",
  );
});
