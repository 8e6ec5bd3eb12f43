import { assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { checkCounted } from "./counted.ts";
import { foldedCase } from "./folded.ts";
import { type Case, i64, opCase, OpTester, randn } from "./harness.ts";
import { integers, randint } from "./integers.ts";

Deno.test("NonZero finds everything in order, in any rank and type", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  for (const shape of [[1], [7], [3, 5], [2, 5, 3, 4], [2, 3, 2, 2, 2, 3], [300_000], [700, 301]]) {
    cases.push(opCase("NonZero", [randint(random, "f32", shape, 0, 3)]));
  }
  for (const dtype of ["i32", "i64", "u8", "bool"] as const) {
    cases.push(opCase("NonZero", [randint(random, dtype, [9, 5], 0, 2)]));
  }
  cases.push(
    opCase("NonZero", [hostTensor("f32", [130], new Float32Array(130))]),
    opCase("NonZero", [hostTensor("f32", [3, 50], new Float32Array(150).fill(-1))]),
    opCase("NonZero", [hostTensor("f32", [4], [-0, NaN, 0, Infinity])]),
    opCase("NonZero", [hostTensor("f32", [2, 0], [])]),
  );
  await checkCounted(tester, cases);
});

Deno.test("NonZero of a constant is folded to what there is", async () => {
  using tester = await OpTester.create();
  await tester.check([foldedCase(
    "NonZero",
    [hostTensor("i32", [2, 3], [0, 1, 0, 5, 0, -2])],
    hostTensor("i64", [1, 3], [7, 8, 9]),
  )]);
});

Deno.test("counts pass through transposition, gathers, slices and arithmetic", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const x = randint(random, "f32", [4, 6], 0, 2);
  const chain = (name: string, nodes: Case["nodes"], initializers: Case["initializers"] = {}): Case => ({
    name,
    opset: 13,
    nodes: [node("NonZero", ["x"], ["n"], {}, { name: "nonzero" }), ...nodes],
    inputs: { x },
    initializers,
    outputs: ["y"],
  });
  await checkCounted(tester, [
    chain("the elements themselves", [
      node("Transpose", ["n"], ["t"], {}, { name: "transpose" }),
      node("GatherND", ["d", "t"], ["y"], {}, { name: "gather" }),
    ], { d: randn(random, [4, 6]) }),
    chain("rows", [
      node("Gather", ["n", "i"], ["r"], { axis: 0 }, { name: "row" }),
      node("Gather", ["d", "r"], ["y"], { axis: 0 }, { name: "gather" }),
    ], { i: hostTensor("i64", [], [0]), d: randn(random, [4, 5]) }),
    chain("split, squeezed, scaled, expanded", [
      node("Split", ["n"], ["a", "b"], { axis: 0 }, { name: "split" }),
      node("Squeeze", ["b", "zero"], ["s"], {}, { name: "squeeze" }),
      node("Mul", ["s", "s"], ["m"], {}, { name: "mul" }),
      node("Unsqueeze", ["m", "one"], ["u"], {}, { name: "unsqueeze" }),
      node("Concat", ["u", "u"], ["c"], { axis: 1 }, { name: "concat" }),
      node("Slice", ["c", "one", "two", "one"], ["y"], {}, { name: "slice" }),
    ], { zero: integers(0), one: integers(1), two: integers(2) }),
    chain("reshaped", [
      node("Transpose", ["n"], ["t"], {}, { name: "transpose" }),
      node("Reshape", ["t", "shape"], ["r"], {}, { name: "reshape" }),
      node("Transpose", ["r"], ["y"], { perm: [2, 0, 1] }, { name: "back" }),
    ], { shape: integers(-1, 1, 2) }),
  ]);
});

Deno.test("what works along a counted axis is refused", async () => {
  using tester = await OpTester.create();
  const x = randint(new Random(3), "f32", [4, 6], 0, 2);
  const refused = (words: string, nodes: Case["nodes"], initializers: Case["initializers"] = {}) =>
    assertRejects(
      () =>
        tester.runCase({
          name: "refused",
          opset: 13,
          nodes: [node("NonZero", ["x"], ["n"], {}, { name: "nonzero" }), ...nodes],
          inputs: { x },
          initializers,
          outputs: ["y"],
        }),
      GraphError,
      words,
    );
  const along =
    "works along axis 1, of which a part means something that is known only while the network runs";
  await refused(along, [node("Concat", ["n", "n"], ["y"], { axis: 1 }, { name: "concat" })]);
  await refused(along, [node("Slice", ["n", "from", "to", "axis"], ["y"], {}, { name: "slice" })], {
    from: i64(1).constant,
    to: i64(5).constant,
    axis: i64(1).constant,
  });
  await refused('how many elements of "n" mean something', [
    node("Shape", ["n"], ["y"], {}, { name: "shape" }),
  ]);
});
