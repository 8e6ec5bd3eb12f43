import type { Device } from "./device.ts";
import { GpuError } from "./errors.ts";
import { unmap } from "./readback.ts";
import type { Recording } from "./recordings.ts";
import type { Stream } from "./stream.ts";
import { GpuTimer } from "./timer.ts";

/** How an event is made. */
export interface EventOptions {
  /** What it is called in messages. */
  label?: string;
  /** Whether it takes the time; default true, where the adapter can. */
  timing?: boolean;
}

/** Two stamps of 8 bytes: a pass begins and ends. */
const STAMP_BYTES = 16;

/**
 * A place in the work of a stream that can be asked whether it was reached, be waited for, and timed against another.
 * After `cv::cuda::Event`. Made once, it is recorded as often as wanted and creates nothing more.
 *
 * In Deno a wait costs at least 11 ms, and it blocks the thread until the queue is idle; so does {@linkcode query}
 * where no earlier wait has shown that the place was reached.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { Device } from "@framewise/framewise";
 *
 * using device = await Device.request();
 * using stream = device.stream();
 * using begin = device.event({ label: "begin" });
 * using end = device.event({ label: "end" });
 * begin.record(stream);
 * // … stream.run(…)
 * end.record(stream);
 * stream.submit();
 * await end.synchronize();
 * const ms = await begin.elapsedMs(end);
 * assert(ms === undefined || ms >= 0);
 * ```
 */
export class GpuEvent implements Disposable {
  /** What it is called in messages. */
  readonly label: string;
  readonly #device: Device;
  readonly #timer: GpuTimer | undefined;
  readonly #staging: GPUBuffer | undefined;
  #place: Readonly<Recording> | undefined;
  #stamp: Promise<bigint> | undefined;
  #reading = false;
  #disposed = false;

  /** Made by `device.event()`. @throws {GpuError} as {@linkcode Device.createBuffer} does. */
  constructor(device: Device, options: EventOptions = {}) {
    this.#device = device;
    this.label = options.label ?? "event";
    this.#timer = options.timing === false ? undefined : GpuTimer.create(device, 1);
    try {
      this.#staging = this.#timer && device.createBuffer({
        label: `${this.label}: time`,
        size: STAMP_BYTES,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      });
    } catch (error) {
      this.#timer?.[Symbol.dispose]();
      throw error;
    }
  }

  /** Whether it takes the time. */
  get timing(): boolean {
    return this.#timer !== undefined;
  }

  /**
   * Puts the event behind all that the stream has recorded so far; an earlier place is forgotten.
   *
   * @throws {GpuError} after disposal, or while the time of the earlier place is being read.
   */
  record(stream: Stream): void {
    const what = `Cannot record event "${this.label}"`;
    if (this.#disposed) throw new GpuError(`${what}: it is disposed`);
    if (stream.device !== this.#device) throw new GpuError(`${what}: ${stream.label} is of another device`);
    if (this.#reading) throw new GpuError(`${what}: its time is being read; await elapsedMs() first`);
    if (this.#timer && this.#staging) {
      stream.runTimed([], this.#timer.writes(0));
      const { buffer } = this.#timer.resolve(stream, 1);
      stream.copy(buffer, 0, this.#staging, 0, STAMP_BYTES);
    }
    this.#stamp = undefined;
    this.#place = stream.recording ?? { state: "submitted", submit: this.#device.completion.last };
  }

  /**
   * Whether the GPU has reached the event; false while the stream was not submitted. The question never changes the
   * answer, but see the class on what it costs in Deno.
   *
   * @throws {GpuError} if it was never recorded, its stream dropped it, or a GPU error arrived.
   */
  async query(): Promise<boolean> {
    const place = this.#recorded("ask");
    if (place.state === "recorded") return false;
    const reached = await this.#device.completion.query(place.submit ?? 0);
    this.#device.check();
    return reached;
  }

  /**
   * Waits until the GPU has reached the event.
   *
   * @throws {GpuError} if it was never recorded, the stream was not submitted since, or a GPU error arrived.
   */
  async synchronize(): Promise<void> {
    this.#submitted("wait for");
    await this.#device.idle();
  }

  /**
   * Milliseconds of the GPU's own clock from this event to `later`, or `undefined` where the adapter, or one of the
   * two, cannot tell the time. Waits for both.
   *
   * @throws {GpuError} as {@linkcode synchronize} does.
   */
  async elapsedMs(later: GpuEvent): Promise<number | undefined> {
    this.#submitted("time");
    later.#submitted("time");
    if (!this.timing || !later.timing) return undefined;
    const [begin, end] = await Promise.all([this.#time(), later.#time()]);
    return Number(end - begin) / 1e6;
  }

  /** Ends its buffers; a second call does nothing. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#timer?.[Symbol.dispose]();
    this.#staging?.destroy();
  }

  #recorded(verb: string): Readonly<Recording> {
    const what = `Cannot ${verb} event "${this.label}"`;
    if (this.#disposed) throw new GpuError(`${what}: it is disposed`);
    this.#device.check();
    if (!this.#place) throw new GpuError(`${what}: it was never recorded; call record(stream) first`);
    if (this.#place.state === "dropped") {
      throw new GpuError(`${what}: its stream dropped what was recorded; record it again`);
    }
    return this.#place;
  }

  #submitted(verb: string): Readonly<Recording> {
    const place = this.#recorded(verb);
    if (place.state === "submitted") return place;
    throw new GpuError(
      `Cannot ${verb} event "${this.label}": its stream was not submitted since; call stream.submit() first`,
    );
  }

  #time(): Promise<bigint> {
    return this.#stamp ??= this.#readStamp();
  }

  async #readStamp(): Promise<bigint> {
    const staging = this.#staging!;
    const submit = this.#place?.submit ?? 0;
    this.#reading = true;
    try {
      try {
        await staging.mapAsync(GPUMapMode.READ);
      } catch (cause) {
        throw await this.#device.failure(`Cannot time event "${this.label}"`, cause);
      }
      this.#device.completion.finished(submit);
      this.#device.check();
      // The end of a pass comes when all before it is done.
      return new BigUint64Array(staging.getMappedRange().slice(0))[1]!;
    } catch (error) {
      this.#stamp = undefined;
      throw error;
    } finally {
      this.#reading = false;
      if (!this.#disposed && !this.#device.disposed && staging.mapState === "mapped") unmap(staging);
    }
  }
}
