/**
 * Dropout, as it is when a network is used and not trained: its input. The mask tells that all of it was kept.
 * {@link https://onnx.ai/onnx/operators/onnx__Dropout.html}
 *
 * @module
 */
import { elementCount, hostTensor } from "../tensor/host_tensor.ts";
import type { View } from "../tensor/view.ts";
import { fillDispatch } from "./fill.ts";
import type { NodeContext, Operator, TensorType } from "./operator.ts";
import { ANY_TYPE } from "./types.ts";

/** Dropout. */
export const dropout: Operator = {
  op: "Dropout",
  opsets: [1, 99],
  types: ANY_TYPE,
  infer(node) {
    refuseTraining(node);
    const { dtype, shape } = node.type(0);
    const mask: TensorType = { dtype: node.opset < 10 ? dtype : "bool", shape };
    return [{ dtype, shape }, mask];
  },
  evaluate(node, [x]) {
    const [, mask] = this.infer(node);
    return [x!, hostTensor(mask!.dtype, mask!.shape, new Array(elementCount(mask!.shape)).fill(1))];
  },
  counts: (node) => node.node.outputs.map(() => node.type(0).counts),
  views: (node, x: View) => node.node.outputs.map((_, i) => i === 0 ? x : undefined),
  lower(node) {
    node.alias(0, node.view(0));
    if ((node.node.outputs[1] ?? "") !== "") node.emit(fillDispatch(node.output(1, "linear"), 1));
  },
};

function refuseTraining(node: NodeContext): void {
  if (!node.has(2) || node.numbers(2, "training_mode")![0] === 0) return;
  const [ratio = 0.5] = node.has(1) ? node.numbers(1, "ratio")! : [];
  if (ratio > 0) {
    node.fail(`drops ${ratio} of its input at random, as in training`, "export the model for inference");
  }
}
