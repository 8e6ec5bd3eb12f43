/**
 * Element-wise operators: functions of one tensor, of two or more with broadcasting, choices and changes of type.
 * {@link https://onnx.ai/onnx/operators/ ONNX operators}
 *
 * @module
 */
import type { DType } from "../tensor/dtype.ts";
import { broadcastShapes } from "./broadcast.ts";
import { castTarget } from "./cast.ts";
import { sameWords } from "./cast_text.ts";
import { anyCounts, countsOf } from "./counts.ts";
import { epilogueSteps } from "./epilogue.ts";
import { POINTWISE, stepsOf } from "./elementwise_steps.ts";
import { evaluateSteps } from "./host_steps.ts";
import { lowerMap } from "./map.ts";
import type { Counts, Lowering, NodeContext, Operator } from "./operator.ts";
import {
  BINARY,
  type BinaryFunction,
  resultType,
  takes,
  UNARY,
  type UnaryFunction,
} from "./pointwise_functions.ts";
import { ANY_TYPE } from "./types.ts";

/** An element-wise operator, given its checks and the type of its result. */
function elementwise(
  op: string,
  first: number,
  resultOf: (node: NodeContext) => DType,
  { types, domain }: Pick<Operator, "types" | "domain"> = {},
): Operator {
  return {
    op,
    opsets: [first, 99],
    ...(types && { types }),
    ...(domain !== undefined && { domain }),
    layout: "same",
    fusesEpilogue: true,
    infer: (node) => [{ dtype: resultOf(node), shape: broadcastShape(node) }],
    counts: (node) => [broadcastCounts(node)],
    evaluate(node, inputs) {
      try {
        return [evaluateSteps(inputs, broadcastShape(node), stepsOf(node, 0, false)!)];
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        return node.fail(
          `its inputs are constant, and ${error.message.toLowerCase()}`,
          "export the model again",
        );
      }
    },
    lower(node) {
      const running = runningInput(node);
      // A node that passes made has no steps but those fused into it.
      const own = op === POINTWISE ? [] : stepsOf(node, running)!;
      const steps = [...own, ...epilogueSteps(node.node)];
      if (steps.length === 0) node.alias(0, node.view(running));
      else lowerMap(node, running, steps);
    },
  };
}

/** The inputs that are broadcast with one another: all that are given, but not what CastLike takes a type from. */
function operands(node: NodeContext): number[] {
  if (node.node.op === "CastLike") return [0];
  return Array.from({ length: node.arity }, (_, index) => index).filter((index) => node.has(index));
}

function broadcastShape(node: NodeContext): number[] {
  const shapes = operands(node).map((index) => node.shape(index));
  const listed = shapes.map((one) => `[${one.join(", ")}]`).join(" and ");
  return broadcastShapes(...shapes) ??
    node.fail(`shapes ${listed} do not broadcast`, "check the input's size, or export the model again");
}

function broadcastCounts(node: NodeContext): Counts | undefined {
  const shape = broadcastShape(node);
  const counts = shape.map((_, axis) => {
    const names = operands(node).map((index) => {
      const own = countsOf(node, index);
      return own[axis - (shape.length - own.length)];
    });
    const [first, ...others] = new Set(names.filter((name) => name !== undefined));
    if (others.length > 0) {
      node.fail(
        `its inputs have different numbers of elements along axis ${axis}, known only while the network runs`,
        "end the network there, and do the rest with its outputs",
      );
    }
    return first;
  });
  return anyCounts(counts);
}

/** The input that the kernel reads as its main one: a computed tensor of the output's own shape if there is one. */
function runningInput(node: Lowering): number {
  const { shape } = node.outputType(0);
  const possible = operands(node).filter((index) => stepsOf(node, index) !== undefined);
  const sameShape = possible.filter((index) =>
    node.shape(index).length === shape.length && node.shape(index).every((e, i) => e === shape[i])
  );
  return sameShape.find((index) => !node.constant(index)) ?? sameShape[0] ?? possible[0]!;
}

/** Checks that all inputs from `first` on have one type, and gives it. */
function commonType(node: NodeContext, first = 0): DType {
  const { dtype } = node.type(first);
  for (const index of operands(node)) {
    if (index > first && node.type(index).dtype !== dtype) {
      node.fail(`inputs are ${dtype} and ${node.type(index).dtype}`, "export the model again");
    }
  }
  return dtype;
}

function checkCount(node: NodeContext, least: number, most: number): void {
  const count = operands(node).length;
  if (count < least || count > most || !node.has(0)) {
    const wanted = least === most ? least : `${least} to ${most === Infinity ? "any number" : most}`;
    node.fail(`it has ${count} inputs, but takes ${wanted}`, "export the model again");
  }
}

function result(node: NodeContext, one: UnaryFunction | BinaryFunction, dtype: DType): DType {
  if (!takes(one, dtype)) node.fail(`it is not defined for ${dtype}`, "export the model again");
  return resultType(one, dtype);
}

function unary(op: string, one: UnaryFunction): Operator {
  return elementwise(op, one.since ?? 6, (node) => {
    checkCount(node, 1, op === "Clip" ? 3 : 1);
    return result(node, one, commonType(node));
  }, { types: typesTaken(one) });
}

/** The types that a function is defined for. */
function typesTaken(one: UnaryFunction | BinaryFunction): DType[] {
  return ANY_TYPE.filter((dtype) => takes(one, dtype));
}

function binary(op: string, one: BinaryFunction): Operator {
  return elementwise(op, one.since ?? (one.variadic ? 6 : 7), (node) => {
    checkCount(node, one.variadic ? 1 : 2, one.variadic ? Infinity : 2);
    // The exponent of Pow may be of a type of its own.
    if (op === "Pow") result(node, one, node.type(1).dtype);
    return result(node, one, op === "Pow" ? node.type(0).dtype : commonType(node));
  }, { types: typesTaken(one) });
}

/** Where: elements of one tensor where a condition holds, of another where it does not. */
const where = elementwise("Where", 9, (node) => {
  checkCount(node, 3, 3);
  const { dtype } = node.type(0);
  if (dtype !== "bool") node.fail(`its condition is ${dtype}, not bool`, "export the model again");
  return commonType(node, 1);
}, { types: ["bool"] });

/** A cast that changes no word is another name for the same elements. */
function cast(op: string, first: number): Operator {
  const general = elementwise(op, first, castTarget, { types: ANY_TYPE });
  return {
    ...general,
    lower(node) {
      const to = castTarget(node);
      const steps = epilogueSteps(node.node);
      if (steps.length === 0 && sameWords(node.type(0).dtype, to)) {
        node.alias(0, { ...node.view(0), dtype: to });
      } else general.lower!(node);
    },
  };
}

/** Microsoft's activations, with or without a sum before them. */
function microsoft(op: string, most: number): Operator {
  return elementwise(op, 1, (node) => {
    checkCount(node, op === "BiasGelu" ? 2 : 1, most);
    return result(node, UNARY.Gelu!, commonType(node));
  }, { domain: "com.microsoft" });
}

/** All element-wise operators. */
export const elementwiseOperators: readonly Operator[] = [
  ...Object.entries(UNARY).map(([op, one]) => unary(op, one)),
  ...Object.entries(BINARY).filter(([op]) => op !== "Remainder").map(([op, one]) => binary(op, one)),
  where,
  cast("Cast", 6),
  cast("CastLike", 15),
  microsoft("Gelu", 1),
  microsoft("FastGelu", 2),
  microsoft("BiasGelu", 2),
  microsoft("QuickGelu", 1),
  elementwise(POINTWISE, 1, (node) => node.type(0).dtype, { types: ANY_TYPE }),
];
