/**
 * Convolutions and pools of ONNX as TensorFlow.js wants them told.
 *
 * @module
 */
import { attr } from "../../../src/ops/attribute.ts";
import type { NodeContext } from "../../../src/ops/operator.ts";
import type { Padding } from "./api.ts";

/** Where the windows of a convolution or pool lie. */
export interface Windows {
  size: [number, number];
  strides: [number, number];
  dilations: [number, number];
  pad: Padding;
  /** Zeros before and after: rows, then columns. */
  zeros: [[number, number], [number, number]];
}

/** @param size the window's rows and columns. */
export function windowsOf(context: NodeContext, size: readonly number[]): Windows {
  const { node } = context;
  if (size.length !== 2) throw new Error(`windows of ${size.length} dimensions`);
  const pair = (name: string): [number, number] => [...attr.ints(node, name, [1, 1])] as [number, number];
  const strides = pair("strides"), dilations = pair("dilations");
  const declared = attr.ints(node, "pads", [0, 0, 0, 0]);
  const automatic = attr.string(node, "auto_pad", "NOTSET");
  const input = context.shape(0).slice(2), output = context.outputType(0).shape.slice(2);
  const zeros = [0, 1].map((axis): [number, number] => {
    // As many as the last window needs: fewer than declared where rows are left over, more where sizes are rounded up.
    const span = (output[axis]! - 1) * strides[axis]! + (size[axis]! - 1) * dilations[axis]! + 1;
    const total = Math.max(0, span - input[axis]!);
    const before = automatic === "SAME_UPPER"
      ? Math.floor(total / 2)
      : automatic === "SAME_LOWER"
      ? Math.ceil(total / 2)
      : automatic === "VALID"
      ? 0
      : declared[axis]!;
    return [before, Math.max(0, span - input[axis]! - before)];
  }) as Windows["zeros"];
  const first = declared[0]!;
  const alike = automatic === "NOTSET" && declared.every((count) => count === first) &&
    zeros.flat().every((count) => count <= first);
  const pad: Padding = zeros.flat().every((count) => count === 0)
    ? "valid"
    : alike
    ? first
    : [[0, 0], ...zeros, [0, 0]];
  return { size: [size[0]!, size[1]!], strides, dilations, pad, zeros };
}

/** A convolution's weights `[out, in, rows, columns]` as `[rows, columns, in, out]`. */
export function channelsLastFilter(
  data: Float32Array,
  [outputs, inputs, rows, columns]: [number, number, number, number],
): Float32Array<ArrayBuffer> {
  const filter = new Float32Array(data.length), area = rows * columns;
  for (let o = 0, at = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) {
      for (let k = 0; k < area; k++) filter[(k * inputs + i) * outputs + o] = data[at++]!;
    }
  }
  return filter;
}
