/**
 * ONNX Runtime's CPU provider as the reference for operators and networks.
 *
 * @module
 */

import * as ort from "onnxruntime-node";
import type { NumericDType, TypedArray } from "../../src/tensor/dtype.ts";
import { type Elements, type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";

const TYPES: Readonly<Record<NumericDType, ort.Tensor.Type>> = {
  f32: "float32",
  f16: "float16",
  f64: "float64",
  i8: "int8",
  u8: "uint8",
  i16: "int16",
  u16: "uint16",
  i32: "int32",
  u32: "uint32",
  i64: "int64",
  u64: "uint64",
  bool: "bool",
};

/** How to run a model. */
export interface OrtOptions {
  /** How far ONNX Runtime may rewrite the network; "disabled" gives each operator on its own. */
  graphOptimizationLevel?: "disabled" | "basic" | "extended" | "all";
}

/** A model made ready in ONNX Runtime, for several runs; release it with `await using`. */
export class OrtSession implements AsyncDisposable {
  readonly #session: ort.InferenceSession;

  private constructor(session: ort.InferenceSession) {
    this.#session = session;
  }

  /** Makes a model ready, on two threads of the CPU: its bytes, or its path, where weights lie beside it. */
  static async create(model: Uint8Array | string, options: OrtOptions = {}): Promise<OrtSession> {
    const session = await ort.InferenceSession.create(model as string, {
      executionProviders: ["cpu"],
      intraOpNumThreads: 2,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      ...options,
    });
    return new OrtSession(session);
  }

  /** The names of the inputs. */
  get inputNames(): readonly string[] {
    return this.#session.inputNames;
  }

  /** The names of the outputs. */
  get outputNames(): readonly string[] {
    return this.#session.outputNames;
  }

  /** Runs the model; gives all outputs by name. */
  async run(inputs: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>> {
    const feeds = Object.entries(inputs).map(([name, tensor]) => [name, toOrt(tensor)]);
    const results = await this.#session.run(Object.fromEntries(feeds));
    return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, fromOrt(name, value)]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }
}

/** Runs a model once through ONNX Runtime; gives all outputs by name. */
export async function runOrt(
  model: Uint8Array,
  inputs: Readonly<Record<string, HostTensor>> = {},
  options: OrtOptions = {},
): Promise<Record<string, HostTensor>> {
  await using session = await OrtSession.create(model, options);
  return await session.run(inputs);
}

function toOrt(tensor: HostTensor): ort.Tensor {
  const made = new ort.Tensor(TYPES[tensor.dtype], tensor.data as ort.Tensor["data"], tensor.shape);
  if (tensor.dtype === "f16") {
    // The native half reads the elements through Node-API, to which Deno shows a Float16Array as empty.
    const { buffer, byteOffset, length } = tensor.data;
    Object.defineProperty(made, "data", { value: new Uint16Array(buffer, byteOffset, length) });
  }
  return made;
}

function fromOrt(name: string, value: ort.OnnxValue): HostTensor {
  const dtype = (Object.keys(TYPES) as NumericDType[]).find((dtype) => TYPES[dtype] === value.type);
  if (dtype === undefined) throw new Error(`ONNX Runtime's output "${name}" is of type ${value.type}`);
  const data = value.data as TypedArray | Uint16Array<ArrayBuffer>;
  const elements = dtype === "f16" && data instanceof Uint16Array
    ? new Float16Array(data.buffer, data.byteOffset, data.length)
    : data;
  // ONNX Runtime owns the memory of its results: they are copied before the session goes.
  return hostTensor(dtype, value.dims, elements.slice() as Elements);
}
