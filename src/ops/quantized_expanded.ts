/**
 * Quantised operators of Microsoft's domain of which a pass makes others: QLinearConcat and QLinearSoftmax.
 * {@link https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md ONNX Runtime's operators}
 *
 * @module
 */
import type { DType } from "../tensor/dtype.ts";
import { elementCount, hostTensor } from "../tensor/host_tensor.ts";
import { attr } from "./attribute.ts";
import type { NodeContext, Operator } from "./operator.ts";
import { given } from "./quantization.ts";
import { lookUp, schemeOf } from "./quantized_microsoft.ts";
import { type Scheme, tableOf } from "./quantized_scheme.ts";
import { MICROSOFT } from "./quantize.ts";
import { BYTES } from "./types.ts";

/**
 * `Y_scale, Y_zero_point`, and `X, X_scale, X_zero_point` of each part. A pass makes a table of each part, and a Concat of
 * the results.
 */
const concat: Operator = {
  op: "QLinearConcat",
  domain: MICROSOFT,
  opsets: [1, 99],
  infer(node) {
    const first = node.shape(2);
    const axis = node.axis(attr.int(node.node, "axis"), first.length);
    let total = 0;
    for (const part of concatParts(node)) {
      const shape = node.shape(part.index);
      if (shape.length !== first.length || shape.some((extent, at) => at !== axis && extent !== first[at])) {
        node.fail(
          `input ${part.index} is [${shape.join(", ")}] and input 2 is [${
            first.join(", ")
          }]; only axis ${axis} may differ`,
          "check the input's size, or export the model again",
        );
      }
      total += shape[axis]!;
    }
    return [{ dtype: node.type(1).dtype, shape: first.with(axis, total) }];
  },
  evaluate(node, inputs) {
    const [{ shape, dtype }] = this.infer(node) as [{ shape: readonly number[]; dtype: DType }];
    const axis = node.axis(attr.int(node.node, "axis"), shape.length);
    const parts = concatParts(node).map(({ index, from, to }) =>
      lookUp(given(inputs[index]), dtype, from.low, tableOf(from, to, (value) => value))
    );
    const elements: number[] = [];
    for (let outer = 0; outer < elementCount(shape.slice(0, axis)); outer++) {
      for (const part of parts) {
        const inner = elementCount(part.shape.slice(axis));
        for (let i = 0; i < inner; i++) elements.push(Number(part.data[outer * inner + i]));
      }
    }
    return [hostTensor(dtype, shape, elements)];
  },
};

/** The parts of a QLinearConcat: which input each is, and between which schemes it goes. */
export function concatParts(node: NodeContext): { index: number; from: Scheme; to: Scheme }[] {
  const count = (node.arity - 2) / 3;
  if (count < 1 || !Number.isInteger(count)) {
    node.fail(`it has ${node.arity} inputs`, "2 and 3 for each part are needed; export the model again");
  }
  const to = schemeOf(node, 1, 0, 1);
  return Array.from({ length: count }, (_, i) => {
    const index = 2 + 3 * i;
    return { index, from: schemeOf(node, index, index + 1, index + 2), to };
  });
}

/** `X, X_scale, X_zero_point, Y_scale, Y_zero_point`: dequantised, Softmax (as of the operator set `opset`), quantised. */
const softmax: Operator = {
  op: "QLinearSoftmax",
  domain: MICROSOFT,
  opsets: [1, 99],
  types: BYTES,
  infer(node) {
    schemeOf(node, 0, 1, 2);
    const { dtype } = schemeOf(node, 0, 3, 4);
    const shape = node.shape(0);
    node.axis(attr.int(node.node, "axis", -1), shape.length);
    return [{ dtype, shape }];
  },
};

/** Operators that are expanded before anything is lowered. */
export const expandedQuantizedOperators: readonly Operator[] = [concat, softmax];
