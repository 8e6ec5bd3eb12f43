import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describeGraph, describeSimplification, toGraphviz, toMarkdown } from "../../src/graph/describe.ts";
import { loadGraph } from "../../src/graph/mod.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";

/** A convolution, its activation, a residual, a transposition, and shape arithmetic that folds away. */
const MODEL = onnxModel({
  inputs: [tensorInfo("x", "f32", [1, 4, "height", 6])],
  outputs: [tensorInfo("y", "f32")],
  nodes: [
    node("Conv", ["x", "w"], ["a"], {}, { name: "conv" }),
    node("Relu", ["a"], ["b"], {}, { name: 'the "relu" | \\' }),
    node("Add", ["b", "x"], ["c"], {}, { name: "residual" }),
    node("Shape", ["c"], ["s"], {}, { name: "shape" }),
    node("Reshape", ["c", "s"], ["r"], {}, { name: "reshape" }),
    node("Transpose", ["r"], ["t"], { perm: [0, 1, 3, 2] }, { name: "transpose" }),
    node("Softmax", ["t"], ["y"], { axis: 1 }, { name: "softmax" }),
  ],
  initializers: { w: hostTensor("f32", [4, 4, 1, 1], new Float32Array(16).fill(0.5)) },
});

Deno.test("a network is described as its file has it where shapes are open", async () => {
  const described = describeGraph(await loadGraph(MODEL), "open");
  assertEquals(described.nodes.map(({ operators }) => operators), [
    ["Conv"],
    ["Relu"],
    ["Add"],
    ["Shape"],
    ["Reshape"],
    ["Transpose"],
    ["Softmax"],
  ]);
  assertEquals(described.inputs, [{ name: "x", type: "f32 1x4xheightx6" }]);
  assertEquals(described.dispatches, undefined);
  const [conv] = described.nodes;
  assertEquals([conv!.inputs, conv!.constants], [[{ name: "x", type: "" }], 1]);
});

Deno.test("a network is described after simplification: fused steps, kernels, and views looked through", async () => {
  const graph = await loadGraph(MODEL);
  const { before, after } = describeSimplification(graph, { x: [1, 4, 5, 6] }, { title: "tiny" });
  assertEquals([before.nodes.length, graph.nodes.length], [7, 7]);
  assertEquals(before.nodes[2]!.outputs, [{ name: "c", type: "f32 1x4x5x6" }]);
  assertEquals(after.nodes.map(({ name, operators }) => [name, operators]), [
    ["conv", ["Conv", "Relu", "Add"]],
    ["softmax", ["Softmax"]],
  ]);
  const [conv, softmax] = after.nodes;
  assertEquals(conv!.kernels!.length, 1);
  assertMatch(conv!.kernels![0]!, /^conv\//);
  assertEquals(conv!.multiplyAdds, 5 * 6 * 4 * 4);
  // The transposition is a view of what the convolution made.
  assertEquals(softmax!.inputs.map(({ type }) => type), ["f32 1x4x5x6"]);
  assertEquals(softmax!.inputs.map(({ name }) => name), conv!.outputs.map(({ name }) => name));
  assertEquals(after.dispatches! >= 2, true);
});

Deno.test("a drawing has each node once and an arrow for each value read, and quotes names", async () => {
  const { before, after } = describeSimplification(await loadGraph(MODEL), { x: [1, 4, 5, 6] }, {
    title: "tiny",
  });
  const text = toGraphviz(before);
  assertMatch(text, /^digraph "tiny: before" \{\n/);
  assertMatch(text, /\n\}\n$/);
  assertEquals(text.match(/^ {2}n\d+ \[/gm)!.length, 7);
  assertStringIncludes(text, '"Relu\\nthe \\"relu\\" | \\\\"');
  assertStringIncludes(text, '  in0 -> n0 [label="f32 1x4x5x6"];');
  assertStringIncludes(text, '  n6 -> out0 [label="f32 1x4x6x5"];');
  // x to conv and residual, one arrow along the chain each, s to reshape, y out.
  assertEquals(text.match(/ -> /g)!.length, 2 + 7 + 1);
  assertStringIncludes(toGraphviz(after), "Conv + Relu + Add\\nconv\\nconv/");
});

Deno.test("a table has a row for each node, and bars in names do not break it", async () => {
  const { before, after } = describeSimplification(await loadGraph(MODEL), { x: [1, 4, 5, 6] }, {
    title: "tiny",
  });
  const rows = (text: string): string[] => text.split("\n").filter((line) => line.startsWith("| "));
  assertEquals(rows(toMarkdown(before)).length, 2 + 7);
  assertEquals(rows(toMarkdown(after)).length, 2 + 2);
  assertStringIncludes(
    toMarkdown(before),
    '| the "relu" \\| \\\\ | Relu | a (f32 1x4x5x6) | 0 | b (f32 1x4x5x6) |',
  );
  assertMatch(
    toMarkdown(after),
    /^# tiny: after, 2 nodes \(and 1 that only look at others' results\), \d dispatches\n/,
  );
  assertStringIncludes(toMarkdown(after), "| Conv + Relu + Add |");
  assertStringIncludes(toMarkdown(after), "\n1 Conv, 1 Softmax\n");
});

Deno.test("an output that is a view of an input has its arrow from there", async () => {
  const model = onnxModel({
    inputs: [tensorInfo("x", "f32", [2, 3])],
    outputs: [tensorInfo("y", "f32")],
    nodes: [node("Transpose", ["x"], ["y"], {}, { name: "transpose" })],
  });
  const { before, after } = describeSimplification(await loadGraph(model));
  assertEquals(before.nodes.length, 1);
  const drawn = toGraphviz(after);
  assertMatch(drawn, / -> out0 /);
});
