/**
 * Where a network's time goes: each dispatch of a plan timed on the device.
 *
 * @module
 */
import type { BufferRange, Device, Dispatch, Stream } from "../gpu/mod.ts";
import { Stopwatch } from "../gpu/stopwatch.ts";
import { GraphError } from "../ops/error.ts";
import type { LayerChoice } from "../ops/kernel_choice.ts";
import type { DType, NumericDType } from "../tensor/dtype.ts";
import { type HostTensor, zeros } from "../tensor/host_tensor.ts";
import { type DispatchTime, median, repeatedTimes, StampedTimes } from "./dispatch_times.ts";
import { type PreparedNetwork, writeInput } from "./prepared.ts";
import type { Plan } from "./plan.ts";
import type { Session } from "./session.ts";
import { bytesMoved, kindOf, operatorsOf, shapeOf, type StepKind } from "./step_shape.ts";

/** How dispatches are timed. */
export type ProfileMethod = "timestamps" | "repeated" | "processor";

/** How a profile is taken. */
export interface ProfileOptions {
  /**
   * "timestamps": the whole plan runs again and again, each dispatch in a pass of its own between timestamps, so that each
   * finds the memory and the caches as in a real run. "repeated": each dispatch in turn is repeated in one submit and timed
   * by timestamps around all of them, or by the wall clock. "processor": the same by {@linkcode processorMs}, on software
   * adapters: what a dispatch costs all cores together, which no other process disturbs. "timestamps" where the adapter's
   * are of use, if left out, else "repeated".
   */
  method?: ProfileMethod;
  /** Milliseconds that all processors together have spent on this process; needed for "processor". */
  processorMs?: () => number;
  /** Inputs by name; seeded noise from 0 to 1 for floats and zeros for the rest, where left out. */
  inputs?: Readonly<Record<string, HostTensor>>;
  /** Milliseconds that the rounds shall take together; 3000 if left out. There are at least 3 rounds, and at most 50. */
  budgetMs?: number;
  /** Told after each dispatch (repeated) or round (timestamps). */
  onProgress?: (done: number, total: number) => void;
}

/** Time that frames without a wait between them are made to take, so that the one wait hardly counts. */
const FRAMES_MS = 120;
const FRAMES_ROUNDS = 3;
/** Rounds of repetitions, each of which is a mean already. */
const REPEATED_ROUNDS = 3;

/** One dispatch and what it takes. */
export interface ProfiledDispatch {
  /** Its place in the plan, from 0. */
  index: number;
  /** The node that it is for. */
  node: string;
  /** The node's operator, and those that were fused behind it. */
  operators: string[];
  kernel: string;
  kind: StepKind;
  /** Such as `3x3/2 16>32 at 104x104`. */
  shape: string;
  workgroups: readonly [x: number, y: number, z: number];
  /** Milliseconds, copies into textures included; the median of all rounds. */
  ms: number;
  /** Milliseconds of the copies into textures that go before the kernel; 0 where there are none. */
  copyMs: number;
  /** The least that was seen in any round: what it takes when nothing else runs, if anything does. */
  leastMs: number;
  /** Of the sum of all dispatches, from 0 to 1. */
  share: number;
  multiplyAdds: number;
  /** What it reads and writes at the least, in bytes. */
  bytes: number;
  /** What is copied into textures before, in bytes. */
  copiedBytes: number;
  /** Why this kernel, as far as is known. */
  why?: string;
  /** What it was chosen among, and what each took, where there is a choice. */
  choice?: LayerChoice;
}

/** All dispatches with one kernel together. */
export interface ProfiledKernel {
  kernel: string;
  dispatches: number;
  ms: number;
  copyMs: number;
  leastMs: number;
  share: number;
  multiplyAdds: number;
  bytes: number;
}

/** Where a network's time goes. */
export interface Profile {
  method: ProfileMethod;
  rounds: number;
  /** In the plan's order. */
  dispatches: ProfiledDispatch[];
  /** The slowest first. */
  kernels: ProfiledKernel[];
  /** Milliseconds of all dispatches, one by one. */
  sumMs: number;
  /** The least that was seen of each, added up. */
  leastMs: number;
  /** Milliseconds of the copies into textures among them. */
  copyMs: number;
  /** Milliseconds of one run as it is really recorded: by timestamps or processor time, else {@linkcode frameMs}. */
  planMs: number;
  /** The least of it that was seen. */
  planLeastMs: number;
  /** Milliseconds of one run by the wall clock, many submitted and one wait: recording and submitting are in it. */
  frameMs: number;
  multiplyAdds: number;
}

/**
 * Times each dispatch of a prepared network. The network's inputs in memory of its own are overwritten.
 *
 * @param session the network's.
 * @param network made by `session.prepare()`.
 * @throws {GpuError} if timestamps are asked for where there are none, or a GPU error arrived. @throws {GraphError} if an
 * input does not fit.
 *
 * @example
 * ```ts ignore
 * using session = await Session.load(device, "network.onnx");
 * using network = await session.prepare();
 * const profile = await profileNetwork(session, network);
 * for (const { kernel, shape, ms } of profile.dispatches) console.log(kernel, shape, ms);
 * ```
 */
export async function profileNetwork(
  session: Session,
  network: PreparedNetwork,
  options: ProfileOptions = {},
): Promise<Profile> {
  const { device } = session;
  const { plan, bound } = network;
  if (options.method === "processor" && !options.processorMs) {
    throw new GraphError("Cannot profile by processor time: no clock is given for it; give processorMs");
  }
  const byProcessor = options.method === "processor";
  using watch = await Stopwatch.create(device, byProcessor ? options.processorMs : undefined);
  const { stream } = watch;
  using inputs = keepInputs(device, network, options.inputs ?? {});
  const method = options.method ?? (watch.clock?.usable ? "timestamps" : "repeated");
  const run = (): void => {
    inputs.restore(stream);
    stream.run(bound.dispatches);
  };
  // The first run of a plan is like no other.
  await watch.wall(run);
  const estimate = await watch.wall(run);
  const frames = Math.min(Math.max(Math.round(FRAMES_MS / estimate), 1), 200);
  const framesMs = FRAMES_ROUNDS * (frames * estimate + watch.waitMs);
  const budgetMs = options.budgetMs ?? 3000;
  const roundMs = 2 * (estimate + watch.waitMs);
  const rounds = Math.min(Math.max(Math.floor((budgetMs - framesMs) / roundMs), 3), 50);
  const timed = { watch, plan, dispatches: bound.dispatches, restore: inputs.restore };
  using stamped = method === "timestamps" ? new StampedTimes(timed) : undefined;
  const planTimes: number[] = [];
  const frameTimes: number[] = [];
  for (let round = 0; round < (stamped ? rounds : FRAMES_ROUNDS); round++) {
    await stamped?.round();
    inputs.restore(stream);
    planTimes.push(await watch.time(() => stream.run(bound.dispatches)));
    if (round < FRAMES_ROUNDS) {
      const together = await watch.wall(() => {
        for (let i = 0; i < frames; i++) {
          run();
          stream.submit();
        }
      });
      frameTimes.push(together / frames);
    }
    if (stamped) options.onProgress?.(round + 1, rounds);
  }
  const times = stamped?.times() ??
    await repeatedTimes(
      timed,
      { rounds: REPEATED_ROUNDS, fillMs: Math.min(Math.max(budgetMs / plan.steps.length / 4, 10), 60) },
      (done) => options.onProgress?.(done, plan.steps.length),
    );
  const frameMs = median(frameTimes);
  const wholes = byProcessor || watch.clock?.usable ? planTimes : frameTimes;
  return summarise(session, plan, bound.dispatches, {
    method,
    rounds: stamped ? rounds : REPEATED_ROUNDS,
    times,
    frameMs,
    planMs: median(wholes),
    planLeastMs: Math.min(...wholes),
  });
}

function summarise(
  session: Session,
  plan: Plan,
  dispatches: readonly Dispatch[],
  measured: Pick<Profile, "method" | "rounds" | "frameMs" | "planMs" | "planLeastMs"> & {
    times: DispatchTime[];
  },
): Profile {
  const { times, ...rest } = measured;
  const sumMs = times.reduce((sum, { kernelMs, copyMs }) => sum + kernelMs + copyMs, 0);
  const profiled = plan.steps.map((step, index): ProfiledDispatch => {
    const { kernelMs, copyMs, leastMs } = times[index]!;
    const dispatch = dispatches[index]!;
    const written = dispatch.kernel.bindings.filter((binding) => binding.written).map(({ name }) => name);
    return {
      index,
      node: step.label,
      operators: operatorsOf(step),
      kernel: step.kernel.name,
      kind: kindOf(step),
      shape: shapeOf(step, written),
      workgroups: step.workgroups,
      ms: kernelMs + copyMs,
      copyMs,
      leastMs,
      share: sumMs > 0 ? (kernelMs + copyMs) / sumMs : 0,
      multiplyAdds: step.multiplyAdds ?? 0,
      bytes: bytesMoved(step, (key) => session.weights.get(key).bytes),
      copiedBytes: (dispatch.texels ?? []).reduce((sum, { from }) => sum + from.bytes, 0),
      ...(step.why !== undefined && { why: step.why }),
      ...(step.choice && { choice: step.choice }),
    };
  });
  return {
    ...rest,
    dispatches: profiled,
    kernels: byKernel(profiled),
    sumMs,
    leastMs: profiled.reduce((sum, { leastMs }) => sum + leastMs, 0),
    copyMs: profiled.reduce((sum, { copyMs }) => sum + copyMs, 0),
    multiplyAdds: plan.multiplyAdds,
  };
}

function byKernel(dispatches: readonly ProfiledDispatch[]): ProfiledKernel[] {
  const sum = (list: readonly ProfiledDispatch[], of: (one: ProfiledDispatch) => number): number =>
    list.reduce((total, one) => total + of(one), 0);
  return [...Map.groupBy(dispatches, ({ kernel }) => kernel)].map(([kernel, list]): ProfiledKernel => ({
    kernel,
    dispatches: list.length,
    ms: sum(list, ({ ms }) => ms),
    copyMs: sum(list, ({ copyMs }) => copyMs),
    leastMs: sum(list, ({ leastMs }) => leastMs),
    share: sum(list, ({ share }) => share),
    multiplyAdds: sum(list, ({ multiplyAdds }) => multiplyAdds),
    bytes: sum(list, ({ bytes }) => bytes),
  })).sort((a, b) => b.ms - a.ms);
}

/** A dispatch that takes much of the time at a rate far below another's of its kind. */
export interface SlowDispatch {
  dispatch: ProfiledDispatch;
  /** The fastest of the same kind. */
  best: ProfiledDispatch;
  /** Its rate over that one's. */
  ratio: number;
}

/**
 * The dispatches that take at least `share` of the time, and run at less than `ratio` of the rate of the best of their kind:
 * multiply-adds a second, or bytes a second where there are none.
 */
export function slowForTheirKind(
  profile: Profile,
  { share = 0.05, ratio = 1 / 3 }: { share?: number; ratio?: number } = {},
): SlowDispatch[] {
  const slow: SlowDispatch[] = [];
  for (const list of Map.groupBy(profile.dispatches, ({ kind }) => kind).values()) {
    const best = list.toSorted((a, b) => rateOf(b) - rateOf(a))[0]!;
    for (const dispatch of list) {
      const own = rateOf(dispatch) / rateOf(best);
      if (dispatch.share >= share && own < ratio) slow.push({ dispatch, best, ratio: own });
    }
  }
  return slow.sort((a, b) => b.dispatch.share - a.dispatch.share);
}

/** By the least time: what else runs on the machine comes and goes, and would make equal dispatches unequal. */
function rateOf({ multiplyAdds, bytes, leastMs }: ProfiledDispatch): number {
  return (multiplyAdds || bytes) / Math.max(leastMs, 1e-6);
}

/** What the inputs hold, kept beside the arena, which a run overwrites. */
interface KeptInputs extends Disposable {
  /** Records copies that put the inputs back. */
  restore(stream: Stream): void;
}

function keepInputs(
  device: Device,
  { plan, bound }: PreparedNetwork,
  given: Readonly<Record<string, HostTensor>>,
): KeptInputs {
  const names = plan.inputs.map(({ name }) => name);
  const unknown = Object.keys(given).filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new GraphError(
      `Cannot profile: there is no input "${unknown.join('", "')}"; it takes "${names.join('", "')}"`,
    );
  }
  // Inputs in memory of the caller's hold what the caller put there.
  const own = plan.inputs.filter(({ name, view }) =>
    given[name] !== undefined || plan.storages[view.storage]!.external === undefined
  );
  const kept: { from: BufferRange; to: BufferRange }[] = [];
  const free = (): void => kept.forEach(({ from }) => from.buffer.destroy());
  try {
    for (const value of own) {
      const to = bound.inputs[value.name]!;
      const from = device.upload(new Uint8Array(to.bytes), `profiled ${value.name}`);
      kept.push({ from, to });
      writeInput(device, from, value, given[value.name] ?? noise(value.type.dtype, value.type.shape));
    }
  } catch (error) {
    free();
    throw error;
  }
  return {
    restore: (stream) => {
      for (const { from, to } of kept) stream.copy(from.buffer, 0, to.buffer, to.offset, to.bytes);
    },
    [Symbol.dispose]: free,
  };
}

/** Seeded noise from 0 to 1 where the type has floats, else zeros, which are valid as indices and counts. */
function noise(dtype: DType, shape: readonly number[]): HostTensor {
  const tensor = zeros(dtype as NumericDType, shape) as HostTensor;
  if (tensor.data instanceof Float32Array || tensor.data instanceof Float64Array) {
    // Numerical Recipes' generator of 32 bits: good enough for pixels.
    let state = 1;
    for (let i = 0; i < tensor.data.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      tensor.data[i] = state / 2 ** 32;
    }
  }
  return tensor;
}
