import type { Node } from "../../ops/node.ts";
import { NodeContext } from "../../ops/operator.ts";
import { takesPacked } from "../../ops/quantized_conv.ts";
import type { SpecialisedGraph } from "../specialise.ts";

/**
 * Marks convolutions of bytes whose results only other such convolutions read: they hand them over packed, four bytes to a
 * word. Nobody else may look at such a value, so this is for plans whose inner values are not outputs.
 */
export function packQuantised({ graph, types }: SpecialisedGraph): void {
  const consumers = graph.consumers();
  for (const node of graph.nodes) {
    const value = node.outputs[0]!;
    const readers = consumers.get(value) ?? [];
    const packed = packs(node) && !graph.isOutput(value) && readers.length > 0 &&
      readers.every((reader) => packs(reader) && reader.inputs.lastIndexOf(value) === 0);
    if (packed) node.attributes.set("packed", { type: "int", value: 1 });
  }

  function packs(node: Node): boolean {
    return node.op === "QLinearConv" &&
      takesPacked(new NodeContext(node, graph.opset(node), types, graph.constants));
  }
}
