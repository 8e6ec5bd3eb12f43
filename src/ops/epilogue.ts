/**
 * Element-wise steps that a kernel applies to each output `vec4` before it writes it: activations, and sums or
 * products with other tensors. Passes append steps to nodes; kernels get them as text.
 *
 * @module
 */
import type { Node } from "./node.ts";
import type { Layout, View } from "../tensor/view.ts";
import { expandView, imageAddress, isLinear } from "../tensor/view.ts";
import type { Lowering, WeightRef } from "./operator.ts";
import { BINARY, helpersOf, literal, UNARY } from "./pointwise_functions.ts";

/** One step. The running value is called `value`. */
export type EpilogueStep =
  /** `value = op(value, parameters)`. */
  | { readonly kind: "unary"; readonly op: string; readonly parameters: readonly number[] }
  /** `value = op(value, constant)`, or `op(constant, value)` if `swapped`. */
  | { readonly kind: "constant"; readonly op: string; readonly constant: number; readonly swapped: boolean }
  /** `value = op(value, input)` with an input of the node, or `op(input, value)` if `swapped`. */
  | { readonly kind: "operand"; readonly op: string; readonly input: number; readonly swapped: boolean };

/** A node that its kernel follows with element-wise steps. */
export interface FusedNode extends Node {
  epilogue?: EpilogueStep[];
  /** How many of the inputs are the operator's own; operands of steps come after them. */
  arity?: number;
}

/** Other tensors that one epilogue may read: the length of `operands` in the kernels' Params. */
export const MAX_OPERANDS = 4;

/** First binding index of operands; kernels keep their own below it. */
const OPERAND_BINDING = 8;

/** What a kernel needs for an epilogue. */
export interface PlannedEpilogue {
  /** For `//#inject epilogue`; absent without steps. */
  inject: Readonly<Record<string, string>>;
  bindings: Readonly<Record<string, View | WeightRef>>;
  /** The `operands` uniform: offset, step by pixel, step by channel group, unused. */
  operands: number[];
}

/** No steps at all. */
export const NO_EPILOGUE: PlannedEpilogue = {
  inject: {},
  bindings: {},
  operands: new Array(MAX_OPERANDS * 4).fill(0),
};

/** The steps that were fused behind a node. */
export function epilogueSteps(node: Node): readonly EpilogueStep[] {
  return (node as FusedNode).epilogue ?? [];
}

/**
 * Plans the epilogue of the node being lowered.
 *
 * @param shape of the output, to which operands are broadcast.
 * @param layout in which the kernel writes: pixels and channel groups of an image, or one pixel of a linear tensor.
 * @param steps in order; those fused behind the node if left out.
 */
export function planEpilogue(
  lowering: Lowering,
  shape: readonly number[],
  layout: Layout,
  steps: readonly EpilogueStep[] = epilogueSteps(lowering.node),
): PlannedEpilogue {
  const bindings: Record<string, View> = {};
  const operands: number[] = [];
  const declarations: string[] = [];
  const lines: string[] = [];
  for (const step of steps) {
    if (step.kind === "unary") {
      lines.push(UNARY[step.op]!.wgsl("value", step.parameters));
      continue;
    }
    let other: string;
    if (step.kind === "constant") {
      other = `vec4f(${literal(step.constant)})`;
    } else {
      const slot = Object.keys(bindings).length;
      const operand = layout === "image"
        ? imageOperand(lowering, lowering.view(step.input), shape)
        : linearOperand(lowering, lowering.view(step.input), shape);
      bindings[`operand${slot}`] = operand.view;
      operands.push(operand.offset, operand.pixelStep, operand.channelStep, 0);
      declarations.push(
        `@group(0) @binding(${
          OPERAND_BINDING + slot
        }) var<storage, read_write> operand${slot}: array<vec4f>;`,
      );
      const at =
        `params.operands[${slot}].x + pixel * params.operands[${slot}].y + c4 * params.operands[${slot}].z`;
      other = operand.splat ? `vec4f(operand${slot}[${at}].x)` : `operand${slot}[${at}]`;
    }
    lines.push(step.swapped ? BINARY[step.op]!.wgsl(other, "value") : BINARY[step.op]!.wgsl("value", other));
  }
  while (operands.length < MAX_OPERANDS * 4) operands.push(0);
  if (lines.length === 0) return { inject: {}, bindings, operands };
  const text = [
    ...declarations,
    ...helpersOf(lines.join("\n")),
    "fn epilogue(start: vec4f, pixel: u32, c4: u32) -> vec4f {",
    "  var value = start;",
    ...lines.map((line) => `  value = ${line};`),
    "  return value;",
    "}",
  ].join("\n");
  return { inject: { epilogue: text }, bindings, operands };
}

/** How an epilogue reads one operand, in `vec4`s. */
interface Operand {
  view: View;
  offset: number;
  pixelStep: number;
  channelStep: number;
  /** One channel for all: its first lane is spread. */
  splat: boolean;
}

function imageOperand(lowering: Lowering, view: View, shape: readonly number[]): Operand {
  const found = addressOperand(view, shape);
  if (found) return found;
  // Broadcast over a part of the image, or stored otherwise: spread it out once, then it is as large as the output.
  const spread = lowering.copy(expandView(view, shape), "image");
  return addressOperand(spread, shape)!;
}

function addressOperand(view: View, shape: readonly number[]): Operand | undefined {
  const rank = shape.length;
  const own = [...new Array<number>(rank - view.shape.length).fill(1), ...view.shape];
  const strides = [...new Array<number>(rank - view.shape.length).fill(0), ...view.strides];
  const perChannel = own.every((extent, axis) => axis === 1 || extent === 1);
  if (perChannel && own[1]! > 1) {
    // [C, 1, 1] or [1, C, 1, 1]: any storage with channels side by side and room to read whole groups.
    const aligned = strides[1] === 1 && view.offset % 4 === 0 &&
      (own[1]! % 4 === 0 || view.padded || isLinear(view));
    if (!aligned) return undefined;
    return { view, offset: view.offset / 4, pixelStep: 0, channelStep: 1, splat: false };
  }
  const splat = own[1] === 1 && shape[1] !== 1;
  const address = imageAddress({ ...view, shape: own, strides });
  if (!address) return undefined;
  const same = own.every((extent, axis) => extent === shape[axis] || (axis === 1 && splat));
  const single = own.every((extent) => extent === 1);
  if (single) return { view, offset: address.offset, pixelStep: 0, channelStep: 0, splat: shape[1] !== 1 };
  if (!same) return undefined;
  const { h, w, n, strideW, strideH, strideN } = address;
  const step = w > 1 ? strideW : h > 1 ? strideH : strideN;
  const even = (h === 1 || strideH === step * w) && (n === 1 || strideN === step * w * h);
  if (!even) return undefined;
  return { view, offset: address.offset, pixelStep: step, channelStep: splat ? 0 : 1, splat };
}

function linearOperand(lowering: Lowering, view: View, shape: readonly number[]): Operand {
  const expanded = expandView(view, shape);
  const dense = isLinear(expanded) && expanded.offset % 4 === 0
    ? expanded
    : lowering.materialise(expanded, "linear");
  return { view: dense, offset: dense.offset / 4, pixelStep: 0, channelStep: 1, splat: false };
}
