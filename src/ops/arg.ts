/**
 * ArgMax and ArgMin: where along an axis the largest or smallest element is.
 * {@link https://onnx.ai/onnx/operators/onnx__ArgMax.html}
 *
 * @module
 */
import ARG from "../../shaders/select/arg.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { elementCount, hostTensor, toNumbers } from "../tensor/host_tensor.ts";
import { attr } from "./attribute.ts";
import type { NodeContext, Operator } from "./operator.ts";
import { axesCount, chooseLanes, extentRow, mergeAxes, strideRow } from "./strided.ts";
import { NUMBERS, typesOf } from "./types.ts";

const kernel: KernelSource = { name: "select/arg", wgsl: ARG };

function searchedAxis(node: NodeContext): number {
  const shape = node.shape(0);
  const axis = node.axis(attr.int(node.node, "axis", 0), shape.length);
  if (shape[axis] === 0) {
    node.fail(`axis ${axis} of [${shape.join(", ")}] has no elements to choose from`, "give a larger input");
  }
  return axis;
}

function takesLast(node: NodeContext): boolean {
  return attr.int(node.node, "select_last_index", 0) === 1;
}

function argExtreme(op: string, smallest: boolean): Operator {
  return {
    op,
    opsets: [1, 99],
    types: NUMBERS,
    infer(node) {
      const keep = attr.int(node.node, "keepdims", 1) === 1;
      return [{ dtype: "i64", shape: node.shape(0).toSpliced(searchedAxis(node), 1, ...(keep ? [1] : [])) }];
    },
    evaluate(node, [x]) {
      const axis = searchedAxis(node);
      const last = takesLast(node);
      const extent = x!.shape[axis]!;
      const inner = elementCount(x!.shape.slice(axis + 1));
      const { shape } = this.infer(node)[0]!;
      const values = toNumbers(x!);
      const found = Array.from({ length: elementCount(shape) }, (_, row) => {
        const start = Math.floor(row / inner) * extent * inner + row % inner;
        let best = 0;
        for (let i = 1; i < extent; i++) {
          const [value, than] = [values[start + i * inner]!, values[start + best * inner]!];
          if (value === than ? last : (value < than) === smallest) best = i;
        }
        return best;
      });
      return [hostTensor("i64", shape, found)];
    },
    lower(node) {
      const x = node.view(0);
      const axis = searchedAxis(node);
      const extent = x.shape[axis]!;
      const outer = mergeAxes(
        x.shape.map((extent, at) => ({ extent, strides: [x.strides[at]!] })).toSpliced(axis, 1),
      );
      const count = axesCount(outer);
      const lanes = chooseLanes(count, extent, 1) ??
        node.fail(`searches ${extent} elements`, "reshape them and search one dimension after the other");
      const y = node.output(0, "linear");
      node.emit({
        kernel,
        options: {
          overrides: { ...lanes, SMALLEST: smallest, LAST: takesLast(node) },
          inject: typesOf(x.dtype),
        },
        bindings: { x, y },
        uniforms: {
          count,
          extent,
          stride: x.strides[axis]!,
          outer_rank: outer.length,
          x_offset: x.offset,
          y_offset: y.offset,
          outer_extents: extentRow(outer),
          outer_strides: strideRow(outer, 0),
        },
        workgroups: foldWorkgroups(Math.ceil(count / (lanes.WG / lanes.LANES))),
      });
    },
  };
}

/** ArgMax and ArgMin. */
export const argOperators: readonly Operator[] = [argExtreme("ArgMax", false), argExtreme("ArgMin", true)];
