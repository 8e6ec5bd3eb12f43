import { assertEquals, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { Random } from "../support/random.ts";
import { foldedCase } from "./folded.ts";
import { type Case, i64, opCase, OpTester, randn } from "./harness.ts";
import { integers, randint, TYPES } from "./integers.ts";

Deno.test("Tile repeats along every axis, of every type and rank", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [
    opCase("Tile", [randn(random, [2, 5, 3, 4]), i64(1, 2, 3, 1)]),
    opCase("Tile", [randn(random, [2, 5, 3, 4]), i64(2, 1, 1, 2)]),
    opCase("Tile", [randn(random, [3]), i64(4)]),
    opCase("Tile", [randn(random, [3, 1]), i64(1, 5)]),
    opCase("Tile", [randn(random, [1, 1, 6]), i64(3, 2, 1)]),
    opCase("Tile", [randn(random, [2, 3]), i64(0, 2)]),
    opCase("Tile", [randn(random, [2, 3, 2, 2, 2]), i64(2, 2, 2, 2, 2)]),
    opCase("Tile", [randn(random, [2, 1, 2, 2, 1, 2, 2]), i64(2, 2, 1, 3, 2, 2, 2)]),
  ];
  for (const dtype of TYPES.filter((dtype) => dtype !== "f16")) {
    cases.push(opCase("Tile", [randint(random, dtype, [2, 3], 0, 100), i64(2, 2)]));
  }
  cases.push(
    foldedCase(
      "Tile",
      [randint(random, "i64", [2, 3], 0, 100), integers(2, 2)],
      randint(random, "i64", [1, 6], 0, 9),
    ),
  );
  await tester.check(cases);
});

Deno.test("Tile of axes of one element takes no dispatch of its own", async () => {
  using tester = await OpTester.create();
  const { plan } = await tester.runCase(
    opCase("Tile", [randn(new Random(1), [1, 5, 1, 1]), i64(1, 1, 3, 4)]),
  );
  assertEquals(plan.steps.map((step) => step.kernel.name), ["copy/planes"]);
});

Deno.test("Tile by too few numbers is refused", async () => {
  using tester = await OpTester.create();
  await assertRejects(
    () => tester.runCase(opCase("Tile", [randn(new Random(1), [2, 3]), i64(2)])),
    GraphError,
    "repeats [2, 3] by [2]",
  );
});
