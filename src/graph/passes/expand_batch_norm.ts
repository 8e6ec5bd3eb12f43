import { attr } from "../../ops/attribute.ts";
import { type HostTensor, hostTensor, toFloat32 } from "../../tensor/host_tensor.ts";
import type { Node } from "../../ops/node.ts";
import type { SpecialisedGraph } from "../specialise.ts";

/**
 * Makes a product and a sum with constants of each BatchNormalization that no convolution could take in, so that they are
 * fused like any other: `y = x * s + (B - mean * s)`, with `s = scale / sqrt(variance + epsilon)`.
 */
export function expandBatchNorm({ graph, types }: SpecialisedGraph): void {
  for (const norm of [...graph.nodes]) {
    if (norm.op !== "BatchNormalization" || attr.int(norm, "training_mode", 0) === 1) continue;
    const parameters = norm.inputs.slice(1, 5).map((name) => graph.constants.get(name));
    if (parameters.some((one) => one === undefined)) continue;
    const [scale, shift, mean, variance] = (parameters as HostTensor[]).map(toFloat32);
    const epsilon = attr.float(norm, "epsilon", 1e-5);
    const factors = scale!.map((value, i) => value / Math.sqrt(variance![i]! + epsilon));
    const offsets = shift!.map((value, i) => value - mean![i]! * factors[i]!);
    const input = types.get(norm.inputs[0]!)!;
    const shape = [factors.length, ...new Array<number>(Math.max(input.shape.length - 2, 0)).fill(1)];
    const constant = (name: string, data: Float32Array): string => {
      const tensor = hostTensor("f32", shape, data);
      const added = graph.addConstant(`${norm.name} ${name}`, tensor);
      types.set(added, tensor);
      return added;
    };
    const scaled = graph.freshName(`${norm.name} scaled`);
    types.set(scaled, input);
    const node = (op: string, inputs: string[], outputs: string[]): Node => ({
      name: `${norm.name} ${op}`,
      op,
      domain: "",
      inputs,
      outputs,
      attributes: new Map(),
    });
    graph.replaceNode(
      norm,
      node("Mul", [norm.inputs[0]!, constant("factors", factors)], [scaled]),
      node("Add", [scaled, constant("offsets", offsets)], [norm.outputs[0]!]),
    );
  }
}
