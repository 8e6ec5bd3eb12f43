import { assert, assertEquals } from "@std/assert";
import { GpuError } from "../../src/gpu/mod.ts";
import { Session } from "../../src/graph/session.ts";
import { isFloat } from "../../src/tensor/dtype.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { assertClose } from "../support/compare.ts";
import { node, type NodeSpec, onnxModel, tensorInfo } from "../support/onnx_builder.ts";
import { runOrt } from "../support/ort.ts";
import { Random } from "../support/random.ts";
import { type Case, OpTester } from "./harness.ts";
import { allOperatorCases } from "./operator_cases.ts";

/** Operators whose results jump where their inputs change by a rounding: only shapes are compared. */
const JUMP = new Set(
  ("ArgMax ArgMin Ceil DynamicQuantizeLinear Equal Floor Greater GreaterOrEqual Hardmax IsInf IsNaN Less LessOrEqual " +
    "MaxUnpool Mod NonMaxSuppression NonZero QuantizeLinear RoiAlign Round Sign TopK").split(" "),
);

/** The case between kernels of its own: what it reads and makes is neither input nor output, so it is kept in 16 bits. */
function inside(one: Case): Uint8Array<ArrayBuffer> {
  const renamed = (name: string): string => name !== "" && name in one.inputs ? `${name}'` : name;
  const scaled = Object.entries(one.inputs).map(([name, { dtype }]): NodeSpec =>
    dtype === "f32" ? node("Mul", [name, "scale"], [`${name}'`]) : node("Identity", [name], [`${name}'`])
  );
  // Two readers keep each output out of any kernel but the case's own.
  const outputs = one.outputs.flatMap((name) => [`${name} a`, `${name} b`]);
  const readers = outputs.map((name) => node("Identity", [name.slice(0, -2)], [name]));
  const model = onnxModel({
    opset: one.opset,
    opsets: { "com.microsoft": 1 },
    nodes: [
      ...scaled,
      ...one.nodes.map((spec) => ({ ...spec, inputs: spec.inputs.map(renamed) })),
      ...readers,
    ],
    inputs: Object.entries(one.inputs).map(([name, { dtype, shape }]) => tensorInfo(name, dtype, shape)),
    initializers: { ...one.initializers, scale: hostTensor("f32", [], [1.0001]) },
    outputs,
  });
  return model;
}

Deno.test("every operator gives about the same with 16 bits between kernels", async () => {
  using tester = await OpTester.create();
  const { device } = tester;
  if (!device.features.has("shader-f16")) {
    console.log("left out: this adapter lacks shader-f16");
    return;
  }
  let narrowed = 0;
  const wrong: string[] = [];
  for (const { op, one } of allOperatorCases(new Random(5))) {
    const model = inside(one);
    try {
      using session = await Session.load(device, model, { precision: "f16" });
      const shapes = Object.fromEntries(Object.entries(one.inputs).map(([name, { shape }]) => [name, shape]));
      narrowed += session.plan(shapes).steps.filter(({ options }) => options?.half).length;
      const outputs = await session.run(one.inputs);
      const expected = one.expected
        ? undefined
        : await runOrt(model, one.inputs, { graphOptimizationLevel: "disabled" });
      for (const [name, value] of Object.entries(expected ?? {})) {
        assertEquals(outputs[name]!.shape, value.shape, `${name} of ${one.name}`);
        if (JUMP.has(op) || !isFloat(value.dtype)) continue;
        assertClose(outputs[name]!, value, {
          relative: 1e-2,
          absolute: 1e-6,
          context: `${name} of ${one.name}`,
        });
      }
    } catch (error) {
      if (error instanceof GpuError && /device/i.test(error.message)) throw error;
      wrong.push(`${one.name}: ${(error as Error).message}`);
    }
  }
  assertEquals(wrong, []);
  assert(narrowed > 150, `${narrowed} dispatches with 16-bit storage`);
});
