/**
 * Runs cases on a device and in ONNX Runtime, many in one network, and tells which do not agree.
 *
 * @module
 */
import { Device } from "../../src/gpu/mod.ts";
import { Session } from "../../src/graph/session.ts";
import type { HostTensor } from "../../src/tensor/host_tensor.ts";
import { assertClose } from "../../tests/support/compare.ts";
import { type NodeSpec, onnxModel, tensorInfo } from "../../tests/support/onnx_builder.ts";
import { runOrt } from "../../tests/support/ort.ts";
import type { FuzzCase } from "./case.ts";

/** What became of a case. "refused" is ONNX Runtime's answer: there is nothing to compare with. */
export interface Outcome {
  readonly one: FuzzCase;
  readonly result: "passed" | "differs" | "throws" | "refused";
  readonly message: string;
  /** It fails only in one network with others. */
  readonly companyOnly?: boolean;
}

/** Cases of one network at most: the wait for the GPU is shared by them. */
const TOGETHER = 32;

/** Memory that one network's activations take, and what nobody wrote in it. */
const STACK_BYTES = 16 << 20;
const POISON = new Float32Array(STACK_BYTES / 4).fill(1e30);

type Tensors = Record<string, HostTensor>;

/** A device for fuzzing. */
export class FuzzRunner implements Disposable {
  readonly device: Device;

  private constructor(device: Device) {
    this.device = device;
  }

  /** Asks for a device. */
  static async create(): Promise<FuzzRunner> {
    return new FuzzRunner(await Device.request({ pool: { stackBytes: STACK_BYTES, stackCount: 1 } }));
  }

  /** Runs cases, those of one operator set and target together. */
  async *check(cases: readonly FuzzCase[]): AsyncGenerator<Outcome> {
    const groups = Map.groupBy(cases, ({ opset, target }) => `${opset} ${JSON.stringify(target)}`);
    for (const group of groups.values()) {
      for (let at = 0; at < group.length; at += TOGETHER) {
        yield* await this.#checkTogether(group.slice(at, at + TOGETHER));
      }
    }
  }

  async #checkTogether(cases: readonly FuzzCase[]): Promise<Outcome[]> {
    const references = await referencesOf(cases);
    const accepted = cases.filter((_, i) => typeof references[i] !== "string");
    const ours = await this.#results(accepted);
    const outcomes: Outcome[] = [];
    for (const [i, one] of cases.entries()) {
      const reference = references[i]!;
      if (typeof reference === "string") {
        outcomes.push({ one, result: "refused", message: reference });
        continue;
      }
      const outcome = judge(one, ours[accepted.indexOf(one)]!, reference);
      if (outcome.result === "differs" && accepted.length > 1) {
        const alone = judge(one, (await this.#results([one]))[0]!, reference);
        outcomes.push({ ...outcome, companyOnly: alone.result === "passed" });
      } else outcomes.push(outcome);
    }
    return outcomes;
  }

  /** Each case's outputs, or the error that it gives on its own. */
  async #results(cases: readonly FuzzCase[]): Promise<(Tensors | string)[]> {
    if (cases.length === 0) return [];
    try {
      return split(cases, await this.#run(cases));
    } catch (error) {
      if (cases.length === 1) return [text(error)];
      // The half that fails is searched; the other one runs together still.
      const half = cases.length >> 1;
      return [...await this.#results(cases.slice(0, half)), ...await this.#results(cases.slice(half))];
    }
  }

  async #run(cases: readonly FuzzCase[]): Promise<Tensors> {
    const { model, inputs } = joined(cases);
    {
      using stream = this.device.stream({ label: "poison" });
      using memory = stream.allocate(STACK_BYTES, "poison");
      this.device.gpu.queue.writeBuffer(memory.buffer, memory.offset, POISON);
    }
    using session = await Session.load(this.device, model, { target: cases[0]!.target });
    return await session.run(inputs);
  }

  [Symbol.dispose](): void {
    this.device[Symbol.dispose]();
  }
}

/** ONNX Runtime's outputs of each case, or why it refuses it. */
async function referencesOf(cases: readonly FuzzCase[]): Promise<(Tensors | string)[]> {
  try {
    const { model, inputs } = joined(cases);
    return split(cases, await runOrt(model, inputs, { graphOptimizationLevel: "disabled" }));
  } catch (error) {
    if (cases.length === 1) return [text(error)];
    const half = cases.length >> 1;
    return [...await referencesOf(cases.slice(0, half)), ...await referencesOf(cases.slice(half))];
  }
}

/** Compares what a case gave with what ONNX Runtime gave. */
export function judge(one: FuzzCase, ours: Tensors | string, reference: Tensors): Outcome {
  if (typeof ours === "string") return { one, result: "throws", message: ours };
  const { drawn } = one;
  try {
    for (const [i, name] of one.outputs.entries()) {
      const order = drawn.order ?? ((output: HostTensor) => output);
      const expected = order(reference[name]!, i), actual = order(ours[name]!, i);
      if (actual.dtype !== expected.dtype) {
        throw new Error(`${name} is ${actual.dtype}, and not ${expected.dtype}`);
      }
      const float = expected.dtype === "f32" || expected.dtype === "f16";
      assertClose(actual, expected, {
        relative: !float ? 0 : expected.dtype === "f16" ? 2e-3 : drawn.relative ?? 1e-4,
        absolute: float ? 1e-6 : drawn.steps ?? (drawn.ties && fewDiffer(actual, expected) ? 1 : 0),
        context: name,
      });
    }
    return { one, result: "passed", message: "" };
  } catch (error) {
    return { one, result: "differs", message: text(error) };
  }
}

/** Whether no more elements differ than {@linkcode Drawn.ties} allows. */
export function fewDiffer(actual: HostTensor, expected: HostTensor): boolean {
  let differing = 0;
  for (let i = 0; i < expected.data.length; i++) if (actual.data[i] !== expected.data[i]) differing++;
  return differing <= Math.max(1, expected.data.length / 500);
}

/** All cases as one network. */
function joined(cases: readonly FuzzCase[]): { model: Uint8Array<ArrayBuffer>; inputs: Tensors } {
  const inputs: Tensors = {}, initializers: Tensors = {};
  const nodes: NodeSpec[] = [];
  const outputs: string[] = [];
  for (const [i, one] of cases.entries()) {
    const rename = (name: string): string => name === "" ? "" : `c${i}/${name}`;
    for (const [name, tensor] of Object.entries(one.inputs)) inputs[rename(name)] = tensor;
    for (const [name, tensor] of Object.entries(one.initializers)) initializers[rename(name)] = tensor;
    for (const node of one.nodes) {
      nodes.push({
        ...node,
        name: rename(node.name),
        inputs: node.inputs.map(rename),
        outputs: node.outputs.map(rename),
      });
    }
    outputs.push(...one.outputs.map(rename));
  }
  const model = onnxModel({
    opset: cases[0]!.opset,
    opsets: { "com.microsoft": 1 },
    nodes,
    inputs: Object.entries(inputs).map(([name, { dtype, shape }]) => tensorInfo(name, dtype, shape)),
    initializers,
    outputs,
  });
  return { model, inputs };
}

function split(cases: readonly FuzzCase[], outputs: Tensors): Tensors[] {
  return cases.map((one, i) =>
    Object.fromEntries(one.outputs.map((name) => [name, outputs[`c${i}/${name}`]!]))
  );
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
