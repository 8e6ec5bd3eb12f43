/**
 * Timing GPU work: by timestamps where the adapter's are of use, else by the wall clock.
 *
 * @module
 */
import FMA from "../../shaders/probe/fma.wgsl" with { type: "text" };
import type { Device } from "./device.ts";
import type { Dispatch } from "./dispatch.ts";
import { GpuError } from "./errors.ts";
import { isSoftware } from "./probe.ts";
import type { Stream } from "./stream.ts";
import { GpuTimer } from "./timer.ts";

/** How well an adapter's timestamps tell time. */
export interface Clock {
  /** What stamps are whole multiples of, in milliseconds. */
  readonly resolutionMs: number;
  /** What stamps told of a long dispatch, over the wall clock's time. */
  readonly agreement: number;
  /** They are fine enough for single dispatches, and tell the time that passes. */
  readonly usable: boolean;
}

/** How samples are taken. */
export interface SampleOptions {
  /** Time that the repetitions of a round are made to fill, in milliseconds. */
  fillMs?: number;
  /** How they are timed. */
  time?: (record: () => void) => Promise<number>;
}

const FMA_ROUNDS = 1000;
const FMA_WORKGROUP = 64;
/** Time that a measurement is made to take, so that waits and interruptions hardly count. */
const LEAST_MS = 60;
const ROUNDS = 4;
/** How often work is recorded at once, at most. */
const MOST_TIMES = 20_000;
/** Stamps that come in steps of more than this tell nothing of a single dispatch (browsers round them to 0.1 ms). */
const COARSEST_MS = 0.02;

/**
 * Times what is recorded on a stream: by timestamps where they are of use, else by the wall clock less the wait.
 */
export class Stopwatch implements Disposable {
  readonly device: Device;
  readonly stream: Stream;
  /** Milliseconds of a wait for an idle queue, at best. */
  readonly waitMs: number;
  #clock: Clock | undefined;
  readonly #timer: GpuTimer | undefined;
  readonly #processorMs: (() => number) | undefined;

  /**
   * A stopwatch; it checks the timestamps first.
   *
   * @param processorMs milliseconds that all processors together have spent on this process: what {@linkcode time} goes by
   * if given. On software adapters it does not tell apart waiting and working, but no other process disturbs it.
   * @throws {GpuError} if processor time is to be told of an adapter that is no software.
   */
  static async create(device: Device, processorMs?: () => number): Promise<Stopwatch> {
    if (processorMs && !isSoftware(device.adapterInfo)) {
      throw new GpuError(
        `Cannot time by processor time: the adapter (${
          device.adapterInfo.description || "unnamed"
        }) is no program on the CPU; time by timestamps or repetition`,
      );
    }
    let waitMs = Infinity;
    for (let round = 0; round < ROUNDS; round++) {
      const start = performance.now();
      await device.idle();
      waitMs = Math.min(waitMs, performance.now() - start);
    }
    const watch = new Stopwatch(device, waitMs, processorMs);
    try {
      if (watch.#timer) watch.#clock = await watch.#checkClock(watch.#timer);
      return watch;
    } catch (error) {
      watch[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(device: Device, waitMs: number, processorMs: (() => number) | undefined) {
    this.device = device;
    this.#processorMs = processorMs;
    this.waitMs = waitMs;
    this.stream = device.stream({ label: "probe", allocator: device.defaultAllocator });
    this.#timer = GpuTimer.create(device, 2);
  }

  get clock(): Clock | undefined {
    return this.#clock;
  }

  /** Milliseconds of what is recorded, by the wall clock: recording, submitting and running. */
  async wall(record: () => void): Promise<number> {
    const start = performance.now();
    record();
    await this.stream.finish();
    return Math.max(performance.now() - start - this.waitMs, 1e-3);
  }

  /** Milliseconds of what is recorded: of processor time if that was asked for, else on the GPU where it can tell. */
  async time(record: () => void): Promise<number> {
    if (this.#processorMs) {
      const start = this.#processorMs();
      record();
      await this.stream.finish();
      return Math.max(this.#processorMs() - start, 1e-3);
    }
    if (!this.#timer || !this.#clock?.usable) return await this.wall(record);
    return (await this.#stamps(this.#timer, record)).between;
  }

  /**
   * Milliseconds of a piece of work, once for each round: it is recorded as often as fills a given time, and the time
   * divided. One repetition goes before that is not counted.
   *
   * @param record records the work once.
   * @param options.fillMs time to fill; 60 if left out.
   * @param options.time how to time it; {@linkcode time} if left out.
   */
  async samples(record: () => void, rounds: number, options: SampleOptions = {}): Promise<number[]> {
    const { fillMs = LEAST_MS, time = (many) => this.time(many) } = options;
    const timeMany = (times: number): Promise<number> =>
      time(() => {
        for (let i = 0; i < times; i++) record();
      });
    await timeMany(1);
    let times = 1;
    let last = await timeMany(times);
    while (last < fillMs / 2 && times < MOST_TIMES) {
      times = Math.min(Math.ceil(times * Math.min(Math.max(fillMs / last, 1.5), 10)), MOST_TIMES);
      last = await timeMany(times);
    }
    const samples = [last / times];
    while (samples.length < rounds) samples.push(await timeMany(times) / times);
    return samples;
  }

  /** The least of several {@linkcode samples}: what else runs only adds to it. */
  async least(record: () => void, options?: SampleOptions): Promise<number> {
    return Math.min(...await this.samples(record, ROUNDS, options));
  }

  /** Milliseconds between two stamps around what is recorded, and all stamps in nanoseconds. */
  async #stamps(timer: GpuTimer, record: () => void): Promise<{ between: number; stamps: BigUint64Array }> {
    this.stream.runTimed([], timer.writes(0));
    record();
    this.stream.runTimed([], timer.writes(1));
    const range = timer.resolve(this.stream, 2);
    this.stream.submit();
    const stamps = new BigUint64Array(await this.device.read(range));
    return { between: Math.max(Number(stamps[2]! - stamps[1]!) / 1e6, 1e-6), stamps };
  }

  /** Times the same work by stamps and by the wall clock. */
  async #checkClock(timer: GpuTimer): Promise<Clock> {
    const { device, stream } = this;
    const { dispatch, buffer } = fmaDispatch(device, 4);
    // Long enough for the wall clock: a GPU takes a millisecond or less for one.
    const work = new Array<Dispatch>(isSoftware(device.adapterInfo) ? 1 : 40).fill(dispatch);
    const agreements: number[] = [];
    let quantum = 0n;
    await this.wall(() => stream.run(work));
    for (let round = 0; round < 3; round++) {
      const start = performance.now();
      const { between, stamps } = await this.#stamps(timer, () => stream.run(work));
      agreements.push(between / Math.max(performance.now() - start - this.waitMs, 1e-3));
      for (const stamp of stamps) quantum = greatestDivisor(quantum, stamp);
    }
    buffer.destroy();
    const agreement = agreements.toSorted((a, b) => a - b)[1]!;
    const resolutionMs = Number(quantum) / 1e6;
    const usable = resolutionMs <= COARSEST_MS && agreement > 0.3 && agreement < 1.5;
    return { resolutionMs, agreement, usable };
  }

  [Symbol.dispose](): void {
    this.stream[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
  }
}

/** A dispatch of multiply-adds, and how many operations they are. */
export function fmaDispatch(
  device: Device,
  chains: number,
): { dispatch: Dispatch; buffer: GPUBuffer; operations: number } {
  // A GPU has far more invocations at once than a CPU has lanes.
  const workgroups = isSoftware(device.adapterInfo) ? 256 : 16384;
  const invocations = workgroups * FMA_WORKGROUP;
  const bytes = invocations * 16;
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
  const buffer = device.createBuffer({ label: "fma probe", size: bytes, usage });
  const kernel = device.kernel({ name: "probe/fma", wgsl: FMA }, { overrides: { CHAINS: chains } });
  const dispatch = device.dispatch(kernel, {
    bindings: { y: { buffer, offset: 0, bytes } },
    workgroups: [workgroups, 1, 1],
  });
  return { dispatch, buffer, operations: invocations * FMA_ROUNDS * chains * 4 * 2 };
}

function greatestDivisor(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}
