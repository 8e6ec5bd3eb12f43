import { assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { Random } from "../support/random.ts";
import { type Case, opCase, OpTester, randn } from "./harness.ts";

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
