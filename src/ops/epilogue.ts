/**
 * Element-wise steps that a kernel applies to each output `vec4` before it writes it: activations, and sums or
 * products with other tensors. Passes append steps to nodes; kernels get them as text.
 *
 * @module
 */
import { type DType, type GpuScalar, gpuScalar } from "../tensor/dtype.ts";
import type { Layout, View } from "../tensor/view.ts";
import { castText } from "./cast_text.ts";
import { bindOperand, OPERAND_BINDING } from "./epilogue_operand.ts";
import type { Node } from "./node.ts";
import type { Lowering, WeightRef } from "./operator.ts";
import { BINARY, resultType, splat, UNARY } from "./pointwise_functions.ts";
import { helpersOf } from "./pointwise_math.ts";
import { wrapTo } from "./types.ts";

/** One step. The running value is called `value`. */
export type EpilogueStep =
  /** `value = op(value, parameters)`. */
  | { readonly kind: "unary"; readonly op: string; readonly parameters: readonly number[] }
  /** `value = op(value, constant)`, or `op(constant, value)` if `swapped`; of the value's type unless told. */
  | {
    readonly kind: "constant";
    readonly op: string;
    readonly constant: number;
    readonly swapped: boolean;
    readonly dtype?: DType;
  }
  /** `value = op(value, input)` with an input of the node, or `op(input, value)` if `swapped`. */
  | { readonly kind: "operand"; readonly op: string; readonly input: number; readonly swapped: boolean }
  /** `value = op(left(value), right(value))`, each the result of steps of its own. */
  | {
    readonly kind: "branch";
    readonly op: string;
    readonly left: readonly EpilogueStep[];
    readonly right: readonly EpilogueStep[];
  }
  /** `value` as another type. */
  | { readonly kind: "cast"; readonly op: "Cast"; readonly to: DType }
  /** `value = condition ? chosen : other`: two of them inputs of the node, the third, `undefined`, the value. */
  | {
    readonly kind: "where";
    readonly op: "Where";
    readonly inputs: readonly [
      condition: number | undefined,
      chosen: number | undefined,
      other: number | undefined,
    ];
  };

/** A node that its kernel follows with element-wise steps. */
export interface FusedNode extends Node {
  epilogue?: EpilogueStep[];
  /** How many of the inputs are the operator's own; operands of steps come after them. */
  arity?: number;
}

/** Other tensors that one epilogue may read: the length of `operands` in the kernels' Params. */
export const MAX_OPERANDS = 4;

/** What a kernel needs for an epilogue. */
export interface PlannedEpilogue {
  /** For `//#inject epilogue`; absent without steps. */
  inject: Readonly<Record<string, string>>;
  bindings: Readonly<Record<string, View | WeightRef>>;
  /** The `operands` uniform: four numbers for each operand, which its address is computed from. */
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

/** The inputs of the node that a step reads, each time that it does. */
export function stepInputs(step: EpilogueStep): number[] {
  switch (step.kind) {
    case "operand":
      return [step.input];
    case "branch":
      return [...step.left, ...step.right].flatMap(stepInputs);
    case "where":
      return step.inputs.filter((input) => input !== undefined);
    default:
      return [];
  }
}

/** The same step reading other inputs. */
export function withInputs(step: EpilogueStep, input: (old: number) => number): EpilogueStep {
  switch (step.kind) {
    case "operand":
      return { ...step, input: input(step.input) };
    case "branch": {
      const [left, right] = [step.left, step.right].map((steps) =>
        steps.map((one) => withInputs(one, input))
      );
      return { ...step, left: left!, right: right! };
    }
    case "where": {
      const [condition, chosen, other] = step.inputs.map((one) => one === undefined ? undefined : input(one));
      return { ...step, inputs: [condition, chosen, other] };
    }
    default:
      return step;
  }
}

/** The value's type after a step. */
export function typeAfter(step: EpilogueStep, before: DType, inputType: (input: number) => DType): DType {
  switch (step.kind) {
    case "unary":
      return resultType(UNARY[step.op]!, before);
    case "constant":
      return resultType(BINARY[step.op]!, step.swapped ? step.dtype ?? before : before);
    case "operand":
      return resultType(BINARY[step.op]!, step.swapped ? inputType(step.input) : before);
    case "branch":
      return resultType(BINARY[step.op]!, typeAfterAll(step.left, before, inputType));
    case "cast":
      return step.to;
    case "where": {
      const chosen = step.inputs[1];
      return chosen === undefined ? before : inputType(chosen);
    }
  }
}

/** The value's type after all steps. */
export function typeAfterAll(
  steps: readonly EpilogueStep[],
  before: DType,
  inputType: (input: number) => DType,
): DType {
  return steps.reduce((dtype, step) => typeAfter(step, dtype, inputType), before);
}

/**
 * Plans the epilogue of the node being lowered.
 *
 * @param shape of the output, to which operands are broadcast.
 * @param layout in which the kernel writes: pixels and channel groups of an image, or one pixel of a linear tensor.
 * @param steps in order; those fused behind the node if left out.
 * @param dtype of what the kernel hands to the first step.
 * @param inner for kernels that compute two layers: steps between the two, without operands, as the function `inner`.
 */
export function planEpilogue(
  lowering: Lowering,
  shape: readonly number[],
  layout: Layout,
  steps: readonly EpilogueStep[] = epilogueSteps(lowering.node),
  dtype: DType = "f32",
  inner?: readonly EpilogueStep[],
): PlannedEpilogue {
  if (steps.length === 0 && !inner) return NO_EPILOGUE;
  const writer = new EpilogueWriter(lowering, shape, layout);
  const result = writer.apply(steps, { name: "start", dtype });
  const { bindings, operands, declarations, lines } = writer;
  while (operands.length < MAX_OPERANDS * 4) operands.push(0);
  const before = new EpilogueWriter(lowering, shape, layout);
  const between = before.apply(inner ?? [], { name: "start", dtype });
  const text = [
    ...declarations,
    ...helpersOf([...before.lines, ...lines].join("\n")),
    ...(inner
      ? [
        "fn inner(start: vec4f) -> vec4f {",
        ...before.lines.map((line) => `  ${line}`),
        `  return ${between.name};`,
        "}",
      ]
      : []),
    `fn epilogue(start: ${vectorOf(dtype)}, pixel: u32, c4: u32) -> ${vectorOf(result.dtype)} {`,
    ...lines.map((line) => `  ${line}`),
    `  return ${result.name};`,
    "}",
  ].join("\n");
  return { inject: { epilogue: text }, bindings, operands };
}

/** The WGSL type of four elements. */
export function vectorOf(dtype: DType): string {
  return gpuScalar(dtype) === "f32" ? "vec4f" : "vec4i";
}

/** A value in the text: the name or expression that gives it, and its type. */
interface Value {
  name: string;
  dtype: DType;
}

/** Writes steps as WGSL, one `let` each. */
class EpilogueWriter {
  readonly bindings: Record<string, View> = {};
  readonly operands: number[] = [];
  readonly declarations: string[] = [];
  readonly lines: string[] = [];
  readonly #lowering: Lowering;
  readonly #shape: readonly number[];
  readonly #layout: Layout;

  constructor(lowering: Lowering, shape: readonly number[], layout: Layout) {
    this.#lowering = lowering;
    this.#shape = shape;
    this.#layout = layout;
  }

  apply(steps: readonly EpilogueStep[], start: Value): Value {
    return steps.reduce((value, step) => this.#step(step, value), start);
  }

  #step(step: EpilogueStep, value: Value): Value {
    switch (step.kind) {
      case "unary": {
        const text = UNARY[step.op]!.wgsl(value.name, step.parameters, gpuScalar(value.dtype));
        return this.#let(text, resultType(UNARY[step.op]!, value.dtype));
      }
      case "constant": {
        const dtype = step.dtype ?? value.dtype;
        const constant = { name: splat(step.constant, gpuScalar(dtype)), dtype };
        return step.swapped ? this.#binary(step.op, constant, value) : this.#binary(step.op, value, constant);
      }
      case "operand": {
        const operand = this.#operand(step.input);
        return step.swapped ? this.#binary(step.op, operand, value) : this.#binary(step.op, value, operand);
      }
      case "branch":
        return this.#binary(step.op, this.apply(step.left, value), this.apply(step.right, value));
      case "cast":
        return this.#let(castText(value.name, value.dtype, step.to), step.to);
      case "where": {
        const [condition, chosen, other] = step.inputs.map((input) =>
          input === undefined ? value : this.#operand(input)
        );
        return this.#let(
          `select(${other!.name}, ${chosen!.name}, ${condition!.name} != vec4i(0))`,
          chosen!.dtype,
        );
      }
    }
  }

  #binary(op: string, a: Value, b: Value): Value {
    const scalars: [GpuScalar, GpuScalar] = [gpuScalar(a.dtype), gpuScalar(b.dtype)];
    return this.#let(BINARY[op]!.wgsl(a.name, b.name, ...scalars), resultType(BINARY[op]!, a.dtype));
  }

  #let(text: string, dtype: DType): Value {
    const name = `v${this.lines.length}`;
    this.lines.push(`let ${name} = ${wrapTo(dtype, text)};`);
    return { name, dtype };
  }

  #operand(input: number): Value {
    const slot = Object.keys(this.bindings).length;
    const view = this.#lowering.view(input);
    const operand = bindOperand(this.#lowering, view, this.#shape, this.#layout, slot);
    this.bindings[`operand${slot}`] = operand.view;
    this.operands.push(...operand.uniforms);
    this.declarations.push(
      `@group(0) @binding(${OPERAND_BINDING + slot}) var<storage, read_write> operand${slot}: array<${
        vectorOf(view.dtype)
      }>;`,
    );
    const { name } = this.#let(operand.text, "i32");
    return { name, dtype: view.dtype };
  }
}
