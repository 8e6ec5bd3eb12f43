/**
 * OneHot: an index becomes a row of "off" values with one "on" value.
 * {@link https://onnx.ai/onnx/operators/onnx__OneHot.html}
 *
 * @module
 */
import ONE_HOT from "../../shaders/select/one_hot.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { gpuScalar } from "../tensor/dtype.ts";
import { elementCount, toNumbers } from "../tensor/host_tensor.ts";
import { attr } from "./attribute.ts";
import { anyCounts, countsOf } from "./counts.ts";
import { pickElements } from "./host_elements.ts";
import type { NodeContext, Operator } from "./operator.ts";
import { NUMBERS, typesOf } from "./types.ts";

const kernel: KernelSource = { name: "select/one_hot", wgsl: ONE_HOT };

/** Where the new dimension goes and its extent. */
function placesOf(node: NodeContext): { axis: number; depth: number } {
  const axis = node.axis(attr.int(node.node, "axis", -1), node.shape(0).length + 1);
  const [depth = -1] = node.numbers(1, "depth") ?? [];
  const count = elementCount(node.shape(2));
  if (!Number.isInteger(depth) || depth < 1 || count !== 2) {
    node.fail(`has a depth of ${depth} and ${count} values`, "a depth from 1 on and two values are needed");
  }
  return { axis, depth };
}

/** OneHot. */
export const oneHot: Operator = {
  op: "OneHot",
  opsets: [9, 99],
  types: NUMBERS,
  infer(node) {
    const { axis, depth } = placesOf(node);
    return [{ dtype: node.type(2).dtype, shape: node.shape(0).toSpliced(axis, 0, depth) }];
  },
  evaluate(node, [indices, , values]) {
    const { axis, depth } = placesOf(node);
    const { shape } = this.infer(node)[0]!;
    const inner = elementCount(shape.slice(axis + 1));
    const given = toNumbers(indices!).map(Math.trunc);
    const hot = Array.from({ length: elementCount(shape) }, (_, i) => {
      const row = Math.floor(i / inner);
      const index = given[Math.floor(row / depth) * inner + i % inner]!;
      return row % depth === (index < 0 ? index + depth : index) ? 1 : 0;
    });
    return [pickElements(values!, shape, hot)];
  },
  counts: (node) => [anyCounts(countsOf(node, 0).toSpliced(placesOf(node).axis, 0, undefined))],
  lower(node) {
    const { axis, depth } = placesOf(node);
    const [indices, values, y] = [node.linear(0), node.linear(2), node.output(0, "linear")];
    const count = elementCount(y.shape);
    node.emit({
      kernel,
      options: {
        inject: { ...typesOf(y.dtype), index: `alias index_scalar = ${gpuScalar(indices.dtype)};` },
      },
      bindings: { indices, values, y },
      uniforms: {
        count,
        depth,
        inner: Math.max(elementCount(y.shape.slice(axis + 1)), 1),
        indices_offset: indices.offset,
        values_offset: values.offset,
        y_offset: y.offset,
      },
      workgroups: foldWorkgroups(Math.ceil(count / 64)),
    });
  },
};
