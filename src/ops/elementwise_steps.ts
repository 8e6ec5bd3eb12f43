/**
 * Which steps an element-wise node stands for, so that it can be run on its own, behind another node, or on the host.
 *
 * @module
 */
import { attr } from "./attribute.ts";
import { type DType, isFloat } from "../tensor/dtype.ts";
import { toNumbers } from "../tensor/host_tensor.ts";
import { castTarget } from "./cast.ts";
import { type EpilogueStep, epilogueSteps } from "./epilogue.ts";
import type { NodeContext } from "./operator.ts";
import { BINARY, UNARY } from "./pointwise_functions.ts";

/** The operator that passes make: nothing of its own, but the steps that were fused into it. */
export const POINTWISE = "Pointwise";

/**
 * The steps that an element-wise node stands for, given which of its inputs is the running value; `undefined` if it is not
 * element-wise, or not in that input.
 *
 * @param inline puts constants of one element into the steps, as numbers.
 */
export function stepsOf(node: NodeContext, running: number, inline = true): EpilogueStep[] | undefined {
  const { op, domain } = node.node;
  if (domain === "com.microsoft") return microsoftSteps(node, running, inline);
  if (domain !== "" && domain !== "ai.onnx") return undefined;
  if (op === POINTWISE) return running === 0 ? [...epilogueSteps(node.node)] : undefined;
  if (op === "Clip") return running === 0 ? clipSteps(node, inline) : undefined;
  if (op === "Cast" || op === "CastLike") {
    return running === 0 ? [{ kind: "cast", op: "Cast", to: castTarget(node) }] : undefined;
  }
  if (op === "Where") {
    const [condition, chosen, other] = [0, 1, 2].map((input) => input === running ? undefined : input);
    return [{ kind: "where", op: "Where", inputs: [condition, chosen, other] }];
  }
  const unary = Object.hasOwn(UNARY, op) ? UNARY[op] : undefined;
  if (unary) {
    return running === 0
      ? [{ kind: "unary", op, parameters: unary.parameters?.(node.node) ?? [] }]
      : undefined;
  }
  if (!Object.hasOwn(BINARY, op)) return undefined;
  const power = op === "Pow" && running === 0 && inline ? powerSteps(node) : undefined;
  if (power) return power;
  const others = Array.from({ length: node.arity }, (_, index) => index).filter((index) => index !== running);
  const steps = others.map((input) => withInput(node, functionOf(node), input, running > input, inline));
  if (op !== "Mean" || node.arity === 1) return steps;
  return [...steps, { kind: "constant", op: "Div", constant: node.arity, swapped: false }];
}

/** Mod stands for one of two functions. */
function functionOf(node: NodeContext): string {
  const { op } = node.node;
  return op === "Mod" && attr.int(node.node, "fmod", 0) === 1 ? "Remainder" : op;
}

const HOST_ONLY: readonly DType[] = ["f64", "u32", "u64"];

/** A step with input `index` of the node as its other operand: a number where it is a constant of one element. */
function withInput(
  node: NodeContext,
  op: string,
  index: number,
  swapped: boolean,
  inline: boolean,
): EpilogueStep {
  const constant = inline ? node.constant(index) : undefined;
  if (constant?.data.length !== 1) return { kind: "operand", op, input: index, swapped };
  const [number] = toNumbers(constant);
  // An exponent may be of a type that only the host holds.
  const dtype = HOST_ONLY.includes(constant.dtype) ? "f32" : constant.dtype;
  // The larger or smaller of a word and what is beyond any word is known without it.
  const inRange = isFloat(dtype) || number === (number! | 0) || op === "Max" || op === "Min";
  if (!inRange) return { kind: "operand", op, input: index, swapped };
  return { kind: "constant", op, constant: number!, swapped, ...(dtype !== "f32" && { dtype }) };
}

/** x^n for constant n that need no general power. */
function powerSteps(node: NodeContext): EpilogueStep[] | undefined {
  const exponent = node.constant(1);
  if (exponent?.data.length !== 1 || !isFloat(node.type(0).dtype)) return undefined;
  const square: EpilogueStep = { kind: "branch", op: "Mul", left: [], right: [] };
  const unary = (op: string): EpilogueStep[] => [{ kind: "unary", op, parameters: [] }];
  switch (Number(exponent.data[0])) {
    case -1:
      return unary("Reciprocal");
    case 0.5:
      return unary("Sqrt");
    case 2:
      return [square];
    case 3:
      return [{ ...square, left: [square] }];
    default:
      return undefined;
  }
}

/** What Clip keeps to where a bound is not given: infinities become the largest number that is none. */
function clipLimit(node: NodeContext): number {
  switch (node.type(0).dtype) {
    case "f16":
      return 65504;
    case "f32":
      return 3.4028234663852886e38;
    default:
      return Infinity;
  }
}

/** Clip: its bounds are attributes in old operator sets, and inputs, which may be computed, from 11. */
function clipSteps(node: NodeContext, inline: boolean): EpilogueStep[] {
  const limit = clipLimit(node);
  const clip = (low: number, high: number): EpilogueStep => ({
    kind: "unary",
    op: "Clip",
    parameters: [low, high],
  });
  if (node.opset < 11) {
    return [clip(attr.float(node.node, "min", -limit), attr.float(node.node, "max", limit))];
  }
  // Null where there is none, undefined where it is computed.
  const bounds = [1, 2].map((index) => node.has(index) ? node.constant(index) : null);
  const [low, high] = bounds.map((one) => one && toNumbers(one)[0]);
  if (inline && low !== undefined && high !== undefined) return [clip(low ?? -limit, high ?? limit)];
  const bound = (index: number, op: string): EpilogueStep[] =>
    node.has(index) ? [{ kind: "operand", op, input: index, swapped: false }] : [];
  return [clip(-limit, limit), ...bound(1, "Max"), ...bound(2, "Min")];
}

/** Microsoft's activations, in ONNX's terms. */
function microsoftSteps(node: NodeContext, running: number, inline: boolean): EpilogueStep[] | undefined {
  const { op } = node.node;
  const gelu = (tanh: number): EpilogueStep => ({ kind: "unary", op: "Gelu", parameters: [tanh] });
  const bias = (): EpilogueStep[] => node.has(1) ? [withInput(node, "Add", 1 - running, false, inline)] : [];
  if (op === "BiasGelu") return [...bias(), gelu(0)];
  if (op === "FastGelu") return [...bias(), gelu(1)];
  if (running !== 0) return undefined;
  if (op === "Gelu") return [gelu(0)];
  if (op !== "QuickGelu") return undefined;
  return [{ kind: "unary", op: "Swish", parameters: [attr.float(node.node, "alpha", 1.702)] }];
}
