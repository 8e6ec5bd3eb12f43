/**
 * Runs small networks through the whole path (file, passes, plan, kernels) and compares them with ONNX Runtime.
 *
 * @module
 */
import { Device, type KernelTarget } from "../../src/gpu/mod.ts";
import type { Plan } from "../../src/graph/plan.ts";
import { writeInput } from "../../src/graph/prepared.ts";
import { planGraph, Session } from "../../src/graph/session.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { fromWords } from "../../src/tensor/words.ts";
import { assertClose } from "../support/compare.ts";
import {
  type AttributeSpec,
  type ModelSpec,
  node,
  type NodeSpec,
  onnxModel,
  tensorInfo,
} from "../support/onnx_builder.ts";
import { runOrt } from "../support/ort.ts";
import type { Random } from "../support/random.ts";

/** A small network with what goes in. */
export interface Case {
  /** What failure messages say of it: all parameters. */
  name: string;
  nodes: readonly NodeSpec[];
  inputs: Readonly<Record<string, HostTensor>>;
  initializers: Readonly<Record<string, HostTensor>>;
  outputs: readonly string[];
  opset: number;
  relative?: number;
  /** Where the expected values come from, by output; ONNX Runtime if left out. */
  expected?: (inputs: Readonly<Record<string, HostTensor>>) => Record<string, HostTensor>;
}

/** An input of an operator: computed while the network runs, a constant, or left out. */
export type Operand = HostTensor | { constant: HostTensor } | undefined;

/** Options of {@linkcode opCase}. */
export interface OpCaseOptions {
  opset?: number;
  outputs?: number;
  relative?: number;
  domain?: string;
}

/** A case of one operator. Its name lists the operands' shapes and the attributes. */
export function opCase(
  op: string,
  operands: readonly Operand[],
  attributes: Readonly<Record<string, AttributeSpec>> = {},
  options: OpCaseOptions = {},
): Case {
  const inputs: Record<string, HostTensor> = {};
  const initializers: Record<string, HostTensor> = {};
  const names = operands.map((operand, i) => {
    if (operand === undefined) return "";
    if ("constant" in operand) initializers[`x${i}`] = operand.constant;
    else inputs[`x${i}`] = operand;
    return `x${i}`;
  });
  const outputs = Array.from({ length: options.outputs ?? 1 }, (_, i) => `y${i}`);
  const shapes = operands.map((operand) =>
    operand === undefined
      ? "-"
      : "constant" in operand
      ? `constant ${describe(operand.constant)}`
      : describe(operand)
  );
  const listed = JSON.stringify(attributes, (_, value) => ArrayBuffer.isView(value) ? undefined : value);
  const opset = options.opset ?? 13;
  return {
    name: `${op}-${opset} (${shapes.join(", ")}) ${listed}`,
    nodes: [node(op, names, outputs, attributes, { name: op, domain: options.domain ?? "" })],
    inputs,
    initializers,
    outputs,
    opset,
    ...(options.relative !== undefined && { relative: options.relative }),
  };
}

function describe({ dtype, shape, data }: HostTensor): string {
  const few = data.length <= 8 && dtype !== "f32" ? ` = ${Array.from(data, Number).join(" ")}` : "";
  return `${dtype}[${shape.join(", ")}]${few}`;
}

/** Normally distributed numbers in a shape. */
export function randn(random: Random, shape: readonly number[], deviation = 1): HostTensor<"f32"> {
  return hostTensor("f32", shape, random.normals(shape.reduce((a, b) => a * b, 1), 0, deviation));
}

/** Constant whole numbers, as shapes, axes and sizes are given. */
export function i64(...values: number[]): { constant: HostTensor } {
  return { constant: hostTensor("i64", [values.length], values) };
}

/** Constant floats. */
export function f32(...values: number[]): { constant: HostTensor } {
  return { constant: hostTensor("f32", [values.length], values) };
}

/** Elements of memory that nobody wrote: large enough to be seen in any result. */
const POISON = 1e30;

/** One device for the cases of a test. */
export class OpTester implements Disposable {
  readonly device: Device;

  static async create(): Promise<OpTester> {
    return new OpTester(await Device.request({ pool: { stackBytes: 16 << 20, stackCount: 2 } }));
  }

  private constructor(device: Device) {
    this.device = device;
  }

  /**
   * Checks cases against ONNX Runtime. Cases of one operator set are run as one network, in memory that holds large
   * numbers wherever nobody wrote.
   *
   * @param target the kind of adapter to choose kernels for; the device's own if left out.
   */
  async check(cases: readonly Case[], target: KernelTarget = this.device.target): Promise<void> {
    for (const [opset, group] of Map.groupBy(cases, (one) => one.opset)) {
      const parts = group.map((one, i) => prefixed(one, `c${i}/`));
      const inputs = Object.assign({}, ...parts.map((part) => part.inputs)) as Record<string, HostTensor>;
      const model = onnxModel({
        opset,
        opsets: { "com.microsoft": 1 },
        nodes: parts.flatMap((part) => part.nodes),
        inputs: Object.entries(inputs).map(([name, { dtype, shape }]) => tensorInfo(name, dtype, shape)),
        initializers: Object.assign({}, ...parts.map((part) => part.initializers)),
        outputs: parts.flatMap((part) => part.outputs),
      });
      const { outputs } = await this.run(model, inputs, target);
      const reference = group.every((one) => one.expected)
        ? {}
        : await runOrt(model, inputs, { graphOptimizationLevel: "disabled" });
      group.forEach((one, i) => {
        const own = one.expected?.(one.inputs);
        for (const name of one.outputs) {
          const expected = own ? own[name]! : reference[`c${i}/${name}`]!;
          assertClose(outputs[`c${i}/${name}`]!, expected, {
            relative: one.relative ?? 1e-5,
            absolute: 1e-7,
            context: `${name} of ${one.name}, kernels for ${JSON.stringify(target)}`,
          });
        }
      });
    }
  }

  /** Runs a model once and gives its outputs and its plan. */
  async run(
    model: Uint8Array<ArrayBuffer>,
    inputs: Readonly<Record<string, HostTensor>>,
    target: KernelTarget = this.device.target,
  ): Promise<{ outputs: Record<string, HostTensor>; plan: Plan }> {
    using session = await Session.load(this.device, model);
    const shapes = Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, shape]));
    const plan = planGraph(session.graph, shapes, target);
    using stream = this.device.stream({ label: "test" });
    using arena = stream.allocate(Math.max(plan.arenaBytes, 16), "test arena");
    // Integers see it, too: as 1,900,671,690.
    this.device.gpu.queue.writeBuffer(
      arena.buffer,
      arena.offset,
      new Float32Array(Math.max(plan.arenaBytes, 16) / 4).fill(POISON),
    );
    using bound = await session.bind(plan, arena);
    for (const value of plan.inputs) {
      writeInput(this.device, bound.inputs[value.name]!, value, inputs[value.name]!);
    }
    stream.run(bound.dispatches);
    stream.submit();
    const memory = await this.device.read(arena);
    const outputs: Record<string, HostTensor> = {};
    for (const { name, type, view } of plan.outputs) {
      const range = bound.outputs[name]!;
      const [bytes, start] = range.buffer === arena.buffer
        ? [memory, range.offset - arena.offset]
        : [await this.device.read(range), 0];
      outputs[name] = fromWords(type.dtype, type.shape, bytes, start + view.offset * 4);
    }
    return { outputs, plan };
  }

  /** Runs a model of one case and gives its outputs and its plan. */
  runCase(one: Case): Promise<{ outputs: Record<string, HostTensor>; plan: Plan }> {
    return this.run(caseModel(one), one.inputs);
  }

  [Symbol.dispose](): void {
    this.device[Symbol.dispose]();
  }
}

/** The ONNX file of a case on its own. */
export function caseModel(one: Case, more: Partial<ModelSpec> = {}): Uint8Array<ArrayBuffer> {
  return onnxModel({
    opset: one.opset,
    opsets: { "com.microsoft": 1 },
    nodes: one.nodes,
    inputs: Object.entries(one.inputs).map(([name, { dtype, shape }]) => tensorInfo(name, dtype, shape)),
    initializers: one.initializers,
    outputs: one.outputs,
    ...more,
  });
}

function prefixed(one: Case, prefix: string): Case {
  const rename = (name: string): string => name === "" ? "" : prefix + name;
  const renamed = <T>(record: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(record).map(([name, value]) => [rename(name), value]));
  return {
    ...one,
    nodes: one.nodes.map((spec) => ({
      ...spec,
      name: prefix + spec.name,
      inputs: spec.inputs.map(rename),
      outputs: spec.outputs.map(rename),
    })),
    inputs: renamed(one.inputs),
    initializers: renamed(one.initializers),
    outputs: one.outputs.map(rename),
  };
}
