/**
 * Benches of networks, of one node or of many. A bench's iteration is a batch: as many inferences as fill a third of a
 * second, and one wait, because a wait takes about 11 ms in Deno whatever the work. What Deno shows is the time of a
 * batch; that of one inference, with its rates, is printed at the end. A network is made ready by the first iteration of
 * its bench, and freed when the next one begins, so that those that a filter leaves out cost nothing.
 *
 * `tools/bench_results.ts` names a file in `FRAMEWISE_BENCH_RECORD`, to which each bench adds a line: a {@linkcode Recorded}.
 *
 * @module
 */
import { type BufferRange, Device, type Dispatch, type KernelTarget, type Stream } from "../src/gpu/mod.ts";
import { importGraph } from "../src/graph/import.ts";
import { type BoundPlan, type Plan, planGraph, Session } from "../src/graph/mod.ts";
import { writeInput } from "../src/graph/prepared.ts";
import { parseModel } from "../src/onnx/parse.ts";
import { elementCount, type HostTensor, hostTensor } from "../src/tensor/host_tensor.ts";
import { Random } from "../tests/support/random.ts";
import { benchTuning } from "./session_tuning.ts";

/** A network with what it is given. */
export interface BatchedBench {
  /** Such as `convolution`. */
  group: string;
  /** With the shapes; what a bench is known by over time. */
  name: string;
  /** Makes the ONNX file; asked for when the bench begins. */
  model: () => Uint8Array<ArrayBuffer>;
  /** Inputs by name. */
  inputs: () => Record<string, HostTensor>;
  /** What kernels are chosen for, in place of what the device says. */
  target?: Partial<KernelTarget>;
  /**
   * As a frame loop runs it: before each inference the inputs are put back by copies on the GPU, and each is submitted by
   * itself. Else they are all recorded together, nothing is put back, and what only brings the results into ONNX's order
   * at the end is left out, as it would be within a network.
   */
  frames?: boolean;
}

/** What is known of a bench that has run. */
export interface Recorded {
  group: string;
  name: string;
  /** Inferences before each wait. */
  batch: number;
  /** Milliseconds of one inference, a number for each batch, those of Deno's warm-up first. */
  ms: number[];
  /** Multiply-adds of an inference by definition, whatever the algorithm: Winograd's makes fewer. */
  multiplyAdds: number;
  /** Bytes of all inputs and outputs, four an element. */
  bytes: number;
  /** The kernels that run, each once. */
  kernels: string[];
}

/** A network that could not be measured, since its file is not here. */
export interface LeftOut {
  leftOut: string;
}

/** Time that a batch is made to take, in milliseconds. */
const BATCH_MS = 300;
/** Batches that are timed, at the least. */
const ROUNDS = 7;
/** Inferences that are recorded at once, at most. */
const MOST_TIMES = 20_000;

let device: Device | undefined;
let current: Running | undefined;
const recorded: Recorded[] = [];

/** Adds a bench. */
export function benchNetwork(bench: BatchedBench): void {
  let mine: Running | undefined;
  Deno.bench({
    name: bench.name,
    group: bench.group,
    n: ROUNDS,
    warmup: 1,
    async fn(context) {
      if (!mine) {
        endCurrent();
        device ??= await Device.request({ pool: false });
        current = mine = await Running.start(device, bench);
      }
      context.start();
      await mine.run();
      context.end();
    },
  });
}

/** Tells that a network is not measured. */
export function leaveOut(name: string): void {
  console.error(`left out: ${name}: its file is not in ../shared`);
  append({ leftOut: name });
}

/** Random numbers from 0 to `high` as an input. */
export function floats(shape: readonly number[], high = 1): HostTensor {
  return hostTensor("f32", shape, new Random(11).uniforms(elementCount(shape), 0, high));
}

/** A network made ready, with its times. */
class Running implements Disposable {
  readonly #device: Device;
  readonly #session: Session;
  readonly #bound: BoundPlan;
  readonly #arena: BufferRange;
  readonly #stream: Stream;
  readonly #kept: { from: BufferRange; to: BufferRange }[] = [];
  readonly #frames: boolean;
  readonly #dispatches: readonly Dispatch[];
  readonly record: Recorded;

  static async start(device: Device, bench: BatchedBench): Promise<Running> {
    const graph = importGraph(parseModel(bench.model()));
    const inputs = bench.inputs();
    const shapes = Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, shape]));
    const known = bench.target ? { target: bench.target } : await benchTuning(device);
    const session = new Session(device, graph, known);
    // An operator is timed as inside a network: the copy of its result in ONNX's order comes behind it, and is left out.
    const options = { copyOutputs: !bench.frames };
    await session.tune(shapes, options);
    const plan = session.plan(shapes, options);
    const arena = device.upload(new Uint8Array(Math.max(plan.arenaBytes, 16)), `bench ${bench.name}`);
    const bound = await session.bind(plan, arena);
    const steps = plan.steps.slice(0, bench.frames ? undefined : ownSteps(plan));
    if (steps.length === 0) {
      throw new Error(
        `Cannot measure "${bench.name}": nothing runs for it, as its result is a view of its input`,
      );
    }
    const elements = [...plan.inputs, ...plan.outputs].map(({ type }) => elementCount(type.shape));
    const running = new Running(
      device,
      session,
      bound,
      arena,
      inputs,
      {
        group: bench.group,
        name: bench.name,
        batch: 1,
        ms: [],
        multiplyAdds:
          planGraph(graph, shapes, { software: false, subgroups: false, plain: true }).multiplyAdds,
        bytes: 4 * elements.reduce((sum, count) => sum + count, 0),
        kernels: [...new Set(steps.map(({ kernel }) => kernel.name))],
      },
      bound.dispatches.slice(0, steps.length),
      bench.frames ?? false,
    );
    await running.#findBatch();
    return running;
  }

  private constructor(
    device: Device,
    session: Session,
    bound: BoundPlan,
    arena: BufferRange,
    inputs: Readonly<Record<string, HostTensor>>,
    record: Recorded,
    dispatches: readonly Dispatch[],
    frames: boolean,
  ) {
    this.#device = device;
    this.#session = session;
    this.#bound = bound;
    this.#arena = arena;
    this.#stream = device.stream({ label: "bench" });
    this.#frames = frames;
    this.#dispatches = dispatches;
    this.record = record;
    for (const value of bound.plan.inputs) {
      const to = bound.inputs[value.name]!;
      writeInput(device, to, value, inputs[value.name]!);
      if (!frames) continue;
      const from = device.upload(new Uint8Array(to.bytes), `bench ${value.name}`);
      this.#kept.push({ from, to });
      writeInput(device, from, value, inputs[value.name]!);
    }
  }

  /** One batch. */
  async run(): Promise<void> {
    const { batch, ms } = this.record;
    ms.push(await this.#time(batch) / batch);
  }

  /** Milliseconds of so many inferences and one wait. */
  async #time(times: number): Promise<number> {
    const start = performance.now();
    for (let i = 0; i < times; i++) {
      for (const { from, to } of this.#kept) {
        this.#stream.copy(from.buffer, from.offset, to.buffer, to.offset, to.bytes);
      }
      this.#stream.run(this.#dispatches);
      if (this.#frames) this.#stream.submit();
    }
    await this.#stream.finish();
    return performance.now() - start;
  }

  async #findBatch(): Promise<void> {
    // The first run of a network is like no other.
    await this.#time(1);
    let times = 1;
    let ms = await this.#time(times);
    while (ms < BATCH_MS * 0.7 && times < MOST_TIMES) {
      times = Math.min(Math.ceil(times * Math.min(Math.max(BATCH_MS / ms, 1.5), 10)), MOST_TIMES);
      ms = await this.#time(times);
    }
    this.record.batch = times;
  }

  [Symbol.dispose](): void {
    for (const { from } of this.#kept) from.buffer.destroy();
    this.#stream[Symbol.dispose]();
    this.#bound[Symbol.dispose]();
    this.#arena.buffer.destroy();
    this.#session[Symbol.dispose]();
    this.#device.check();
  }
}

/** Kernels that only move elements. */
const COPIES: ReadonlySet<string> = new Set(["copy/planes", "copy/strided"]);

/** How many of a plan's steps are a layer's: all but copies at the end, unless there are only copies. */
function ownSteps({ steps }: Plan): number {
  const last = steps.findLastIndex(({ kernel }) => !COPIES.has(kernel.name));
  return last < 0 ? steps.length : last + 1;
}

function endCurrent(): void {
  if (!current) return;
  current[Symbol.dispose]();
  recorded.push(current.record);
  append(current.record);
  current = undefined;
}

/** Adds a line to the file that is asked for, if one is. */
function append(line: Recorded | LeftOut): void {
  const path = Deno.env.get("FRAMEWISE_BENCH_RECORD");
  if (path) Deno.writeTextFileSync(path, `${JSON.stringify(line)}\n`, { append: true });
}

globalThis.addEventListener("unload", () => {
  endCurrent();
  device?.[Symbol.dispose]();
  for (const { name, ms, batch, multiplyAdds, bytes, kernels } of recorded) {
    const middle = ms.toSorted((a, b) => a - b)[ms.length >> 1] ?? NaN;
    const rate = multiplyAdds > 0
      ? `${(2 * multiplyAdds / middle / 1e6).toFixed(1)} GFLOP/s`
      : `${(bytes / middle / 1e6).toFixed(1)} GB/s`;
    const some = kernels.length > 3 ? `${kernels.length} kernels` : kernels.join(", ");
    console.log(`${name}: ${middle.toPrecision(3)} ms (${batch} before each wait), ${rate}; ${some}`);
  }
});
