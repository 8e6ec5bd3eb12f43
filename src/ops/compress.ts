/**
 * Compress: what lies where a condition that is known beforehand holds, along an axis or of all elements.
 * {@link https://onnx.ai/onnx/operators/onnx__Compress.html}
 *
 * @module
 */
import { elementCount } from "../tensor/host_tensor.ts";
import { reshapeView } from "../tensor/view.ts";
import { attr } from "./attribute.ts";
import { gatherDispatch } from "./gather.ts";
import { pickElements } from "./host_elements.ts";
import type { NodeContext, Operator } from "./operator.ts";
import { ANY_TYPE } from "./types.ts";

/** The input as it is taken from, the axis, and what is kept. */
function keptBy(node: NodeContext): { from: readonly number[]; axis: number; kept: number[] } {
  const shape = node.shape(0);
  const whole = !attr.has(node.node, "axis");
  const from = whole ? [elementCount(shape)] : shape;
  const axis = whole ? 0 : node.axis(attr.int(node.node, "axis"), shape.length);
  const condition = node.numbers(1, "condition") ?? [];
  const kept = condition.flatMap((holds, i) => holds !== 0 && i < from[axis]! ? [i] : []);
  return { from, axis, kept };
}

/** Compress. */
export const compress: Operator = {
  op: "Compress",
  opsets: [9, 99],
  types: ANY_TYPE,
  infer(node) {
    const { from, axis, kept } = keptBy(node);
    return [{ dtype: node.type(0).dtype, shape: from.with(axis, kept.length) }];
  },
  evaluate(node, [x]) {
    const { from, axis, kept } = keptBy(node);
    const inner = elementCount(from.slice(axis + 1));
    const outer = elementCount(from.slice(0, axis));
    const positions = Array.from({ length: outer * kept.length * inner }, (_, i) => {
      const row = Math.floor(i / inner);
      const at = kept[row % kept.length]!;
      return (Math.floor(row / kept.length) * from[axis]! + at) * inner + i % inner;
    });
    return [pickElements(x!, from.with(axis, kept.length), positions)];
  },
  lower(node) {
    const { from, axis, kept } = keptBy(node);
    const x = reshapeView(node.linear(0), from)!;
    const table = node.weights(`kept ${kept.join(" ")}`, () => new Int32Array(kept.length > 0 ? kept : [0]));
    node.emit(gatherDispatch(x, node.output(0, "linear"), axis, table));
  },
};
