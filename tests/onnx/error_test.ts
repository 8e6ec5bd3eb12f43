import { assertEquals, assertStringIncludes } from "@std/assert";
import { OnnxError } from "../../src/onnx/error.ts";

Deno.test("OnnxError puts one problem behind its message, and several into a list", () => {
  assertEquals(new OnnxError("Cannot read it").problems, ["Cannot read it"]);
  assertEquals(
    new OnnxError("Cannot read it", { problems: ["too short"] }).message,
    "Cannot read it: too short",
  );
  const error = new OnnxError("Cannot read it", { problems: ["too short", "too wide"], cause: 5 });
  assertEquals(error.message, "Cannot read it:\n  - too short\n  - too wide");
  assertEquals([error.problems, error.cause, error.name], [["too short", "too wide"], 5, "OnnxError"]);
});

Deno.test("OnnxError shows the first 30 of many problems and keeps all", () => {
  const problems = Array.from({ length: 100 }, (_, i) => `problem ${i}`);
  const error = new OnnxError("Cannot read it", { problems });
  assertEquals(error.problems.length, 100);
  assertEquals(error.message.split("\n").length, 32);
  assertStringIncludes(error.message, "problem 29\n  - and 70 more");
});
