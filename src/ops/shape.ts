/**
 * Operators of shape arithmetic. Their results depend on shapes and constants alone, so they are only ever folded.
 *
 * @module
 */
import { attr } from "./attribute.ts";
import { type DType, isFloat } from "../tensor/dtype.ts";
import { elementCount, type HostTensor, hostTensor, toNumbers } from "../tensor/host_tensor.ts";
import { denseView, reshapeView, sliceView } from "../tensor/view.ts";
import { gatherDispatch } from "./copy.ts";
import { dtypeOf } from "../onnx/data_type.ts";
import type { NodeContext, Operator } from "./operator.ts";

/** Shape: the extents of its input, or those from `start` to `end` (operator set 15). */
const shape: Operator = {
  op: "Shape",
  opsets: [1, 99],
  dependsOnTypesOnly: true,
  infer: (node) => [{ dtype: "i64", shape: [extents(node).length] }],
  evaluate: (node) => [hostTensor("i64", [extents(node).length], extents(node))],
};

function extents(node: NodeContext): readonly number[] {
  const full = node.shape(0);
  return full.slice(attr.int(node.node, "start", 0), attr.int(node.node, "end", full.length));
}

/** Size: the number of elements. */
const size: Operator = {
  op: "Size",
  opsets: [1, 99],
  dependsOnTypesOnly: true,
  infer: () => [{ dtype: "i64", shape: [] }],
  evaluate: (node) => [hostTensor("i64", [], [elementCount(node.shape(0))])],
};

/** ConstantOfShape: a value repeated. */
const constantOfShape: Operator = {
  op: "ConstantOfShape",
  opsets: [9, 99],
  infer: (node) => [{ dtype: fillValue(node).dtype, shape: node.numbers(0, "input")! }],
  evaluate(node) {
    const fill = fillValue(node);
    const wanted = node.numbers(0, "input")!;
    return [hostTensor(fill.dtype, wanted, new Array(elementCount(wanted)).fill(fill.data[0]))];
  },
};

function fillValue(node: NodeContext): HostTensor {
  return attr.tensor(node.node, "value", hostTensor("f32", [1], [0]));
}

/** Range: start, start + delta, … before limit. */
const range: Operator = {
  op: "Range",
  opsets: [11, 99],
  infer: (node) => [{ dtype: node.type(0).dtype, shape: [rangeValues(node).length] }],
  evaluate: (node) => [hostTensor(node.type(0).dtype, [rangeValues(node).length], rangeValues(node))],
};

function rangeValues(node: NodeContext): number[] {
  const [start, limit, delta] = ["start", "limit", "delta"].map((name, i) => node.numbers(i, name)![0]!);
  if (delta === 0) node.fail("delta is 0", "export the model again");
  const count = Math.max(0, Math.ceil((limit! - start!) / delta!));
  return Array.from({ length: count }, (_, i) => start! + i * delta!);
}

/** Cast, of constants on the host; a cast from f32 to f32 is a view. */
const cast: Operator = {
  op: "Cast",
  opsets: [6, 99],
  infer: (node) => [{ dtype: castTarget(node), shape: node.shape(0) }],
  evaluate: (node, [x]) => {
    const to = castTarget(node);
    const numbers = toNumbers(x!);
    const whole = isFloat(x!.dtype) && !isFloat(to) && to !== "bool" ? numbers.map(Math.trunc) : numbers;
    return [hostTensor(to, x!.shape, whole)];
  },
  lower(node) {
    if (castTarget(node) !== node.type(0).dtype) {
      node.fail(
        `casts ${node.type(0).dtype} to ${castTarget(node)} while the network runs`,
        "export the model in f32",
      );
    }
    node.alias(0, node.view(0));
  },
};

function castTarget(node: NodeContext): DType {
  return dtypeOf(attr.int(node.node, "to")) ??
    node.fail(`casts to the unknown type ${attr.int(node.node, "to")}`, "export the model again");
}

/** Gather: on the host for constants; on the GPU a view for a constant index or an even run of them, else a copy. */
const gather: Operator = {
  op: "Gather",
  opsets: [1, 99],
  infer(node) {
    const data = node.shape(0);
    const axis = node.axis(attr.int(node.node, "axis", 0), data.length);
    return [{
      dtype: node.type(0).dtype,
      shape: [...data.slice(0, axis), ...node.shape(1), ...data.slice(axis + 1)],
    }];
  },
  evaluate(node, [data, indices]) {
    const axis = node.axis(attr.int(node.node, "axis", 0), data!.shape.length);
    const { dtype, shape } = this.infer(node)[0]!;
    const outer = elementCount(data!.shape.slice(0, axis));
    const inner = elementCount(data!.shape.slice(axis + 1));
    const extent = data!.shape[axis]!;
    const elements: (number | bigint)[] = [];
    for (let i = 0; i < outer; i++) {
      for (const index of checkedIndices(node, toNumbers(indices!), extent)) {
        for (let j = 0; j < inner; j++) elements.push(data!.data[(i * extent + index) * inner + j]!);
      }
    }
    return [hostTensor(dtype, shape, elements as number[])];
  },
  views(node, data) {
    if (!node.constant(1)) return [undefined];
    const axis = node.axis(attr.int(node.node, "axis", 0), data.shape.length);
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
    const indices = node.numbers(1, "indices")!;
    const [view] = this.views!(node, data);
    if (view) {
      node.alias(0, view);
      return;
    }
    const axis = node.axis(attr.int(node.node, "axis", 0), data.shape.length);
    const checked = checkedIndices(node, indices, data.shape[axis]!);
    const to = reshapeView(node.output(0, "linear"), data.shape.with(axis, checked.length))!;
    node.emit(gatherDispatch(data, to, axis, node.weights("indices", () => new Float32Array(checked))));
  },
};

function checkedIndices(node: NodeContext, indices: readonly number[], extent: number): number[] {
  return indices.map((index) => {
    if (index < -extent || index >= extent) {
      node.fail(`index ${index} is outside an axis of ${extent}`, "export the model again");
    }
    return index < 0 ? index + extent : index;
  });
}

function runOf(indices: readonly number[]): [first: number, step: number] | undefined {
  const step = indices.length > 1 ? indices[1]! - indices[0]! : 1;
  const regular = step !== 0 && indices.every((index, i) => index === indices[0]! + i * step);
  return regular ? [indices[0]!, step] : undefined;
}

/** All operators of shape arithmetic. */
export const shapeOperators: readonly Operator[] = [shape, size, constantOfShape, range, cast, gather];
