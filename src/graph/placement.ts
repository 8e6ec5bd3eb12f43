/**
 * Concatenation without copies: decides, before anything is lowered, which values are written straight into their
 * part of a concatenated tensor.
 *
 * @module
 */
import { attr } from "../ops/attribute.ts";
import type { Node } from "../ops/node.ts";
import type { Graph } from "./graph.ts";
import type { TensorType } from "../ops/operator.ts";
import { findOperator } from "../ops/registry.ts";
import { canBeImage, type Layout } from "../tensor/view.ts";

/** A value's place: a slice of another value along one axis. */
export interface Place {
  within: string;
  axis: number;
  start: number;
}

/** Places of values, and the layouts of the concatenations that hold them. */
export interface Placement {
  places: ReadonlyMap<string, Place>;
  layouts: ReadonlyMap<string, Layout>;
}

/** Plans the places. */
export function placeConcatenations(graph: Graph, types: ReadonlyMap<string, TensorType>): Placement {
  const layouts = new Map<string, Layout>();
  const places = new Map<string, Place>();
  for (const input of graph.inputs) {
    layouts.set(input.name, canBeImage(types.get(input.name)!.shape) ? "image" : "linear");
  }
  for (const node of graph.nodes) {
    const layout = node.op === "Concat" ? concatLayout(node, types, layouts) : producedLayout(node, layouts);
    for (const output of node.outputs) layouts.set(output, layout);
    if (node.op !== "Concat") continue;
    const { shape } = types.get(node.outputs[0]!)!;
    const axis = (attr.int(node, "axis", 1) + shape.length) % shape.length;
    let start = 0;
    node.inputs.forEach((name, i) => {
      const part = types.get(name)!.shape;
      const last = i === node.inputs.length - 1;
      const free = !graph.constants.has(name) && !graph.inputs.some((input) => input.name === name) &&
        !places.has(name);
      if (free && layouts.get(name) === layout && aligned(part, axis, start, layout, last)) {
        places.set(name, { within: node.outputs[0]!, axis, start });
      }
      start += part[axis]!;
    });
  }
  return { places, layouts };
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

function producedLayout(node: Node, layouts: ReadonlyMap<string, Layout>): Layout {
  const rule = findOperator(node)?.layout ?? "linear";
  return rule === "same" ? layouts.get(node.inputs[0]!) ?? "linear" : rule;
}
