import { attr } from "../../ops/attribute.ts";
import type { Node } from "../../ops/node.ts";
import type { SpecialisedGraph } from "../specialise.ts";

/**
 * Where a concatenation begins with all parts of an earlier one, it takes that one's result in their place: `[a, b]` and
 * `[a, b, c]` become `[a, b]` and `[[a, b], c]`. The inner one then lies inside the outer one and nothing is copied,
 * where networks with dense blocks would copy every part as often as it is read.
 */
export function nestConcatenations({ graph, types }: SpecialisedGraph): void {
  const earlier = new Map<string, Node>();
  for (const node of graph.nodes) {
    if (node.op !== "Concat" || node.domain !== "") continue;
    const { shape } = types.get(node.outputs[0]!)!;
    const axis = (attr.int(node, "axis", 1) + shape.length) % shape.length;
    const key = (count: number): string => JSON.stringify([axis, ...parts.slice(0, count)]);
    const parts = [...node.inputs];
    for (let count = parts.length - 1; count >= 2; count--) {
      const inner = earlier.get(key(count));
      if (!inner) continue;
      node.inputs = [inner.outputs[0]!, ...parts.slice(count)];
      break;
    }
    earlier.set(key(parts.length), node);
  }
}
