import { assertEquals } from "@std/assert";
import { loadGraph } from "../../src/graph/load.ts";
import { findUnsupported } from "../../src/graph/unsupported.ts";
import { allOperators, findOperator, MADE_BY_PASSES } from "../../src/ops/registry.ts";
import { node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { OpTester } from "./harness.ts";
import { allOperatorCases } from "./operator_cases.ts";

/** What ONNX Runtime has not got yet. */
const TOO_NEW = "Swish";

Deno.test("every operator of the registry has a case, and every case gives what ONNX Runtime gives", async () => {
  const cases = allOperatorCases(new Random(1));
  const covered = new Set(cases.map(({ op }) => op));
  const missing = allOperators().map(({ op }) => op).filter((op) =>
    !covered.has(op) && !MADE_BY_PASSES.has(op) && op !== TOO_NEW
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

Deno.test("a file that holds what only passes make is refused", async () => {
  for (const op of MADE_BY_PASSES) {
    const graph = await loadGraph(onnxModel({
      inputs: [tensorInfo("x", "f32", [1, 4])],
      outputs: ["y"],
      nodes: [node(op, ["x"], ["y"])],
    }));
    assertEquals(findUnsupported(graph).map(({ op, reason }) => [op, reason]), [[
      op,
      "no such operator here",
    ]]);
  }
});

Deno.test("the span of operator sets of every operator is in order", () => {
  for (const { op, opsets: [first, last] } of allOperators()) {
    assertEquals(first >= 1 && first <= last, true, `${op}: ${first} to ${last}`);
  }
});
