/**
 * Checks operators whose output's size depends on data: trimmed to what means something, against ONNX Runtime.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Session } from "../../src/graph/session.ts";
import { assertClose } from "../support/compare.ts";
import { runOrt } from "../support/ort.ts";
import { type Case, caseModel, type OpTester } from "./harness.ts";

/** Checks each case on its own, twice over the same memory. */
export async function checkCounted(tester: OpTester, cases: readonly Case[]): Promise<void> {
  for (const one of cases) {
    const model = caseModel(one);
    const expected = await runOrt(model, one.inputs, { graphOptimizationLevel: "disabled" });
    using session = await Session.load(tester.device, model);
    for (const run of ["first run", "second run"]) {
      const outputs = await session.run(one.inputs);
      for (const name of one.outputs) {
        assertClose(outputs[name]!, expected[name]!, {
          relative: one.relative ?? 0,
          context: `${run} of ${one.name}`,
        });
      }
    }
    await checkBehindCount(tester, one, expected);
  }
}

/** In memory that holds large numbers, whatever lies behind the count is zero. */
async function checkBehindCount(
  tester: OpTester,
  one: Case,
  expected: Awaited<ReturnType<typeof runOrt>>,
): Promise<void> {
  if (one.nodes.length !== 1) return;
  const { outputs } = await tester.runCase(one);
  for (const name of one.outputs) {
    const { shape, data } = outputs[name]!;
    const live = expected[name]!.shape;
    const behind = Array.from(data, Number).filter((_, i) => {
      let rest = i;
      return shape.toReversed().some((extent, back) => {
        const at = rest % extent;
        rest = Math.floor(rest / extent);
        return at >= live.at(-1 - back)!;
      });
    });
    assertEquals(behind.filter((value) => value !== 0), [], `${name} of ${one.name}, behind the count`);
  }
}
