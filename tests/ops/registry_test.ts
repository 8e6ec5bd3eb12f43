import { assertEquals } from "@std/assert";
import { allOperators, findOperator } from "../../src/ops/registry.ts";
import { Random } from "../support/random.ts";
import { OpTester } from "./harness.ts";
import { allOperatorCases } from "./operator_cases.ts";

/** Operators that passes make of others, and Swish, which ONNX Runtime has not got yet. */
const MADE_BY_PASSES = ["Pointwise", "Silu", "Swish", "QuantisedTable", "NormalizeRows", "NormalizeGroups"];

Deno.test("every operator of the registry has a case, and every case gives what ONNX Runtime gives", async () => {
  const cases = allOperatorCases(new Random(1));
  const covered = new Set(cases.map(({ op }) => op));
  const missing = allOperators().map(({ op }) => op).filter((op) =>
    !covered.has(op) && !MADE_BY_PASSES.includes(op)
  );
  assertEquals(missing, [], "add a case to tests/ops/operator_cases.ts");
  using tester = await OpTester.create();
  await tester.check(cases.map(({ one }) => one));
});

Deno.test("operators are found by name and domain, ONNX's own under both its names", () => {
  assertEquals(findOperator({ op: "Conv", domain: "" })?.op, "Conv");
  assertEquals(findOperator({ op: "Conv", domain: "ai.onnx" })?.op, "Conv");
  assertEquals(findOperator({ op: "Conv", domain: "com.example" }), undefined);
  assertEquals(findOperator({ op: "Nothing", domain: "" }), undefined);
});

Deno.test("the span of operator sets of every operator is in order", () => {
  for (const { op, opsets: [first, last] } of allOperators()) {
    assertEquals(first >= 1 && first <= last, true, `${op}: ${first} to ${last}`);
  }
});
