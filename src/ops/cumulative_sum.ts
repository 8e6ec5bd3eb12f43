/**
 * CumSum: sums along an axis.
 * {@link https://onnx.ai/onnx/operators/onnx__CumSum.html}
 *
 * @module
 */
import SUM from "../../shaders/scan/cumulative_sum.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { elementCount, type HostTensor, hostTensor } from "../tensor/host_tensor.ts";
import { attr } from "./attribute.ts";
import type { NodeContext, Operator } from "./operator.ts";
import { MAX_ITERATIONS } from "./strided.ts";
import { FLOATS, typesOf } from "./types.ts";

const kernel: KernelSource = { name: "scan/cumulative_sum", wgsl: SUM };

/** The input as [outer, extent, inner], and how it is summed. */
interface Summing {
  outer: number;
  extent: number;
  inner: number;
  reverse: boolean;
  exclusive: boolean;
}

function summingOf(node: NodeContext): Summing {
  const shape = node.shape(0);
  const given = node.numbers(1, "axis") ?? [];
  if (shape.length === 0 || given.length !== 1) {
    node.fail(
      `sums [${shape.join(", ")}] along ${given.length} axes`,
      "one axis is needed; export the model again",
    );
  }
  const axis = node.axis(given[0]!, shape.length);
  return {
    outer: elementCount(shape.slice(0, axis)),
    extent: shape[axis]!,
    inner: elementCount(shape.slice(axis + 1)),
    reverse: attr.int(node.node, "reverse", 0) === 1,
    exclusive: attr.int(node.node, "exclusive", 0) === 1,
  };
}

/** CumSum. */
export const cumulativeSum: Operator = {
  op: "CumSum",
  opsets: [11, 99],
  types: [...FLOATS, "i32", "i64"],
  infer(node) {
    summingOf(node);
    return [{ dtype: node.type(0).dtype, shape: node.shape(0) }];
  },
  evaluate(node, [x]) {
    const { outer, extent, inner, reverse, exclusive } = summingOf(node);
    // Numbers or big integers, both as the typed array rounds or wraps them.
    const elements = x!.data.slice() as unknown as number[] & HostTensor["data"];
    for (let line = 0; line < outer * inner; line++) {
      const start = Math.floor(line / inner) * extent * inner + line % inner;
      const at = (step: number): number => start + (reverse ? extent - 1 - step : step) * inner;
      for (let step = 1; step < extent; step++) elements[at(step)]! += elements[at(step - 1)]!;
      if (!exclusive || extent === 0) continue;
      for (let step = extent - 1; step > 0; step--) elements[at(step)] = elements[at(step - 1)]!;
      elements[at(0)] = (typeof elements[0] === "bigint" ? 0n : 0) as number;
    }
    return [hostTensor(x!.dtype, x!.shape, elements)];
  },
  lower(node) {
    const { outer, extent, inner, reverse, exclusive } = summingOf(node);
    const [x, y] = [node.linear(0), node.output(0, "linear")];
    const count = outer * inner;
    for (let first = 0; first < extent; first += MAX_ITERATIONS) {
      node.emit({
        kernel,
        options: { overrides: { REVERSE: reverse, EXCLUSIVE: exclusive }, inject: typesOf(y.dtype) },
        bindings: { x, y },
        uniforms: {
          count,
          extent,
          inner: Math.max(inner, 1),
          first,
          end: Math.min(first + MAX_ITERATIONS, extent),
          x_offset: x.offset,
          y_offset: y.offset,
        },
        workgroups: foldWorkgroups(Math.ceil(count / 64)),
      });
    }
  },
};
