import { assert, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { node } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { type Case, opCase, OpTester, randn } from "./harness.ts";
import { randint } from "./integers.ts";

const ONE: readonly (readonly [string, readonly number[]])[] = [
  ["ij->ji", [3, 5]],
  ["ii->i", [4, 4]],
  ["ii", [4, 4]],
  ["bii->b", [3, 4, 4]],
  ["ij->", [3, 5]],
  ["ij->i", [3, 5]],
  ["...ij->...ji", [2, 3, 4, 5]],
  ["...i->...", [2, 3, 7]],
  ["ba", [2, 3]],
  ["abc -> cb", [2, 3, 4]],
  ["ijij->ij", [2, 3, 2, 3]],
];

const TWO: readonly (readonly [string, readonly number[], readonly number[]])[] = [
  ["ij,jk->ik", [3, 4], [4, 5]],
  ["ij,jk", [3, 4], [4, 5]],
  ["bij,bjk->bik", [2, 3, 4], [2, 4, 5]],
  ["bhid,bhjd->bhij", [2, 3, 9, 8], [2, 3, 11, 8]],
  ["bhij,bhjd->bhid", [2, 3, 9, 12], [2, 3, 12, 8]],
  ["bqnc,bnchw->bqnhw", [1, 10, 2, 8], [1, 2, 8, 4, 6]],
  ["bqc,bchw->bqhw", [2, 9, 16], [2, 16, 5, 4]],
  ["nkctv,kvw->nctw", [2, 3, 4, 5, 6], [3, 6, 6]],
  ["...ij,...jk->...ik", [2, 3, 4, 5], [2, 3, 5, 6]],
  ["i,i->", [7], [7]],
  ["i,j->ij", [3], [4]],
  ["ij,ij->ij", [3, 4], [3, 4]],
  ["ij,ik->jk", [5, 3], [5, 4]],
  ["ij,jk->ki", [3, 4], [4, 5]],
  ["ij,kl->i", [3, 4], [2, 5]],
  ["ii,ij->j", [4, 4], [4, 3]],
  ["bhwc,hkc->bhwk", [2, 3, 4, 8], [3, 5, 8]],
  ["ij,jk->ik", [3, 1], [4, 5]],
];

Deno.test("Einsum of one operand sums, transposes and takes diagonals", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  await tester.check(ONE.map(([equation, shape]) => opCase("Einsum", [randn(random, shape)], { equation })));
});

Deno.test("Einsum of two operands is a product of views, constant ones too", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  await tester.check(TWO.flatMap(([equation, a, b]) => [
    opCase("Einsum", [randn(random, a), randn(random, b)], { equation }),
    opCase("Einsum", [randn(random, a), { constant: randn(random, b) }], { equation }),
  ]));
});

Deno.test("Einsum of constants is folded, of integers exact", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const whole = (shape: readonly number[]) => randint(random, "i32", shape, -50, 51);
  await tester.check([
    { ...opCase("Einsum", [whole([3, 4]), whole([4, 5])], { equation: "ij,jk->ki" }), relative: 0 },
    { ...opCase("Einsum", [whole([4, 4])], { equation: "ii->" }), relative: 0 },
  ]);
  for (const [equation, a, b] of [...ONE, ...TWO]) {
    const inputs = b ? ["a", "b"] : ["a"];
    const one: Case = {
      name: `folded ${equation} of [${a}], [${b}]`,
      opset: 13,
      nodes: [
        node("Einsum", inputs, ["e"], { equation }, { name: "einsum" }),
        node("Mul", ["x", "e"], ["y"], {}, { name: "mul" }),
      ],
      inputs: { x: randn(random, [1]) },
      initializers: { a: randn(random, a), ...(b && { b: randn(random, b) }) },
      outputs: ["y"],
    };
    await tester.check([one]);
    const { plan } = await tester.runCase(one);
    assert(plan.steps.every((step) => step.node.op !== "Einsum"), one.name);
  }
});

Deno.test("Einsum refuses equations that do not fit", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const [a, b] = [randn(random, [3, 4]), randn(random, [5, 6])];
  const refuse = (equation: string, operands: (typeof a)[], message: string) =>
    assertRejects(() => tester.runCase(opCase("Einsum", operands, { equation })), GraphError, message);
  await refuse("ij,jk->ik", [a, b], `dimension "j" of "ij,jk->ik" is 4 and 5`);
  await refuse("ijk->i", [a], "does not describe [3, 4]");
  await refuse("ij->k", [a], "no operand has");
  await refuse("ij,jk,kl->il", [a, b, a], "has 3 operands");
});
