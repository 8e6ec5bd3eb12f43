/**
 * Trilu: the upper or lower triangle of matrices.
 * {@link https://onnx.ai/onnx/operators/onnx__Trilu.html}
 *
 * @module
 */
import TRILU from "../../shaders/select/trilu.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { elementCount, type HostTensor, hostTensor } from "../tensor/host_tensor.ts";
import { attr } from "./attribute.ts";
import type { NodeContext, Operator } from "./operator.ts";
import { ANY_TYPE, typesOf } from "./types.ts";

const kernel: KernelSource = { name: "select/trilu", wgsl: TRILU };

interface Triangle {
  rows: number;
  columns: number;
  diagonal: number;
  upper: boolean;
}

function triangleOf(node: NodeContext): Triangle {
  const shape = node.shape(0);
  if (shape.length < 2) node.fail(`its input is [${shape.join(", ")}], no matrix`, "check the input's size");
  const [rows, columns] = shape.slice(-2) as [number, number];
  const [diagonal = 0] = node.numbers(1, "k") ?? [];
  return { rows, columns, diagonal, upper: attr.int(node.node, "upper", 1) === 1 };
}

/** Trilu. */
export const trilu: Operator = {
  op: "Trilu",
  opsets: [14, 99],
  types: ANY_TYPE,
  infer(node) {
    triangleOf(node);
    return [{ dtype: node.type(0).dtype, shape: node.shape(0) }];
  },
  evaluate(node, [x]) {
    const { rows, columns, diagonal, upper } = triangleOf(node);
    const elements = x!.data.slice() as unknown as (number | bigint)[] & HostTensor["data"];
    const zero = typeof elements[0] === "bigint" ? 0n : 0;
    elements.forEach((_, i) => {
      const here = i % columns - Math.floor(i / columns) % rows;
      if (upper ? here < diagonal : here > diagonal) elements[i] = zero;
    });
    return [hostTensor(x!.dtype, x!.shape, elements)];
  },
  lower(node) {
    const { rows, columns, diagonal, upper } = triangleOf(node);
    const [x, y] = [node.linear(0), node.output(0, "linear")];
    const count = elementCount(y.shape);
    node.emit({
      kernel,
      options: { overrides: { UPPER: upper }, inject: typesOf(y.dtype) },
      bindings: { x, y },
      uniforms: {
        count,
        rows: Math.max(rows, 1),
        columns: Math.max(columns, 1),
        // Any diagonal outside keeps all or nothing.
        diagonal: Math.min(Math.max(diagonal, -rows - 1), columns + 1),
        x_offset: x.offset,
        y_offset: y.offset,
      },
      workgroups: foldWorkgroups(Math.ceil(count / 64)),
    });
  },
};
