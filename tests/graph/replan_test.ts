import { assertEquals } from "@std/assert";
import { loadGraph } from "../../src/graph/load.ts";
import { planGraph } from "../../src/graph/session.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";

Deno.test("planGraph() leaves the network as it was: planned twice, it gives the same plan", async () => {
  const ints = (...values: number[]) =>
    hostTensor("i64", [values.length], BigInt64Array.from(values, BigInt));
  const graph = await loadGraph(onnxModel({
    inputs: [tensorInfo("x", "f32", [1, 3, 16, 16])],
    outputs: [tensorInfo("y", "f32")],
    // A step from space to depth and a padding, which passes fold into the convolutions behind them.
    nodes: [
      ...[[0, 0], [1, 0], [0, 1], [1, 1]].flatMap(([row, column], i) => [
        node("Slice", ["x", `from${row}`, "end", "rows", "two"], [`rows${i}`]),
        node("Slice", [`rows${i}`, `from${column}`, "end", "columns", "two"], [`part${i}`]),
      ]),
      node("Concat", ["part0", "part1", "part2", "part3"], ["dealt"], { axis: 1 }),
      node("Conv", ["dealt", "w"], ["a"], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
      node("Pad", ["a", "pads"], ["padded"]),
      node("Conv", ["padded", "v"], ["y"], { kernel_shape: [3, 3] }),
    ],
    initializers: {
      w: hostTensor("f32", [8, 12, 3, 3], new Float32Array(864).fill(0.01)),
      v: hostTensor("f32", [8, 8, 3, 3], new Float32Array(576).fill(0.01)),
      from0: ints(0),
      from1: ints(1),
      end: ints(1_000_000),
      rows: ints(2),
      columns: ints(3),
      two: ints(2),
      pads: ints(0, 0, 1, 1, 0, 0, 1, 1),
    },
  }));
  const [first, second] = [planGraph(graph), planGraph(graph)].map((plan) => ({
    kernels: plan.steps.map(({ kernel }) => kernel.name),
    outputs: plan.outputs.map(({ type }) => type.shape),
    multiplyAdds: plan.multiplyAdds,
    arenaBytes: plan.arenaBytes,
  }));
  assertEquals(first!.outputs, [[1, 8, 8, 8]]);
  assertEquals(second, first);
});
