import { attr } from "../../ops/attribute.ts";
import { isFloat } from "../../tensor/dtype.ts";
import { hostTensor, toFloat32 } from "../../tensor/host_tensor.ts";
import type { SpecialisedGraph } from "../specialise.ts";
import { readSlices } from "./slice.ts";

/** Channels read for each channel used, up to which reading all is cheaper than copying those that are used. */
const MAX_READ_RATIO = 2;

/**
 * Lets a 1x1 convolution of some channels of a tensor read all of them, with weights of zero for the rest, where kernels
 * could not read those channels in place (every second one, say) and they would be copied first.
 */
export function foldChannelSlices({ graph, types }: SpecialisedGraph): void {
  const producers = graph.producers();
  for (const conv of graph.nodes) {
    if (conv.op !== "Conv" || attr.int(conv, "group", 1) !== 1) continue;
    const slice = producers.get(conv.inputs[0]!);
    const [taken, ...more] = readSlices(slice, graph) ?? [];
    const weights = graph.constants.get(conv.inputs[1]!);
    if (!slice || !weights || !isFloat(weights.dtype) || taken?.axis !== 1 || more.length > 0) continue;
    const [outputs, inputs, ...kernel] = weights.shape as [number, number, ...number[]];
    const channels = types.get(slice.inputs[0]!)!.shape[1]!;
    const inPlace = taken.step === 1 && taken.start % 4 === 0 &&
      (inputs % 4 === 0 || taken.start + inputs === channels);
    if (inPlace || kernel.some((extent) => extent !== 1) || channels > inputs * MAX_READ_RATIO) continue;
    const narrow = toFloat32(weights);
    const wide = new Float32Array(outputs * channels);
    for (let output = 0; output < outputs; output++) {
      for (let input = 0; input < inputs; input++) {
        wide[output * channels + taken.start + input * taken.step] = narrow[output * inputs + input]!;
      }
    }
    const tensor = hostTensor(weights.dtype, [outputs, channels, ...kernel], wide);
    const name = graph.addConstant(`${conv.name} weights for all channels`, tensor);
    types.set(name, tensor);
    conv.inputs = [slice.inputs[0]!, name, ...conv.inputs.slice(2)];
  }
  graph.removeDeadNodes();
}
