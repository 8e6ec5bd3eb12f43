/**
 * Which kernels are fastest on this very adapter: what is known from a table or from before, and what is timed now.
 *
 * @module
 */
import type { Device, KernelTarget } from "../../gpu/mod.ts";
import { isSoftware } from "../../gpu/probe.ts";
import { Stopwatch } from "../../gpu/stopwatch.ts";
import type { KernelChoices, MeasuredLayer } from "../../ops/kernel_choice.ts";
import type { Plan } from "../plan.ts";
import { ChoiceBook } from "./book.ts";
import { layersOf, partOfPlan, type PlannedLayer } from "./plan_part.ts";
import { formatRecord, parseRecord, recordName, type TuningIdentity, tuningIdentity } from "./record.ts";
import { candidatesFor, search, type TuneMode } from "./search.ts";
import { tableFor } from "./table.ts";
import { GpuCandidateTimer } from "./timer.ts";

/** Where measurements are kept from one process to the next: files, or a browser's storage. */
export interface TuningStore {
  /** The text that was kept under a name; `undefined` if there is none. */
  read(name: string): Promise<string | undefined>;
  /** Keeps a text, in place of what was there, at once and whole. */
  write(name: string, text: string): Promise<void>;
}

/** How kernels are timed. */
export interface TuningOptions {
  /** Milliseconds for one preparation; 10,000 if left out. */
  budgetMs?: number;
  /** Where what was measured is kept; nowhere if left out. */
  store?: TuningStore;
  /**
   * Milliseconds that all processors together have spent on this process: what kernels are timed by on software adapters, if
   * given, since no other process disturbs it. By timestamps or the wall clock if left out.
   */
  processorMs?: () => number;
  /** The time in milliseconds, for the budget; `performance.now` if left out. */
  now?: () => number;
  /** Told before each layer is timed. */
  onLayer?: (done: number, all: number, layer: string) => void;
}

/** What tuning did. */
export interface TuningReport {
  /** Distinct layers that have more than one candidate. */
  layers: number;
  /** Those that were timed now. */
  timed: number;
  /** Those that another kernel was chosen for than by what was known before. */
  changed: number;
  /** Those that the budget was too small for, at least for some candidate. */
  left: number;
  /** Milliseconds that it took. */
  ms: number;
}

/** What tuning takes if nothing else is said. */
const BUDGET_MS = 10_000;

/** Devices are timed on by one at a time. */
const busy = new WeakMap<Device, Promise<unknown>>();

/** What a session knows of the kernels on its adapter, and how it learns more. */
export class Tuner {
  /** What overrules the estimates. */
  readonly book: ChoiceBook = new ChoiceBook();
  readonly #device: Device;
  readonly #identity: TuningIdentity;
  readonly #mode: TuneMode;
  readonly #options: TuningOptions;
  readonly #warn: (message: string) => void;
  #recalled: Promise<boolean> | undefined;

  constructor(
    device: Device,
    target: KernelTarget,
    { mode, warn, ...options }: TuningOptions & { mode: TuneMode; warn: (message: string) => void },
  ) {
    this.#device = device;
    this.#identity = tuningIdentity(device.adapterInfo, target);
    this.#mode = mode;
    this.#options = options;
    this.#warn = warn;
    const table = target.plain ? undefined : tableFor(this.#identity);
    if (table) this.book.add("table", table);
  }

  /** Learns what was kept from before, the first time; tells then whether that was anything. */
  async recall(): Promise<boolean> {
    if (this.#recalled) {
      await this.#recalled;
      return false;
    }
    return await (this.#recalled = this.#recall());
  }

  async #recall(): Promise<boolean> {
    const { store } = this.#options;
    if (!store) return false;
    const name = recordName(this.#identity);
    try {
      const text = await store.read(name);
      if (text === undefined) return false;
      const record = parseRecord(text, this.#identity);
      if ("problem" in record) {
        this.#warn(`Tuning: what is kept as "${name}" is ignored: ${record.problem}`);
        return false;
      }
      this.book.add("cache", record.layers);
      return record.layers.size > 0;
    } catch (error) {
      this.#warn(`Tuning: "${name}" cannot be read, and is ignored: ${messageOf(error)}`);
      return false;
    }
  }

  /**
   * Times the candidates of a plan's layers that were not timed yet, as far as the budget goes.
   *
   * @param planWith the plan with other choices.
   * @returns what was done; `undefined` if there was nothing to do.
   * @throws {GpuError} if the device was lost.
   */
  async tune(planWith: (choices: KernelChoices) => Plan): Promise<TuningReport | undefined> {
    if (this.#mode === "off") return undefined;
    const turn = (busy.get(this.#device) ?? Promise.resolve()).then(() => this.#tune(planWith));
    busy.set(this.#device, turn.catch(() => {}));
    return await turn;
  }

  async #tune(planWith: (choices: KernelChoices) => Plan): Promise<TuningReport | undefined> {
    const { now = () => performance.now(), budgetMs = BUDGET_MS, onLayer, processorMs } = this.#options;
    const mode = this.#mode as Exclude<TuneMode, "off">;
    const start = now();
    const layers = layersOf(planWith(this.book));
    const pending = layers.filter(({ choice: { layer, candidates } }) =>
      !this.book.hasTimed(layer, candidatesFor(mode, candidates))
    );
    if (pending.length === 0) return undefined;
    const device = this.#device;
    const software = isSoftware(device.adapterInfo);
    using watch = await Stopwatch.create(device, software ? processorMs : undefined);
    using timer = new GpuCandidateTimer(device, watch, partsOf(pending, planWith));
    const { measured, left } = await search(pending.map(({ choice }) => choice), {
      mode,
      budgetMs: budgetMs - (now() - start),
      now,
      timer,
      ...(onLayer && { onLayer }),
    });
    this.book.add("tuned", measured);
    timer.keepOnly(planWith(this.book));
    await this.#remember(measured);
    if (left.length > 0) {
      this.#warn(
        `Tuning: ${
          budgetMs / 1000
        } s were too few for ${left.length} of ${layers.length} layers; their kernels are ` +
          `by what was known before, or by estimate. The next preparation goes on, or raise the budget`,
      );
    }
    return {
      layers: layers.length,
      timed: measured.size,
      changed:
        pending.filter(({ choice: { layer, chosen } }) =>
          measured.has(layer) && measured.get(layer)!.chosen !== chosen
        ).length,
      left: left.length,
      ms: now() - start,
    };
  }

  /** Adds measurements to those that are kept, whoever wrote them meanwhile. */
  async #remember(measured: ReadonlyMap<string, MeasuredLayer>): Promise<void> {
    const { store } = this.#options;
    if (!store || measured.size === 0) return;
    const name = recordName(this.#identity);
    try {
      const text = await store.read(name);
      const before = text === undefined ? undefined : parseRecord(text, this.#identity);
      const known = before && "layers" in before ? before.layers : new Map<string, MeasuredLayer>();
      await store.write(name, formatRecord(this.#identity, new Map([...known, ...measured])));
    } catch (error) {
      this.#warn(`Tuning: what was measured cannot be kept as "${name}": ${messageOf(error)}`);
    }
  }
}

/** Plans of single layers: of all that have so many, one plan of the network takes the n-th candidate of each. */
function partsOf(
  layers: readonly PlannedLayer[],
  planWith: (choices: KernelChoices) => Plan,
): (layer: string, candidate: string) => Plan {
  const candidates = new Map(layers.map(({ choice }) => [choice.layer, choice.candidates]));
  const plans = new Map<number, Plan>();
  return (layer, candidate) => {
    const number = candidates.get(layer)!.indexOf(candidate);
    const plan = plans.get(number) ?? planWith({
      find(asked) {
        const chosen = candidates.get(asked)?.[number];
        return chosen === undefined ? undefined : { chosen, ms: {}, origin: "forced" };
      },
    });
    plans.set(number, plan);
    return partOfPlan(plan, layer);
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
