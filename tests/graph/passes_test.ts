import { assert, assertAlmostEquals, assertEquals, assertExists } from "@std/assert";
import type { FusedNode } from "../../src/ops/epilogue.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { runPasses } from "../../src/graph/passes/mod.ts";
import { loadGraph } from "../../src/graph/load.ts";
import { type InputShapes, specialise, type SpecialisedGraph } from "../../src/graph/specialise.ts";
import { type HostTensor, hostTensor, toFloat32 } from "../../src/tensor/host_tensor.ts";
import { node, type NodeSpec, onnxModel, tensorInfo } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";

const random = new Random(1);
const tensor = (...shape: number[]): HostTensor => {
  const count = shape.reduce((a, b) => a * b, 1);
  return hostTensor("f32", shape, random.uniforms(count, 0.5, 1.5));
};

async function prepared(
  nodes: readonly NodeSpec[],
  initializers: Readonly<Record<string, HostTensor>> = {},
  options: { dims?: (number | string)[]; outputs?: string[]; shapes?: InputShapes; opset?: number } = {},
): Promise<SpecialisedGraph> {
  const graph = await loadGraph(onnxModel({
    opset: options.opset ?? 13,
    nodes,
    inputs: [tensorInfo("x", "f32", options.dims ?? [1, 4, 6, 6])],
    outputs: options.outputs ?? ["y"],
    initializers,
  }));
  const specialised = specialise(graph, options.shapes ?? {});
  runPasses(specialised);
  return specialised;
}

const operators = (graph: Graph): string[] => graph.nodes.map(({ op }) => op);
const steps = (graph: Graph, index = 0): string[] =>
  ((graph.nodes[index] as FusedNode).epilogue ?? []).map((step) => `${step.kind} ${step.op}`);

Deno.test("shape arithmetic is folded: a Reshape to a computed shape becomes one to a constant", async () => {
  const i64 = (...values: number[]) => hostTensor("i64", [values.length], values);
  const { graph, types } = await prepared(
    [
      node("Shape", ["x"], ["s"], {}, { name: "shape" }),
      node("Gather", ["s", "first"], ["n"], {}, { name: "gather" }),
      node("Cast", ["n"], ["nf"], { to: 1 }, { name: "cast" }),
      node("Mul", ["nf", "two"], ["n2f"], {}, { name: "mul" }),
      node("Cast", ["n2f"], ["n2"], { to: 7 }, { name: "cast2" }),
      node("Concat", ["n2", "rest"], ["t"], { axis: 0 }, { name: "concat" }),
      node("Reshape", ["x", "t"], ["y"], {}, { name: "reshape" }),
    ],
    { first: i64(0), rest: i64(2, -1), two: hostTensor("f32", [1], [2]) },
    { dims: ["batch", 4, 6, 6], shapes: { x: [3, 4, 6, 6] } },
  );
  assertEquals(operators(graph), ["Reshape"]);
  assertEquals(types.get("y")?.shape, [6, 2, 36]);
  assertEquals([...graph.constants.keys()], ["t"]);
});

Deno.test("BatchNormalization behind Conv is folded into its weights and bias", async () => {
  const constants = {
    w: tensor(3, 4, 1, 1),
    b: tensor(3),
    s: tensor(3),
    o: tensor(3),
    m: tensor(3),
    v: tensor(3),
  };
  const { graph } = await prepared([
    node("Conv", ["x", "w", "b"], ["c"], {}, { name: "conv" }),
    node("BatchNormalization", ["c", "s", "o", "m", "v"], ["y"], { epsilon: 1e-3 }, { name: "norm" }),
  ], constants);
  assertEquals(operators(graph), ["Conv"]);
  const [, weights, bias] = graph.nodes[0]!.inputs.map((name) => graph.constants.get(name));
  assertExists(weights);
  assertExists(bias);
  const value = (name: keyof typeof constants, i: number): number => toFloat32(constants[name])[i]!;
  for (let channel = 0; channel < 3; channel++) {
    const factor = value("s", channel) / Math.sqrt(value("v", channel) + 1e-3);
    assertAlmostEquals(Number(weights.data[channel * 4 + 1]), value("w", channel * 4 + 1) * factor, 1e-6);
    const shifted = (value("b", channel) - value("m", channel)) * factor + value("o", channel);
    assertAlmostEquals(Number(bias.data[channel]), shifted, 1e-6);
  }
});

Deno.test("BatchNormalization is not folded into a convolution that others read", async () => {
  const constants = { w: tensor(3, 4, 1, 1), s: tensor(3), o: tensor(3), m: tensor(3), v: tensor(3) };
  const { graph } = await prepared(
    [
      node("Conv", ["x", "w"], ["c"], {}, { name: "conv" }),
      node("BatchNormalization", ["c", "s", "o", "m", "v"], ["y"], {}, { name: "norm" }),
      node("Relu", ["c"], ["z"], {}, { name: "relu" }),
    ],
    constants,
    { outputs: ["y", "z"] },
  );
  assert(operators(graph).includes("Conv") && operators(graph).includes("Mul"), operators(graph).join(", "));
});

Deno.test("two convolutions that share weights keep their own after folding", async () => {
  const constants = { w: tensor(4, 4, 1, 1), s: tensor(4), o: tensor(4), m: tensor(4), v: tensor(4) };
  const { graph } = await prepared([
    node("Conv", ["x", "w"], ["c"], {}, { name: "conv" }),
    node("BatchNormalization", ["c", "s", "o", "m", "v"], ["n"], {}, { name: "norm" }),
    node("Conv", ["n", "w"], ["y"], {}, { name: "second" }),
  ], constants);
  assertEquals(operators(graph), ["Conv", "Conv"]);
  assertEquals(graph.constants.get(graph.nodes[1]!.inputs[1]!), constants.w);
});

Deno.test("x * Sigmoid(x) becomes one step behind Conv, whichever way round", async () => {
  for (const order of [["c", "g"], ["g", "c"]]) {
    const { graph } = await prepared([
      node("Conv", ["x", "w"], ["c"], {}, { name: "conv" }),
      node("Sigmoid", ["c"], ["g"], {}, { name: "gate" }),
      node("Mul", order, ["y"], {}, { name: "mul" }),
    ], { w: tensor(4, 4, 1, 1) });
    assertEquals(operators(graph), ["Conv"]);
    assertEquals(steps(graph), ["unary Silu"]);
  }
});

Deno.test("a gate of something else is no SiLU", async () => {
  const { graph } = await prepared([
    node("Relu", ["x"], ["c"], {}, { name: "relu" }),
    node("Sigmoid", ["x"], ["g"], {}, { name: "gate" }),
    node("Mul", ["c", "g"], ["y"], {}, { name: "mul" }),
  ]);
  assert(!graph.nodes.some((one) => one.op === "Silu"));
});

Deno.test("activations and residuals are fused in order", async () => {
  const { graph } = await prepared([
    node("Conv", ["x", "w"], ["c"], {}, { name: "conv" }),
    node("Relu", ["c"], ["r"], {}, { name: "relu" }),
    node("Add", ["x", "r"], ["s"], {}, { name: "residual" }),
    node("Mul", ["s", "half"], ["h"], {}, { name: "half" }),
    node("Clip", ["h", "", "top"], ["y"], {}, { name: "clip" }),
  ], { w: tensor(4, 4, 1, 1), half: hostTensor("f32", [], [0.5]), top: hostTensor("f32", [], [6]) });
  assertEquals(operators(graph), ["Conv"]);
  assertEquals(steps(graph), ["unary Relu", "operand Add", "constant Mul", "unary Clip"]);
  assertEquals(graph.nodes[0]!.outputs, ["y"]);
});

Deno.test("Identity and Dropout are taken out, and outputs keep their names", async () => {
  const { graph } = await prepared(
    [
      node("Identity", ["x"], ["a"], {}, { name: "i0" }),
      node("Conv", ["a", "w"], ["c"], {}, { name: "conv" }),
      node("Dropout", ["c"], ["d", ""], {}, { name: "drop" }),
      node("Relu", ["d"], ["r"], {}, { name: "relu" }),
      node("Identity", ["r"], ["y"], {}, { name: "i1" }),
      node("Identity", ["x"], ["z"], {}, { name: "i2" }),
    ],
    { w: tensor(4, 4, 1, 1) },
    { outputs: ["y", "z"] },
  );
  assertEquals(operators(graph).toSorted(), ["Conv", "Identity"]);
  assertEquals(graph.outputs.map(({ name }) => name), ["y", "z"]);
  assert(graph.nodes.some(({ outputs }) => outputs.includes("y")));
});
