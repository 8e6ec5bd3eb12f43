import { assertEquals } from "@std/assert";
import { loadGraph } from "../../src/graph/load.ts";
import { planGraph } from "../../src/graph/session.ts";
import { loadThroughTexels } from "../../src/graph/texel_loads.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, type NodeSpec, onnxModel, tensorInfo } from "../support/onnx_builder.ts";

/** The kernels of a network of one input, and what each loads through textures that is no constant. */
async function texelsOf(
  spec: NodeSpec,
  channels: number,
  side: number,
  textures = 8,
): Promise<[string, string[]][]> {
  const ones = hostTensor("f32", [channels], new Float32Array(channels).fill(1));
  const model = onnxModel({
    nodes: [spec],
    initializers: { scale: ones, bias: ones },
    inputs: [tensorInfo("x", "f32", [1, channels, side, side])],
    outputs: ["y"],
  });
  const plan = loadThroughTexels(planGraph(await loadGraph(model)), textures);
  return plan.steps.map(({ kernel, bindings, options }) => [
    kernel.name,
    (options?.texels ?? []).filter((name) => "storage" in bindings[name]!).toSorted(),
  ]);
}

const instance = node("InstanceNormalization", ["x", "scale", "bias"], ["y"]);

Deno.test("what is small comes through a texture where something large does: a channel's mean, for all its pixels", async () => {
  // 128 x 128 pixels of a vec4 are 256 KiB; the mean is one vec4.
  const steps = new Map(await texelsOf(instance, 4, 128));
  assertEquals(steps.get("normalization/instance"), ["mean", "variance", "x"]);
});

Deno.test("a kernel loads from no more textures than the adapter grants", async () => {
  const steps = new Map(await texelsOf(instance, 4, 128, 2));
  assertEquals(steps.get("normalization/instance")?.length, 2);
});

Deno.test("where all is small and nothing is multiplied, nothing comes through a texture", async () => {
  // 32 x 32 pixels of a vec4 are 16 KiB: the copy would take longer than the loads.
  for (const [kernel, texels] of await texelsOf(instance, 4, 32)) assertEquals(texels, [], kernel);
  for (const [kernel, texels] of await texelsOf(node("Relu", ["x"], ["y"]), 4, 32)) {
    assertEquals(texels, [], kernel);
  }
});
