import { attr } from "../../ops/attribute.ts";
import type { Node } from "../../ops/node.ts";
import { NodeContext } from "../../ops/operator.ts";
import { readWindow, type Window } from "../../ops/window.ts";
import type { SpecialisedGraph } from "../specialise.ts";

/** A MaxPool that keeps the image's size: how far its window reaches up, left, down and right. */
interface Reach {
  node: Node;
  reach: readonly number[];
}

/**
 * Lets the larger of several MaxPools of one value start from the smaller one's result, as in spatial pyramid pooling: with
 * stride 1 and padding that keeps the size, a maximum over 9 x 9 is one over 5 x 5 of a maximum over 5 x 5.
 */
export function chainMaxPools({ graph, types }: SpecialisedGraph): void {
  const pools = Map.groupBy(
    graph.nodes.flatMap((node) => reachOf(node) ?? []),
    ({ node }) => node.inputs[0]!,
  );
  for (const group of pools.values()) {
    group.sort((a, b) => sum(a.reach) - sum(b.reach));
    group.forEach(({ node, reach }, i) => {
      const smaller = group.slice(0, i).findLast((one) =>
        one.reach.every((far, side) => far <= reach[side]!)
      );
      if (!smaller) return;
      const rest = reach.map((far, side) => far - smaller.reach[side]!);
      node.inputs = [smaller.node.outputs[0]!];
      node.attributes = new Map([
        ["kernel_shape", { type: "ints", value: [rest[0]! + rest[2]! + 1, rest[1]! + rest[3]! + 1] }],
        ["pads", { type: "ints", value: rest }],
      ]);
    });
  }
  graph.sort();

  function reachOf(node: Node): Reach | undefined {
    if (node.op !== "MaxPool" || node.outputs.length !== 1 || node.domain !== "") return undefined;
    const { shape } = types.get(node.inputs[0]!)!;
    if (shape.length !== 4) return undefined;
    const context = new NodeContext(node, graph.opset(node), types, graph.constants);
    const window = readWindow(context, attr.ints(node, "kernel_shape"));
    return keepsSize(window, shape) ? { node, reach: [...window.padBegin, ...window.padEnd] } : undefined;
  }
}

function keepsSize(
  { kernel, strides, dilations, padBegin, padEnd, out }: Window,
  shape: readonly number[],
): boolean {
  return [0, 1].every((axis) =>
    strides[axis] === 1 && dilations[axis] === 1 && out[axis] === shape[axis + 2] &&
    padBegin[axis]! + padEnd[axis]! === kernel[axis]! - 1 && padBegin[axis]! >= 0 && padEnd[axis]! >= 0
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
