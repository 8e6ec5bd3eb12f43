/**
 * Gemm and MatMul.
 * {@link https://onnx.ai/onnx/operators/onnx__Gemm.html}, {@link https://onnx.ai/onnx/operators/onnx__MatMul.html}
 *
 * @module
 */
import { attr } from "./attribute.ts";
import { broadcastShapes } from "./broadcast.ts";
import { hostTensor } from "../tensor/host_tensor.ts";
import { expandView, permuteView, type View } from "../tensor/view.ts";
import { hostViewOf } from "./host_elements.ts";
import { emitProduct, operand, productOnHost } from "./matrix_product.ts";
import { spreadOnHost } from "./normalize_rows.ts";
import type { NodeContext, Operator } from "./operator.ts";
import { NUMBERS } from "./types.ts";

/** Rows, columns and depth of a Gemm. */
function gemmExtents(node: NodeContext): { rows: number; columns: number } {
  const [a, b] = [node.shape(0), node.shape(1)];
  if (a.length !== 2 || b.length !== 2) {
    node.fail(`its operands have ${a.length} and ${b.length} dimensions, not 2`, "export the model again");
  }
  const [transA, transB] = ["transA", "transB"].map((name) => attr.int(node.node, name, 0) === 1);
  const [rows, depth] = transA ? [a[1]!, a[0]!] : [a[0]!, a[1]!];
  const [other, columns] = transB ? [b[1]!, b[0]!] : [b[0]!, b[1]!];
  if (depth !== other) {
    node.fail(
      `[${a.join(", ")}]${transA ? " transposed" : ""} and [${b.join(", ")}]${
        transB ? " transposed" : ""
      } do not multiply: ${depth} is not ${other}`,
      "check the input's size, or export the model again",
    );
  }
  if (node.has(2) && broadcastShapes(node.shape(2), [rows, columns])?.join() !== `${rows},${columns}`) {
    node.fail(
      `C of [${node.shape(2).join(", ")}] does not fit [${rows}, ${columns}]`,
      "export the model again",
    );
  }
  return { rows, columns };
}

/** An operand's view, transposed if the node says so. */
function gemmOperand(node: NodeContext, view: View, name: string): View {
  return attr.int(node.node, name, 0) === 1 ? permuteView(view, [1, 0]) : view;
}

const gemm: Operator = {
  op: "Gemm",
  opsets: [7, 99],
  types: NUMBERS,
  fusesEpilogue: true,
  infer(node) {
    const { rows, columns } = gemmExtents(node);
    return [{ dtype: node.type(0).dtype, shape: [rows, columns] }];
  },
  evaluate(node, [a, b, c]) {
    const { rows, columns } = gemmExtents(node);
    const alpha = attr.float(node.node, "alpha", 1);
    const beta = attr.float(node.node, "beta", 1);
    const added = c ? spreadOnHost(c, [rows, columns]) : undefined;
    const product = productOnHost(
      { data: a!.data, view: gemmOperand(node, hostViewOf(a!), "transA") },
      { data: b!.data, view: gemmOperand(node, hostViewOf(b!), "transB") },
    );
    const sums = product.map((value, i) => alpha * value + beta * (added?.[i] ?? 0));
    return [hostTensor(a!.dtype, [rows, columns], sums)];
  },
  lower(node) {
    emitProduct(node, {
      a: gemmOperand(node, node.view(0), "transA"),
      b: gemmOperand(node, operand(node, 1), "transB"),
      bIndex: 1,
      ...(node.has(2) && { cIndex: 2 }),
      alpha: attr.float(node.node, "alpha", 1),
      beta: attr.float(node.node, "beta", 1),
    });
  },
};

/** The shapes of a MatMul's operands as matrices, and of its result. */
function matMulShapes(node: NodeContext): { a: number[]; b: number[]; batch: number[]; shape: number[] } {
  const [given, other] = [node.shape(0), node.shape(1)];
  if (given.length === 0 || other.length === 0) node.fail("an operand is a scalar", "export the model again");
  const a = given.length === 1 ? [1, given[0]!] : [...given];
  const b = other.length === 1 ? [other[0]!, 1] : [...other];
  const batch = broadcastShapes(a.slice(0, -2), b.slice(0, -2));
  if (!batch || a.at(-1) !== b.at(-2)) {
    return node.fail(
      `[${given.join(", ")}] and [${other.join(", ")}] do not multiply`,
      "check the input's size, or export the model again",
    );
  }
  const rows = given.length === 1 ? [] : [a.at(-2)!];
  const columns = other.length === 1 ? [] : [b.at(-1)!];
  return { a, b, batch, shape: [...batch, ...rows, ...columns] };
}

/** Both operands as matrices in the same batches. */
function matMulViews(node: NodeContext, left: View, right: View): { a: View; b: View } {
  const { a, b, batch } = matMulShapes(node);
  const matrix = (view: View, shape: readonly number[], at: number): View => {
    const whole = view.shape.length === 1
      ? { ...view, shape, strides: view.strides.toSpliced(at, 0, 0), padded: false }
      : view;
    return expandView(whole, [...batch, ...shape.slice(-2)]);
  };
  return { a: matrix(left, a, 0), b: matrix(right, b, 1) };
}

const matMul: Operator = {
  op: "MatMul",
  opsets: [1, 99],
  types: NUMBERS,
  fusesEpilogue: true,
  infer: (node) => [{ dtype: node.type(0).dtype, shape: matMulShapes(node).shape }],
  evaluate(node, [left, right]) {
    const { a, b } = matMulViews(node, hostViewOf(left!), hostViewOf(right!));
    const product = productOnHost({ data: left!.data, view: a }, { data: right!.data, view: b });
    return [hostTensor(left!.dtype, matMulShapes(node).shape, product)];
  },
  lower(node) {
    emitProduct(node, { ...matMulViews(node, node.view(0), operand(node, 1)), bIndex: 1 });
  },
};

/** Gemm and MatMul. */
export const gemmOperators: readonly Operator[] = [gemm, matMul];
