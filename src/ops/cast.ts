/**
 * Cast and CastLike: elements as another type.
 *
 * @module
 */
import { dataTypeName, dtypeOf } from "../onnx/data_type.ts";
import type { DType } from "../tensor/dtype.ts";
import { attr } from "./attribute.ts";
import type { NodeContext } from "./operator.ts";

/** The type that a Cast or CastLike makes. `saturate` says something of 8-bit floats alone, which there are none of. */
export function castTarget(node: NodeContext): DType {
  if (node.node.op === "CastLike") return node.type(1).dtype;
  const to = attr.int(node.node, "to");
  return dtypeOf(to) ??
    node.fail(`casts to ${dataTypeName(to)}, which is not supported`, "export the model with another type");
}
