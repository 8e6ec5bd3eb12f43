/**
 * Element-wise steps on the host, for constant folding.
 *
 * @module
 */
import { type DType, isBigInt, isFloat, typedArray } from "../tensor/dtype.ts";
import { elementCount, type HostTensor, hostTensor } from "../tensor/host_tensor.ts";
import { expandView, viewOffsets } from "../tensor/view.ts";
import { type EpilogueStep, typeAfterAll } from "./epilogue.ts";
import { hostViewOf } from "./host_elements.ts";
import { BINARY, type Element, resultType, UNARY } from "./pointwise_functions.ts";

/** An element and its type. */
interface Typed {
  readonly value: Element;
  readonly dtype: DType;
}

/**
 * The result of steps on input 0, broadcast with the others to `shape`.
 *
 * @throws {RangeError} if integers are divided by zero.
 */
export function evaluateSteps(
  inputs: readonly (HostTensor | undefined)[],
  shape: readonly number[],
  steps: readonly EpilogueStep[],
): HostTensor {
  const [first] = steps;
  if (steps.length === 1 && first!.kind === "cast" && isFloat(first!.to) && isFloat(inputs[0]!.dtype)) {
    // Whole weights are cast so, which need no element looked at one by one.
    return hostTensor(first!.to, shape, inputs[0]!.data as ArrayLike<number>);
  }
  const places = inputs.map((input) => input && broadcastPlaces(input, shape));
  const dtype = typeAfterAll(steps, inputs[0]!.dtype, (input) => inputs[input]!.dtype);
  const count = elementCount(shape);
  const elements = typedArray(dtype, count) as HostTensor["data"] & (number | bigint)[];
  for (let i = 0; i < count; i++) {
    const read = (input: number): Typed => elementOf(inputs[input]!, places[input]!(i));
    const { value } = applyAll(steps, read(0), read);
    elements[i] = stored(value, dtype);
  }
  return hostTensor(dtype, shape, elements);
}

/** Which element of a tensor stands at each place of the shape that it is broadcast to. */
function broadcastPlaces(x: HostTensor, to: readonly number[]): (i: number) => number {
  if (x.data.length === 1) return () => 0;
  if (x.data.length === elementCount(to)) return (i) => i;
  const offsets = Uint32Array.from(viewOffsets(expandView(hostViewOf(x), to)));
  return (i) => offsets[i]!;
}

function elementOf({ dtype, data }: HostTensor, index: number): Typed {
  const element = data[index]!;
  if (dtype === "bool") return { value: element !== 0, dtype };
  return { value: isFloat(dtype) ? element : BigInt(element), dtype };
}

/** What a typed array takes; it keeps the lower bits of integers. */
function stored(value: Element, dtype: DType): number | bigint {
  if (typeof value !== "bigint") return Number(value);
  return isBigInt(dtype) ? value : Number(BigInt.asIntN(32, value));
}

function applyAll(steps: readonly EpilogueStep[], start: Typed, read: (input: number) => Typed): Typed {
  return steps.reduce((value, step) => apply(step, value, read), start);
}

function apply(step: EpilogueStep, x: Typed, read: (input: number) => Typed): Typed {
  switch (step.kind) {
    case "unary": {
      const { floats, integers, booleans } = UNARY[step.op]!;
      const value = typeof x.value === "bigint"
        ? integers!(x.value, step.parameters)
        : typeof x.value === "boolean"
        ? booleans!(x.value)
        : floats!(x.value, step.parameters);
      return narrowed(value, resultType(UNARY[step.op]!, x.dtype));
    }
    case "constant": {
      const dtype = step.dtype ?? x.dtype;
      const constant = { value: isFloat(dtype) ? step.constant : BigInt(step.constant), dtype };
      return step.swapped ? binary(step.op, constant, x) : binary(step.op, x, constant);
    }
    case "operand":
      return step.swapped ? binary(step.op, read(step.input), x) : binary(step.op, x, read(step.input));
    case "branch":
      return binary(step.op, applyAll(step.left, x, read), applyAll(step.right, x, read));
    case "cast":
      return { value: castElement(x.value, step.to), dtype: step.to };
    case "where": {
      const [condition, chosen, other] = step.inputs.map((input) => input === undefined ? x : read(input));
      return condition!.value ? chosen! : other!;
    }
  }
}

function binary(op: string, a: Typed, b: Typed): Typed {
  const { floats, integers, booleans } = BINARY[op]!;
  const dtype = resultType(BINARY[op]!, a.dtype);
  if (typeof a.value === "boolean") return { value: booleans!(a.value, Boolean(b.value)), dtype };
  if (typeof a.value === "bigint" && typeof b.value === "bigint") {
    return narrowed(integers!(a.value, b.value), dtype);
  }
  // Pow alone mixes integers and floats; its result is of the base's type.
  const result = floats!(Number(a.value), Number(b.value));
  return typeof a.value === "bigint" ? { value: castElement(result, dtype), dtype } : narrowed(result, dtype);
}

/** Arithmetic in a type stays in it: integers wrap. */
function narrowed(value: Element, dtype: DType): Typed {
  if (typeof value !== "bigint") return { value, dtype };
  const bits = Number(dtype.slice(1));
  return { value: dtype.startsWith("u") ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value), dtype };
}

/** Floats are cut towards zero, integers keep their lower bits, whatever is not 0 is true; NaN as an integer is 0. */
function castElement(value: Element, to: DType): Element {
  if (to === "bool") return typeof value === "number" ? value !== 0 : Boolean(value);
  if (isFloat(to)) return to === "f16" ? Math.f16round(Number(value)) : Number(value);
  const whole = typeof value === "number" ? BigInt(finiteWhole(value)) : BigInt(value);
  return narrowed(whole, to).value;
}

function finiteWhole(value: number): number {
  if (Number.isNaN(value)) return 0;
  return Math.trunc(Math.max(-(2 ** 63), Math.min(2 ** 63, value)));
}
