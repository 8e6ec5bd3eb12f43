import { assert, assertEquals, assertThrows } from "@std/assert";
import { GraphError, nodeError } from "../../src/ops/error.ts";
import { attr, type Attribute } from "../../src/ops/attribute.ts";
import { Graph } from "../../src/graph/graph.ts";
import type { Node } from "../../src/ops/node.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { Random } from "../support/random.ts";

function make(name: string, inputs: string[], outputs: string[], op = "Op"): Node {
  return { name, op, domain: "", inputs, outputs, attributes: new Map() };
}

/** A graph from x to y over these nodes, with a constant w. */
function graphOf(nodes: Node[], outputs: string[] = ["y"]): Graph {
  const graph = new Graph("test", new Map([["", 13]]));
  graph.inputs = [{ name: "x", dtype: "f32", dims: [1] }];
  graph.outputs = outputs.map((name) => ({ name }));
  graph.nodes = nodes;
  graph.constants.set("w", hostTensor("f32", [1], [2]));
  return graph;
}

const names = (graph: Graph): string[] => graph.nodes.map((node) => node.name);

Deno.test("Graph.producers() and consumers() say who makes and who reads a value", () => {
  const a = make("a", ["x", ""], ["t", ""]);
  const b = make("b", ["t", "t", "w"], ["y"]);
  const graph = graphOf([a, b]);
  assertEquals([...graph.producers()], [["t", a], ["y", b]]);
  assertEquals([...graph.consumers()], [["x", [a]], ["t", [b]], ["w", [b]]]);
});

Deno.test("Graph.sort() keeps an order that is valid already", () => {
  const graph = graphOf([
    make("a", ["x"], ["1"]),
    make("b", ["x"], ["2"]),
    make("c", ["2", "1"], ["y"]),
    make("d", ["x"], ["3"]),
  ]);
  graph.sort();
  assertEquals(names(graph), ["a", "b", "c", "d"]);
});

Deno.test("Graph.sort() orders any shuffled graph so that values are made before they are read", () => {
  for (let seed = 0; seed < 50; seed++) {
    const random = new Random(seed);
    const count = random.int(1, 60);
    const nodes = Array.from({ length: count }, (_, i) => {
      const inputs = Array.from({ length: random.int(0, 3) }, () => {
        const from = random.int(-1, i - 1);
        return from < 0 ? "x" : `v${from}`;
      });
      return make(`n${i}`, inputs, [`v${i}`]);
    });
    const graph = graphOf(random.shuffled(nodes), ["v0"]);
    graph.sort();
    assertEquals(graph.nodes.length, count, `seed ${seed}`);
    const made = new Set(["x"]);
    for (const node of graph.nodes) {
      for (const input of node.inputs) assert(made.has(input), `seed ${seed}: ${node.name} reads ${input}`);
      for (const output of node.outputs) made.add(output);
    }
  }
});

Deno.test("Graph.sort() handles a chain of 50,000 nodes in reverse", () => {
  const nodes = Array.from(
    { length: 50_000 },
    (_, i) => make(`n${i}`, [i === 0 ? "x" : `${i - 1}`], [`${i}`]),
  );
  const graph = graphOf(nodes.toReversed(), ["49999"]);
  graph.sort();
  assertEquals(names(graph).slice(0, 3), ["n0", "n1", "n2"]);
});

Deno.test("Graph.sort() names the nodes of a cycle, and no others", () => {
  const graph = graphOf([
    make("before", ["x"], ["1"]),
    make("a", ["1", "4"], ["2"]),
    make("b", ["2"], ["3"]),
    make("c", ["3"], ["4"]),
    make("after", ["4"], ["y"]),
  ]);
  const error = assertThrows(() => graph.sort(), GraphError, "The graph has a cycle of 3 nodes: ");
  for (const name of ["a", "b", "c"]) assert(error.message.includes(`(node "${name}")`), error.message);
  assert(!error.message.includes("before") && !error.message.includes("after"), error.message);
});

Deno.test("Graph.sort() calls a node that reads itself a cycle of 1 node", () => {
  const graph = graphOf([make("a", ["y"], ["y"])]);
  assertThrows(() => graph.sort(), GraphError, 'a cycle of 1 node: Op (node "a");');
});

Deno.test("Graph.removeDeadNodes() removes what reaches no output, and constants that nothing reads", () => {
  const graph = graphOf([
    make("a", ["x"], ["1", "unused"]),
    make("dead", ["1", "w"], ["2"]),
    make("deader", ["2"], ["3"]),
    make("b", ["1"], ["y"]),
  ]);
  assertEquals(graph.removeDeadNodes(), 2);
  assertEquals(names(graph), ["a", "b"]);
  assertEquals(graph.constants.size, 0);
  assertEquals(graph.removeDeadNodes(), 0);
});

Deno.test("Graph.removeDeadNodes() keeps a constant that is an output", () => {
  const graph = graphOf([make("a", ["x"], ["y"])], ["w"]);
  assertEquals(graph.removeDeadNodes(), 1);
  assertEquals([...graph.constants.keys()], ["w"]);
});

Deno.test("Graph.replaceUses() moves all readers to another value", () => {
  const graph = graphOf([
    make("identity", ["x"], ["1"]),
    make("b", ["1", "1"], ["2"]),
    make("c", ["2", "1"], ["y"]),
  ]);
  assert(graph.replaceUses("1", "x"));
  graph.removeNode(graph.nodes[0]!);
  assertEquals(graph.nodes.map((node) => node.inputs), [["x", "x"], ["2", "x"]]);
});

Deno.test("Graph.replaceUses() keeps the names of outputs", () => {
  const identity = make("identity", ["1"], ["y"]);
  const graph = graphOf([
    make("a", ["x"], ["1"]),
    identity,
    make("b", ["1", "y"], ["z"]),
  ], ["y", "z"]);
  assert(graph.replaceUses("y", "1"));
  graph.removeNode(identity);
  assertEquals(graph.nodes.map((node) => [node.inputs, node.outputs]), [
    [["x"], ["y"]],
    [["y", "y"], ["z"]],
  ]);
  assertEquals(graph.outputs.map((output) => output.name), ["y", "z"]);
});

Deno.test("Graph.replaceUses() renames a constant that becomes an output", () => {
  const graph = graphOf([make("identity", ["w"], ["y"])]);
  assert(graph.replaceUses("y", "w"));
  graph.removeNode(graph.nodes[0]!);
  assertEquals([...graph.constants.keys()], ["y"]);
});

Deno.test("Graph.replaceUses() changes nothing where an output would lose its name", () => {
  const nodes = [make("a", ["x"], ["y"]), make("b", ["y"], ["z"])];
  const graph = graphOf(nodes, ["y", "z"]);
  const before = structuredClone(graph.nodes);
  assertEquals(graph.replaceUses("y", "x"), false);
  assertEquals(graph.replaceUses("z", "y"), false);
  assertEquals(graph.nodes, before);
});

Deno.test("Graph.freshName() and addConstant() avoid every name in use", () => {
  const graph = graphOf([make("node", ["x", "in"], ["y"])]);
  const taken = ["x", "y", "w", "in", "node"];
  for (const base of taken) assertEquals(graph.freshName(base), `${base}_1`);
  assertEquals(graph.freshName("new"), "new");
  assertEquals(graph.addConstant("w", hostTensor("f32", [], [1])), "w_1");
  assertEquals(graph.addConstant("w", hostTensor("f32", [], [1])), "w_2");
});

Deno.test("Graph.replaceNode() puts nodes in the place of one", () => {
  const old = make("old", ["x"], ["y"]);
  const graph = graphOf([make("a", [], ["1"]), old, make("b", ["y"], ["2"])]);
  graph.replaceNode(old, make("c", ["x"], ["3"]), make("d", ["3"], ["y"]));
  assertEquals(names(graph), ["a", "c", "d", "b"]);
  assertThrows(() => graph.replaceNode(old), GraphError, 'Op (node "old"): cannot be replaced');
  assertThrows(() => graph.removeNode(old), GraphError, 'Op (node "old"): cannot be removed');
});

Deno.test("Graph.opset() refuses a node of a domain that is not imported", () => {
  const graph = graphOf([]);
  const foreign = { ...make("a", [], []), domain: "com.example" };
  assertThrows(() => graph.opset(foreign), GraphError, 'imports no operator set of domain "com.example"');
});

Deno.test("attr reads attributes of their type, and gives the fallback for those that are absent", () => {
  const tensor = hostTensor("i64", [1], [3]);
  const given: Record<string, Attribute> = {
    int: { type: "int", value: 2 },
    ints: { type: "ints", value: [1, 2] },
    float: { type: "float", value: 0.5 },
    floats: { type: "floats", value: [0.5] },
    string: { type: "string", value: "NOTSET" },
    strings: { type: "strings", value: ["a"] },
    tensor: { type: "tensor", value: tensor },
    tensors: { type: "tensors", value: [tensor] },
  };
  const node = { ...make("conv1", [], [], "Conv"), attributes: new Map(Object.entries(given)) };
  assertEquals(attr.int(node, "int"), 2);
  assertEquals(attr.ints(node, "ints"), [1, 2]);
  assertEquals(attr.float(node, "float"), 0.5);
  assertEquals(attr.floats(node, "floats"), [0.5]);
  assertEquals(attr.string(node, "string"), "NOTSET");
  assertEquals(attr.strings(node, "strings"), ["a"]);
  assertEquals(attr.tensor(node, "tensor"), tensor);
  assertEquals(attr.tensors(node, "tensors"), [tensor]);
  assertEquals(attr.int(node, "group", 1), 1);
  assertEquals(attr.int(node, "int", 7), 2);
  assertEquals([attr.has(node, "int"), attr.has(node, "group")], [true, false]);
});

Deno.test("attr names the node, the attribute and the type that is wrong or missing", () => {
  const attributes = new Map<string, Attribute>([["axis", { type: "float", value: 1 }]]);
  const node = { ...make("cat", [], [], "Concat"), attributes };
  assertThrows(
    () => attr.int(node, "axis", 0),
    GraphError,
    'Concat (node "cat"): attribute "axis" is of type float, but int is needed; export the model again',
  );
  assertThrows(() => attr.ints(node, "axes"), GraphError, 'attribute "axes" (ints) is missing');
});

Deno.test("nodeError() says what, where and what to do", () => {
  const error = nodeError(make("c", [], [], "Conv"), "3 channels, not 4", "give 4");
  assertEquals(error.message, 'Conv (node "c"): 3 channels, not 4; give 4');
  assertEquals(error.name, "GraphError");
});
