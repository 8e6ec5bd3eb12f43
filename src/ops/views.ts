/**
 * Operators that move no element: each output is another view of its input's memory. Where strides cannot say it
 * (some reshapes), the elements are copied once.
 *
 * @module
 */
import { attr } from "./attribute.ts";
import { elementCount, type HostTensor, hostTensor } from "../tensor/host_tensor.ts";
import {
  denseStrides,
  expandView,
  permuteView,
  reshapeView,
  sliceView,
  type View,
  viewOffsets,
} from "../tensor/view.ts";
import { broadcastShapes } from "./broadcast.ts";
import { copyDispatch } from "./copy.ts";
import type { Lowering, NodeContext, Operator } from "./operator.ts";

/** The views that a node's outputs are of its first input, or `undefined` for one that needs a copy. */
type ViewRule = (node: NodeContext, x: View) => (View | undefined)[];

/** The shapes that a node's outputs have. */
type ShapeRule = (node: NodeContext) => (readonly number[])[];

function viewOperator(
  op: string,
  opsets: readonly [number, number],
  shapes: ShapeRule,
  views: ViewRule,
): Operator {
  return {
    op,
    opsets,
    views,
    infer: (node) => shapes(node).map((shape) => ({ dtype: node.type(0).dtype, shape })),
    evaluate(node, [x]) {
      const dense = hostView(x!);
      return views(node, dense).map((view, i) => gather(x!, view ?? { ...dense, shape: shapes(node)[i]! }));
    },
    lower(node) {
      const x = node.view(0);
      views(node, x).forEach((view, i) => {
        if ((node.node.outputs[i] ?? "") === "") return;
        if (view) node.alias(i, view);
        else copyThrough(node, x, i);
      });
    },
  };
}

/** Copies into dense storage in ONNX's order, which every reshape can be said of, or into any other place of which it can. */
function copyThrough(node: Lowering, x: View, index: number): void {
  const y = node.output(index, "linear", (view) => !view.padded && reshapeView(view, x.shape) !== undefined);
  node.emit(copyDispatch(x, reshapeView(y, x.shape)!));
}

function hostView(x: HostTensor): View {
  return {
    storage: 0,
    dtype: x.dtype,
    shape: x.shape,
    strides: denseStrides(x.shape, "linear"),
    offset: 0,
    padded: false,
  };
}

/** The elements of a host tensor as a view orders them. */
function gather(x: HostTensor, view: Pick<View, "shape" | "strides" | "offset">): HostTensor {
  if (view.strides.length !== view.shape.length) return hostTensor(x.dtype, view.shape, x.data);
  const elements = Array.from(viewOffsets(view), (offset) => x.data[offset]!);
  return hostTensor(x.dtype, view.shape, elements as number[]);
}

function product(extents: readonly number[]): number {
  return extents.reduce((total, extent) => total * extent, 1);
}

function reshapedTo(node: NodeContext): readonly number[] {
  const old = node.shape(0);
  const wanted = node.listFrom("shape", 1) ?? node.fail("no shape is given", "export the model again");
  const allowZero = attr.int(node.node, "allowzero", 0) === 1;
  const shape = wanted.map((extent, axis) => extent === 0 && !allowZero ? old[axis] ?? 0 : extent);
  const free = shape.indexOf(-1);
  const count = elementCount(old);
  if (free >= 0) {
    const rest = product(shape.filter((_, axis) => axis !== free));
    shape[free] = rest === 0 ? 0 : count / rest;
  }
  if (shape.some((extent) => !Number.isInteger(extent) || extent < 0) || product(shape) !== count) {
    node.fail(
      `[${old.join(", ")}] (${count} elements) does not reshape to [${wanted.join(", ")}]`,
      "check the input's size, or export the model again",
    );
  }
  return shape;
}

function flattenedTo(node: NodeContext): readonly number[] {
  const shape = node.shape(0);
  const axis = attr.int(node.node, "axis", 1);
  const split = axis < 0 ? axis + shape.length : axis;
  if (split < 0 || split > shape.length) {
    node.fail(`axis ${axis} does not exist in rank ${shape.length}`, "export the model again");
  }
  return [product(shape.slice(0, split)), product(shape.slice(split))];
}

function squeezedTo(node: NodeContext): readonly number[] {
  const shape = node.shape(0);
  const axes = node.listFrom("axes", 1)?.map((axis) => node.axis(axis, shape.length));
  for (const axis of axes ?? []) {
    if (shape[axis] !== 1) {
      node.fail(`axis ${axis} of [${shape.join(", ")}] is ${shape[axis]}, not 1`, "export the model again");
    }
  }
  return shape.filter((extent, axis) => axes ? !axes.includes(axis) : extent !== 1);
}

function unsqueezedTo(node: NodeContext): readonly number[] {
  const listed = node.listFrom("axes", 1) ?? node.fail("no axes are given", "export the model again");
  const shape = [...node.shape(0)];
  const rank = shape.length + listed.length;
  const axes = listed.map((axis) => node.axis(axis, rank)).sort((a, b) => a - b);
  for (const axis of axes) shape.splice(axis, 0, 1);
  return shape;
}

function permutation(node: NodeContext): number[] {
  const rank = node.shape(0).length;
  const perm = [...attr.ints(node.node, "perm", Array.from({ length: rank }, (_, i) => rank - 1 - i))];
  if (perm.length !== rank || perm.toSorted((a, b) => a - b).some((axis, i) => axis !== i)) {
    node.fail(`perm [${perm.join(", ")}] is no order of ${rank} dimensions`, "export the model again");
  }
  return perm;
}

/** One axis of a Slice, with ONNX's clamping done. */
interface AxisSlice {
  axis: number;
  start: number;
  count: number;
  step: number;
}

function slices(node: NodeContext): AxisSlice[] {
  const shape = node.shape(0);
  const starts = node.listFrom("starts", 1) ?? node.fail("no starts are given", "export the model again");
  const ends = node.listFrom("ends", 2) ?? node.fail("no ends are given", "export the model again");
  const axes = node.listFrom("axes", 3) ?? starts.map((_, i) => i);
  const steps = node.numbers(4, "steps") ?? starts.map(() => 1);
  return starts.map((from, i) => {
    const axis = node.axis(axes[i]!, shape.length);
    const extent = shape[axis]!;
    const step = steps[i]!;
    if (step === 0) node.fail("a step is 0", "export the model again");
    const clamp = (value: number): number => {
      const counted = value < 0 ? value + extent : value;
      return step > 0 ? Math.min(Math.max(counted, 0), extent) : Math.min(Math.max(counted, -1), extent - 1);
    };
    const start = clamp(from);
    return { axis, start, count: Math.max(0, Math.ceil((clamp(ends[i]!) - start) / step)), step };
  });
}

function splitSizes(node: NodeContext): { axis: number; sizes: number[] } {
  const shape = node.shape(0);
  const axis = node.axis(attr.int(node.node, "axis", 0), shape.length);
  const extent = shape[axis]!;
  const parts = node.node.outputs.length;
  const even = Math.ceil(extent / parts);
  const sizes = node.listFrom("split", 1) ??
    Array.from({ length: parts }, (_, i) => Math.max(0, Math.min(even, extent - i * even)));
  if (sizes.length !== parts || sizes.reduce((a, b) => a + b, 0) !== extent) {
    node.fail(`splits ${extent} into ${parts} parts of [${sizes.join(", ")}]`, "export the model again");
  }
  return { axis, sizes };
}

function expandedTo(node: NodeContext): readonly number[] {
  const wanted = node.numbers(1, "shape") ?? node.fail("no shape is given", "export the model again");
  return broadcastShapes(node.shape(0), wanted) ??
    node.fail(
      `[${node.shape(0).join(", ")}] does not expand to [${wanted.join(", ")}]`,
      "export the model again",
    );
}

const identity = (op: string): Operator =>
  viewOperator(op, [1, 99], (node) => [node.shape(0)], (_, x) => [x]);

const reshaping = (
  op: string,
  opsets: readonly [number, number],
  shape: (node: NodeContext) => readonly number[],
): Operator => viewOperator(op, opsets, (node) => [shape(node)], (node, x) => [reshapeView(x, shape(node))]);

/** All operators that are views. */
export const viewOperators: readonly Operator[] = [
  identity("Identity"),
  identity("Dropout"),
  reshaping("Reshape", [5, 99], reshapedTo),
  reshaping("Flatten", [1, 99], flattenedTo),
  reshaping("Squeeze", [1, 99], squeezedTo),
  reshaping("Unsqueeze", [1, 99], unsqueezedTo),
  viewOperator(
    "Transpose",
    [1, 99],
    (node) => [permutation(node).map((axis) => node.shape(0)[axis]!)],
    (node, x) => [permuteView(x, permutation(node))],
  ),
  viewOperator(
    "Slice",
    [1, 99],
    (node) => [slices(node).reduce((shape, { axis, count }) => shape.with(axis, count), [...node.shape(0)])],
    (
      node,
      x,
    ) => [
      slices(node).reduce(
        (view, { axis, start, count, step }) => sliceView(view, axis, start, count, step),
        x,
      ),
    ],
  ),
  viewOperator(
    "Split",
    [2, 99],
    (node) => {
      const { axis, sizes } = splitSizes(node);
      return sizes.map((size) => node.shape(0).with(axis, size));
    },
    (node, x) => {
      const { axis, sizes } = splitSizes(node);
      let start = 0;
      return sizes.map((size) => sliceView(x, axis, (start += size) - size, size, 1));
    },
  ),
  viewOperator(
    "Expand",
    [8, 99],
    (node) => [expandedTo(node)],
    (node, x) => [expandView(x, expandedTo(node))],
  ),
];
