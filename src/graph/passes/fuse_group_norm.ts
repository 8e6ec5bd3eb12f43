import { attr } from "../../ops/attribute.ts";
import { broadcastShapes } from "../../ops/broadcast.ts";
import type { Node } from "../../ops/node.ts";
import { NORMALIZE_GROUPS } from "../../ops/normalize_operator.ts";
import { toNumbers } from "../../tensor/host_tensor.ts";
import type { SpecialisedGraph } from "../specialise.ts";

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
    const [apart, back] = [producers.get(norm.inputs[0]!), onlyReader(norm)];
    if (apart?.op !== "Reshape" || back?.op !== "Reshape") continue;
    const [x, split, whole] = [apart.inputs[0]!, norm.inputs[0]!, back.outputs[0]!]
      .map((name) => types.get(name)!.shape);
    const groups = split![1]!;
    const fits = x!.length >= 3 && x!.join() === whole!.join() && split![0] === x![0] &&
      x![1]! % groups === 0;
    if (!fits || !holdsOnly(norm.inputs[1]!, 1) || !holdsOnly(norm.inputs[2]!, 0)) continue;
    const inputs = [apart.inputs[0]!];
    let last = back;
    const scale = parameter(last, "Mul", x!);
    if (scale) [last, inputs[1]] = scale;
    const bias = parameter(last, "Add", x!);
    if (bias) {
      inputs[1] ??= "";
      [last, inputs[2]] = bias;
    }
    const fused: Node = {
      name: norm.name,
      op: NORMALIZE_GROUPS,
      domain: "",
      inputs,
      outputs: [...last.outputs],
      attributes: new Map([
        ["groups", { type: "int", value: groups }],
        ["epsilon", { type: "float", value: attr.float(norm, "epsilon", 1e-5) }],
      ]),
    };
    const replaced = new Set([norm, back, ...scale ? [scale[0]] : [], ...bias ? [bias[0]] : []]);
    for (const node of replaced) if (node !== last) graph.removeNode(node);
    graph.replaceNode(last, fused);
    producers.set(fused.outputs[0]!, fused);
  }
  graph.removeDeadNodes();

  function onlyReader(node: Node): Node | undefined {
    const value = node.outputs[0]!;
    const readers = consumers.get(value) ?? [];
    return readers.length === 1 && !graph.isOutput(value) ? readers[0] : undefined;
  }

  function holdsOnly(name: string, wanted: number): boolean {
    const constant = graph.constants.get(name);
    return constant !== undefined && toNumbers(constant).every((value) => value === wanted);
  }

  /** The product or sum with a constant for each channel behind a node, if nothing else reads what it makes. */
  function parameter(node: Node, op: string, shape: readonly number[]): [Node, string] | undefined {
    const next = onlyReader(node);
    const other = next?.inputs.find((name) => name !== node.outputs[0]);
    const constant = graph.constants.get(other ?? "");
    if (next?.op !== op || next.domain !== "" || !constant) return undefined;
    return broadcastShapes(constant.shape, shape)?.join() === shape.join() ? [next, other!] : undefined;
  }
}
