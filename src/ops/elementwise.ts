/**
 * Element-wise operators: functions of one tensor, and of two or more with broadcasting.
 * {@link https://onnx.ai/onnx/operators/ ONNX operators}
 *
 * @module
 */
import { attr } from "./attribute.ts";
import { type HostTensor, hostTensor, toNumbers } from "../tensor/host_tensor.ts";
import {
  canBeImage,
  denseStrides,
  expandView,
  imageAddress,
  isLinear,
  type View,
  viewOffsets,
} from "../tensor/view.ts";
import { broadcastShapes } from "./broadcast.ts";
import { isFlat, mapFlatDispatch, mapImageDispatch } from "./copy.ts";
import { type EpilogueStep, epilogueSteps, planEpilogue } from "./epilogue.ts";
import type { Lowering, NodeContext, Operator } from "./operator.ts";
import { BINARY, UNARY } from "./pointwise_functions.ts";

/** The step that an element-wise node stands for, given which of its inputs is the running value. */
export function stepOf(node: NodeContext, running: number): EpilogueStep | undefined {
  const { op } = node.node;
  if (op in UNARY && running === 0) return { kind: "unary", op, parameters: unaryParameters(node) };
  if (!(op in BINARY) || node.arity !== 2) return undefined;
  const other = 1 - running;
  const swapped = running === 1;
  const constant = node.constant(other);
  if (constant?.data.length === 1 && constant.shape.length <= node.shape(running).length) {
    return { kind: "constant", op, constant: toNumbers(constant)[0]!, swapped };
  }
  return { kind: "operand", op, input: other, swapped };
}

/** Constant parameters of a function of one tensor: attributes, or the inputs that Clip has from operator set 11. */
function unaryParameters(node: NodeContext): number[] {
  const float = (name: string, fallback: number): number => attr.float(node.node, name, fallback);
  switch (node.node.op) {
    case "Clip": {
      const bound = (name: string, index: number, fallback: number): number =>
        node.opset >= 11 ? node.numbers(index, name)?.[0] ?? fallback : float(name, fallback);
      return [bound("min", 1, -Infinity), bound("max", 2, Infinity)];
    }
    case "Elu":
      return [float("alpha", 1)];
    case "LeakyRelu":
      return [float("alpha", 0.01)];
    case "HardSigmoid":
      return [float("alpha", 0.2), float("beta", 0.5)];
    default:
      return [];
  }
}

function unary(op: string, opsets: readonly [number, number]): Operator {
  return {
    op,
    opsets,
    layout: "same",
    fusesEpilogue: true,
    infer: (node) => [node.type(0)],
    evaluate(node, [x]) {
      const parameters = unaryParameters(node);
      const numbers = toNumbers(x!).map((value) => UNARY[op]!.host(value, parameters));
      return [hostTensor(x!.dtype, x!.shape, integral(x!, numbers))];
    },
    lower: (node) => lowerChain(node, 0, [stepOf(node, 0)!, ...epilogueSteps(node.node)]),
  };
}

function binary(op: string, opsets: readonly [number, number]): Operator {
  return {
    op,
    opsets,
    layout: "same",
    fusesEpilogue: true,
    infer(node) {
      const indices = Array.from({ length: node.arity }, (_, index) => index);
      const shapes = indices.map((index) => node.shape(index));
      const listed = shapes.map((one) => `[${one.join(", ")}]`).join(" and ");
      const shape = broadcastShapes(...shapes) ??
        node.fail(`shapes ${listed} do not broadcast`, "check the input's size, or export the model again");
      for (const index of indices) {
        if (node.type(index).dtype !== node.type(0).dtype) {
          node.fail(
            `inputs are ${node.type(0).dtype} and ${node.type(index).dtype}`,
            "export the model again",
          );
        }
      }
      return [{ dtype: node.type(0).dtype, shape }];
    },
    evaluate: (node, inputs) => [
      inputs.slice(1).reduce<HostTensor>((a, b) => evaluateBinary(op, node, a, b!), inputs[0]!),
    ],
    lower(node) {
      const { shape } = node.outputType(0);
      const running = runningInput(node, shape);
      const steps: EpilogueStep[] = node.arity === 2
        ? [stepOf(node, running)!]
        : others(node, running).map((input) => ({ kind: "operand", op, input, swapped: false }));
      lowerChain(node, running, [...steps, ...epilogueSteps(node.node)]);
    },
  };
}

function others(node: Lowering, running: number): number[] {
  return Array.from({ length: node.arity }, (_, index) => index).filter((index) => index !== running);
}

/** The input that the kernel reads as its main one: a computed tensor of the output's own shape if there is one. */
function runningInput(node: Lowering, shape: readonly number[]): number {
  const sameShape = Array.from({ length: node.arity }, (_, index) => index)
    .filter((index) =>
      node.shape(index).length === shape.length && node.shape(index).every((e, i) => e === shape[i])
    );
  return sameShape.find((index) => !node.constant(index)) ?? sameShape[0] ?? 0;
}

function lowerChain(node: Lowering, running: number, steps: readonly EpilogueStep[]): void {
  const { shape } = node.outputType(0);
  emitMap(node, expandView(node.view(running), shape), steps);
}

/** Emits the map kernel from a view of the output's shape to output 0, with steps on the way. */
function emitMap(node: Lowering, x: View, steps: readonly EpilogueStep[]): void {
  const { shape } = x;
  // Rank 3 is mostly a list of boxes or scores: an image only if it already is one.
  if (canBeImage(shape) && !isLinear(x) && (shape.length === 4 || imageAddress(x))) {
    const from = imageAddress(x) ? x : node.materialise(x, "image");
    node.emit(mapImageDispatch(from, node.imageOutput(0).view, planEpilogue(node, shape, "image", steps)));
    return;
  }
  const from = isFlat(x) ? x : node.materialise(x, "linear");
  const y = node.flatOutput(0);
  node.emit(mapFlatDispatch(from, y, planEpilogue(node, shape, "linear", steps)));
}

function evaluateBinary(op: string, node: NodeContext, a: HostTensor, b: HostTensor): HostTensor {
  const shape = broadcastShapes(a.shape, b.shape)!;
  const spread = (tensor: HostTensor): Iterator<number> => {
    const dense = { storage: 0, dtype: tensor.dtype, shape: tensor.shape, offset: 0, padded: false };
    return viewOffsets(expandView({ ...dense, strides: denseStrides(tensor.shape, "linear") }, shape));
  };
  const [left, right] = [spread(a), spread(b)];
  const count = shape.reduce((product, extent) => product * extent, 1);
  const numbers: number[] = [];
  for (let i = 0; i < count; i++) {
    const [x, y] = [a.data[left.next().value], b.data[right.next().value]];
    numbers.push(BINARY[op]!.host(Number(x), Number(y)));
  }
  if (op === "Div" && a.dtype !== "f32" && numbers.some((value) => !Number.isFinite(value))) {
    node.fail("divides whole numbers by zero", "export the model again");
  }
  return hostTensor(a.dtype, shape, integral(a, numbers));
}

/** Whole numbers for integer tensors: division truncates towards zero, as ONNX's does. */
function integral(like: HostTensor, numbers: number[]): number[] {
  return ["f32", "f16", "f64"].includes(like.dtype) ? numbers : numbers.map(Math.trunc);
}

/** All element-wise operators. */
export const elementwiseOperators: readonly Operator[] = [
  ...Object.keys(UNARY).map((op) => unary(op, op === "HardSwish" ? [14, 99] : [6, 99])),
  ...Object.keys(BINARY).map((op) => binary(op, [7, 99])),
];
