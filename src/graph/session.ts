/**
 * A network on a device: loaded once, planned for each input shape, run as often as one likes.
 *
 * @module
 */
import type { BufferRange, Device, KernelTarget } from "../gpu/mod.ts";
import { GraphError, UnknownValueError } from "../ops/error.ts";
import { pairsConvolutions } from "../ops/conv_pair_candidates.ts";
import type { KernelChoices } from "../ops/kernel_choice.ts";
import { elementCount, type HostTensor } from "../tensor/host_tensor.ts";
import { bindPlan, type BoundPlan, refuseTooLarge, WeightStore } from "./bind.ts";
import { type CompareOptions, compareValues, type Comparison, type Reference } from "./compare.ts";
import { decidingInputs } from "./deciding.ts";
import type { Graph, OutputInfo, ValueInfo } from "./graph.ts";
import { loadGraph, type ModelSource } from "./load.ts";
import { fuseDepthwise } from "./passes/fuse_depthwise.ts";
import { joinConvolutions } from "./passes/join_convolutions.ts";
import { runPasses } from "./passes/mod.ts";
import { packQuantised } from "./passes/pack_quantised.ts";
import { buildPlan, type Plan, type PlanOptions } from "./plan.ts";
import { type GpuTensor, PreparedNetwork } from "./prepared.ts";
import { loadThroughTexels } from "./texel_loads.ts";
import type { TuneMode } from "./tuning/search.ts";
import { Tuner, type TuningOptions, type TuningReport } from "./tuning/tuner.ts";
import { type InputShapes, type InputValues, specialise } from "./specialise.ts";
import { refuseHostOnlyTypes, refuseUnsupported } from "./unsupported.ts";

/** A GPU of which nothing is known. */
const GENERIC_TARGET: KernelTarget = { software: false, subgroups: false };

/** How a network is planned, apart from its shapes. */
export interface PlanningOptions extends PlanOptions {
  /** Values of inputs that decide shapes or parameters; such inputs are no inputs of the plan. */
  values?: InputValues;
  /** Every value that the plan computes becomes an output: to look at them. */
  observe?: boolean;
}

/** The same of a session's plans, for which the session knows the choices. */
export type OwnPlanningOptions = Omit<PlanningOptions, "choices">;

/** Plans a network for input shapes: specialise, run the passes, lower. @throws {GraphError} */
export function planGraph(
  graph: Graph,
  shapes: InputShapes = {},
  target: KernelTarget = GENERIC_TARGET,
  options: PlanningOptions = {},
): Plan {
  refuseUnsupported(graph);
  const specialised = specialise(graph, shapes, options.values);
  runPasses(specialised);
  refuseHostOnlyTypes(specialised);
  if (options.observe) {
    const own = specialised.graph;
    const values = own.nodes.flatMap(({ outputs }) =>
      outputs.filter((name) => name !== "" && !own.isOutput(name))
    );
    own.outputs = [...own.outputs, ...values.map((name) => ({ name }))];
  } else {
    packQuantised(specialised);
    if (pairsConvolutions(target)) fuseDepthwise(specialised);
    if (!target.plain) joinConvolutions(specialised);
  }
  const plan = buildPlan(specialised, target, options);
  return target.software && !target.plain ? loadThroughTexels(plan, target.textures) : plan;
}

/** How a session is made. */
export interface SessionOptions {
  /** What kernels are chosen for, in place of what the device says of itself: to compare them, or to test them all. */
  target?: Partial<KernelTarget>;
  /** Values inside the network that are to be outputs, too, under the names that the file gives them. */
  outputs?: readonly string[];
  /**
   * How floats are kept between kernels: in 32 bits, or in 16, which halves memory and traffic and costs about three
   * digits (values beyond 65,504 are cut off); inputs, outputs, weights and arithmetic stay in 32. "f32" if left out.
   */
  precision?: "f32" | "f16";
  /** How many plans are kept, the least recently used thrown out first; 8 if left out. */
  plans?: number;
  /**
   * Whether kernels are timed on this adapter when a network is prepared, so that each layer gets the fastest: "off": what
   * was measured before is used, else estimates; "fast": the two or three candidates that are estimated best are timed;
   * "full": all. If left out, "fast" on hardware where `tuning` has a store that keeps what was found, so that it is paid
   * for once; else "off": adapters that are software compile a candidate for up to two seconds, and the estimates and
   * the table that come with the engine were measured on one.
   */
  tune?: TuneMode;
  /** The budget for timing, and where its results are kept. */
  tuning?: TuningOptions;
  /** Which kernel computes which layer, in place of all that is known by measurement: to compare kernels. */
  choices?: KernelChoices;
  /** Takes warnings; `console.warn` if left out. */
  warn?: (message: string) => void;
}

/** How a network is prepared. */
export interface PrepareOptions {
  /** Inputs that lie in GPU memory already, such as another network's outputs: they are read where they are. */
  inputs?: Readonly<Record<string, GpuTensor>>;
  /** Values of inputs that decide shapes or parameters. */
  values?: InputValues;
}

/** Elements that an input may have and still be read when planning: a list of extents or scales, not an image. */
const MOST_DECIDING_ELEMENTS = 65_536;

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
  readonly #target: KernelTarget;
  readonly #half: boolean;
  readonly #choices: KernelChoices;
  /** Absent where the caller chooses. */
  readonly #tuner: Tuner | undefined;
  readonly #limit: number;
  readonly #warn: (message: string) => void;
  /** Both by key, the least recently used first. */
  readonly #plans = new Map<string, Plan>();
  readonly #prepared = new Map<string, PreparedNetwork>();
  /** Inputs whose values decide shapes, as far as runs have shown. */
  readonly #deciding = new Set<string>();
  #runs = 0;
  #last: Promise<unknown> = Promise.resolve();
  #thrownOut = 0;

  /** Loads a network. @throws {OnnxError} if the file is no usable model, {GraphError} listing all that is unsupported. */
  static async load(device: Device, source: ModelSource, options: SessionOptions = {}): Promise<Session> {
    return new Session(device, await loadGraph(source), options);
  }

  /** A session of a network that was read before. @throws {GraphError} listing all that is unsupported. */
  constructor(device: Device, graph: Graph, options: SessionOptions = {}) {
    refuseUnsupported(graph);
    this.device = device;
    this.graph = options.outputs ? withOutputs(graph, options.outputs) : graph;
    this.weights = new WeightStore(device);
    this.#target = { ...device.target, ...options.target };
    this.#half = options.precision === "f16";
    if (this.#half && !device.features.has("shader-f16")) {
      throw new GraphError(
        `Cannot keep floats in 16 bits: the adapter (${
          device.adapterInfo.description || "unnamed"
        }) lacks the ` +
          `feature "shader-f16"; use "f32"`,
      );
    }
    this.#limit = options.plans ?? 8;
    this.#warn = options.warn ?? ((message) => console.warn(message));
    const { tuning } = options;
    const mode = options.tune ?? (tuning?.store && !this.#target.software ? "fast" : "off");
    const tuner = options.choices
      ? undefined
      : new Tuner(device, this.#target, { ...tuning, mode, warn: this.#warn });
    this.#tuner = tuner;
    this.#choices = options.choices ?? tuner!.book;
  }

  /** What the network takes. */
  get inputs(): readonly ValueInfo[] {
    return this.graph.inputs;
  }

  /** What the network gives. */
  get outputs(): readonly OutputInfo[] {
    return this.graph.outputs;
  }

  /**
   * The plan for input shapes; inputs of fixed shape may be left out. Nothing is made on the GPU.
   *
   * @throws {GraphError} if the shapes do not fit, or an operator needs a value that is not known when planning.
   */
  plan(shapes: InputShapes = {}, options: OwnPlanningOptions = {}): Plan {
    const key = planKey(shapes, options);
    const plan = this.#plans.get(key) ??
      planGraph(this.graph, shapes, this.#target, { half: this.#half, choices: this.#choices, ...options });
    this.#plans.delete(key);
    this.#plans.set(key, plan);
    for (const oldest of this.#plans.keys()) {
      if (this.#plans.size <= this.#limit) break;
      this.#plans.delete(oldest);
    }
    return plan;
  }

  /**
   * Finds the fastest kernels for input shapes, as the session's `tune` says: reads what was kept from before, and times
   * what is not known. {@linkcode prepare} and {@linkcode run} do it by themselves; whoever takes {@linkcode plan} calls it
   * before. Nothing that was made for it is left when it is done.
   *
   * @returns what was done; `undefined` if there was nothing to time.
   * @throws {GraphError} as {@linkcode plan} does. @throws {GpuError} if the device was lost.
   */
  async tune(shapes: InputShapes = {}, options: OwnPlanningOptions = {}): Promise<TuningReport | undefined> {
    const tuner = this.#tuner;
    if (!tuner) return undefined;
    if (await tuner.recall()) this.#plans.clear();
    const report = await tuner.tune((choices) =>
      planGraph(this.graph, shapes, this.#target, {
        half: this.#half,
        ...options,
        choices,
        copyOutputs: true,
      })
    );
    // Plans that were made before take what was thought best then.
    if (report) this.#plans.clear();
    return report;
  }

  /** Uploads weights, compiles kernels and makes all bind groups of a plan over `arena`. @throws {GpuError} */
  async bind(
    plan: Plan,
    arena: BufferRange,
    external: Readonly<Record<string, BufferRange>> = {},
  ): Promise<BoundPlan> {
    const before = this.weights.keys();
    const bound = bindPlan(this.device, plan, arena, this.weights, external);
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
   * Makes everything that runs at these shapes need: plan, memory, kernels, bind groups. The caller disposes of it.
   *
   * @example Two networks, one after the other on the GPU:
   * ```ts ignore
   * using first = await backbone.prepare({ images: [1, 3, 480, 640] });
   * using second = await head.prepare({}, { inputs: { features: first.outputs.features! } });
   * first.record(stream);
   * second.record(stream);
   * stream.submit();
   * ```
   * @throws {GraphError} if the shapes do not fit. @throws {GpuError} if the device has no room.
   */
  async prepare(shapes: InputShapes = {}, options: PrepareOptions = {}): Promise<PreparedNetwork> {
    const given = Object.entries(options.inputs ?? {});
    const all = { ...shapes, ...Object.fromEntries(given.map(([name, { shape }]) => [name, shape])) };
    const external = Object.fromEntries(given.map(([name, { range: _, ...view }]) => [name, view]));
    const planning = { external, ...(options.values && { values: options.values }) };
    await this.tune(all, planning);
    const plan = this.plan(all, planning);
    return await this.#bindOwn(plan, Object.fromEntries(given.map(([name, { range }]) => [name, range])));
  }

  /**
   * Runs the network once, from and to host memory. What it needs is made at the first call for each set of shapes and
   * kept, for as many sets as the session keeps plans. Inputs that decide shapes are read here: each of their values is
   * a set of its own.
   *
   * @param inputs by name; the shapes decide the plan.
   * @throws {GraphError} if inputs are missing or do not fit.
   */
  async run(inputs: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>> {
    const missing = this.inputs.filter(({ name }) => !inputs[name]).map(({ name }) => name);
    if (missing.length > 0) throw new GraphError(`Cannot run: input "${missing.join('", "')}" is missing`);
    for (const { name, dtype } of this.inputs) {
      if (inputs[name]!.dtype === dtype) continue;
      throw new GraphError(
        `Cannot run: input "${name}": it is ${dtype}, but ${inputs[name]!.dtype} was given`,
      );
    }
    // One after the other: a run must not throw out what another one uses, nor prepare the same twice.
    const turn = this.#last.then(async () => {
      this.#runs++;
      return await (await this.#preparedFor(inputs)).run(inputs);
    });
    this.#last = turn.catch(() => {});
    return await turn;
  }

  /**
   * Finds the first node whose result departs from a reference's: runs the plan as it would be run, but for keeping every
   * value that its kernels make, and compares those that the reference knows, in order. Convolutions that are one dispatch
   * otherwise stay apart for it.
   *
   * @param inputs as for {@linkcode run}.
   * @param reference gives values by name (such as those of another engine, asked for as further outputs).
   */
  async compare(
    inputs: Readonly<Record<string, HostTensor>>,
    reference: Reference,
    options: CompareOptions = {},
  ): Promise<Comparison> {
    const { plan, values } = this.#planFor(inputs, { observe: true });
    using prepared = await this.#bindOwn(plan);
    const own = await prepared.run(without(inputs, values));
    return compareValues(plan, own, await reference(Object.keys(own)), options);
  }

  /** Frees weights and memory. */
  [Symbol.dispose](): void {
    for (const prepared of this.#prepared.values()) prepared[Symbol.dispose]();
    this.#prepared.clear();
    this.weights[Symbol.dispose]();
  }

  /** Plans for inputs, finding out which of them decide shapes. */
  #planFor(
    inputs: Readonly<Record<string, HostTensor>>,
    options: OwnPlanningOptions = {},
  ): { plan: Plan; shapes: InputShapes; values: InputValues; key: string } {
    for (;;) {
      const values = Object.fromEntries([...this.#deciding].map((name) => [name, inputs[name]!]));
      const shapes = Object.fromEntries(
        Object.entries(inputs).filter(([name]) => !(name in values)).map((
          [name, { shape }],
        ) => [name, shape]),
      );
      try {
        const planning = { ...options, values };
        return { plan: this.plan(shapes, planning), shapes, values, key: planKey(shapes, planning) };
      } catch (error) {
        if (!(error instanceof UnknownValueError)) throw error;
        const more = decidingInputs(this.graph, error.value).filter((name) => !(name in values));
        const tooLarge = more.some((name) => elementCount(inputs[name]!.shape) > MOST_DECIDING_ELEMENTS);
        if (more.length === 0 || tooLarge) throw error;
        for (const name of more) this.#deciding.add(name);
      }
    }
  }

  async #preparedFor(inputs: Readonly<Record<string, HostTensor>>): Promise<PreparedNetwork> {
    const { shapes, values, key } = this.#planFor(inputs);
    const known = this.#prepared.get(key);
    if (!known) await this.tune(shapes, { values });
    const prepared = known ?? await this.#bindOwn(this.plan(shapes, { values }));
    this.#prepared.delete(key);
    this.#prepared.set(key, prepared);
    for (const oldest of this.#prepared.keys()) {
      if (this.#prepared.size <= this.#limit) break;
      this.#throwOut(oldest);
    }
    return prepared;
  }

  #throwOut(key: string): void {
    this.#prepared.get(key)![Symbol.dispose]();
    this.#prepared.delete(key);
    this.weights.prune();
    if (this.#thrownOut++ === 0) {
      this.#warn(
        `The network's inputs keep changing shape: more than ${this.#limit} plans were made in ${this.#runs} runs, ` +
          `and each costs as much as the first run; use fixed shapes, or raise the session's "plans"`,
      );
    }
  }

  async #bindOwn(plan: Plan, external: Readonly<Record<string, BufferRange>> = {}): Promise<PreparedNetwork> {
    refuseTooLarge(this.device, plan);
    // Kept for many runs: it would only be in the way on a stack, where frames come and go.
    const stream = this.device.stream({ label: "session", allocator: this.device.defaultAllocator });
    const arena = stream.allocate(Math.max(plan.arenaBytes, 4), "session arena");
    let bound: BoundPlan | undefined;
    let prepared: PreparedNetwork | undefined;
    try {
      bound = await this.bind(plan, arena, external);
      prepared = new PreparedNetwork(this.device, {
        stream,
        arena,
        bound,
        given: new Set(Object.keys(external)),
      });
      await this.device.settle();
      return prepared;
    } catch (error) {
      if (prepared) prepared[Symbol.dispose]();
      else {
        bound?.[Symbol.dispose]();
        arena.free();
        stream[Symbol.dispose]();
      }
      throw error;
    }
  }
}

/** What a plan depends on, as text. */
function planKey(shapes: InputShapes, options: OwnPlanningOptions): string {
  const sorted = (record: Readonly<Record<string, unknown>> = {}): [string, unknown][] =>
    Object.entries(record).sort(([a], [b]) => a < b ? -1 : 1);
  const values = sorted(options.values).map(([name, value]) => {
    const { dtype, shape, data } = value as HostTensor;
    return [name, dtype, shape, Array.from(data as ArrayLike<number | bigint>, String)];
  });
  const { external, half, observe = false } = options;
  return JSON.stringify([sorted(shapes), values, sorted(external), half ?? "as the session", observe]);
}

function without(
  inputs: Readonly<Record<string, HostTensor>>,
  values: InputValues,
): Record<string, HostTensor> {
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => !(name in values)));
}

/** The same network with more outputs. @throws {GraphError} if no node makes one of them. */
function withOutputs(graph: Graph, names: readonly string[]): Graph {
  const makers = graph.producers();
  const unknown = names.filter((name) => !makers.has(name));
  if (unknown.length > 0) {
    throw new GraphError(
      `Cannot give "${
        unknown.join('", "')
      }": no node of the network makes it; the last of its ${makers.size} values are "${
        [...makers.keys()].slice(-5).join('", "')
      }"`,
    );
  }
  const more = names.filter((name) => !graph.isOutput(name));
  return graph.withOutputs([...graph.outputs, ...more.map((name) => ({ name }))]);
}
