import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { allOperators, MADE_BY_PASSES } from "../../src/ops/registry.ts";
import { nameOf } from "../../tools/fuzz/case.ts";
import { GENERATORS } from "../../tools/fuzz/generators.ts";
import { failureText, fuzz } from "../../tools/fuzz_ops.ts";

Deno.test("every operator that can be lowered has a generator of random cases", () => {
  const drawn = new Set(GENERATORS.map(nameOf));
  const missing = allOperators()
    .filter((operator) => operator.lower && !MADE_BY_PASSES.has(operator.op))
    .map(nameOf)
    .filter((name) => !drawn.has(name));
  assertEquals(missing, [], "add a generator to a file of tools/fuzz");
  assertEquals(drawn.size, GENERATORS.length, "an operator has two generators");
});

Deno.test("random cases of all operators give what ONNX Runtime gives", async () => {
  const failures: string[] = [];
  const summary = await fuzz({
    seed: 2024,
    cases: 400,
    report: (outcome, rerun) => failures.push(failureText(outcome, rerun)),
  });
  assertEquals(failures, []);
  assertEquals(summary.failed, 0);
  assertGreater(summary.passed, 300);
  assertLess(summary.refused, 40, "ONNX Runtime refuses too many of the cases to tell much");
});
