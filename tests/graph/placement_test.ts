import { assertEquals } from "@std/assert";
import { placeConcatenations } from "../../src/graph/placement.ts";
import { loadGraph } from "../../src/graph/load.ts";
import { specialise } from "../../src/graph/specialise.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, type NodeSpec, onnxModel, tensorInfo } from "../support/onnx_builder.ts";

/** Places in a network of 1x1 convolutions with these output channels, and what joins them. */
async function places(
  channels: readonly number[],
  join: readonly NodeSpec[],
  outputs: readonly string[] = ["y"],
): Promise<Record<string, [within: string, start: number]>> {
  const initializers: Record<string, HostTensor> = {};
  const nodes = channels.map((out, i) => {
    initializers[`w${i}`] = hostTensor("f32", [out, 4, 1, 1], new Float32Array(out * 4));
    return node("Conv", ["x", `w${i}`], [`p${i}`], {}, { name: `conv${i}` });
  });
  const graph = await loadGraph(onnxModel({
    nodes: [...nodes, ...join],
    inputs: [tensorInfo("x", "f32", [1, 4, 3, 3])],
    outputs,
    initializers,
  }));
  const specialised = specialise(graph, {});
  const { places } = placeConcatenations(specialised.graph, specialised.types);
  return Object.fromEntries([...places].map(([name, place]) => [name, [place.within, place.start]]));
}

const concat = (inputs: string[], output: string, axis = 1): NodeSpec =>
  node("Concat", inputs, [output], { axis }, { name: output });

Deno.test("parts on whole vec4s are placed; the last may have any number of channels", async () => {
  assertEquals(await places([4, 8, 3], [concat(["p0", "p1", "p2"], "y")]), {
    p0: ["y", 0],
    p1: ["y", 4],
    p2: ["y", 12],
  });
  assertEquals(await places([3, 8, 4], [concat(["p0", "p1", "p2"], "y")]), {});
  assertEquals(await places([4, 3, 4], [concat(["p0", "p1", "p2"], "y")]), { p0: ["y", 0] });
});

Deno.test("along height, width and batch every part is placed", async () => {
  for (const axis of [0, 2, 3]) {
    assertEquals(await places([3, 3], [concat(["p0", "p1"], "y", axis)]), {
      p0: ["y", 0],
      p1: ["y", axis ? 3 : 1],
    });
  }
});

Deno.test("a part of two concatenations is placed in the first; an input and a repeated part are copied", async () => {
  assertEquals(
    await places([4, 4], [concat(["p0", "p1"], "y"), concat(["p1", "p0"], "z")], ["y", "z"]),
    { p0: ["y", 0], p1: ["y", 4] },
  );
  assertEquals(await places([4], [concat(["x", "p0", "p0"], "y")]), { p0: ["y", 4] });
});

Deno.test("a concatenation is placed within another", async () => {
  assertEquals(
    await places([4, 4, 8], [concat(["p0", "p1"], "inner"), concat(["p2", "inner"], "y")]),
    { p0: ["inner", 0], p1: ["inner", 4], p2: ["y", 0], inner: ["y", 8] },
  );
});
