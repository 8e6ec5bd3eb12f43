import { assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { Random } from "../support/random.ts";
import { foldedCase } from "./folded.ts";
import { type Case, i64, opCase, OpTester, randn } from "./harness.ts";
import { randint } from "./integers.ts";

Deno.test("CumSum sums along any axis, both ways, with and without the element", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  for (const reverse of [0, 1]) {
    for (const exclusive of [0, 1]) {
      const attributes = { reverse, exclusive };
      for (const axis of [0, 1, 2, -1]) {
        cases.push(opCase("CumSum", [randn(random, [3, 5, 4]), i64(axis)], attributes));
      }
      cases.push(
        opCase("CumSum", [randn(random, [2, 5, 3, 3]), i64(1)], attributes),
        opCase("CumSum", [randn(random, [7]), { constant: hostTensor("i32", [], [0]) }], attributes, {
          opset: 11,
        }),
        opCase("CumSum", [randint(random, "i32", [4, 9], -50, 50), i64(1)], attributes, { relative: 0 }),
        opCase("CumSum", [randint(random, "i64", [70_000], -9, 9), i64(0)], attributes, { relative: 0 }),
        opCase("CumSum", [randn(random, [2, 0]), i64(1)], attributes),
      );
      for (const dtype of ["f32", "i64"] as const) {
        const [x, rest] = [randint(random, dtype, [3, 4, 2], -9, 9), randint(random, dtype, [1, 4, 2], 0, 9)];
        cases.push(foldedCase("CumSum", [x, hostTensor("i64", [], [1])], rest, attributes));
      }
    }
  }
  await tester.check(cases);
});

Deno.test("CumSum along an axis that is not there is refused", async () => {
  using tester = await OpTester.create();
  await assertRejects(
    () => tester.runCase(opCase("CumSum", [randn(new Random(1), [4]), i64(1)])),
    GraphError,
    "axis 1 does not exist in rank 1",
  );
});

Deno.test("CumSum of narrow integers, which ONNX does not have and its kernel would not wrap, is refused", async () => {
  using tester = await OpTester.create();
  const x = randint(new Random(5), "i8", [3, 4], 100, 127);
  await assertRejects(
    () => tester.runCase(opCase("CumSum", [x, i64(1)])),
    GraphError,
    "its input is i8 and computed while the network runs, where it takes f32, f16, i32, i64",
  );
});
