import { hostTensor } from "../../tensor/host_tensor.ts";
import type { Node } from "../../ops/node.ts";
import type { SpecialisedGraph } from "../specialise.ts";
import { channelAffine } from "./batch_norm.ts";

/**
 * Makes a product and a sum with constants of each BatchNormalization that no convolution could take in, so that they are
 * fused like any other.
 */
export function expandBatchNorm(specialised: SpecialisedGraph): void {
  const { graph, types } = specialised;
  for (const norm of [...graph.nodes]) {
    const affine = channelAffine(specialised, norm);
    if (!affine) continue;
    const { factors, offsets } = affine;
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
