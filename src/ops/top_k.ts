/**
 * TopK: the k largest or smallest elements along an axis and where they are, equal ones in their order.
 * {@link https://onnx.ai/onnx/operators/onnx__TopK.html}
 *
 * @module
 */
import MERGE from "../../shaders/sort/merge.wgsl" with { type: "text" };
import RANK from "../../shaders/sort/rank.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { gpuScalar } from "../tensor/dtype.ts";
import { elementCount, hostTensor, toNumbers } from "../tensor/host_tensor.ts";
import { permuteView, type View } from "../tensor/view.ts";
import { attr } from "./attribute.ts";
import { gatherElementsDispatch } from "./gather.ts";
import { pickElements } from "./host_elements.ts";
import type { Lowering, NodeContext, Operator } from "./operator.ts";
import { NUMBERS, typesOf } from "./types.ts";

const rankKernel: KernelSource = { name: "sort/rank", wgsl: RANK };
const mergeKernel: KernelSource = { name: "sort/merge", wgsl: MERGE };

interface Selection {
  axis: number;
  k: number;
  smallest: boolean;
}

function selectionOf(node: NodeContext): Selection {
  const shape = node.shape(0);
  const axis = node.axis(attr.int(node.node, "axis", -1), shape.length);
  const k = node.opset < 10 ? attr.int(node.node, "k") : node.numbers(1, "k")?.[0] ?? -1;
  if (shape.length === 0 || k < 0 || k > shape[axis]!) {
    node.fail(`takes ${k} elements along axis ${axis} of [${shape.join(", ")}]`, "check the input's size");
  }
  return { axis, k, smallest: attr.int(node.node, "largest", 1) === 0 };
}

/** TopK. */
export const topK: Operator = {
  op: "TopK",
  opsets: [1, 99],
  types: NUMBERS,
  infer(node) {
    const { axis, k } = selectionOf(node);
    const { dtype, shape } = node.type(0);
    return [{ dtype, shape: shape.with(axis, k) }, { dtype: "i64", shape: shape.with(axis, k) }];
  },
  evaluate(node, [x]) {
    const { axis, k, smallest } = selectionOf(node);
    const { shape } = this.infer(node)[0]!;
    const extent = x!.shape[axis]!;
    const inner = elementCount(x!.shape.slice(axis + 1));
    const values = toNumbers(x!);
    const found = new Array<number>(elementCount(shape));
    const sources = new Array<number>(found.length);
    for (let row = 0; row < found.length / Math.max(k, 1); row++) {
      const [outer, lane] = [Math.floor(row / inner), row % inner];
      const at = (i: number): number => (outer * extent + i) * inner + lane;
      const order = Array.from({ length: extent }, (_, i) => i).sort((a, b) => {
        const difference = values[at(a)]! - values[at(b)]!;
        return (smallest ? difference : -difference) || a - b;
      });
      for (let i = 0; i < k; i++) {
        const to = (outer * k + i) * inner + lane;
        found[to] = order[i]!;
        sources[to] = at(order[i]!);
      }
    }
    return [pickElements(x!, shape, sources), hostTensor("i64", shape, found)];
  },
  lower(node) {
    const { axis, k, smallest } = selectionOf(node);
    const rank = node.shape(0).length;
    // Rows are made to lie along the axis; results are seen through the way back.
    const there = Array.from({ length: rank }, (_, at) => at).toSpliced(axis, 1).concat(axis);
    const back = there.map((_, at) => there.indexOf(at));
    const x = node.materialise(permuteView(node.view(0), there), "linear");
    const result = (index: number): View => {
      const type = node.outputType(index) ?? this.infer(node)[index]!;
      const named = (node.node.outputs[index] ?? "") !== "";
      if (named && axis === rank - 1) return node.output(index, "linear");
      const y = node.temporary({ ...type, shape: x.shape.with(-1, k) }, "linear");
      if (named) node.alias(index, permuteView(y, back));
      return y;
    };
    const [values, indices] = [result(0), result(1)];
    if (elementCount(values.shape) === 0) return;
    lowerSort(node, x, indices, smallest);
    node.emit(gatherElementsDispatch(x, indices, values, rank - 1));
  },
};

/** Rows of at most this length are sorted by counting in one step. */
const SHORT = 512;

/** What longer rows are cut into. */
const CHUNK = 64;

/** Writes where the first elements of each row of `x` in sorted order are, as many as `indices` has room for in a row. */
function lowerSort(node: Lowering, x: View, indices: View, smallest: boolean): void {
  const extent = x.shape.at(-1)!;
  const rows = elementCount(x.shape) / extent;
  const k = indices.shape.at(-1)!;
  let span = extent <= SHORT ? extent : CHUNK;
  let runs = Math.ceil(extent / span);
  let capacity = Math.min(k, span);
  const room = (): View => {
    const shape = [rows, runs, capacity];
    return node.temporary({ dtype: "i32", shape }, "linear");
  };
  let keys = room();
  let found = runs === 1 ? indices : room();
  const integer = gpuScalar(x.dtype) === "i32";
  node.emit({
    kernel: rankKernel,
    options: {
      overrides: { SMALLEST: smallest },
      inject: {
        ...typesOf(x.dtype),
        ...(integer && { order: "fn order(value: i32) -> i32 { return value; }" }),
      },
    },
    bindings: { x, keys, indices: found },
    uniforms: {
      count: rows * extent,
      extent,
      chunk: span,
      runs,
      capacity,
      x_offset: x.offset,
      indices_offset: found.offset,
    },
    workgroups: foldWorkgroups(Math.ceil(rows * extent / 64)),
  });
  while (runs > 1) {
    const source = { keys, found, runs, capacity, span };
    span *= 2;
    runs = Math.ceil(runs / 2);
    capacity = Math.min(k, span);
    keys = room();
    found = runs === 1 ? indices : room();
    const count = rows * source.runs * source.capacity;
    node.emit({
      kernel: mergeKernel,
      bindings: { source_keys: source.keys, source_indices: source.found, keys, indices: found },
      uniforms: {
        count,
        extent,
        span: source.span,
        runs: source.runs,
        capacity: source.capacity,
        merged_runs: runs,
        merged_capacity: capacity,
        indices_offset: found.offset,
      },
      workgroups: foldWorkgroups(Math.ceil(count / 64)),
    });
  }
}
