import { assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { Random } from "../support/random.ts";
import { type Case, f32, i64, opCase, OpTester, randn } from "./harness.ts";

Deno.test("Pad fills, repeats, mirrors and crops, on images and on anything else", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  const table: [shape: number[], pads: number[]][] = [
    [[2, 3, 5, 6], [0, 0, 1, 2, 0, 0, 3, 0]],
    [[1, 8, 4, 5], [0, 0, 0, 1, 0, 0, 2, 1]],
    [[2, 5, 4, 3], [1, 2, 0, 0, 0, 1, 1, 0]],
    [[3, 4, 5], [0, 1, 2, 0, 0, 1]],
    [[4, 6], [1, 2, 2, 3]],
    [[7], [2, 5]],
    [[2, 3, 3, 3, 4], [0, 1, 1, 0, 0, 1, 0, 2, 1, 2]],
  ];
  for (const mode of ["constant", "edge", "reflect"]) {
    for (const [shape, all] of table) {
      const pads = mode === "reflect"
        ? all.map((pad, i) => Math.min(pad, shape[i % shape.length]! - 1))
        : all;
      const x = randn(random, shape);
      cases.push(
        opCase("Pad", [x], { mode, pads, ...(mode === "constant" && { value: 1.5 }) }, { opset: 2 + 7 }),
        opCase("Pad", [x, i64(...pads), mode === "constant" ? f32(-2) : undefined], { mode }),
      );
    }
  }
  const x = randn(random, [2, 5, 6, 7]);
  cases.push(
    opCase("Pad", [x, i64(0, 0, -1, -2, 0, 0, -1, 0)], {}),
    opCase("Pad", [x, i64(0, -1, 1, -2, 0, -2, -1, 3)], {}),
    opCase("Pad", [x, i64(0, 0, -1, 2, 0, 0, 3, -1)], { mode: "edge" }),
    opCase("Pad", [x, i64(0, 0, 0, 0, 0, 0, 0, 0)], {}),
    opCase("Pad", [x, i64(1, 2, 2, 0), f32(3), i64(2, 3)], {}, { opset: 18 }),
    opCase("Pad", [x, i64(1, 1, 2, 3), undefined, i64(-1, 1)], { mode: "reflect" }, { opset: 18 }),
    opCase("Pad", [x, i64(3, 2), undefined, i64(-1)], { mode: "wrap" }, { opset: 19 }),
    opCase("Pad", [x, i64(0, 2, 0, 0, 0, 1, 0, 0)], { mode: "wrap" }, { opset: 19 }),
  );
  await tester.check(cases);
});

Deno.test("Pad refuses to mirror beyond the input and amounts that do not match its dimensions", async () => {
  using tester = await OpTester.create();
  const x = randn(new Random(2), [1, 3, 4, 4]);
  const refused = (one: Case, words: string) => assertRejects(() => tester.runCase(one), GraphError, words);
  await refused(
    opCase("Pad", [x, i64(0, 0, 4, 0, 0, 0, 0, 0)], { mode: "reflect" }),
    "pads dimension 2 of 4",
  );
  await refused(opCase("Pad", [x, i64(0, 0, -3, 0, 0, 0, -2, 0)], {}), "pads dimension 2 of 4");
  await refused(opCase("Pad", [x, i64(1, 1)], {}), "2 pads are given for 4 dimensions");
  await refused(
    opCase("Pad", [x, i64(0, 0, 0, 0, 0, 0, 0, 0)], { mode: "smear" }),
    'mode "smear" is unknown',
  );
});
