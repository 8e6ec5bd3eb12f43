/**
 * ReverseSequence: the beginning of each sequence in the opposite order.
 * {@link https://onnx.ai/onnx/operators/onnx__ReverseSequence.html}
 *
 * @module
 */
import REVERSE from "../../shaders/select/reverse_sequence.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { elementCount, toNumbers } from "../tensor/host_tensor.ts";
import { attr } from "./attribute.ts";
import { pickElements } from "./host_elements.ts";
import type { NodeContext, Operator } from "./operator.ts";
import { ANY_TYPE, typesOf } from "./types.ts";

const kernel: KernelSource = { name: "select/reverse_sequence", wgsl: REVERSE };

/** Whether time is the first dimension; the sequences are the other one of the first two. */
function timeFirst(node: NodeContext): boolean {
  const [shape, lengths] = [node.shape(0), node.shape(1)];
  const time = attr.int(node.node, "time_axis", 0);
  const batch = attr.int(node.node, "batch_axis", 1);
  const axes = time + batch === 1 && Math.abs(time - batch) === 1;
  if (shape.length < 2 || !axes || lengths.length !== 1 || lengths[0] !== shape[batch]) {
    node.fail(
      `[${lengths.join(", ")}] lengths do not fit [${
        shape.join(", ")
      }] with time axis ${time} and batch axis ${batch}`,
      "axes 0 and 1 are needed, and a length for each sequence; export the model again",
    );
  }
  return time === 0;
}

/** ReverseSequence. */
export const reverseSequence: Operator = {
  op: "ReverseSequence",
  opsets: [10, 99],
  types: ANY_TYPE,
  infer(node) {
    timeFirst(node);
    return [{ dtype: node.type(0).dtype, shape: node.shape(0) }];
  },
  evaluate(node, [x, lengths]) {
    const first = timeFirst(node);
    const inner = elementCount(x!.shape.slice(2));
    const ends = toNumbers(lengths!);
    const positions = Array.from({ length: elementCount(x!.shape) }, (_, i) => {
      const line = Math.floor(i / inner);
      const [a, b] = [Math.floor(line / x!.shape[1]!), line % x!.shape[1]!];
      const [time, end] = first ? [a, ends[b]!] : [b, ends[a]!];
      const from = time < end ? end - 1 - time : time;
      return (first ? from * x!.shape[1]! + b : a * x!.shape[1]! + from) * inner + i % inner;
    });
    return [pickElements(x!, x!.shape, positions)];
  },
  lower(node) {
    const [x, lengths, y] = [node.linear(0), node.linear(1), node.output(0, "linear")];
    const count = elementCount(x.shape);
    node.emit({
      kernel,
      options: { overrides: { TIME_FIRST: timeFirst(node) }, inject: typesOf(x.dtype) },
      bindings: { x, lengths, y },
      uniforms: {
        count,
        first: x.shape[0]!,
        second: Math.max(x.shape[1]!, 1),
        inner: Math.max(elementCount(x.shape.slice(2)), 1),
        x_offset: x.offset,
        lengths_offset: lengths.offset,
        y_offset: y.offset,
      },
      workgroups: foldWorkgroups(Math.ceil(count / 64)),
    });
  },
};
