import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { drawCase, drawCaseOf, type FuzzCase } from "../../tools/fuzz/case.ts";
import { Draw } from "../../tools/fuzz/draw.ts";
import { generator } from "../../tools/fuzz/generator.ts";
import { GENERATORS } from "../../tools/fuzz/generators.ts";
import { FuzzRunner, judge, type Outcome } from "../../tools/fuzz/run.ts";
import { failureText, knownGenerators, rerunLine } from "../../tools/fuzz_ops.ts";

const relu = generator("Relu", [7, 13, 14], (d) => ({ operands: [d.floats([2, 3])] }));

Deno.test("a case depends on seed, operator and number alone", () => {
  for (let index = 0; index < 50; index++) {
    const one = drawCase(9, index, GENERATORS);
    assertEquals(drawCase(9, index, GENERATORS), one);
    // As the line that reruns it draws it: of its own operator's generator only.
    const own = GENERATORS.find(({ op, domain }) => (domain ? `${domain}/${op}` : op) === one.op)!;
    assertEquals(drawCaseOf(9, index, own), one);
  }
  const [one, other] = [drawCase(9, 1, [relu]), drawCase(10, 1, [relu])];
  assert(String(Object.values(one.inputs)[0]?.data) !== String(Object.values(other.inputs)[0]?.data));
});

Deno.test("where ties are known, one element of 500 may differ by one, and no more", () => {
  const drawn = generator("QLinearAdd", [1], () => ({ operands: [], ties: true })).draw;
  const one = { ...drawCase(9, 1, [relu]), outputs: ["y"], drawn: drawn(new Draw(1, 1)) } as FuzzCase;
  const verdict = (count: number, ...changes: [at: number, by: number][]): string => {
    const expected = new Int32Array(count).fill(7);
    const actual = expected.slice();
    for (const [at, by] of changes) actual[at]! += by;
    const tensor = (data: Int32Array<ArrayBuffer>) => ({ y: hostTensor("i32", [count], data) });
    return judge(one, tensor(actual), tensor(expected)).result;
  };
  assertEquals(verdict(10, [3, 1]), "passed");
  assertEquals(verdict(10, [3, 2]), "differs");
  assertEquals(verdict(10, [3, 1], [4, -1]), "differs");
  assertEquals(verdict(1000, [3, 1], [4, -1]), "passed");
  assertEquals(verdict(1000, [3, 1], [4, -1], [5, 1]), "differs");
});

Deno.test("operator sets are drawn from an operator's first to its last form", () => {
  const old = { ...generator("Scatter", [9], relu.draw), until: 10 };
  const sets = new Set(Array.from({ length: 60 }, (_, i) => drawCaseOf(1, i, old).opset));
  assertEquals([...sets].sort((a, b) => a - b), [9, 10]);
  const forms = new Set(Array.from({ length: 200 }, (_, i) => drawCaseOf(1, i, relu).opset));
  assert([7, 13, 14, 24].every((set) => forms.has(set)), [...forms].join());
});

Deno.test("shapes that broadcast do", () => {
  const d = new Draw(3, 13);
  for (let i = 0; i < 200; i++) {
    const shapes = d.broadcast(3);
    const rank = Math.max(...shapes.map((shape) => shape.length));
    for (let axis = 1; axis <= rank; axis++) {
      const extents = new Set(shapes.map((shape) => shape.at(-axis) ?? 1).filter((extent) => extent !== 1));
      assert(extents.size <= 1, JSON.stringify(shapes));
    }
  }
});

Deno.test("a runner tells cases that pass, that an engine refuses, and that differ", async () => {
  using runner = await FuzzRunner.create();
  const outcomes = new Map<string, Outcome>();
  const cases = [
    drawCaseOf(1, 0, relu),
    // ONNX knows no such attribute value.
    drawCaseOf(
      1,
      0,
      generator("DepthToSpace", [13], (d) => ({
        operands: [d.floats([1, 3, 2, 2])],
        attributes: { blocksize: 2 },
      })),
    ),
    // The engine does not know this one.
    drawCaseOf(1, 0, generator("Hamming", [13], (d) => ({ operands: [d.floats([2])] }))),
  ];
  for await (const outcome of runner.check(cases)) outcomes.set(outcome.one.op, outcome);
  assertEquals(outcomes.get("Relu")?.result, "passed");
  assertEquals(outcomes.get("DepthToSpace")?.result, "refused");
  assertEquals(outcomes.get("Hamming")?.result, "refused");
});

Deno.test("results that are off, of another type, or of another shape are told", () => {
  const one: FuzzCase = { ...drawCaseOf(1, 0, relu), outputs: ["y0"] };
  const y = (values: number[], shape = [2]) => ({ y0: hostTensor("f32", shape, values) });
  assertEquals(judge(one, y([1, 2]), y([1, 2.0001])).result, "passed");
  assertEquals(judge(one, y([1, 2]), y([1, 2.001])).result, "differs");
  assertEquals(judge(one, y([1, 2]), y([1, 2], [2, 1])).result, "differs");
  assertEquals(judge(one, y([1, NaN]), y([1, 2])).result, "differs");
  const whole = { y0: hostTensor("i32", [2], [100_000, 2]) };
  assertEquals(judge(one, whole, { y0: hostTensor("i32", [2], [100_000, 2]) }).result, "passed");
  assertEquals(judge(one, whole, { y0: hostTensor("i32", [2], [100_001, 2]) }).result, "differs");
  assertEquals(judge(one, whole, y([100_000, 2])).result, "differs");
  assertEquals(judge(one, "Relu: no", y([1, 2])).result, "throws");
});

Deno.test("a failure names all parameters and the line that reruns it", () => {
  const one = drawCaseOf(5, 7, GENERATORS.find(({ op }) => op === "Softmax")!);
  const rerun = rerunLine(5, one);
  assertEquals(rerun, "deno task fuzz:ops --seed 5 --op Softmax --case 7");
  const text = failureText({ one, result: "differs", message: "off by 3" }, rerun);
  assertMatch(text, /^Softmax-\d+ differs: off by 3\n {2}case: \(.*f32\[/);
  assertStringIncludes(text, rerun);
});

Deno.test("unknown operators are refused by name", () => {
  assertThrows(() => knownGenerators(["Relu", "Rleu"]), RangeError, "Cannot fuzz Rleu");
  assertEquals(knownGenerators(["Relu"]).map(({ op }) => op), ["Relu"]);
});
