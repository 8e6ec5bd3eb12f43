/**
 * Operators that move no element: each output is another view of its input's memory. Where strides cannot say it
 * (some reshapes), the elements are copied once.
 *
 * @module
 */
import { attr } from "./attribute.ts";
import { elementCount, type HostTensor, withShape } from "../tensor/host_tensor.ts";
import { expandView, permuteView, reshapeView, sliceView, type View, viewOffsets } from "../tensor/view.ts";
import { broadcastShapes } from "./broadcast.ts";
import { copyDispatch } from "./copy.ts";
import { anyCounts, countsOf, refuseCount } from "./counts.ts";
import { dropout } from "./dropout.ts";
import { hostViewOf, pickElements } from "./host_elements.ts";
import type { Lowering, NodeContext, Operator } from "./operator.ts";
import { ANY_TYPE } from "./types.ts";

/** The views that a node's outputs are of its first input, or `undefined` for one that needs a copy. */
type ViewRule = (node: NodeContext, x: View) => (View | undefined)[];

/** The shapes that a node's outputs have. */
type ShapeRule = (node: NodeContext) => (readonly number[])[];

/** The counts of the one output, or of each, given those of the first input's axes. */
type CountRule = (node: NodeContext, counts: (string | undefined)[]) => (string | undefined)[];

function viewOperator(
  op: string,
  opsets: readonly [number, number],
  shapes: ShapeRule,
  views: ViewRule,
  counts: CountRule,
): Operator {
  return {
    op,
    opsets,
    types: ANY_TYPE,
    views,
    counts(node) {
      const own = anyCounts(counts(node, countsOf(node, 0)));
      return node.node.outputs.map(() => own);
    },
    infer: (node) => shapes(node).map((shape) => ({ dtype: node.type(0).dtype, shape })),
    evaluate(node, [x]) {
      const dense = hostViewOf(x!);
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

/** The elements of a host tensor as a view orders them; those of a view without strides in their own order. */
function gather(x: HostTensor, view: Pick<View, "shape" | "strides" | "offset">): HostTensor {
  if (view.strides.length !== view.shape.length) return withShape(x, view.shape);
  return pickElements(x, view.shape, viewOffsets(view));
}

/** Counts of the axes that are still there after a reshape: of the same extent, and as far from the first element. */
function reshapedCounts(
  node: NodeContext,
  counts: readonly (string | undefined)[],
  shape: readonly number[],
) {
  const old = node.shape(0);
  const kept = new Array<string | undefined>(shape.length).fill(undefined);
  counts.forEach((name, axis) => {
    if (name === undefined) return;
    const before = elementCount(old.slice(0, axis));
    const to = shape.findIndex((extent, at) =>
      extent === old[axis] && elementCount(shape.slice(0, at)) === before
    );
    if (to < 0) refuseCount(node, axis);
    kept[to] = name;
  });
  return kept;
}

function reshapedTo(node: NodeContext): readonly number[] {
  const old = node.shape(0);
  const wanted = node.listFrom("shape", 1) ?? node.fail("no shape is given", "export the model again");
  const allowZero = attr.int(node.node, "allowzero", 0) === 1;
  const shape = wanted.map((extent, axis) => extent === 0 && !allowZero ? old[axis] ?? 0 : extent);
  const free = shape.indexOf(-1);
  const count = elementCount(old);
  if (free >= 0) {
    const rest = elementCount(shape.filter((_, axis) => axis !== free));
    shape[free] = rest === 0 ? 0 : count / rest;
  }
  if (shape.some((extent) => !Number.isInteger(extent) || extent < 0) || elementCount(shape) !== count) {
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
  return [elementCount(shape.slice(0, split)), elementCount(shape.slice(split))];
}

/** The axes that a Squeeze takes out. */
function squeezedAxes(node: NodeContext): number[] {
  const shape = node.shape(0);
  const listed = node.listFrom("axes", 1);
  if (!listed) return shape.flatMap((extent, axis) => extent === 1 ? [axis] : []);
  const axes = listed.map((axis) => node.axis(axis, shape.length));
  for (const axis of axes) {
    if (shape[axis] !== 1) {
      node.fail(`axis ${axis} of [${shape.join(", ")}] is ${shape[axis]}, not 1`, "export the model again");
    }
  }
  return axes;
}

function squeezedTo(node: NodeContext): readonly number[] {
  const axes = squeezedAxes(node);
  return node.shape(0).filter((_, axis) => !axes.includes(axis));
}

/** The axes that an Unsqueeze puts in, in order. */
function unsqueezedAxes(node: NodeContext): number[] {
  const listed = node.listFrom("axes", 1) ?? node.fail("no axes are given", "export the model again");
  const rank = node.shape(0).length + listed.length;
  const axes = listed.map((axis) => node.axis(axis, rank)).sort((a, b) => a - b);
  if (new Set(axes).size < axes.length) {
    node.fail(`axes [${listed.join(", ")}] name one twice`, "export the model again");
  }
  return axes;
}

function unsqueezedTo(node: NodeContext): readonly number[] {
  return unsqueezedAxes(node).reduce((shape, axis) => shape.toSpliced(axis, 0, 1), [...node.shape(0)]);
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
    const clamp = (value: number, least: number): number => {
      const counted = value < 0 ? value + extent : value;
      return Math.min(Math.max(counted, least), step > 0 ? extent : extent - 1);
    };
    const start = clamp(from, 0);
    const end = clamp(ends[i]!, step > 0 ? 0 : -1);
    return { axis, start, count: Math.max(0, Math.ceil((end - start) / step)), step };
  });
}

function splitSizes(node: NodeContext): { axis: number; sizes: number[] } {
  const shape = node.shape(0);
  const axis = node.axis(attr.int(node.node, "axis", 0), shape.length);
  const extent = shape[axis]!;
  const parts = attr.int(node.node, "num_outputs", node.node.outputs.length);
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

/** Counts, none of which may be of an axis that the operator works along. */
function untouched(
  node: NodeContext,
  counts: (string | undefined)[],
  axes: readonly number[],
): (string | undefined)[] {
  for (const axis of axes) if (counts[axis] !== undefined) refuseCount(node, axis);
  return counts;
}

const reshaping = (
  op: string,
  opsets: readonly [number, number],
  shape: (node: NodeContext) => readonly number[],
  counts: CountRule = (node, counts) => reshapedCounts(node, counts, shape(node)),
): Operator =>
  viewOperator(op, opsets, (node) => [shape(node)], (node, x) => [reshapeView(x, shape(node))], counts);

/** All operators that are views. */
export const viewOperators: readonly Operator[] = [
  dropout,
  viewOperator("Identity", [1, 99], (node) => [node.shape(0)], (_, x) => [x], (_, counts) => counts),
  reshaping("Reshape", [1, 99], reshapedTo),
  reshaping("Flatten", [1, 99], flattenedTo),
  reshaping("Squeeze", [1, 99], squeezedTo, (node, counts) => {
    const axes = squeezedAxes(node);
    return untouched(node, counts, axes).filter((_, axis) => !axes.includes(axis));
  }),
  reshaping(
    "Unsqueeze",
    [1, 99],
    unsqueezedTo,
    (node, counts) => unsqueezedAxes(node).reduce((list, axis) => list.toSpliced(axis, 0, undefined), counts),
  ),
  viewOperator(
    "Transpose",
    [1, 99],
    (node) => [permutation(node).map((axis) => node.shape(0)[axis]!)],
    (node, x) => [permuteView(x, permutation(node))],
    (node, counts) => permutation(node).map((axis) => counts[axis]),
  ),
  viewOperator(
    "Slice",
    [1, 99],
    (node) => [slices(node).reduce((shape, { axis, count }) => shape.with(axis, count), [...node.shape(0)])],
    (node, x) => [
      slices(node).reduce(
        (view, { axis, start, count, step }) => sliceView(view, axis, start, count, step),
        x,
      ),
    ],
    (node, counts) => {
      const cut = slices(node).filter(({ axis, count, step }) => step !== 1 || count !== node.shape(0)[axis]);
      return untouched(node, counts, cut.map(({ axis }) => axis));
    },
  ),
  viewOperator(
    "Split",
    [1, 99],
    (node) => {
      const { axis, sizes } = splitSizes(node);
      return sizes.map((size) => node.shape(0).with(axis, size));
    },
    (node, x) => {
      const { axis, sizes } = splitSizes(node);
      let start = 0;
      return sizes.map((size) => sliceView(x, axis, (start += size) - size, size, 1));
    },
    (node, counts) => untouched(node, counts, [splitSizes(node).axis]),
  ),
  viewOperator(
    "Expand",
    [8, 99],
    (node) => [expandedTo(node)],
    (node, x) => [expandView(x, expandedTo(node))],
    (node, counts) => {
      const [old, wide] = [node.shape(0), expandedTo(node)];
      const missing = wide.length - old.length;
      const repeated = old.flatMap((extent, axis) => extent === wide[axis + missing] ? [] : [axis]);
      return [...new Array<undefined>(missing).fill(undefined), ...untouched(node, counts, repeated)];
    },
  ),
];
