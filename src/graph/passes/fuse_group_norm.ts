import { attr } from "../../ops/attribute.ts";
import type { Node } from "../../ops/node.ts";
import { NORMALIZE_GROUPS } from "../../ops/normalize_operator.ts";
import { toNumbers } from "../../tensor/host_tensor.ts";
import type { SpecialisedGraph } from "../specialise.ts";
import { affineBehind, onlyReader } from "./affine.ts";

/**
 * Makes one node of a group normalisation written out as exporters do: a Reshape that puts the channels of each group
 * together, an InstanceNormalization without effect of its own parameters, the Reshape back, and a product and a sum for
 * each channel.
 */
export function fuseGroupNorm({ graph, types }: SpecialisedGraph): void {
  const producers = graph.producers();
  const consumers = graph.consumers();
  for (const norm of [...graph.nodes]) {
    if (norm.op !== "InstanceNormalization" || norm.domain !== "") continue;
    const [apart, back] = [producers.get(norm.inputs[0]!), onlyReader(graph, consumers, norm)];
    if (apart?.op !== "Reshape" || back?.op !== "Reshape") continue;
    const [x, split, whole] = [apart.inputs[0]!, norm.inputs[0]!, back.outputs[0]!]
      .map((name) => types.get(name)!.shape);
    const groups = split![1]!;
    const fits = x!.length >= 3 && x!.join() === whole!.join() && split![0] === x![0] &&
      x![1]! % groups === 0;
    if (!fits || !holdsOnly(norm.inputs[1]!, 1) || !holdsOnly(norm.inputs[2]!, 0)) continue;
    const affine = affineBehind(graph, consumers, back, x!);
    const last = affine.nodes.at(-1) ?? back;
    const fused: Node = {
      name: norm.name,
      op: NORMALIZE_GROUPS,
      domain: "",
      inputs: [apart.inputs[0]!, ...affine.inputs],
      outputs: [...last.outputs],
      attributes: new Map([
        ["groups", { type: "int", value: groups }],
        ["epsilon", { type: "float", value: attr.float(norm, "epsilon", 1e-5) }],
      ]),
    };
    for (const node of [norm, back, ...affine.nodes]) if (node !== last) graph.removeNode(node);
    graph.replaceNode(last, fused);
    producers.set(fused.outputs[0]!, fused);
  }
  graph.removeDeadNodes();

  function holdsOnly(name: string, wanted: number): boolean {
    const constant = graph.constants.get(name);
    return constant !== undefined && toNumbers(constant).every((value) => value === wanted);
  }
}
