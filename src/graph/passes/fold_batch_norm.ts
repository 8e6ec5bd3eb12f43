import { attr } from "../../ops/attribute.ts";
import type { Node } from "../../ops/node.ts";
import type { SpecialisedGraph } from "../specialise.ts";
import { type HostTensor, hostTensor, toFloat32 } from "../../tensor/host_tensor.ts";

/**
 * Folds a BatchNormalization with constant parameters into the weights and bias of the convolution before it:
 * `w' = w * s`, `b' = (b - mean) * s + B`, with `s = scale / sqrt(variance + epsilon)` for each output channel.
 */
export function foldBatchNorm({ graph, types }: SpecialisedGraph): void {
  const producers = graph.producers();
  const consumers = graph.consumers();
  for (const norm of [...graph.nodes]) {
    if (norm.op !== "BatchNormalization" || attr.int(norm, "training_mode", 0) === 1) continue;
    const conv = producers.get(norm.inputs[0]!);
    if (
      conv?.op !== "Conv" || consumers.get(conv.outputs[0]!)?.length !== 1 || graph.isOutput(conv.outputs[0]!)
    ) continue;
    const weights = graph.constants.get(conv.inputs[1]!);
    const parameters = norm.inputs.slice(1, 5).map((name) => graph.constants.get(name));
    const bias = conv.inputs[2] ? graph.constants.get(conv.inputs[2]) : undefined;
    if (!weights || parameters.some((one) => one === undefined) || (conv.inputs[2] && !bias)) continue;
    const [scale, shift, mean, variance] = (parameters as HostTensor[]).map(toFloat32);
    const epsilon = attr.float(norm, "epsilon", 1e-5);
    const factors = scale!.map((value, i) => value / Math.sqrt(variance![i]! + epsilon));
    const channels = factors.length;
    const perChannel = weights.data.length / channels;
    const folded = toFloat32(weights).map((value, i) => value * factors[Math.floor(i / perChannel)]!);
    const oldBias = bias ? toFloat32(bias) : new Float32Array(channels);
    const newBias = oldBias.map((value, i) => (value - mean![i]!) * factors[i]! + shift![i]!);
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
