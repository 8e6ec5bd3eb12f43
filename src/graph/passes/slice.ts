import { NodeContext } from "../../ops/operator.ts";
import type { Node } from "../../ops/node.ts";
import { toNumbers } from "../../tensor/host_tensor.ts";
import type { Graph } from "../graph.ts";

/** Every `step`-th position of one dimension, from `start`. */
export interface AxisSlice {
  axis: number;
  start: number;
  step: number;
}

/** What a Slice with constant inputs, steps above 0 and starts and axes counted from 0 takes; `undefined` for others. */
export function readSlices(node: Node, graph: Graph): AxisSlice[] | undefined {
  const lists = [1, 3, 4].map((index) => {
    const constant = graph.constants.get(node.inputs[index] ?? "");
    return constant && toNumbers(constant);
  });
  const [starts, axes, steps] = lists;
  if (node.op !== "Slice" || !starts || !axes || !steps) return undefined;
  if ([...starts, ...axes].some((value) => value < 0) || steps.some((step) => step < 1)) return undefined;
  return starts.map((start, i) => ({ axis: axes[i]!, start, step: steps[i]! }));
}
