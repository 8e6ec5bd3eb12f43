import { assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { Random } from "../support/random.ts";
import { foldedCase } from "./folded.ts";
import { type Case, opCase, OpTester, randn } from "./harness.ts";
import { randint } from "./integers.ts";

Deno.test("Trilu keeps a triangle of every matrix", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  for (const shape of [[4, 5], [5, 3], [2, 3, 4, 4], [3, 1, 6], [2, 0]]) {
    for (const upper of [0, 1]) {
      cases.push(opCase("Trilu", [randn(random, shape)], { upper }, { opset: 14 }));
      for (const k of [-100, -2, 0, 1, 3, 100]) {
        const diagonal = { constant: hostTensor("i64", [], [k]) };
        cases.push(opCase("Trilu", [randn(random, shape), diagonal], { upper }, { opset: 14 }));
      }
    }
  }
  for (const dtype of ["i64", "bool"] as const) {
    cases.push(opCase("Trilu", [randint(random, dtype, [2, 4, 5], 0, 9)], {}, { opset: 14 }));
    const rest = randint(random, dtype, [1, 5], 0, 9);
    cases.push(
      foldedCase("Trilu", [randint(random, dtype, [4, 5], 1, 9), hostTensor("i64", [], [1])], rest, {
        upper: 0,
      }),
    );
  }
  await tester.check(cases);
});

Deno.test("Trilu of a row is refused", async () => {
  using tester = await OpTester.create();
  await assertRejects(
    () => tester.runCase(opCase("Trilu", [randn(new Random(1), [4])], {}, { opset: 14 })),
    GraphError,
    "its input is [4], no matrix",
  );
});
