/**
 * Slices in one form: what passes look for and what they make.
 *
 * @module
 */
import type { Node } from "../../ops/node.ts";
import { hostTensor, toNumbers } from "../../tensor/host_tensor.ts";
import { denseStrides, type View } from "../../tensor/view.ts";
import type { Graph } from "../graph.ts";
import type { SpecialisedGraph } from "../specialise.ts";

/** Every `step`-th position of one dimension, `count` of them from `start`. */
export interface AxisSlice {
  axis: number;
  start: number;
  count: number;
  step: number;
}

/**
 * The slices that a view of a dense tensor of `shape` amounts to, one for each dimension of which it takes not all; none if
 * it is the whole; `undefined` if slices cannot say it.
 */
export function slicesOf(view: View, shape: readonly number[]): AxisSlice[] | undefined {
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

/** A Slice as {@linkcode readSlices} understands it; an Identity for no slices at all. */
export function sliceNode(
  { graph, types }: SpecialisedGraph,
  name: string,
  input: string,
  output: string,
  slices: readonly AxisSlice[],
): Node {
  const list = (what: string, pick: (slice: AxisSlice) => number): string => {
    const tensor = hostTensor("i64", [slices.length], slices.map(pick));
    const added = graph.addConstant(`${name} ${what}`, tensor);
    types.set(added, tensor);
    return added;
  };
  const inputs = slices.length === 0 ? [input] : [
    input,
    list("starts", ({ start }) => start),
    list("ends", ({ start, count, step }) => start + (count - 1) * step + 1),
    list("axes", ({ axis }) => axis),
    list("steps", ({ step }) => step),
  ];
  const op = slices.length === 0 ? "Identity" : "Slice";
  return { name, op, domain: "", inputs, outputs: [output], attributes: new Map() };
}

/** What a node made by {@linkcode sliceNode} takes; `undefined` for others. */
export function readSlices(node: Node | undefined, graph: Graph): AxisSlice[] | undefined {
  if (node?.op !== "Slice" || node.inputs.length !== 5) return undefined;
  const [starts, ends, axes, steps] = node.inputs.slice(1).map((name) => {
    const constant = graph.constants.get(name);
    return constant ? toNumbers(constant) : [];
  }) as [number[], number[], number[], number[]];
  if ([...starts, ...ends, ...axes].some((value) => value < 0) || steps.some((step) => step < 1)) {
    return undefined;
  }
  return starts.map((start, i) => ({
    axis: axes[i]!,
    start,
    count: Math.ceil((ends[i]! - start) / steps[i]!),
    step: steps[i]!,
  }));
}
