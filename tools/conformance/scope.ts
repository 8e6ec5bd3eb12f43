/**
 * What the engine leaves out by design, read off a model's contents.
 *
 * @module
 */
import { dataTypeName, dtypeOf } from "../../src/onnx/data_type.ts";
import type { OnnxGraph, OnnxModel, OnnxTensor, OnnxValueInfo } from "../../src/onnx/model.ts";

const OUTSIDE: ReadonlyMap<string, string> = new Map([
  ["f64", "64-bit floats"],
  ["i16", "16-bit integers"],
  ["u16", "16-bit integers"],
  ["u32", "unsigned 32-bit integers"],
  ["u64", "unsigned 64-bit integers"],
  ["string", "strings"],
]);

/**
 * Why the engine may refuse a model: control flow, or values of element types that are outside its scope. Undefined if
 * there is nothing of the sort in it; then it must run.
 */
export function outsideScope({ graph }: OnnxModel): string | undefined {
  const reasons = new Set<string>();
  collect(graph, reasons);
  return reasons.size === 0 ? undefined : [...reasons].join(", ");
}

function collect(graph: OnnxGraph, reasons: Set<string>): void {
  for (const value of [...graph.inputs, ...graph.outputs, ...graph.valueInfo]) collectValue(value, reasons);
  for (const tensor of graph.initializers) collectTensor(tensor, reasons);
  for (const node of graph.nodes) {
    for (const attribute of node.attributes) {
      if (attribute.type === "graph" || attribute.type === "graphs") {
        reasons.add(`control flow (${node.opType})`);
      } else if (attribute.type === "tensor") collectTensor(attribute.value, reasons);
      else if (attribute.type === "tensors") {
        attribute.value.forEach((tensor) => collectTensor(tensor, reasons));
      } else if (node.opType === "Cast" && attribute.name === "to" && attribute.type === "int") {
        collectType(attribute.value, reasons);
      }
    }
  }
}

function collectValue({ dtype, unsupported }: OnnxValueInfo, reasons: Set<string>): void {
  const reason = dtype === undefined ? unsupported : OUTSIDE.get(dtype);
  if (reason !== undefined) reasons.add(reason);
}

function collectTensor({ data, external, unsupported }: OnnxTensor, reasons: Set<string>): void {
  if (unsupported !== undefined) reasons.add(`a tensor that ${unsupported}`);
  else if (external !== undefined) collectType(external.dataType, reasons);
  else if (data !== undefined && OUTSIDE.has(data.dtype)) reasons.add(OUTSIDE.get(data.dtype)!);
}

function collectType(dataType: number, reasons: Set<string>): void {
  const dtype = dtypeOf(dataType);
  const reason = dtype === undefined ? dataTypeName(dataType) : OUTSIDE.get(dtype);
  if (reason !== undefined) reasons.add(reason);
}
