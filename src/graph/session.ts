/**
 * A network on a device: loaded once, planned for each input shape, run as often as one likes.
 *
 * @module
 */
import {
  type Allocation,
  type BufferRange,
  type Device,
  GpuError,
  type KernelTarget,
  Readback,
  type Stream,
} from "../gpu/mod.ts";
import { externalLocations, loadExternalData } from "../onnx/external.ts";
import { OnnxError } from "../onnx/error.ts";
import { parseModel } from "../onnx/parse.ts";
import type { HostTensor } from "../tensor/host_tensor.ts";
import { fromWords, toWords } from "../tensor/words.ts";
import { viewOffsets } from "../tensor/view.ts";
import { bindPlan, type BoundPlan, WeightStore } from "./bind.ts";
import { GraphError } from "../ops/error.ts";
import type { Graph, OutputInfo, ValueInfo } from "./graph.ts";
import { importGraph } from "./import.ts";
import { runPasses } from "./passes/mod.ts";
import { buildPlan, type Plan, type PlanValue } from "./plan.ts";
import { type InputShapes, specialise } from "./specialise.ts";
import { refuseUnsupported } from "./unsupported.ts";

/** Where a network comes from: a path, an address, or the file's bytes. */
export type ModelSource = string | URL | Uint8Array<ArrayBuffer>;

/** Reads a network without a device: to look at it, or to plan it. @throws {OnnxError} */
export async function loadGraph(source: ModelSource): Promise<Graph> {
  if (source instanceof Uint8Array) {
    const model = parseModel(source);
    if (externalLocations(model).length > 0) {
      throw new OnnxError(
        "Cannot load the ONNX model: its weights are in other files; load it by path or address, so that they can be found",
      );
    }
    return importGraph(model);
  }
  const model = parseModel(await readBytes(source), { name: String(source) });
  await loadExternalData(model, (location) => readBytes(new URL(location, addressOf(source))));
  return importGraph(model);
}

/** A GPU of which nothing is known. */
const GENERIC_TARGET: KernelTarget = { software: false, subgroups: false };

/** Plans a network for input shapes: specialise, run the passes, lower. @throws {GraphError} */
export function planGraph(
  graph: Graph,
  shapes: InputShapes = {},
  target: KernelTarget = GENERIC_TARGET,
): Plan {
  refuseUnsupported(graph);
  const specialised = specialise(graph, shapes);
  runPasses(specialised);
  return buildPlan(specialised, target);
}

/** How a session is made. */
export interface SessionOptions {
  /** What kernels are chosen for, in place of what the device says of itself: to compare them, or to test them all. */
  target?: Partial<KernelTarget>;
}

/**
 * A network on a device.
 *
 * @example
 * ```ts ignore
 * using device = await Device.request();
 * using session = await Session.load(device, "yolox-nano.onnx");
 * const { output } = await session.run({ images: hostTensor("f32", [1, 3, 416, 416], pixels) });
 * ```
 */
export class Session implements Disposable {
  readonly device: Device;
  readonly graph: Graph;
  readonly weights: WeightStore;
  readonly #plans = new Map<string, Plan>();
  readonly #target: KernelTarget;
  #own: OwnPlan | undefined;

  /** Loads a network. @throws {OnnxError} if the file is no usable model, {GraphError} listing all that is unsupported. */
  static async load(device: Device, source: ModelSource, options: SessionOptions = {}): Promise<Session> {
    return new Session(device, await loadGraph(source), options);
  }

  /** A session of a network that was read before. @throws {GraphError} listing all that is unsupported. */
  constructor(device: Device, graph: Graph, options: SessionOptions = {}) {
    refuseUnsupported(graph);
    this.device = device;
    this.graph = graph;
    this.weights = new WeightStore(device);
    this.#target = { ...device.target, ...options.target };
  }

  /** What the network takes. */
  get inputs(): readonly ValueInfo[] {
    return this.graph.inputs;
  }

  /** What the network gives. */
  get outputs(): readonly OutputInfo[] {
    return this.graph.outputs;
  }

  /** The plan for input shapes; inputs of fixed shape may be left out. Nothing is made on the GPU. */
  plan(shapes: InputShapes = {}): Plan {
    const key = JSON.stringify(Object.entries(shapes).sort(([a], [b]) => a < b ? -1 : 1));
    const known = this.#plans.get(key);
    if (known) return known;
    const plan = planGraph(this.graph, shapes, this.#target);
    this.#plans.set(key, plan);
    return plan;
  }

  /** Uploads weights, compiles kernels and makes all bind groups of a plan over `arena`. @throws {GpuError} */
  async bind(plan: Plan, arena: BufferRange): Promise<BoundPlan> {
    const before = this.weights.keys();
    const bound = bindPlan(this.device, plan, arena, this.weights);
    try {
      await this.device.settle();
    } catch (error) {
      bound[Symbol.dispose]();
      this.weights.keep(before);
      throw error;
    }
    return bound;
  }

  /**
   * Runs the network once, from and to host memory. What it needs is made at the first call for each shape and kept.
   *
   * @param inputs by name; the shapes decide the plan.
   * @throws {GraphError} if inputs are missing or do not fit.
   */
  async run(inputs: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>> {
    const missing = this.inputs.filter(({ name }) => !inputs[name]).map(({ name }) => name);
    if (missing.length > 0) throw new GraphError(`Cannot run: input "${missing.join('", "')}" is missing`);
    const shapes = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, tensor.shape]));
    const { bound, stream, readback } = await this.#ownPlan(shapes);
    for (const value of bound.plan.inputs) {
      writeInput(this.device, bound.inputs[value.name]!, value, inputs[value.name]!);
    }
    stream.run(bound.dispatches);
    // All outputs in one readback: each wait takes about 11 ms in Deno.
    const ranges = bound.plan.outputs.map(({ name }) => bound.outputs[name]!);
    readback?.record(stream, ...ranges);
    stream.submit();
    if (!readback) return {};
    return await readback.take((bytes) => {
      const outputs: Record<string, HostTensor> = {};
      let at = 0;
      bound.plan.outputs.forEach(({ name, type, view }, i) => {
        outputs[name] = fromWords(type.dtype, type.shape, bytes, at + view.offset * 4);
        at += ranges[i]!.bytes;
      });
      return outputs;
    });
  }

  /** Frees weights and memory. */
  [Symbol.dispose](): void {
    this.#releaseOwn();
    this.weights[Symbol.dispose]();
  }

  async #ownPlan(shapes: InputShapes): Promise<OwnPlan> {
    const key = JSON.stringify(shapes);
    if (this.#own?.key === key) return this.#own;
    this.#releaseOwn();
    const plan = this.plan(shapes);
    const stream = this.device.stream({ label: "session" });
    const arena = stream.allocate(plan.arenaBytes, "session arena");
    let bound: BoundPlan | undefined;
    let readback: Readback | undefined;
    try {
      bound = await this.bind(plan, arena);
      const bytes = Object.values(bound.outputs).reduce((sum, range) => sum + range.bytes, 0);
      readback = bytes > 0 ? new Readback(this.device, bytes, "session outputs") : undefined;
      await this.device.settle();
      this.#own = { key, stream, arena, bound, readback };
      return this.#own;
    } catch (error) {
      readback?.[Symbol.dispose]();
      bound?.[Symbol.dispose]();
      arena.free();
      stream[Symbol.dispose]();
      throw error;
    }
  }

  #releaseOwn(): void {
    this.#own?.readback?.[Symbol.dispose]();
    this.#own?.bound[Symbol.dispose]();
    this.#own?.arena.free();
    this.#own?.stream[Symbol.dispose]();
    this.#own = undefined;
  }
}

/** What `run` needs for one set of shapes. */
interface OwnPlan {
  key: string;
  stream: Stream;
  arena: Allocation;
  bound: BoundPlan;
  readback: Readback | undefined;
}

/** Writes a host tensor where a plan reads that input, in the input's layout. */
export function writeInput(device: Device, range: BufferRange, value: PlanValue, tensor: HostTensor): void {
  if (tensor.dtype !== value.type.dtype) {
    throw new GpuError(
      `Cannot write input "${value.name}": it is ${value.type.dtype}, but ${tensor.dtype} was given`,
    );
  }
  const words = toWords(tensor);
  const laidOut = words instanceof Float32Array
    ? new Float32Array(range.bytes / 4)
    : new Int32Array(range.bytes / 4);
  let i = 0;
  for (const offset of viewOffsets(value.view)) laidOut[offset] = words[i++]!;
  device.gpu.queue.writeBuffer(range.buffer, range.offset, laidOut);
}

async function readBytes(source: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  const address = addressOf(source);
  let reason: string;
  try {
    const response = await fetch(address);
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    reason = `${response.status} ${response.statusText}`;
  } catch (error) {
    reason = error instanceof Error ? error.message : String(error);
  }
  throw new OnnxError(`Cannot read ${source}: ${reason}; check the path and the permission to read it`);
}

/** A path becomes a file address, relative to the working directory where the runtime has one. */
function addressOf(source: string | URL): URL {
  if (source instanceof URL) return source;
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(source)) return new URL(source);
  const runtime = globalThis as { Deno?: { cwd(): string } };
  const base = runtime.Deno ? `file://${runtime.Deno.cwd()}/` : globalThis.location?.href;
  return new URL(source.replaceAll("%", "%25").replaceAll("#", "%23").replaceAll("?", "%3F"), base);
}
