/**
 * The frame loop: frames from a source through a ring of slots to sinks, in order, with a bounded number in flight and
 * nothing created on the GPU.
 *
 * @module
 */
import {
  callSite,
  type CountedObject,
  countsSince,
  type CreationCounters,
  type CreationCounts,
  describeCounts,
  GpuError,
  KIND_NAMES,
  type MemoryReport,
  totalCount,
} from "../gpu/mod.ts";
import { type Frame, type FrameSink, type FrameSource, isSkipped, type SkippedFrame } from "./frame.ts";
import { Histogram } from "./histogram.ts";
import { type LoopReport, type Stage, STAGES, type StageTimes } from "./report.ts";

/** What is done with one frame at a time. A loop has several, so that several frames are under way. */
export interface FrameSlot<Result> {
  /**
   * Writes the frame's pixels, records and submits its work; must not wait.
   *
   * @throws {RangeError} if it cannot take this frame, but may take others: the frame is reported as skipped.
   */
  submit(frame: Frame): void;
  /**
   * Waits for the result of the frame submitted last. Called once for each `submit`; the call itself may block until
   * the GPU is done, as mapping a buffer does in Deno.
   */
  collect(): Promise<SlotResult<Result>>;
}

/** A frame's result, and the time that the GPU took for it, where the adapter can tell. */
export interface SlotResult<Result> {
  result: Result;
  gpuMs?: number;
}

/** What a loop asks of its device; a `Device` is one. */
export interface LoopDevice {
  readonly counters: CreationCounters;
  memory(): MemoryReport;
}

/** How a loop is run. */
export interface LoopOptions<Result> {
  /** Whose creations are counted and whose memory is reported. */
  device: LoopDevice;
  source: FrameSource;
  slots: readonly FrameSlot<Result>[];
  sinks: readonly FrameSink<Result>[];
  /** Stop after this many frames, without those that were skipped. */
  limit?: number;
  /** Fail after the first frame that creates a GPU object, naming it and the calls that created it. */
  strict?: boolean;
  /** Stops the loop in good order: frames under way are finished and written. */
  signal?: AbortSignal;
  /** Called after each result is written, with the number of frames done. */
  onFrame?: (done: number, frame: Frame, result: Result) => void;
  /** Called for each frame that could not be decoded. */
  onSkipped?: (frame: SkippedFrame) => void;
}

/** A loop that failed: what went wrong, and what was done before it. */
export class LoopError extends Error {
  override readonly name = "LoopError";
  /** What was done before the failure; it was written to the sinks. */
  readonly report: LoopReport;

  /** Wraps the failure's own message. */
  constructor(cause: unknown, report: LoopReport) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.report = report;
  }
}

/** Skipped frames that a report names. */
const SKIPPED_SHOWN = 5;

interface InFlight<Result> {
  slot: FrameSlot<Result>;
  frame: Frame;
  /** When the source handed the frame over. */
  taken: number;
  /** Its result, from when it was asked for. */
  collected?: Promise<SlotResult<Result>>;
  /** How long asking for it blocked, in milliseconds. */
  blocked: number;
}

type Item = IteratorResult<Frame | SkippedFrame>;

/**
 * Runs frames through slots to sinks until the source ends, the limit is reached, no sink wants more or the signal is
 * given. Results leave in frame order. In every case frames under way are waited for, every frame is released, and
 * source and sinks are closed.
 *
 * A source that breaks off, or a strict loop that created something, does not take from what was done before: frames
 * under way are still written. After a failure of the GPU or a sink nothing more is written, so that the sinks never
 * have gaps.
 *
 * @throws {LoopError} if the source, the GPU or a sink fails, or a strict loop created something. What was finished
 * before is in the sinks and in the error's report.
 * @throws {RangeError} if there is no slot, or the limit is no number from 0; nothing was touched then.
 */
export async function runLoop<Result>(options: LoopOptions<Result>): Promise<LoopReport> {
  return await new Loop(options).run();
}

/**
 * How many frames are submitted before the first of them is asked for. Asking blocks the thread until the GPU is done
 * with all that was submitted, so the GPU is idle while the next frame is recorded, unless several are recorded at a
 * time. Half the slots at most, so that the other half hides the 10 ms that each wait takes; and a divisor, so that
 * no slot is left over.
 */
function batchSize(slots: number): number {
  let size = Math.max(1, Math.floor(slots / 2));
  while (slots % size !== 0) size--;
  return size;
}

class Loop<Result> {
  readonly #options: LoopOptions<Result>;
  readonly #stages: Record<Stage, Histogram>;
  readonly #free: FrameSlot<Result>[];
  readonly #batch: number;
  readonly #inFlight: InFlight<Result>[] = [];
  readonly #before: CreationCounts;
  readonly #started: number;
  readonly #firstSkipped: SkippedFrame[] = [];
  /** The first object that a frame of a strict loop created, and the calls that led there. */
  #firstCreated: { kind: CountedObject; label: string; madeAt: string } | undefined;
  #skipped = 0;
  #submitted = 0;
  #done = 0;
  #blocked = 0;
  #lastIndex = 0;
  /** A result could not be had or written: what follows it must not be written either. */
  #broken = false;
  #interrupted: LoopReport["interrupted"];

  constructor(options: LoopOptions<Result>) {
    const { slots, limit = Infinity, device } = options;
    if (slots.length === 0) {
      throw new RangeError("Cannot run a frame loop without slots; give at least one");
    }
    if (!(limit >= 0)) {
      throw new RangeError(`Cannot run a frame loop with a limit of ${limit} frames; give a number from 0`);
    }
    this.#options = options;
    this.#free = [...slots];
    this.#batch = batchSize(slots.length);
    const stages = STAGES.map((stage) => [stage, new Histogram()]);
    this.#stages = Object.fromEntries(stages) as Record<Stage, Histogram>;
    this.#before = device.counters.snapshot();
    this.#started = performance.now();
  }

  async run(): Promise<LoopReport> {
    const { device, source, sinks, strict } = this.#options;
    const failures: unknown[] = [];
    const attempt = async (body: () => void | Promise<void>): Promise<void> => {
      try {
        await body();
      } catch (failure) {
        failures.push(failure);
      }
    };
    const unwatch = strict
      ? device.counters.watch((kind, label) => this.#firstCreated ??= { kind, label, madeAt: callSite(1) })
      : undefined;
    await attempt(() => this.#pump());
    if (!this.#broken) await attempt(() => this.#drain());
    await this.#abandon();
    await attempt(() => this.#refuseCreations());
    unwatch?.();
    await attempt(() => source.close());
    for (const sink of sinks) await attempt(() => sink.close());
    const report = this.#report();
    if (failures.length > 0) throw new LoopError(failures[0], report);
    return report;
  }

  async #pump(): Promise<void> {
    const { source, signal } = this.#options;
    // One listener for the whole loop: racing every frame against one promise would grow that promise's list for ever.
    let wake: (() => void) | undefined;
    const onAbort = (): void => wake?.();
    signal?.addEventListener("abort", onAbort);
    try {
      const frames = source[Symbol.asyncIterator]();
      for (;;) {
        this.#interrupted = this.#reasonToStop();
        if (this.#interrupted) return;
        const asked = performance.now(), blocked = this.#blocked;
        const next = frames.next();
        const item = await this.#orAbort(next, (callback) => wake = callback);
        if (item === "aborted") {
          next.then(({ value }) => value && !isSkipped(value) && value.release(), () => {});
          this.#interrupted = "signal";
          return;
        }
        if (item.done) return;
        if (isSkipped(item.value)) {
          this.#skip(item.value);
          continue;
        }
        const taken = performance.now();
        this.#stages.decode.add(Math.max(0, taken - asked - (this.#blocked - blocked)));
        await this.#submit(item.value, taken);
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #reasonToStop(): LoopReport["interrupted"] {
    const { sinks, limit = Infinity, signal } = this.#options;
    if (signal?.aborted) return "signal";
    if (this.#submitted >= limit) return "limit";
    return sinks.length > 0 && sinks.every((sink) => sink.ended) ? "sink" : undefined;
  }

  /** The source's next item, or that the signal came first. */
  async #orAbort(next: Promise<Item>, onWake: (callback: () => void) => void): Promise<Item | "aborted"> {
    // While the source makes us wait, there is time to wait for the GPU.
    const idle = this.#uncollected() > 0 ? setTimeout(() => this.#collect(), 0) : undefined;
    try {
      return await new Promise<Item | "aborted">((resolve, reject) => {
        onWake(() => resolve("aborted"));
        next.then(resolve, reject);
      });
    } finally {
      clearTimeout(idle);
    }
  }

  async #submit(frame: Frame, taken: number): Promise<void> {
    try {
      if (this.#free.length === 0) await this.#deliver();
    } catch (failure) {
      frame.release();
      throw failure;
    }
    const slot = this.#free[0]!;
    const begun = performance.now();
    try {
      slot.submit(frame);
    } catch (failure) {
      frame.release();
      if (!(failure instanceof RangeError)) throw failure;
      const name = frame.name ?? this.#options.source.info.name;
      return this.#skip({ index: frame.index, name, reason: failure.message });
    }
    this.#free.shift();
    this.#stages.upload.add(performance.now() - begun);
    this.#submitted++;
    this.#lastIndex = frame.index;
    this.#inFlight.push({ slot, frame, taken, blocked: 0 });
    if (this.#uncollected() >= this.#batch) this.#collect();
    this.#refuseCreations();
  }

  #uncollected(): number {
    return this.#inFlight.reduce((count, { collected }) => collected ? count : count + 1, 0);
  }

  /** Asks for the results of all frames that were submitted. */
  #collect(): void {
    const asked = this.#inFlight.filter(({ collected }) => !collected);
    const begun = performance.now();
    for (const one of asked) {
      one.collected = (async () => await one.slot.collect())();
      // Awaited later, in order; until then a failure must not count as unhandled.
      one.collected.catch(() => {});
    }
    const blocked = performance.now() - begun;
    this.#blocked += blocked;
    // The first call waits for all.
    for (const one of asked) one.blocked = blocked / asked.length;
  }

  async #drain(): Promise<void> {
    while (this.#inFlight.length > 0) await this.#deliver();
  }

  /** Waits for the oldest frame under way and hands its result to the sinks. */
  async #deliver(): Promise<void> {
    const { sinks, onFrame } = this.#options;
    const oldest = this.#inFlight[0]!;
    if (!oldest.collected) this.#collect();
    this.#inFlight.shift();
    const { slot, frame, taken, collected, blocked } = oldest;
    try {
      const waited = performance.now();
      const { result, gpuMs } = await collected!;
      const got = performance.now();
      this.#stages.readback.add(got - waited + blocked);
      if (gpuMs !== undefined) this.#stages.gpu.add(gpuMs);
      this.#free.push(slot);
      for (const sink of sinks) await sink.write(frame, result);
      const written = performance.now();
      this.#stages.post.add(written - got);
      this.#stages.total.add(written - taken);
      this.#done++;
      onFrame?.(this.#done, frame, result);
    } catch (failure) {
      this.#broken = true;
      throw failure;
    } finally {
      frame.release();
    }
  }

  /** Waits for what is still under way, so that slots and frames are free, and drops the results. */
  async #abandon(): Promise<void> {
    if (this.#uncollected() > 0) this.#collect();
    for (const { frame, collected } of this.#inFlight.splice(0)) {
      await collected!.catch(() => {});
      frame.release();
    }
  }

  #skip(frame: SkippedFrame): void {
    this.#skipped++;
    if (this.#firstSkipped.length < SKIPPED_SHOWN) this.#firstSkipped.push(frame);
    this.#options.onSkipped?.(frame);
  }

  #created(): CreationCounts {
    return countsSince(this.#before, this.#options.device.counters.snapshot());
  }

  #refuseCreations(): void {
    if (!this.#options.strict) return;
    const created = this.#created();
    if (totalCount(created) === 0) return;
    const { kind, label, madeAt } = this.#firstCreated!;
    throw new GpuError(
      `Frame ${this.#lastIndex} created GPU objects in a strict loop: ${
        describeCounts(created)
      } (the first: ` +
        `${KIND_NAMES[kind]} "${label}"); prepare for the largest frame and every pixel format beforehand\n` +
        `It was created\n${madeAt}`,
    );
  }

  #report(): LoopReport {
    const { device, slots } = this.#options;
    const seconds = (performance.now() - this.#started) / 1000;
    const stages: Partial<Record<Stage, StageTimes>> = {};
    for (const stage of STAGES) {
      const times = this.#stages[stage];
      if (times.count === 0) continue;
      stages[stage] = {
        p50: times.percentileMs(0.5),
        p90: times.percentileMs(0.9),
        p99: times.percentileMs(0.99),
      };
    }
    return {
      frames: this.#done,
      skipped: this.#skipped,
      firstSkipped: this.#firstSkipped,
      seconds,
      framesPerSecond: this.#done === 0 ? 0 : this.#done / Math.max(seconds, 1e-6),
      slots: slots.length,
      stages,
      memory: device.memory(),
      created: this.#created(),
      ...(this.#interrupted && { interrupted: this.#interrupted }),
    };
  }
}
