/**
 * Gemm and MatMul.
 * {@link https://onnx.ai/onnx/operators/onnx__Gemm.html}, {@link https://onnx.ai/onnx/operators/onnx__MatMul.html}
 *
 * @module
 */
import STRIDED from "../../shaders/gemm/strided.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { attr } from "./attribute.ts";
import { expandView, permuteView, type View } from "../tensor/view.ts";
import { broadcastShapes } from "./broadcast.ts";
import type { Lowering, NodeContext, Operator } from "./operator.ts";
import { axesCount, extentRow, MAX_ITERATIONS, mergeAxes, strideRow } from "./strided.ts";

const stridedKernel: KernelSource = { name: "gemm/strided", wgsl: STRIDED };

/** Operands as `[..., rows, depth]` and `[..., depth, columns]`, with equal batch dimensions. */
interface Product {
  a: View;
  b: View;
  c?: View;
  alpha: number;
  beta: number;
}

function emitProduct(node: Lowering, y: View, { a, b, c, alpha, beta }: Product): void {
  const rank = a.shape.length;
  const [rows, depth] = a.shape.slice(-2) as [number, number];
  const columns = b.shape.at(-1)!;
  if (depth > MAX_ITERATIONS) {
    node.fail(`sums over ${depth} elements`, `up to ${MAX_ITERATIONS} are supported`);
  }
  const batch = mergeAxes(
    a.shape.slice(0, -2).map((extent, axis) => ({ extent, strides: [a.strides[axis]!, b.strides[axis]!] })),
  );
  const batches = axesCount(batch);
  const blocks = batches * Math.ceil(rows / 4) * Math.ceil(columns / 4);
  node.emit({
    kernel: stridedKernel,
    bindings: { a, b, c: c ?? a, y },
    uniforms: {
      rows,
      columns,
      depth,
      batches,
      batch_rank: batch.length,
      alpha,
      beta: c ? beta : 0,
      a_offset: a.offset,
      a_stride_m: a.strides[rank - 2]!,
      a_stride_k: a.strides[rank - 1]!,
      b_offset: b.offset,
      b_stride_k: b.strides[rank - 2]!,
      b_stride_n: b.strides[rank - 1]!,
      c_offset: c?.offset ?? 0,
      c_stride_m: c?.strides[0] ?? 0,
      c_stride_n: c?.strides[1] ?? 0,
      y_offset: y.offset,
      batch_extents: extentRow(batch),
      batch_a_strides: strideRow(batch, 0),
      batch_b_strides: strideRow(batch, 1),
    },
    workgroups: foldWorkgroups(Math.ceil(blocks / 64)),
    multiplyAdds: batches * rows * columns * depth,
  });
}

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

const gemm: Operator = {
  op: "Gemm",
  opsets: [7, 99],
  infer(node) {
    const { rows, columns } = gemmExtents(node);
    return [{ dtype: node.type(0).dtype, shape: [rows, columns] }];
  },
  lower(node) {
    const { rows, columns } = gemmExtents(node);
    const operand = (index: number, name: string): View => {
      const view = node.view(index);
      return attr.int(node.node, name, 0) === 1 ? permuteView(view, [1, 0]) : view;
    };
    const [a, b] = [operand(0, "transA"), operand(1, "transB")];
    const alpha = attr.float(node.node, "alpha", 1);
    const beta = attr.float(node.node, "beta", 1);
    const c = node.has(2) ? { c: expandView(node.view(2), [rows, columns]) } : {};
    emitProduct(node, node.output(0, "linear"), { a, b, ...c, alpha, beta });
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

const matMul: Operator = {
  op: "MatMul",
  opsets: [1, 99],
  infer: (node) => [{ dtype: node.type(0).dtype, shape: matMulShapes(node).shape }],
  lower(node) {
    const { a, b, batch } = matMulShapes(node);
    const matrix = (view: View, shape: readonly number[], at: number): View => {
      const whole = view.shape.length === 1
        ? { ...view, shape, strides: view.strides.toSpliced(at, 0, 0), padded: false }
        : view;
      return expandView(whole, [...batch, ...shape.slice(-2)]);
    };
    const [left, right] = [matrix(node.view(0), a, 0), matrix(node.view(1), b, 1)];
    emitProduct(node, node.output(0, "linear"), { a: left, b: right, alpha: 1, beta: 0 });
  },
};

/** Gemm and MatMul. */
export const gemmOperators: readonly Operator[] = [gemm, matMul];
