/**
 * The frame loop: frames from a source through a ring of slots to sinks, in order, with a bounded number in flight and
 * nothing created on the GPU.
 *
 * @module
 */
import { countsSince, describeCounts, type Device, GpuError, totalCount } from "../gpu/mod.ts";
import { type Frame, type FrameSink, type FrameSource, isSkipped, type SkippedFrame } from "./frame.ts";
import { Histogram } from "./histogram.ts";
import { type LoopReport, type Stage, STAGES, type StageTimes } from "./report.ts";

/** What is done with one frame at a time. A loop has several, so that several frames are under way. */
export interface FrameSlot<Result> {
  /** Writes the frame's pixels, records and submits its work; must not wait. */
  submit(frame: Frame): void;
  /** Waits for the result of the frame submitted last. Called once for each `submit`. */
  collect(): Promise<SlotResult<Result>>;
}

/** A frame's result, and the time that the GPU took for it, where the adapter can tell. */
export interface SlotResult<Result> {
  result: Result;
  gpuMs?: number;
}

/** How a loop is run. */
export interface LoopOptions<Result> {
  device: Device;
  source: FrameSource;
  slots: readonly FrameSlot<Result>[];
  sinks: readonly FrameSink<Result>[];
  /** Stop after this many frames. */
  limit?: number;
  /** Fail in the first frame that creates a GPU object. */
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
  collected: Promise<SlotResult<Result>>;
}

/**
 * Runs frames through slots to sinks until the source ends, the limit is reached, a sink wants no more or the signal
 * is given. Sinks and source are closed in every case; results leave in frame order.
 *
 * @throws {LoopError} if the source, the GPU or a sink fails, or a strict loop created something. What was finished
 * before is in the sinks and in the error's report.
 */
export async function runLoop<Result>(options: LoopOptions<Result>): Promise<LoopReport> {
  return await new Loop(options).run();
}

class Loop<Result> {
  readonly #options: LoopOptions<Result>;
  readonly #stages: Record<Stage, Histogram>;
  readonly #free: FrameSlot<Result>[];
  readonly #inFlight: InFlight<Result>[] = [];
  readonly #before: LoopReport["created"];
  readonly #started: number;
  readonly #firstSkipped: SkippedFrame[] = [];
  #skipped = 0;
  #submitted = 0;
  #done = 0;
  #interrupted: LoopReport["interrupted"];

  constructor(options: LoopOptions<Result>) {
    if (options.slots.length === 0) {
      throw new RangeError("Cannot run a frame loop without slots; give at least one");
    }
    this.#options = options;
    this.#free = [...options.slots];
    this.#stages = Object.fromEntries(STAGES.map((stage) => [stage, new Histogram()])) as Record<
      Stage,
      Histogram
    >;
    this.#before = options.device.counters.snapshot();
    this.#started = performance.now();
  }

  async run(): Promise<LoopReport> {
    const failures: unknown[] = [];
    const attempt = async (body: () => Promise<void>): Promise<void> => {
      try {
        await body();
      } catch (failure) {
        failures.push(failure);
      }
    };
    await attempt(() => this.#pump());
    // Whatever ended the pump, frames under way are finished and written, as far as that still works.
    await attempt(() => this.#drain());
    for (const { frame } of this.#inFlight.splice(0)) frame.release();
    await attempt(() => this.#options.source.close());
    for (const sink of this.#options.sinks) await attempt(() => sink.close());
    const report = this.#report();
    if (failures.length > 0) throw new LoopError(failures[0], report);
    return report;
  }

  async #pump(): Promise<void> {
    const { source, limit = Infinity, signal } = this.#options;
    const frames = source[Symbol.asyncIterator]();
    // One listener for the whole loop: racing every frame against one promise would grow that promise's list for ever.
    let wake: (() => void) | undefined;
    signal?.addEventListener("abort", () => wake?.(), { once: true });
    const nextOrAbort = (
      next: Promise<IteratorResult<Frame | SkippedFrame>>,
    ): Promise<IteratorResult<Frame | SkippedFrame> | "aborted"> =>
      new Promise((resolve, reject) => {
        wake = () => resolve("aborted");
        if (signal?.aborted) wake();
        next.then(resolve, reject);
      });
    for (;;) {
      if (this.#submitted >= limit) {
        this.#interrupted = "limit";
        return;
      }
      if (this.#options.sinks.length > 0 && this.#options.sinks.every((sink) => sink.ended)) {
        this.#interrupted = "sink";
        return;
      }
      const asked = performance.now();
      const next = frames.next();
      const item = await nextOrAbort(next);
      if (item === "aborted") {
        this.#interrupted = "signal";
        next.then(({ value }) => value && !isSkipped(value) && value.release(), () => {});
        return;
      }
      if (item.done) return;
      if (isSkipped(item.value)) {
        this.#skip(item.value);
        continue;
      }
      this.#stages.decode.add(performance.now() - asked);
      await this.#submit(item.value);
    }
  }

  async #submit(frame: Frame): Promise<void> {
    try {
      if (this.#free.length === 0) await this.#deliver();
    } catch (failure) {
      frame.release();
      throw failure;
    }
    const slot = this.#free.shift()!;
    const begun = performance.now();
    try {
      slot.submit(frame);
    } catch (failure) {
      frame.release();
      throw failure;
    }
    this.#stages.upload.add(performance.now() - begun);
    this.#submitted++;
    const collected = slot.collect();
    // Awaited later, in order; until then a failure must not count as unhandled.
    collected.catch(() => {});
    this.#inFlight.push({ slot, frame, collected });
    this.#refuseCreations(frame);
  }

  async #drain(): Promise<void> {
    while (this.#inFlight.length > 0) await this.#deliver();
  }

  /** Waits for the oldest frame under way and hands its result to the sinks. */
  async #deliver(): Promise<void> {
    const { slot, frame, collected } = this.#inFlight.shift()!;
    try {
      const waited = performance.now();
      const { result, gpuMs } = await collected;
      const got = performance.now();
      this.#stages.readback.add(got - waited);
      if (gpuMs !== undefined) this.#stages.gpu.add(gpuMs);
      this.#free.push(slot);
      for (const sink of this.#options.sinks) await sink.write(frame, result);
      this.#stages.post.add(performance.now() - got);
      this.#done++;
      this.#options.onFrame?.(this.#done, frame, result);
    } finally {
      frame.release();
    }
  }

  #skip(frame: SkippedFrame): void {
    this.#skipped++;
    if (this.#firstSkipped.length < SKIPPED_SHOWN) this.#firstSkipped.push(frame);
    this.#options.onSkipped?.(frame);
  }

  #refuseCreations(frame: Frame): void {
    if (!this.#options.strict) return;
    const created = countsSince(this.#before, this.#options.device.counters.snapshot());
    if (totalCount(created) > 0) {
      throw new GpuError(
        `Frame ${frame.index} created GPU objects in a strict loop: ${describeCounts(created)}; ` +
          `prepare for the largest frame and every pixel format beforehand`,
      );
    }
  }

  #report(): LoopReport {
    const { device, slots } = this.#options;
    const seconds = (performance.now() - this.#started) / 1000;
    const stages: Partial<Record<Stage, StageTimes>> = {};
    for (const stage of STAGES) {
      const histogram = this.#stages[stage];
      if (histogram.count === 0) continue;
      const [p50, p90, p99] = [0.5, 0.9, 0.99].map((share) => histogram.percentileMs(share)) as [
        number,
        number,
        number,
      ];
      stages[stage] = { p50, p90, p99 };
    }
    return {
      frames: this.#done,
      skipped: this.#skipped,
      firstSkipped: this.#firstSkipped,
      seconds,
      framesPerSecond: this.#done / seconds,
      slots: slots.length,
      stages,
      memory: device.memory(),
      created: countsSince(this.#before, device.counters.snapshot()),
      ...(this.#interrupted && { interrupted: this.#interrupted }),
    };
  }
}
