import { assert, assertEquals } from "@std/assert";
import { NETWORKS } from "../../bench/peers/networks.ts";
import { windowsOf } from "../../bench/peers/tensorflow/windows.ts";
import { importGraph } from "../../src/graph/import.ts";
import { specialise } from "../../src/graph/specialise.ts";
import { parseModel } from "../../src/onnx/parse.ts";
import type { Attribute } from "../../src/ops/attribute.ts";
import { NodeContext, type TensorType } from "../../src/ops/operator.ts";
import { elementCount } from "../../src/tensor/host_tensor.ts";

/** Floating point operations of a network's convolutions and products, in thousands of millions. */
async function gigaflops(name: string): Promise<number> {
  const network = await NETWORKS.find((one) => one.name === name)!.make();
  const { graph, types } = specialise(importGraph(parseModel(network!.bytes)), {});
  return graph.nodes.filter(({ op }) => op === "Conv" || op === "Gemm").reduce((sum, { inputs, outputs }) => {
    const [, ...each] = types.get(inputs[1]!)!.shape;
    return sum + 2 * elementCount(types.get(outputs[0]!)!.shape) * elementCount(each) / 1e9;
  }, 0);
}

for (
  const [name, expected] of [
    ["conv3x3", 0.231],
    ["conv3x3s2", 0.0389],
    ["conv1x1", 0.103],
    ["depthwise", 0.0108],
    ["mobilenet-v2", 0.601],
    ["resnet-18", 3.63],
  ] as const
) {
  Deno.test(`peers: ${name} is of the size that it is said to have`, async () => {
    const found = await gigaflops(name);
    assert(Math.abs(found / expected - 1) < 0.01, `${found} GFLOP, where ${expected} were expected`);
  });
}

function windows(
  input: number,
  output: number,
  size: number,
  attributes: Record<string, Attribute>,
): ReturnType<typeof windowsOf> {
  const types = new Map<string, TensorType>([
    ["x", { dtype: "f32", shape: [1, 1, input, input] }],
    ["y", { dtype: "f32", shape: [1, 1, output, output] }],
  ]);
  const node = {
    name: "pool",
    op: "MaxPool",
    domain: "",
    inputs: ["x"],
    outputs: ["y"],
    attributes: new Map(Object.entries(attributes)),
  };
  return windowsOf(new NodeContext(node, 13, types, new Map()), [size, size]);
}

const ints = (...value: number[]): Attribute => ({ type: "ints", value });

Deno.test("peers: padding as TensorFlow.js is told it", () => {
  const strides = ints(2, 2);
  assertEquals(windows(8, 8, 3, { pads: ints(1, 1, 1, 1) }).pad, 1);
  // The last row of zeros is beyond the last window: still the same number on all sides.
  assertEquals(windows(8, 4, 3, { strides, pads: ints(1, 1, 1, 1) }).pad, 1);
  assertEquals(windows(9, 4, 3, { strides }).pad, "valid");
  // A row that no window reaches is no reason for padding.
  assertEquals(windows(10, 4, 3, { strides }).pad, "valid");
  // Sizes rounded up need a row more than the file tells.
  assertEquals(windows(10, 5, 3, { strides }).pad, [[0, 0], [0, 1], [0, 1], [0, 0]]);
  const upper: Attribute = { type: "string", value: "SAME_UPPER" };
  const lower: Attribute = { type: "string", value: "SAME_LOWER" };
  assertEquals(windows(8, 4, 3, { strides, auto_pad: upper }).zeros, [[0, 1], [0, 1]]);
  assertEquals(windows(8, 4, 3, { strides, auto_pad: lower }).zeros, [[1, 0], [1, 0]]);
});
