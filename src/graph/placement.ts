/**
 * Tensors made where they are needed: decides, before anything is lowered, which values are written straight into their
 * part of a concatenated tensor, or into what a reshape or transpose makes of them.
 *
 * @module
 */
import { attr } from "../ops/attribute.ts";
import type { HostedConcat } from "../ops/concat.ts";
import type { Node } from "../ops/node.ts";
import { NodeContext, type TensorType } from "../ops/operator.ts";
import { findOperator } from "../ops/registry.ts";
import {
  canBeImage,
  denseView,
  type Layout,
  permuteView,
  reshapeView,
  sliceView,
  type View,
} from "../tensor/view.ts";
import type { Graph } from "./graph.ts";

/** A value's place: a slice of another value along one axis. */
export interface Place {
  within: string;
  axis: number;
  start: number;
}

/** A value that is only read to be seen as another one of as many elements. */
export interface Seen {
  as: string;
  /** The value, in a view of what it is seen as; `undefined` if strides cannot say it. */
  within(view: View): View | undefined;
}

/** Places of values, and the layouts of the concatenations that hold them. */
export interface Placement {
  places: ReadonlyMap<string, Place>;
  seen: ReadonlyMap<string, Seen>;
  layouts: ReadonlyMap<string, Layout>;
  /** Concatenations of which every part is written in place: better copied as a whole than part by part. */
  complete: ReadonlySet<string>;
  /** Values in whose memory concatenations are made; see {@linkcode HostedConcat}. */
  hosts: ReadonlyMap<string, string>;
}

/** Plans the places. */
export function placeConcatenations(graph: Graph, types: ReadonlyMap<string, TensorType>): Placement {
  const layouts = new Map<string, Layout>();
  const places = new Map<string, Place>();
  const complete = new Set<string>();
  const hosts = new Map<string, string>();
  const producers = graph.producers();
  const consumers = graph.consumers();
  for (const input of graph.inputs) {
    layouts.set(input.name, canBeImage(types.get(input.name)!.shape) ? "image" : "linear");
  }
  const readOnce = (name: string): boolean => consumers.get(name)?.length === 1 && !graph.isOutput(name);
  for (const node of graph.nodes) {
    const layout = node.op === "Concat"
      ? concatLayout(node, types, layouts)
      : producedLayout(node, types, layouts);
    for (const output of node.outputs) layouts.set(output, layout);
    if (node.op !== "Concat") continue;
    if ("host" in node) hosts.set(node.outputs[0]!, (node as HostedConcat).host);
    const { shape } = types.get(node.outputs[0]!)!;
    const axis = (attr.int(node, "axis", 1) + shape.length) % shape.length;
    let start = 0;
    let placed = 0;
    node.inputs.forEach((name, i) => {
      const part = types.get(name)!.shape;
      const last = i === node.inputs.length - 1;
      const producer = producers.get(name);
      const free = producer && !places.has(name);
      const inLine = layouts.get(name) === layout && aligned(part, axis, start, layout, last);
      // A last part that begins within a vec4 does not reach the padding behind it; copying it here writes both.
      const ragged = layout === "image" && axis === 1 && last && start % 4 !== 0 && shape[1]! % 4 !== 0;
      if (free && (inLine || (!ragged && readOnce(name) && writesAnywhere(producer)))) {
        places.set(name, { within: node.outputs[0]!, axis, start });
        if (inLine && !findOperator(producer)?.views) placed++;
      }
      start += part[axis]!;
    });
    if (placed === node.inputs.length) complete.add(node.outputs[0]!);
  }
  const seen = new Map<string, Seen>();
  for (const node of graph.nodes) {
    const input = node.inputs[0] ?? "";
    const within = producers.has(input) && readOnce(input) ? inverseOf(node, graph, types) : undefined;
    if (within) seen.set(input, { as: node.outputs[0]!, within });
  }
  return { places, seen, layouts, complete, hosts };
}

/** Whether what makes a value copies it element by element, or is a view of something that may be copied so. */
function writesAnywhere(producer: Node): boolean {
  return producer.op === "Concat" || producer.op === "Softmax" || findOperator(producer)?.views !== undefined;
}

/** For a node that only reorders its input, the way back. */
function inverseOf(
  node: Node,
  graph: Graph,
  types: ReadonlyMap<string, TensorType>,
): ((view: View) => View | undefined) | undefined {
  const rule = findOperator(node)?.views;
  const { dtype, shape } = types.get(node.inputs[0] ?? "") ?? {};
  if (!rule || !dtype || !shape || node.outputs.length !== 1) return undefined;
  if (["Reshape", "Flatten", "Squeeze", "Unsqueeze"].includes(node.op)) {
    return (view) => reshapeView(view, shape);
  }
  if (node.op !== "Transpose") return undefined;
  // The strides of a view tell where the transposition puts each dimension, if they all differ.
  const marked: View = { ...denseView(0, dtype, shape, "linear"), strides: shape.map((_, axis) => axis) };
  const context = new NodeContext(node, graph.opset(node), types, graph.constants);
  const order = rule(context, marked)[0]!.strides;
  return (view) => permuteView(view, shape.map((_, axis) => order.indexOf(axis)));
}

/** The part of `whole` that is a value's place. */
export function placeView(whole: View, { axis, start }: Place, type: TensorType): View {
  return sliceView(whole, axis, start, type.shape[axis]!, 1);
}

/** Kernels write whole vec4s, so a part must begin and (unless it is the last) end on one. */
function aligned(
  part: readonly number[],
  axis: number,
  start: number,
  layout: Layout,
  last: boolean,
): boolean {
  if (layout === "image") return axis !== 1 || (start % 4 === 0 && (part[1]! % 4 === 0 || last));
  const inner = part.slice(axis + 1).reduce((product, extent) => product * extent, 1);
  const outer = part.slice(0, axis).reduce((product, extent) => product * extent, 1);
  return outer === 1 && (start * inner) % 4 === 0 && ((part[axis]! * inner) % 4 === 0 || last);
}

function concatLayout(
  node: Node,
  types: ReadonlyMap<string, TensorType>,
  layouts: ReadonlyMap<string, Layout>,
): Layout {
  const isImage = canBeImage(types.get(node.outputs[0]!)!.shape) &&
    node.inputs.every((name) => layouts.get(name) === "image");
  return isImage ? "image" : "linear";
}

function producedLayout(
  node: Node,
  types: ReadonlyMap<string, TensorType>,
  layouts: ReadonlyMap<string, Layout>,
): Layout {
  const operator = findOperator(node);
  const first = layouts.get(node.inputs[0] ?? "") ?? "linear";
  // A part of an image is copied as an image.
  const isPart = node.op === "Slice" || node.op === "Split";
  if (isPart) return types.get(node.inputs[0]!)?.shape.length === 4 ? first : "linear";
  const rule = operator?.layout ?? "linear";
  return rule === "same" ? first : rule;
}
