import type { Node } from "../../ops/node.ts";
import type { SpecialisedGraph } from "../specialise.ts";
import { channelAffine } from "./batch_norm.ts";
import { type HostTensor, hostTensor, toFloat32 } from "../../tensor/host_tensor.ts";

/**
 * Folds a BatchNormalization with constant parameters into the weights and bias of the convolution before it:
 * `w' = w * factor`, `b' = b * factor + offset` for each output channel.
 */
export function foldBatchNorm(specialised: SpecialisedGraph): void {
  const { graph, types } = specialised;
  const producers = graph.producers();
  const consumers = graph.consumers();
  for (const norm of [...graph.nodes]) {
    const affine = channelAffine(specialised, norm);
    if (!affine) continue;
    const conv = producers.get(norm.inputs[0]!);
    if (
      conv?.op !== "Conv" || consumers.get(conv.outputs[0]!)?.length !== 1 || graph.isOutput(conv.outputs[0]!)
    ) continue;
    const weights = graph.constants.get(conv.inputs[1]!);
    const bias = conv.inputs[2] ? graph.constants.get(conv.inputs[2]) : undefined;
    if (!weights || (conv.inputs[2] && !bias)) continue;
    const { factors, offsets } = affine;
    const channels = factors.length;
    const perChannel = weights.data.length / channels;
    const folded = toFloat32(weights).map((value, i) => value * factors[Math.floor(i / perChannel)]!);
    const oldBias = bias ? toFloat32(bias) : new Float32Array(channels);
    const newBias = oldBias.map((value, i) => value * factors[i]! + offsets[i]!);
    setInput(conv, 1, add(`${conv.name} weights folded`, hostTensor("f32", weights.shape, folded)));
    setInput(conv, 2, add(`${conv.name} bias folded`, hostTensor("f32", [channels], newBias)));
    conv.outputs = [norm.outputs[0]!];
    producers.set(norm.outputs[0]!, conv);
    graph.removeNode(norm);
  }

  function add(base: string, tensor: HostTensor): string {
    const name = graph.addConstant(base, tensor);
    types.set(name, tensor);
    return name;
  }
}

function setInput(node: Node, index: number, name: string): void {
  while (node.inputs.length <= index) node.inputs.push("");
  node.inputs[index] = name;
}
