/**
 * Tile: a tensor repeated along its axes. Where only axes of one element are repeated it is a view.
 * {@link https://onnx.ai/onnx/operators/onnx__Tile.html}
 *
 * @module
 */
import { expandView, reshapeView, type View, viewOffsets } from "../tensor/view.ts";
import { copyDispatch } from "./copy.ts";
import { MAX_STRIDED_RANK } from "./strided.ts";
import { countsOf, refuseCount } from "./counts.ts";
import { hostViewOf, pickElements } from "./host_elements.ts";
import type { NodeContext, Operator } from "./operator.ts";
import { ANY_TYPE } from "./types.ts";

function repeatsOf(node: NodeContext): number[] {
  const shape = node.shape(0);
  const repeats = node.numbers(1, "repeats") ?? [];
  if (repeats.length !== shape.length || repeats.some((times) => times < 0)) {
    node.fail(
      `repeats [${shape.join(", ")}] by [${repeats.join(", ")}]`,
      "one number, 0 or more, is needed for each dimension; export the model again",
    );
  }
  return repeats;
}

/** A view with each axis preceded by one of its repetitions, which are the same elements. */
function repeated(x: View, repeats: readonly number[]): View {
  return {
    ...x,
    shape: x.shape.flatMap((extent, axis) => [repeats[axis]!, extent]),
    strides: x.strides.flatMap((stride) => [0, stride]),
    padded: false,
  };
}

/** Tile. */
export const tile: Operator = {
  op: "Tile",
  opsets: [6, 99],
  types: ANY_TYPE,
  infer(node) {
    const repeats = repeatsOf(node);
    return [{
      dtype: node.type(0).dtype,
      shape: node.shape(0).map((extent, axis) => extent * repeats[axis]!),
    }];
  },
  evaluate(node, [x]) {
    const view = repeated(hostViewOf(x!), repeatsOf(node));
    return [pickElements(x!, this.infer(node)[0]!.shape, viewOffsets(view))];
  },
  counts(node) {
    const repeats = repeatsOf(node);
    const counts = countsOf(node, 0);
    counts.forEach((name, axis) => name !== undefined && repeats[axis] !== 1 && refuseCount(node, axis));
    return [counts];
  },
  lower(node) {
    const repeats = repeatsOf(node);
    const x = node.view(0);
    const { shape } = node.outputType(0);
    if (repeats.every((times, axis) => times === 1 || x.shape[axis] === 1)) {
      node.alias(0, expandView(x, shape));
      return;
    }
    const y = node.output(0, "linear");
    const whole = repeated(x, repeats);
    if (whole.shape.filter((extent) => extent !== 1).length <= MAX_STRIDED_RANK) {
      node.emit(copyDispatch(whole, reshapeView(y, whole.shape)!));
      return;
    }
    // Too many dimensions for one copy: axis by axis, of dense tensors, whose other dimensions are one.
    const axes = repeats.flatMap((times, axis) => times === 1 ? [] : [axis]);
    let from = node.materialise(x, "linear");
    axes.forEach((axis, i) => {
      const only = repeats.map((times, at) => at === axis ? times : 1);
      const wide = from.shape.with(axis, from.shape[axis]! * repeats[axis]!);
      const to = i === axes.length - 1 ? y : node.temporary({ dtype: x.dtype, shape: wide }, "linear");
      const one = repeated(from, only);
      node.emit(copyDispatch(one, reshapeView(to, one.shape)!));
      from = to;
    });
  },
};
