/**
 * Gather, GatherElements and GatherND. Constant indices at even steps are a view; all others are read on the GPU, where
 * negative ones count from the end and those outside are taken as the nearest inside.
 * {@link https://onnx.ai/onnx/operators/onnx__Gather.html}
 *
 * @module
 */
import AXIS from "../../shaders/gather/axis.wgsl" with { type: "text" };
import ELEMENTS from "../../shaders/gather/elements.wgsl" with { type: "text" };
import TUPLES from "../../shaders/gather/tuples.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { elementCount, toNumbers } from "../tensor/host_tensor.ts";
import { denseStrides, denseView, reshapeView, sliceView, type View } from "../tensor/view.ts";
import { attr } from "./attribute.ts";
import { anyCounts, countsOf, refuseCount } from "./counts.ts";
import { pickElements } from "./host_elements.ts";
import type { NodeContext, Operator, PlannedDispatch, WeightRef } from "./operator.ts";
import { axesCount, extentRow, MAX_STRIDED_RANK, mergeAxes, strideRow } from "./strided.ts";
import { ANY_TYPE, typesOf } from "./types.ts";

const axisKernel: KernelSource = { name: "gather/axis", wgsl: AXIS };
const elementsKernel: KernelSource = { name: "gather/elements", wgsl: ELEMENTS };
const tuplesKernel: KernelSource = { name: "gather/tuples", wgsl: TUPLES };

/**
 * `to[..., i, ...] = from[..., table[i], ...]` along one axis.
 *
 * @param table whole numbers, one for each `i`: constants, or a linear view of an integer type.
 */
export function gatherDispatch(from: View, to: View, axis: number, table: WeightRef | View): PlannedDispatch {
  const axes = to.shape.map((extent, at) => ({ extent, strides: [from.strides[at]!, to.strides[at]!] }));
  const before = mergeAxes(axes.slice(0, axis));
  const walked = [...before, axes[axis]!, ...mergeAxes(axes.slice(axis + 1))];
  if (walked.length > MAX_STRIDED_RANK) {
    throw new RangeError(
      `Cannot gather from ${axes.length} dimensions: at most ${MAX_STRIDED_RANK} are supported`,
    );
  }
  const count = axesCount(walked);
  return {
    kernel: axisKernel,
    options: { inject: typesOf(from.dtype) },
    bindings: { x: from, y: to, table },
    uniforms: {
      count,
      rank: walked.length,
      axis: before.length,
      x_extent: from.shape[axis]!,
      x_offset: from.offset,
      y_offset: to.offset,
      table_offset: "storage" in table ? table.offset : 0,
      extents: extentRow(walked),
      x_strides: strideRow(walked, 0),
      y_strides: strideRow(walked, 1),
    },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  };
}

/** Constant indices from 0. @throws {GraphError} if one is outside. */
export function checkedIndices(node: NodeContext, indices: readonly number[], extent: number): number[] {
  return indices.map((index) => {
    if (index < -extent || index >= extent) {
      node.fail(`index ${index} is outside an axis of ${extent}`, "export the model again");
    }
    return index < 0 ? index + extent : index;
  });
}

function gatheredAxis(node: NodeContext): number {
  return node.axis(attr.int(node.node, "axis", 0), node.shape(0).length);
}

/** Refuses indices (input 1) of other types than ONNX has for them. */
export function requireIndices(node: NodeContext): void {
  const { dtype } = node.type(1);
  if (dtype !== "i32" && dtype !== "i64") {
    node.fail(`its indices are ${dtype}, not whole numbers of 32 or 64 bits`, "export the model again");
  }
}

/** Gather: what lies at each index along one axis. */
const gather: Operator = {
  op: "Gather",
  opsets: [1, 99],
  types: ANY_TYPE,
  infer(node) {
    requireIndices(node);
    const data = node.shape(0);
    if (data.length === 0) node.fail("its data have no dimensions", "export the model again");
    const axis = gatheredAxis(node);
    return [{ dtype: node.type(0).dtype, shape: data.toSpliced(axis, 1, ...node.shape(1)) }];
  },
  evaluate(node, [data, indices]) {
    const axis = gatheredAxis(node);
    const extent = data!.shape[axis]!;
    const outer = elementCount(data!.shape.slice(0, axis));
    const inner = elementCount(data!.shape.slice(axis + 1));
    const checked = checkedIndices(node, toNumbers(indices!), extent);
    function* positions(): Generator<number> {
      for (let i = 0; i < outer; i++) {
        for (const index of checked) {
          const start = (i * extent + index) * inner;
          for (let j = 0; j < inner; j++) yield start + j;
        }
      }
    }
    return [pickElements(data!, this.infer(node)[0]!.shape, positions())];
  },
  counts(node) {
    const axis = gatheredAxis(node);
    const data = countsOf(node, 0);
    if (data[axis] !== undefined) refuseCount(node, axis);
    return [anyCounts(data.toSpliced(axis, 1, ...countsOf(node, 1)))];
  },
  views(node, data) {
    if (!node.constant(1)) return [undefined];
    const axis = gatheredAxis(node);
    const run = runOf(checkedIndices(node, node.numbers(1, "indices")!, data.shape[axis]!));
    if (!run) return [undefined];
    const [first, step] = run;
    const ownShape = node.shape(1);
    const slice = sliceView(data, axis, first, elementCount(ownShape), step);
    // Indices of rank r put r dimensions where the axis was.
    const split = denseView(0, "f32", ownShape, "linear");
    const stride = slice.strides[axis]!;
    return [{
      ...slice,
      shape: slice.shape.toSpliced(axis, 1, ...ownShape),
      strides: slice.strides.toSpliced(axis, 1, ...split.strides.map((one) => one * stride)),
      padded: slice.padded && axis > 1 && ownShape.length === 1,
    }];
  },
  lower(node) {
    const data = node.view(0);
    const [view] = this.views!(node, data);
    if (view) {
      node.alias(0, view);
      return;
    }
    const axis = gatheredAxis(node);
    const count = elementCount(node.shape(1));
    const to = reshapeView(node.output(0, "linear"), data.shape.with(axis, count))!;
    if (node.constant(1)) {
      const checked = checkedIndices(node, node.numbers(1, "indices")!, data.shape[axis]!);
      node.emit(
        gatherDispatch(
          data,
          to,
          axis,
          node.weights(`indices ${checked.join(" ")}`, () => new Int32Array(checked)),
        ),
      );
    } else {
      node.emit(gatherDispatch(data, to, axis, node.linear(1)));
    }
  },
};

/** First index and step of indices at even steps. */
function runOf(indices: readonly number[]): [first: number, step: number] | undefined {
  if (indices.length === 0) return [0, 1];
  const step = indices.length > 1 ? indices[1]! - indices[0]! : 1;
  const regular = step !== 0 && indices.every((index, i) => index === indices[0]! + i * step);
  return regular ? [indices[0]!, step] : undefined;
}

/** GatherElements: one element for each index. */
const gatherElements: Operator = {
  op: "GatherElements",
  opsets: [11, 99],
  types: ANY_TYPE,
  infer(node) {
    requireIndices(node);
    const [data, indices] = [node.shape(0), node.shape(1)];
    const axis = gatheredAxis(node);
    if (
      data.length !== indices.length || indices.some((extent, at) => at !== axis && extent > data[at]!)
    ) {
      node.fail(
        `indices of [${indices.join(", ")}] do not fit data of [${
          data.join(", ")
        }]; only axis ${axis} may be longer`,
        "check the input's size, or export the model again",
      );
    }
    return [{ dtype: node.type(0).dtype, shape: indices }];
  },
  evaluate(node, [data, indices]) {
    const axis = gatheredAxis(node);
    const strides = denseStrides(data!.shape, "linear");
    const checked = checkedIndices(node, toNumbers(indices!), data!.shape[axis]!);
    const own = denseStrides(indices!.shape, "linear");
    const positions = checked.map((index, i) =>
      strides.reduce((sum, stride, at) => {
        const here = at === axis ? index : Math.floor(i / own[at]!) % indices!.shape[at]!;
        return sum + here * stride;
      }, 0)
    );
    return [pickElements(data!, indices!.shape, positions)];
  },
  lower(node) {
    const x = node.view(0);
    node.emit(gatherElementsDispatch(x, node.linear(1), node.output(0, "linear"), gatheredAxis(node)));
  },
};

/** `y[..., i, ...] = x[..., indices[..., i, ...], ...]` along one axis; indices and y are linear and of one shape. */
export function gatherElementsDispatch(x: View, indices: View, y: View, axis: number): PlannedDispatch {
  const axes = mergeAxes(
    indices.shape.map((extent, at) => ({ extent, strides: [at === axis ? 0 : x.strides[at]!] })),
  );
  if (axes.length > MAX_STRIDED_RANK) {
    throw new RangeError(
      `Cannot gather from ${axes.length} dimensions: at most ${MAX_STRIDED_RANK} are supported`,
    );
  }
  const count = elementCount(indices.shape);
  return {
    kernel: elementsKernel,
    options: { inject: typesOf(x.dtype) },
    bindings: { x, y, indices },
    uniforms: {
      count,
      rank: axes.length,
      x_extent: x.shape[axis]!,
      axis_stride: x.strides[axis]!,
      x_offset: x.offset,
      y_offset: y.offset,
      indices_offset: indices.offset,
      extents: extentRow(axes),
      x_strides: strideRow(axes, 0),
    },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  };
}

/** How tuples of indices address slices of a tensor. */
export interface TupleAddress {
  /** Indices in a tuple. */
  size: number;
  /** Tuples in a batch. */
  tuples: number;
  /** Elements of a batch of the data. */
  batchStride: number;
  /** Elements that a tuple takes. */
  slice: number;
  /** Extents of the dimensions that a tuple indexes, and the step of each in elements. */
  extents: readonly number[];
  strides: readonly number[];
}

/** How the last dimension of `indices` addresses `data`. @throws {GraphError} if they do not fit. */
export function tupleAddress(
  node: NodeContext,
  data: readonly number[],
  indices: readonly number[],
  batch: number,
): TupleAddress {
  const size = indices.at(-1) ?? 0;
  if (
    indices.length === 0 || batch < 0 || batch >= Math.min(data.length, indices.length) ||
    size < 1 || size > data.length - batch ||
    data.slice(0, batch).some((extent, axis) => extent !== indices[axis])
  ) {
    node.fail(
      `indices of [${indices.join(", ")}] do not fit data of [${
        data.join(", ")
      }] with ${batch} batch dimensions`,
      "check the input's size, or export the model again",
    );
  }
  if (size > MAX_STRIDED_RANK) {
    node.fail(
      `indexes ${size} dimensions, and at most ${MAX_STRIDED_RANK} are supported`,
      "reshape its input first",
    );
  }
  return {
    size,
    tuples: elementCount(indices.slice(batch, -1)),
    batchStride: elementCount(data.slice(batch)),
    slice: elementCount(data.slice(batch + size)),
    extents: data.slice(batch, batch + size),
    strides: denseStrides(data, "linear").slice(batch, batch + size),
  };
}

/** Where in the data each tuple's slice begins. @throws {GraphError} if an index is outside. */
export function tuplePositions(
  node: NodeContext,
  address: TupleAddress,
  indices: readonly number[],
): number[] {
  const { size, tuples, batchStride, extents, strides } = address;
  return Array.from({ length: indices.length / size }, (_, t) => {
    const tuple = indices.slice(t * size, (t + 1) * size);
    const start = Math.floor(t / tuples) * batchStride;
    return tuple.reduce(
      (sum, index, i) => sum + checkedIndices(node, [index], extents[i]!)[0]! * strides[i]!,
      start,
    );
  });
}

/** GatherND: one slice for each tuple of indices. */
const gatherND: Operator = {
  op: "GatherND",
  opsets: [11, 99],
  types: ANY_TYPE,
  infer(node) {
    requireIndices(node);
    const [data, indices] = [node.shape(0), node.shape(1)];
    const batch = attr.int(node.node, "batch_dims", 0);
    const { size } = tupleAddress(node, data, indices, batch);
    return [{
      dtype: node.type(0).dtype,
      shape: [...indices.slice(0, -1), ...data.slice(batch + size)],
    }];
  },
  evaluate(node, [data, indices]) {
    const address = tupleAddress(node, data!.shape, indices!.shape, attr.int(node.node, "batch_dims", 0));
    const starts = tuplePositions(node, address, toNumbers(indices!));
    const positions = starts.flatMap((start) => Array.from({ length: address.slice }, (_, i) => start + i));
    return [pickElements(data!, this.infer(node)[0]!.shape, positions)];
  },
  counts(node) {
    const batch = attr.int(node.node, "batch_dims", 0);
    const { size } = tupleAddress(node, node.shape(0), node.shape(1), batch);
    const [data, indices] = [countsOf(node, 0), countsOf(node, 1)];
    const along = data.slice(0, batch + size).findIndex((name) => name !== undefined);
    if (along >= 0) refuseCount(node, along);
    return [anyCounts([...indices.slice(0, -1), ...data.slice(batch + size)])];
  },
  lower(node) {
    const [x, indices] = [node.linear(0), node.linear(1)];
    const y = node.output(0, "linear");
    const address = tupleAddress(node, x.shape, indices.shape, attr.int(node.node, "batch_dims", 0));
    const count = elementCount(y.shape);
    node.emit({
      kernel: tuplesKernel,
      options: { inject: typesOf(x.dtype) },
      bindings: { x, y, indices },
      uniforms: {
        count,
        slice: Math.max(address.slice, 1),
        tuples: Math.max(address.tuples, 1),
        size: address.size,
        batch_stride: address.batchStride,
        x_offset: x.offset,
        y_offset: y.offset,
        indices_offset: indices.offset,
        ...tupleRows(address),
      },
      workgroups: foldWorkgroups(Math.ceil(count / 64)),
    });
  },
};

/** Extents and steps of a tuple's dimensions as kernels take them. */
export function tupleRows({ extents, strides }: TupleAddress): { extents: number[]; strides: number[] } {
  const row = (list: readonly number[], rest: number): number[] =>
    Array.from({ length: MAX_STRIDED_RANK }, (_, i) => list[i] ?? rest);
  return { extents: row(extents, 1), strides: row(strides, 0) };
}

/** All operators that take elements by index. */
export const gatherOperators: readonly Operator[] = [gather, gatherElements, gatherND];
