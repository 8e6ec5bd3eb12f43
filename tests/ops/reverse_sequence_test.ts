import { assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { Random } from "../support/random.ts";
import { foldedCase } from "./folded.ts";
import { type Case, opCase, OpTester, randn } from "./harness.ts";
import { integers, randint } from "./integers.ts";

Deno.test("ReverseSequence turns the beginning of each sequence round", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  for (const rest of [[], [3], [2, 3]]) {
    const lengths = integers(1, 3, 5, 4);
    for (const operand of [lengths, { constant: lengths }]) {
      cases.push(
        opCase("ReverseSequence", [randn(random, [5, 4, ...rest]), operand]),
        opCase("ReverseSequence", [randn(random, [4, 5, ...rest]), operand], { time_axis: 1, batch_axis: 0 }),
      );
    }
  }
  const x = randint(random, "f32", [3, 2, 2], 0, 99);
  cases.push(foldedCase("ReverseSequence", [x, integers(2, 3)], randn(random, [1, 2, 2])));
  await tester.check(cases);
});

Deno.test("ReverseSequence without a length for each sequence is refused", async () => {
  using tester = await OpTester.create();
  await assertRejects(
    () => tester.runCase(opCase("ReverseSequence", [randn(new Random(1), [4, 3]), integers(1, 2)])),
    GraphError,
    "[2] lengths do not fit [4, 3] with time axis 0 and batch axis 1",
  );
});
