import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import { conformance } from "../../tools/conformance.ts";
import { testWithShared } from "../support/shared.ts";

testWithShared(
  "ONNX's conformance cases pass, all but what is out of scope",
  "onnx-node-tests",
  async (folder) => {
    const lines: string[] = [];
    const outcomes = await conformance(folder, {}, { print: (line) => lines.push(line) });
    assertEquals(outcomes.filter(({ verdict }) => verdict === "failed"), []);
    const passed = outcomes.filter(({ verdict }) => verdict === "passed").length;
    assertGreaterOrEqual(passed, 1600, lines.at(-1));
  },
);
