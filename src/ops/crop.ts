/**
 * CenterCropPad: the middle of a tensor, or zeros around it, until it has the extents wanted.
 * {@link https://onnx.ai/onnx/operators/onnx__CenterCropPad.html}
 *
 * @module
 */
import { denseStrides } from "../tensor/view.ts";
import { elementCount, type HostTensor, hostTensor, zeros } from "../tensor/host_tensor.ts";
import { attr } from "./attribute.ts";
import { padDispatch } from "./copy.ts";
import type { NodeContext, Operator } from "./operator.ts";
import { ANY_TYPE } from "./types.ts";

/** The output's shape, and where the input begins in it: before it where it is cropped. */
function placeOf(node: NodeContext): { shape: number[]; begin: number[] } {
  const old = node.shape(0);
  const axes = [...attr.ints(node.node, "axes", old.map((_, axis) => axis))].map((axis) =>
    node.axis(axis, old.length)
  );
  const wanted = node.numbers(1, "shape") ?? [];
  if (wanted.length !== axes.length || wanted.some((extent) => extent < 0)) {
    node.fail(
      `wants extents [${wanted.join(", ")}] of ${axes.length} axes`,
      "one extent, 0 or more, is needed for each; export the model again",
    );
  }
  const shape = [...old];
  axes.forEach((axis, i) => shape[axis] = wanted[i]!);
  const begin = shape.map((extent, axis) => {
    const spare = extent - old[axis]!;
    return spare >= 0 ? Math.floor(spare / 2) : -Math.floor(-spare / 2) || 0;
  });
  return { shape, begin };
}

/** CenterCropPad. */
export const centerCropPad: Operator = {
  op: "CenterCropPad",
  opsets: [18, 99],
  types: ANY_TYPE,
  infer: (node) => [{ dtype: node.type(0).dtype, shape: placeOf(node).shape }],
  evaluate(node, [x]) {
    const { shape, begin } = placeOf(node);
    const elements = zeros(x!.dtype, shape).data as unknown as (number | bigint)[] & HostTensor["data"];
    const [own, strides] = [denseStrides(x!.shape, "linear"), denseStrides(shape, "linear")];
    for (let i = 0; i < elementCount(shape); i++) {
      let source = 0;
      const inside = shape.every((extent, axis) => {
        const at = Math.floor(i / strides[axis]!) % extent - begin[axis]!;
        source += at * own[axis]!;
        return at >= 0 && at < x!.shape[axis]!;
      });
      if (inside) elements[i] = x!.data[source]!;
    }
    return [hostTensor(x!.dtype, shape, elements)];
  },
  lower(node) {
    const { begin } = placeOf(node);
    if (begin.every((from, axis) => from === 0 && node.outputType(0).shape[axis] === node.shape(0)[axis])) {
      node.alias(0, node.view(0));
    } else {
      node.emit(padDispatch(node.view(0), node.output(0, "linear"), begin, 0));
    }
  },
};
