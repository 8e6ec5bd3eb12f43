/**
 * What quantised operators have in common: the ranges of their integers, ONNX's rounding, and the arithmetic of scales,
 * in single precision as ONNX Runtime does it.
 *
 * @module
 */
import { type DType, isBigInt } from "../tensor/dtype.ts";
import type { HostTensor } from "../tensor/host_tensor.ts";
import type { NodeContext } from "./operator.ts";
import { roundHalfEven } from "./rounding.ts";

/** Least and greatest value of the types that a tensor can be quantised to. */
const RANGES: ReadonlyMap<DType, readonly [low: number, high: number]> = new Map<
  DType,
  readonly [number, number]
>([
  ["u8", [0, 255]],
  ["i8", [-128, 127]],
  ["u16", [0, 65535]],
  ["i16", [-32768, 32767]],
]);

/** The least and greatest value of a quantised type. @throws {GraphError} for other types. */
export function quantizedRange(node: NodeContext, dtype: DType): readonly [low: number, high: number] {
  return RANGES.get(dtype) ??
    node.fail(
      `quantises to ${dtype}`,
      "8-bit and 16-bit integers are supported; quantise the model to int8 or uint8",
    );
}

/** Checks that an input is of 8 bits. @throws {GraphError} */
export function requireBytes(node: NodeContext, index: number): "u8" | "i8" {
  const { dtype } = node.type(index);
  if (dtype !== "u8" && dtype !== "i8") {
    node.fail(
      `input ${index} is ${dtype}`,
      "8-bit integers are supported; quantise the model to int8 or uint8",
    );
  }
  return dtype;
}

/** `round(value) + zero`, kept within a range. The value is single precision. */
export function saturate(value: number, zero: number, [low, high]: readonly [number, number]): number {
  return Math.min(Math.max(roundHalfEven(value) + zero, low), high);
}

/** Single-precision numbers of a constant or small input, one or `count` of them, spread to `count`. */
export function spread(node: NodeContext, name: string, numbers: readonly number[], count: number): number[] {
  if (numbers.length !== 1 && numbers.length !== count) {
    node.fail(`${name} has ${numbers.length} elements`, `1 or ${count} are needed; export the model again`);
  }
  return Array.from({ length: count }, (_, i) => numbers[numbers.length === 1 ? 0 : i]!);
}

/** The only number of an input that must be constant or small; `fallback` if it is left out. */
export function single(node: NodeContext, index: number, name: string, fallback?: number): number {
  const numbers = node.numbers(index, name) ?? (fallback === undefined ? [] : [fallback]);
  return spread(node, name, numbers, 1)[0]!;
}

/** The elements of a host tensor that is there. */
export function given(tensor: HostTensor | undefined): HostTensor {
  if (!tensor) throw new TypeError("Cannot evaluate: an input is missing");
  return tensor;
}

/** The elements of an integer input that must be constant or small. */
export function integers(node: NodeContext, index: number, name: string): ArrayLike<number> {
  const constant = node.constant(index);
  if (constant && !isBigInt(constant.dtype)) return constant.data as ArrayLike<number>;
  return node.numbers(index, name) ?? node.fail(`its ${name} are missing`, "export the model again");
}
