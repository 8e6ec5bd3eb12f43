/**
 * Operators of shape arithmetic. Their results depend on shapes and constants alone, so they are only ever folded.
 *
 * @module
 */
import { attr } from "./attribute.ts";
import type { DType } from "../tensor/dtype.ts";
import { pickElements } from "./host_elements.ts";
import { elementCount, type HostTensor, hostTensor } from "../tensor/host_tensor.ts";
import { dtypeOf } from "../onnx/data_type.ts";
import type { NodeContext, Operator } from "./operator.ts";
import { ANY_TYPE } from "./types.ts";

/** Shape: the extents of its input, or those from `start` to `end` (operator set 15). */
const shape: Operator = {
  op: "Shape",
  opsets: [1, 99],
  types: ANY_TYPE,
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
  types: ANY_TYPE,
  dependsOnTypesOnly: true,
  infer: () => [{ dtype: "i64", shape: [] }],
  evaluate: (node) => [hostTensor("i64", [], [elementCount(node.shape(0))])],
};

/** ConstantOfShape: a value repeated. */
const constantOfShape: Operator = {
  op: "ConstantOfShape",
  opsets: [9, 99],
  types: ANY_TYPE,
  infer: (node) => [{ dtype: fillValue(node).dtype, shape: filledShape(node) }],
  evaluate(node) {
    const value = fillValue(node);
    const wanted = filledShape(node);
    return [pickElements(value, wanted, new Uint8Array(elementCount(wanted)))];
  },
};

function filledShape(node: NodeContext): number[] {
  const wanted = node.numbers(0, "input")!;
  if (wanted.some((extent) => extent < 0)) {
    node.fail(`fills the shape [${wanted.join(", ")}]`, "extents must be 0 or more; export the model again");
  }
  return wanted;
}

function fillValue(node: NodeContext): HostTensor {
  return attr.tensor(node.node, "value", hostTensor("f32", [1], [0]));
}

/** Range: start, start + delta, … before limit. */
const range: Operator = {
  op: "Range",
  opsets: [11, 99],
  types: ANY_TYPE,
  infer: (node) => [{ dtype: node.type(0).dtype, shape: [rangeValues(node).length] }],
  evaluate: (node) => [hostTensor(node.type(0).dtype, [rangeValues(node).length], rangeValues(node))],
};

function rangeValues(node: NodeContext): number[] {
  const [start, limit, delta] = ["start", "limit", "delta"].map((name, i) => node.numbers(i, name)![0]!);
  if (delta === 0) node.fail("delta is 0", "export the model again");
  const count = Math.max(0, Math.ceil((limit! - start!) / delta!));
  return Array.from({ length: count }, (_, i) => start! + i * delta!);
}

/** EyeLike: ones on a diagonal of a matrix of the input's shape. */
const eyeLike: Operator = {
  op: "EyeLike",
  opsets: [9, 99],
  types: ANY_TYPE,
  dependsOnTypesOnly: true,
  infer(node) {
    const { dtype, shape } = node.type(0);
    if (shape.length !== 2) {
      node.fail(`its input is [${shape.join(", ")}], not a matrix`, "check the input's size");
    }
    return [{
      dtype: attr.has(node.node, "dtype") ? dtypeNumbered(node, attr.int(node.node, "dtype")) : dtype,
      shape,
    }];
  },
  evaluate(node) {
    const { dtype, shape } = this.infer(node)[0]!;
    const [rows, columns] = shape as [number, number];
    const shift = attr.int(node.node, "k", 0);
    const elements = Array.from(
      { length: rows * columns },
      (_, i) => i % columns === Math.floor(i / columns) + shift ? 1 : 0,
    );
    return [hostTensor(dtype, shape, elements)];
  },
};

function dtypeNumbered(node: NodeContext, number: number): DType {
  return dtypeOf(number) ?? node.fail(`the element type ${number} is unknown`, "export the model again");
}

/** All operators of shape arithmetic. */
export const shapeOperators: readonly Operator[] = [
  shape,
  size,
  constantOfShape,
  range,
  eyeLike,
];
