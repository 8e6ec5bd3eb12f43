import type { SpecialisedGraph } from "../specialise.ts";

/** Takes out Identity and (at inference) Dropout, so that what stands around them can be fused. */
export function removeIdentities({ graph }: SpecialisedGraph): void {
  for (const node of [...graph.nodes]) {
    if (node.op !== "Identity" && node.op !== "Dropout") continue;
    const maskUsed = node.outputs.slice(1).some((name) =>
      name !== "" && (graph.consumers().has(name) || graph.isOutput(name))
    );
    if (!maskUsed && graph.replaceUses(node.outputs[0]!, node.inputs[0]!)) graph.removeNode(node);
  }
}
