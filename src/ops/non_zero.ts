/**
 * NonZero: where the elements are that are not zero. How many there are is known only while the network runs: the output
 * has room for all, and its type names the count.
 * {@link https://onnx.ai/onnx/operators/onnx__NonZero.html}
 *
 * @module
 */
import COUNT from "../../shaders/select/count_blocks.wgsl" with { type: "text" };
import PLACE from "../../shaders/select/non_zero.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { elementCount, hostTensor } from "../tensor/host_tensor.ts";
import { denseStrides } from "../tensor/view.ts";
import { fillDispatch } from "./fill.ts";
import type { Operator } from "./operator.ts";
import { MAX_ITERATIONS, MAX_STRIDED_RANK } from "./strided.ts";
import { ANY_TYPE, typesOf } from "./types.ts";

const countKernel: KernelSource = { name: "select/count_blocks", wgsl: COUNT };
const placeKernel: KernelSource = { name: "select/non_zero", wgsl: PLACE };

/** The fewest elements that an invocation takes, and the most invocations before they take more. */
const [BLOCK, BLOCKS] = [64, 4096];

/** Extents of the input; a scalar counts as one element in a row. */
function extentsOf(shape: readonly number[]): readonly number[] {
  return shape.length === 0 ? [1] : shape;
}

/** NonZero. */
export const nonZero: Operator = {
  op: "NonZero",
  opsets: [9, 99],
  types: ANY_TYPE,
  infer(node) {
    const extents = extentsOf(node.shape(0));
    const count = elementCount(extents);
    return [{
      dtype: "i64",
      shape: [extents.length, count],
      ...(count > 0 && { counts: [undefined, node.countName(0)] }),
    }];
  },
  evaluate(_, [x]) {
    const extents = extentsOf(x!.shape);
    const steps = denseStrides(extents, "linear");
    const found = [...x!.data.keys()].filter((i) => Number(x!.data[i]) !== 0);
    const coordinates = extents.flatMap((extent, axis) =>
      found.map((i) => Math.floor(i / steps[axis]!) % extent)
    );
    return [hostTensor("i64", [extents.length, found.length], coordinates)];
  },
  lower(node) {
    const x = node.linear(0);
    const extents = extentsOf(x.shape);
    const extent = elementCount(extents);
    const y = node.output(0, "linear");
    if (extent === 0) return;
    const block = Math.max(BLOCK, Math.ceil(extent / BLOCKS));
    const count = Math.ceil(extent / block);
    if (extents.length > MAX_STRIDED_RANK || count + block * (extents.length + 1) > MAX_ITERATIONS) {
      node.fail(
        `searches [${extents.join(", ")}], ${extent} elements of ${extents.length} dimensions`,
        `at most ${MAX_STRIDED_RANK} dimensions are supported, and fewer elements; reshape or split its input`,
      );
    }
    const counts = node.temporary({ dtype: "i32", shape: [count] }, "linear");
    const total = node.count(0);
    const row = (list: readonly number[]): number[] =>
      Array.from({ length: MAX_STRIDED_RANK }, (_, axis) => list[axis] ?? 1);
    const workgroups = foldWorkgroups(Math.ceil(count / 64));
    node.emit(fillDispatch(y, 0));
    node.emit({
      kernel: countKernel,
      options: { inject: typesOf(x.dtype) },
      bindings: { x, counts },
      uniforms: { count, extent, block, x_offset: x.offset },
      workgroups,
    });
    node.emit({
      kernel: placeKernel,
      options: { inject: typesOf(x.dtype) },
      bindings: { x, block_counts: counts, y, total },
      uniforms: {
        count,
        extent,
        block,
        rank: extents.length,
        x_offset: x.offset,
        y_offset: y.offset,
        total_offset: total.offset,
        extents: row(extents),
        steps: row(denseStrides(extents, "linear")),
      },
      workgroups,
    });
  },
};
