/**
 * DepthToSpace and SpaceToDepth: channels become pixels, and the other way round. A view where strides can say it, else
 * one copy.
 * {@link https://onnx.ai/onnx/operators/onnx__DepthToSpace.html}
 *
 * @module
 */
import { denseView, permuteView, reshapeView, type View, viewOffsets } from "../tensor/view.ts";
import { attr } from "./attribute.ts";
import { copyDispatch } from "./copy.ts";
import { hostViewOf, pickElements } from "./host_elements.ts";
import type { NodeContext, Operator } from "./operator.ts";
import { ANY_TYPE } from "./types.ts";

/** One axis as several, whose product is its extent: always a view. */
function splitAxis(view: View, axis: number, extents: readonly number[]): View {
  let stride = view.strides[axis]!;
  const strides = extents.toReversed().map((extent) => (stride *= extent) / extent).reverse();
  return {
    ...view,
    shape: view.shape.toSpliced(axis, 1, ...extents),
    strides: view.strides.toSpliced(axis, 1, ...strides),
    padded: view.padded && axis !== 1,
  };
}

/** How elements move: both sides as views of one shape of six dimensions. */
interface Move {
  shape: readonly number[];
  from(x: View): View;
  to(y: View): View;
}

function blockSize(node: NodeContext, divides: readonly number[], what: string): number {
  const shape = node.shape(0);
  const size = attr.int(node.node, "blocksize");
  if (
    shape.length !== 4 || size < 1 ||
    divides.some((axis) => shape[axis]! % (axis === 1 ? size * size : size) !== 0)
  ) {
    node.fail(
      `blocks of ${size} do not divide ${what} of [${shape.join(", ")}]`,
      "check the input's size, or export the model again",
    );
  }
  return size;
}

function toSpace(node: NodeContext): Move {
  const size = blockSize(node, [1], "the channels");
  const mode = attr.string(node.node, "mode", "DCR");
  if (mode !== "DCR" && mode !== "CRD") node.fail(`mode "${mode}" is unknown`, "use DCR or CRD");
  const [n, c, h, w] = node.shape(0) as [number, number, number, number];
  const depth = c / (size * size);
  return {
    shape: [n, depth, h * size, w * size],
    from: (x) =>
      mode === "DCR"
        ? permuteView(splitAxis(x, 1, [size, size, depth]), [0, 3, 4, 1, 5, 2])
        : permuteView(splitAxis(x, 1, [depth, size, size]), [0, 1, 4, 2, 5, 3]),
    to: (y) => splitAxis(splitAxis(y, 3, [w, size]), 2, [h, size]),
  };
}

function toDepth(node: NodeContext): Move {
  const size = blockSize(node, [2, 3], "the pixels");
  const [n, c, h, w] = node.shape(0) as [number, number, number, number];
  return {
    shape: [n, c * size * size, h / size, w / size],
    // [n, c, h, size, w, size] on both sides.
    from: (x) => splitAxis(splitAxis(x, 3, [w / size, size]), 2, [h / size, size]),
    to: (y) => permuteView(splitAxis(y, 1, [size, size, c]), [0, 3, 4, 1, 5, 2]),
  };
}

function mover(op: string, opset: number, moveOf: (node: NodeContext) => Move): Operator {
  return {
    op,
    opsets: [opset, 99],
    types: ANY_TYPE,
    layout: "image",
    infer: (node) => [{ dtype: node.type(0).dtype, shape: moveOf(node).shape }],
    evaluate(node, [x]) {
      const { shape, from, to } = moveOf(node);
      const sources = [...viewOffsets(from(hostViewOf(x!)))];
      const positions = new Array<number>(sources.length);
      let i = 0;
      for (const place of viewOffsets(to(denseView(0, x!.dtype, shape, "linear")))) {
        positions[place] = sources[i++]!;
      }
      return [pickElements(x!, shape, positions)];
    },
    lower(node) {
      const { shape, from, to } = moveOf(node);
      const x = from(node.view(0));
      const view = op === "DepthToSpace" ? reshapeView(x, shape) : undefined;
      if (view) {
        node.alias(0, view);
        return;
      }
      // Channels that are split have no padding of their own to write.
      const image = op === "DepthToSpace" || shape[1]! % 4 === 0;
      node.emit(copyDispatch(x, to(node.output(0, image ? "image" : "linear"))));
    },
  };
}

/** DepthToSpace and SpaceToDepth. */
export const depthSpaceOperators: readonly Operator[] = [
  mover("DepthToSpace", 1, toSpace),
  mover("SpaceToDepth", 1, toDepth),
];
