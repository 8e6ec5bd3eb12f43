import { NodeContext } from "../../ops/operator.ts";
import { findOperator } from "../../ops/registry.ts";
import type { Node } from "../../ops/node.ts";
import { hostTensor } from "../../tensor/host_tensor.ts";
import { denseStrides, denseView, type View } from "../../tensor/view.ts";
import type { SpecialisedGraph } from "../specialise.ts";

/** A value seen as a view of another one, laid out in ONNX's order. */
interface Composed {
  root: string;
  view: View;
  /** How many nodes it takes. */
  length: number;
}

/**
 * Makes one Slice of a chain of nodes that only view (reshapes, transposes, slices, constant gathers), where the chain as
 * a whole takes evenly spaced elements along each dimension: the channel shuffle of ShuffleNet with the split behind it
 * is a slice of every second channel. A chain that takes everything as it is, is taken out.
 */
export function composeViews({ graph, types }: SpecialisedGraph): void {
  const composed = new Map<string, Composed>();
  for (const node of [...graph.nodes]) {
    const rule = findOperator(node)?.views;
    const source = node.inputs[0];
    if (!rule || !source) continue;
    const type = types.get(source)!;
    const start = composed.get(source) ??
      { root: source, view: denseView(0, type.dtype, type.shape, "linear"), length: 0 };
    const views = rule(new NodeContext(node, graph.opset(node), types, graph.constants), start.view);
    views.forEach((view, i) => {
      const name = node.outputs[i] ?? "";
      if (view && name !== "") composed.set(name, { root: start.root, view, length: start.length + 1 });
    });
    const whole = composed.get(node.outputs[0]!);
    if (node.outputs.length === 1 && whole && whole.length > 1) replace(node, whole);
  }
  graph.removeDeadNodes();

  function replace(node: Node, { root, view }: Composed): void {
    const { shape } = types.get(root)!;
    const slices = slicesOf(view, shape);
    if (!slices) return;
    const output = node.outputs[0]!;
    if (slices.length === 0 && graph.replaceUses(output, root)) {
      graph.removeNode(node);
      for (const other of composed.values()) if (other.root === output) other.root = root;
      return;
    }
    const list = (name: string, pick: (slice: AxisSlice) => number): string => {
      const tensor = hostTensor("i64", [slices.length], slices.map(pick));
      const added = graph.addConstant(`${node.name} ${name}`, tensor);
      types.set(added, tensor);
      return added;
    };
    graph.replaceNode(node, {
      name: node.name,
      op: "Slice",
      domain: "",
      inputs: [
        root,
        list("starts", ({ start }) => start),
        list("ends", ({ start, count, step }) => start + (count - 1) * step + 1),
        list("axes", ({ axis }) => axis),
        list("steps", ({ step }) => step),
      ],
      outputs: [output],
      attributes: new Map(),
    });
  }
}

interface AxisSlice {
  axis: number;
  start: number;
  count: number;
  step: number;
}

/** The slices that a view of a dense tensor of `shape` amounts to; none if it is the whole; `undefined` if it is no slice. */
function slicesOf(view: View, shape: readonly number[]): AxisSlice[] | undefined {
  if (view.shape.length !== shape.length || view.shape.includes(0)) return undefined;
  const strides = denseStrides(shape, "linear");
  const slices: AxisSlice[] = [];
  let rest = view.offset;
  for (const [axis, extent] of shape.entries()) {
    const count = view.shape[axis]!;
    const start = Math.floor(rest / strides[axis]!);
    rest -= start * strides[axis]!;
    const step = count === 1 ? 1 : view.strides[axis]! / strides[axis]!;
    if (!Number.isInteger(step) || step < 1 || start + (count - 1) * step >= extent) return undefined;
    if (start > 0 || count < extent) slices.push({ axis, start, count, step });
  }
  return slices;
}
