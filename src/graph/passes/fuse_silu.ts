import type { Node } from "../../ops/node.ts";
import type { SpecialisedGraph } from "../specialise.ts";

/** Makes one `Silu` of `x * Sigmoid(x)`, and one `HardSwish` of `x * HardSigmoid(x)` with its constants 1/6 and 1/2. */
export function fuseSilu({ graph }: SpecialisedGraph): void {
  const producers = graph.producers();
  const consumers = graph.consumers();
  for (const product of [...graph.nodes]) {
    if (product.op !== "Mul" || product.inputs.length !== 2) continue;
    for (const [x, gated] of [product.inputs, product.inputs.toReversed()] as [string, string][]) {
      const gate = producers.get(gated);
      if (!gate || gate.inputs[0] !== x || consumers.get(gated)!.length !== 1 || graph.isOutput(gated)) {
        continue;
      }
      const op = gate.op === "Sigmoid" ? "Silu" : isSwishGate(gate) ? "HardSwish" : undefined;
      if (!op) continue;
      const fused: Node = { ...product, op, inputs: [x], attributes: new Map() };
      graph.replaceNode(product, fused);
      graph.removeNode(gate);
      for (const output of fused.outputs) producers.set(output, fused);
      break;
    }
  }
}

function isSwishGate(node: Node): boolean {
  const number = (name: string, fallback: number): number => {
    const attribute = node.attributes.get(name);
    return attribute?.type === "float" ? attribute.value : fallback;
  };
  return node.op === "HardSigmoid" && Math.abs(number("alpha", 0.2) - 1 / 6) < 1e-6 &&
    number("beta", 0.5) === 0.5;
}
