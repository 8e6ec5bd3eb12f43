/**
 * Whole networks: those that come with Framewise, those of `bench/peers/` that are made of random weights, and those whose
 * files lie in ../shared. An inference is all from inputs in GPU memory to outputs in GPU memory, as in a frame loop.
 * `deno bench -A bench/networks/`
 *
 * @module
 */
import { EMBEDDED_NETWORKS, embeddedNetwork } from "../../src/embedded/mod.ts";
import { importGraph } from "../../src/graph/import.ts";
import { parseModel } from "../../src/onnx/parse.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { benchNetwork, floats, leaveOut } from "../batched.ts";
import { NETWORKS } from "../peers/networks.ts";

for (const name of EMBEDDED_NETWORKS) {
  const { bytes, input } = await embeddedNetwork(name);
  const shape = [1, 3, input.height, input.width];
  benchNetwork({
    group: "network",
    name: `${name}, ${input.width}x${input.height}`,
    model: () => bytes,
    inputs: () => ({ [importGraph(parseModel(bytes)).inputs[0]!.name]: floats(shape, 255) }),
    frames: true,
  });
}

for (const source of NETWORKS) {
  const network = await source.make();
  if (network?.kind === "layer") continue;
  if (!network) {
    leaveOut(source.title);
    continue;
  }
  benchNetwork({
    group: "network",
    name: source.title,
    model: () => network.bytes,
    inputs: () =>
      Object.fromEntries(
        network.inputs.map(({ name, shape, data }) => [name, hostTensor("f32", shape, data)]),
      ),
    frames: true,
  });
}
