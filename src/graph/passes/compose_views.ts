import { NodeContext } from "../../ops/operator.ts";
import { findOperator } from "../../ops/registry.ts";
import type { Node } from "../../ops/node.ts";
import { denseView, type View } from "../../tensor/view.ts";
import type { SpecialisedGraph } from "../specialise.ts";
import { sliceNode, slicesOf } from "./slice.ts";

/** A value seen as a view of another one, laid out in ONNX's order. */
interface Composed {
  root: string;
  view: View;
}

/**
 * Makes one Slice of a chain of nodes that only view (reshapes, transposes, slices, splits, constant gathers), where the
 * chain as a whole takes evenly spaced positions of each dimension: the channel shuffle of ShuffleNet with the split
 * behind it is a slice of every second channel. A chain that takes everything as it is, is taken out.
 */
export function composeViews({ graph, types }: SpecialisedGraph): void {
  const composed = new Map<string, Composed>();
  for (const node of [...graph.nodes]) {
    const rule = findOperator(node)?.views;
    const source = node.inputs[0];
    if (!rule || !source) continue;
    const type = types.get(source)!;
    // Bounds do not tell which dimension it is that a count belongs to.
    if (type.counts) continue;
    const start = composed.get(source) ??
      { root: source, view: denseView(0, type.dtype, type.shape, "linear") };
    const views = rule(new NodeContext(node, graph.opset(node), types, graph.constants), start.view);
    const slices: Node[] = [];
    node.outputs.forEach((output, i) => {
      const view = views[i];
      if (output === "" || !view) return;
      composed.set(output, { root: start.root, view });
      const taken = slicesOf(view, types.get(start.root)!.shape);
      if (!taken) return;
      const name = node.outputs.length > 1 ? `${node.name} ${i}` : node.name;
      slices.push(sliceNode({ graph, types }, name, start.root, output, taken));
    });
    if (slices.length < node.outputs.filter((output) => output !== "").length) continue;
    graph.replaceNode(node, ...slices);
    for (const slice of slices) takeOutWhole(slice);
  }
  graph.removeDeadNodes();

  /** Takes a slice of everything out of the graph. */
  function takeOutWhole(slice: Node): void {
    const [root, output] = [slice.inputs[0]!, slice.outputs[0]!];
    if (slice.op !== "Identity" || !graph.replaceUses(output, root)) return;
    graph.removeNode(slice);
    // An output of the network keeps its name, and the value behind it takes it over.
    const [gone, kept] = graph.isOutput(output) ? [root, output] : [output, root];
    types.set(kept, types.get(gone)!);
    for (const other of composed.values()) if (other.root === gone) other.root = kept;
  }
}
