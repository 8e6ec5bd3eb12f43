/**
 * Timing the candidates of a layer on a device, in memory that goes with them.
 *
 * @module
 */
import type { Device, KernelOptions, KernelSource } from "../../gpu/mod.ts";
import { kernelKey } from "../../gpu/kernel.ts";
import type { Stopwatch } from "../../gpu/stopwatch.ts";
import { bindPlan, type BoundPlan, WeightStore } from "../bind.ts";
import type { Plan } from "../plan.ts";
import type { CandidateTimer, OpenCandidate } from "./search.ts";

/** Time that the runs of a round fill, in milliseconds. */
const FILL_MS = 15;
/** Runs of a round at most. */
const MOST_RUNS = 500;

/** Times layers of a plan. */
export class GpuCandidateTimer implements CandidateTimer, Disposable {
  readonly #device: Device;
  readonly #watch: Stopwatch;
  readonly #partFor: (layer: string, candidate: string) => Plan;
  /** Kernels that were not there before. */
  readonly #made = new Map<string, { kernel: KernelSource; options: KernelOptions }>();
  #layer: string | undefined;
  #weights: WeightStore | undefined;

  /** @param partFor the plan of one layer with one of its candidates. */
  constructor(device: Device, watch: Stopwatch, partFor: (layer: string, candidate: string) => Plan) {
    this.#device = device;
    this.#watch = watch;
    this.#partFor = partFor;
  }

  async open(layer: string, candidate: string): Promise<OpenCandidate> {
    const device = this.#device;
    const plan = this.#partFor(layer, candidate);
    if (layer !== this.#layer) this.#weights?.[Symbol.dispose]();
    // All candidates of a layer share the constants that they pack alike.
    if (layer !== this.#layer || !this.#weights) this.#weights = new WeightStore(device);
    this.#layer = layer;
    for (const { kernel, options = {} } of plan.steps) {
      if (!device.hasKernel(kernel, options)) {
        this.#made.set(kernelKey(kernel, options), { kernel, options });
      }
    }
    const size = Math.max(plan.arenaBytes, 16);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = device.createBuffer({ label: "tuning", size, usage });
    let bound: BoundPlan | undefined;
    const close = (): void => {
      bound?.[Symbol.dispose]();
      buffer.destroy();
    };
    try {
      const made = bound = bindPlan(device, plan, { buffer, offset: 0, bytes: size }, this.#weights);
      await device.settle();
      const record = (): void => this.#watch.stream.run(made.dispatches);
      // The first runs compile what is left to compile, and tell how many a round takes.
      await this.#watch.time(record);
      const once = await this.#watch.time(record);
      const runs = Math.min(Math.max(Math.ceil(FILL_MS / once), 1), MOST_RUNS);
      const many = (): void => {
        for (let i = 0; i < runs; i++) record();
      };
      return {
        round: async () => await this.#watch.time(many) / runs,
        [Symbol.dispose]: close,
      };
    } catch (error) {
      close();
      throw error;
    }
  }

  /** Lets go of the kernels that were made here, but for those of a plan. */
  keepOnly(plan: Pick<Plan, "steps">): void {
    const kept = new Set(plan.steps.map(({ kernel, options = {} }) => kernelKey(kernel, options)));
    for (const [key, { kernel, options }] of this.#made) {
      if (!kept.has(key)) this.#device.forgetKernel(kernel, options);
    }
    this.#made.clear();
  }

  [Symbol.dispose](): void {
    this.#weights?.[Symbol.dispose]();
    this.#weights = undefined;
    this.keepOnly({ steps: [] });
  }
}
