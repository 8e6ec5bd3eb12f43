/**
 * Quantised operands, and a check that demands equality.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { KernelTarget } from "../../src/gpu/mod.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { runOrt } from "../support/ort.ts";
import type { Random } from "../support/random.ts";
import { type Case, caseModel, type OpTester } from "./harness.ts";

/** An operand that the file holds. */
export function constant(tensor: HostTensor): { constant: HostTensor } {
  return { constant: tensor };
}

/** One number without dimensions. */
export function scalar(dtype: "f32" | "u8" | "i8", value: number): HostTensor {
  return hostTensor(dtype, [], [value]);
}

/** Random bytes of the whole range, or of the part of it that `bits` bits hold. */
export function randomBytes(
  random: Random,
  dtype: "u8" | "i8",
  shape: readonly number[],
  bits = 8,
): HostTensor {
  const [low, high] = dtype === "u8" ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  const count = shape.reduce((a, b) => a * b, 1);
  return hostTensor(dtype, shape, Array.from({ length: count }, () => random.int(low, high)));
}

/** Positive scales around `size`. */
export function scales(random: Random, size: number, ...shape: number[]): HostTensor {
  const count = shape.reduce((a, b) => a * b, 1);
  return hostTensor("f32", shape, random.uniforms(count, 0.5 * size, 1.5 * size));
}

/** Asserts that every output equals ONNX Runtime's, element by element. */
export async function checkEqual(
  tester: OpTester,
  cases: readonly Case[],
  target: KernelTarget = tester.device.target,
): Promise<void> {
  for (const one of cases) {
    const model = caseModel(one, { irVersion: 10 });
    const { outputs } = await tester.run(model, one.inputs, target);
    const expected = one.expected?.(one.inputs) ??
      await runOrt(model, one.inputs, { graphOptimizationLevel: "disabled" });
    for (const name of one.outputs) {
      const context = `${name} of ${one.name}, kernels for ${JSON.stringify(target)}`;
      assertEquals(outputs[name]!.dtype, expected[name]!.dtype, context);
      assertEquals(outputs[name]!.shape, expected[name]!.shape, context);
      assertEquals([...outputs[name]!.data], [...expected[name]!.data], context);
    }
  }
}
