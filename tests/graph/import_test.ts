import { assert, assertEquals, assertThrows } from "@std/assert";
import { importGraph } from "../../src/graph/import.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { attr } from "../../src/ops/attribute.ts";
import { OnnxError } from "../../src/onnx/error.ts";
import { parseModel } from "../../src/onnx/parse.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { type ModelSpec, node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";
import { testWithShared } from "../support/shared.ts";

const X = tensorInfo("x", "f32", [1, 4]);
const W = hostTensor("f32", [1, 4], [1, 2, 3, 4]);

function graphOf(spec: ModelSpec): Graph {
  return importGraph(parseModel(onnxModel(spec)));
}

Deno.test("importGraph() makes nodes, inputs, outputs and constants of a model", () => {
  const graph = graphOf({
    name: "net",
    opset: 12,
    inputs: [tensorInfo("x", "f32", ["n", 4])],
    outputs: [tensorInfo("y", "f32", ["n", 4])],
    nodes: [
      node("Add", ["x", "w"], ["t"], {}, { name: "add" }),
      node("LeakyRelu", ["t"], ["y"], { alpha: 0.5 }),
    ],
    initializers: { w: W },
  });
  assertEquals(graph.name, "net");
  assertEquals([...graph.opsets], [["", 12]]);
  assertEquals(graph.inputs, [{ name: "x", dtype: "f32", dims: ["n", 4] }]);
  assertEquals(graph.outputs, [{ name: "y", dtype: "f32", dims: ["n", 4] }]);
  assertEquals([...graph.constants], [["w", W]]);
  assertEquals(graph.nodes.map(({ name, op, inputs, outputs }) => ({ name, op, inputs, outputs })), [
    { name: "add", op: "Add", inputs: ["x", "w"], outputs: ["t"] },
    { name: "LeakyRelu_1", op: "LeakyRelu", inputs: ["t"], outputs: ["y"] },
  ]);
  assertEquals(attr.float(graph.nodes[1]!, "alpha"), 0.5);
  assertEquals(graph.opset(graph.nodes[0]!), 12);
});

Deno.test("importGraph() takes initializers that are listed among the inputs for constants", () => {
  const graph = graphOf({
    irVersion: 3,
    opset: 9,
    inputs: [X, tensorInfo("w", "f32", [1, 4])],
    outputs: ["y"],
    nodes: [node("Add", ["x", "w"], ["y"])],
    initializers: { w: W },
  });
  assertEquals(graph.inputs.map((input) => input.name), ["x"]);
  assertEquals([...graph.constants.keys()], ["w"]);
});

Deno.test("importGraph() makes constants of Constant nodes of every kind", () => {
  const graph = graphOf({
    inputs: [X],
    outputs: ["x1"],
    nodes: [
      node("Constant", [], ["tensor"], { value: W }),
      node("Constant", [], ["float"], { value_float: 2 }),
      node("Constant", [], ["floats"], { value_floats: [1, 0.5] }),
      node("Constant", [], ["int"], { value_int: -1 }),
      node("Constant", [], ["ints"], { value_ints: [3, -4] }),
      node("Constant", [], ["end"], { value_ints: { ints: [2n ** 63n - 1n] } }),
      node("Identity", ["x"], ["x1"]),
    ],
  });
  assertEquals(graph.nodes.map((node) => node.op), ["Identity"]);
  assertEquals(Object.fromEntries(graph.constants), {
    tensor: W,
    float: hostTensor("f32", [], [2]),
    floats: hostTensor("f32", [2], [1, 0.5]),
    int: hostTensor("i64", [], [-1]),
    ints: hostTensor("i64", [2], [3, -4]),
    end: hostTensor("i64", [1], [2n ** 63n - 1n]),
  });
});

Deno.test("importGraph() puts nodes that are out of order into order", () => {
  const graph = graphOf({
    inputs: [X],
    outputs: ["c"],
    nodes: [
      node("Add", ["a", "b"], ["c"], {}, { name: "last" }),
      node("Relu", ["a"], ["b"], {}, { name: "second" }),
      node("Neg", ["x"], ["a"], {}, { name: "first" }),
    ],
  });
  assertEquals(graph.nodes.map((node) => node.name), ["first", "second", "last"]);
});

Deno.test("importGraph() gives nodes that share a name names of their own", () => {
  const twice = { name: "same" };
  const graph = graphOf({
    inputs: [X],
    outputs: ["c"],
    nodes: [
      node("Relu", ["x"], ["a"], {}, twice),
      node("Relu", ["a"], ["b"], {}, twice),
      node("Relu", ["b"], ["c"], {}, twice),
    ],
  });
  assertEquals(graph.nodes.map((node) => node.name), ["same", "same_1", "same_2"]);
});

Deno.test("importGraph() lets an output be an input or a constant", () => {
  const graph = graphOf({ inputs: [X], outputs: ["x", "w"], nodes: [], initializers: { w: W } });
  assertEquals(graph.outputs.map((output) => output.name), ["x", "w"]);
});

const BAD: Record<string, [spec: Partial<ModelSpec>, says: string]> = {
  "a value that nothing makes": [
    { nodes: [node("Add", ["x", "w"], ["y"], {}, { name: "add" })] },
    'Add (node "add"): input 1, "w", is not made by any node, input or initializer; export the model again',
  ],
  "an output that nothing makes": [
    { nodes: [node("Relu", ["x"], ["z"])] },
    'output "y" is not made by any node',
  ],
  "an output listed twice": [{ outputs: ["y", "y"] }, 'output "y" is listed twice'],
  "no outputs": [{ outputs: [] }, "the graph has no outputs"],
  "a value made twice": [
    { nodes: [node("Relu", ["x"], ["y"]), node("Neg", ["x"], ["y"])] },
    'value "y" is made twice, by Relu (node "Relu_0") and by Neg (node "Neg_1")',
  ],
  "a node that makes an input": [
    { nodes: [node("Relu", ["w"], ["x"])], outputs: ["x"], initializers: { w: W } },
    'value "x" is made twice, by input "x" and by Relu (node "Relu_0")',
  ],
  "a node that makes an initializer": [
    { nodes: [node("Relu", ["x"], ["w"]), node("Relu", ["w"], ["y"])], initializers: { w: W } },
    'value "w" is made twice, by initializer "w" and by Relu (node "Relu_0")',
  ],
  "inputs of one name": [{ inputs: [X, X] }, 'value "x" is made twice, by input "x" and by input "x"'],
  "a cycle": [
    { nodes: [node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Neg", ["b"], ["y"])] },
    'cycle of 2 nodes: Relu (node "Relu_1") -> Add (node "Add_0")',
  ],
  "an input without a shape": [{ inputs: [tensorInfo("x", "f32")] }, 'input "x" has no shape'],
  "an operator set that is not imported": [
    { nodes: [node("Twist", ["x"], ["y"], {}, { domain: "com.example" })] },
    'the model uses operators of "com.example" without importing it',
  ],
  "an attribute given twice": [
    { extra: { graph: twiceGiven() } },
    'Elu (node "elu"): attribute "a" is given twice',
  ],
  "a Constant without a value": [
    { nodes: [node("Constant", [], ["y"], {}, { name: "k" })] },
    'Constant (node "k"): needs one numeric value (value, value_float, value_floats, value_int or value_ints), but',
  ],
  "a Constant of text": [
    { nodes: [node("Constant", [], ["y"], { value_string: "a" })] },
    'but its attributes are "value_string"',
  ],
  "a Constant that is sparse": [
    // An AttributeProto with type 11 (SPARSE_TENSOR).
    { nodes: [node("Constant", [], ["y"], { sparse_value: { raw: new Uint8Array([0xa0, 1, 11]) } })] },
    'attribute "sparse_value" is a sparse tensor, which is not supported',
  ],
  "weights that were not loaded": [
    { external: { w: { dtype: "f32", shape: [1], location: "w.bin" } } },
    'initializer "w" lies in another file, "w.bin", which was not loaded; call loadExternalData() first',
  ],
};

/** A GraphProto field: an Elu node (x to e) with two int attributes named "a". */
function twiceGiven(): Uint8Array {
  const text = (field: number, value: string): number[] => [
    field << 3 | 2,
    value.length,
    ...new TextEncoder().encode(value),
  ];
  const attribute = [...text(1, "a"), 0x18, 1, 0xa0, 1, 2];
  const given = [5 << 3 | 2, attribute.length, ...attribute];
  const body = [...text(1, "x"), ...text(2, "e"), ...text(3, "elu"), ...text(4, "Elu"), ...given, ...given];
  return new Uint8Array([1 << 3 | 2, body.length, ...body]);
}

for (const [what, [spec, says]] of Object.entries(BAD)) {
  Deno.test(`importGraph() refuses ${what}`, () => {
    const whole = { inputs: [X], outputs: ["y"], nodes: [node("Relu", ["x"], ["y"])], ...spec };
    const error = assertThrows(() => graphOf(whole), OnnxError, says);
    assertEquals(error.problems.length, 1, error.message);
  });
}

Deno.test("importGraph() lists everything that is wrong at once", () => {
  const error = assertThrows(
    () =>
      graphOf({
        inputs: [tensorInfo("x", "f32")],
        outputs: ["y", "q"],
        nodes: [node("Add", ["x", "lost"], ["y"]), node("Twist", ["gone"], ["z"], {}, { domain: "d" })],
      }),
    OnnxError,
    "Cannot use the ONNX model:\n  - ",
  );
  assertEquals(error.problems.length, 5, error.message);
});

testWithShared("importGraph() takes every shared network", "models", (folder) => {
  let count = 0;
  for (const { name } of Deno.readDirSync(folder)) {
    if (!name.endsWith(".onnx")) continue;
    const graph = importGraph(parseModel(Deno.readFileSync(`${folder}/${name}`), { name }));
    assertEquals(graph.inputs.length, 1, name);
    assert(graph.outputs.length > 0, name);
    const made = new Set([...graph.inputs.map((input) => input.name), ...graph.constants.keys()]);
    for (const node of graph.nodes) {
      for (const input of node.inputs) assert(input === "" || made.has(input), `${name}: ${node.name}`);
      for (const output of node.outputs) made.add(output);
    }
    count++;
  }
  assert(count > 0, `no .onnx file in ${folder}`);
});
