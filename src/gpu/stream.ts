import type { Allocation, Allocator } from "./allocator.ts";
import { BufferPool } from "./buffer_pool.ts";
import type { Device } from "./device.ts";
import type { Dispatch } from "./dispatch.ts";
import { GpuError } from "./errors.ts";
import { Mark } from "./mark.ts";
import type { Recording } from "./recordings.ts";
import type { StackAllocator } from "./stack_allocator.ts";
import { recordTexelCopies } from "./texel_loads.ts";

/** How a stream is made. */
export interface StreamOptions {
  /** What it is called in messages; else `stream 0`, `stream 1`, … */
  label?: string;
  /**
   * Memory for this stream, in place of a stack of the pool. Where it gives `null`, the default allocator serves. What
   * it must keep to is at {@linkcode Allocator}.
   */
  allocator?: Allocator;
}

/**
 * A recorder of GPU work with a stack of its own. Work runs in the order of submission; `upload` takes effect before
 * all work that is recorded and not yet submitted, so a region that such work still reads must not be uploaded to.
 */
export class Stream implements Disposable {
  /** The device that it records for. */
  readonly device: Device;
  /** What it is called in messages. */
  readonly label: string;
  /** The stream's stack, or `undefined` if it has an allocator of its own or every stack was taken. */
  readonly stack: StackAllocator | undefined;
  /** The user's own. */
  readonly #own: Allocator | undefined;
  /** What was allocated since each mark that was not released, oldest mark first. */
  readonly #marks: { readonly mark: Mark; readonly made: Allocation[] }[] = [];
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  /** What the open pass has set. */
  #pipeline: GPUComputePipeline | undefined;
  #recording: Recording | undefined;
  #lastSubmit = 0;
  #pool: BufferPool | undefined;
  #disposed = false;

  /** Made by `device.stream()`. */
  constructor(device: Device, stack: StackAllocator | undefined, label: string, allocator?: Allocator) {
    this.device = device;
    this.stack = stack;
    this.label = label;
    this.#own = allocator;
    device.watch.opened(this, stack !== undefined);
  }

  /**
   * Memory from the stream's stack, else from the default allocator (which is counted as a fallback). It may be freed
   * before work that is recorded with it is submitted: that work still finds what it wrote there itself.
   *
   * @throws {GpuError} if `bytes` is no count of bytes, after disposal, if the stream's own allocator breaks its
   * contract, and as {@linkcode Device.createBuffer} does.
   */
  allocate(bytes: number, label: string): Allocation {
    this.#check();
    const allocation =
      (this.#own ? this.#fromOwn(this.#own, bytes, label) : this.stack?.allocate(bytes, label)) ??
        this.device.watch.for(this, () => this.device.allocateFallback(bytes, label, this));
    const made = this.#marks.at(-1)?.made;
    if (made) {
      // What was freed since is forgotten, so that a mark that is kept for long holds only what is alive.
      while (made.at(-1)?.freed) made.pop();
      made.push(allocation);
    }
    return allocation;
  }

  /**
   * A place to go back to: {@linkcode release} frees what is allocated from now on. Several marks nest. Unlike
   * {@linkcode scope} it also serves asynchronous code: `using _ = stream.mark();`.
   *
   * @throws {GpuError} after disposal.
   */
  mark(): Mark {
    this.#check();
    const mark = new Mark(this);
    this.#marks.push({ mark, made: [] });
    return mark;
  }

  /**
   * Frees, newest first, what the stream allocated since the mark and was not freed yet, fallbacks too; later marks are
   * released with it.
   *
   * @throws {GpuError} if the mark is of another stream or was released already; if one of the allocations cannot be
   * freed, which stays alive then with all before it, and so does the mark.
   */
  release(mark: Mark): void {
    const index = this.#marks.findIndex((entry) => entry.mark === mark);
    if (index < 0) {
      throw new GpuError(
        `Cannot release a mark on ${this.label}: it ` +
          (mark.stream === this
            ? "was released already, by itself or with an earlier one"
            : `was made on ${mark.stream.label}`),
      );
    }
    while (this.#marks.length > index) {
      const { mark: newest, made } = this.#marks.at(-1)!;
      for (let last = made.at(-1); last !== undefined; last = made.at(-1)) {
        last.free();
        made.pop();
      }
      this.#marks.pop();
      newest.end();
    }
  }

  /**
   * Frees what the stream allocates while `body` runs, newest first, when it returns or throws: for code that cannot use
   * `using`. What is to outlive it is allocated before.
   *
   * @param body what to run; it must not be asynchronous, since the memory is gone when it returns: see {@linkcode mark}.
   * @returns what `body` returns.
   * @throws {GpuError} if something cannot be freed, with what `body` threw as its cause, or `body` is asynchronous.
   */
  scope<T>(body: () => T): T {
    const mark = this.mark();
    const leave = (): void => {
      try {
        mark[Symbol.dispose]();
      } catch (failure) {
        this.#abandon(mark);
        throw failure;
      }
    };
    let result: T;
    try {
      result = body();
      if (result instanceof Promise) {
        result.catch(() => {});
        throw new GpuError(
          `Cannot run an asynchronous scope on ${this.label}: its memory is freed when it returns; use mark()`,
        );
      }
    } catch (error) {
      try {
        leave();
      } catch (failure) {
        const [after, before] = [failure, error].map((one) =>
          one instanceof Error ? one.message : String(one)
        );
        throw new GpuError(`${after} (after the scope had failed: ${before})`, { cause: error });
      }
      throw error;
    }
    leave();
    return result;
  }

  /**
   * Records dispatches in one compute pass; consecutive calls share the pass. A dispatch that has storage
   * copied to textures begins another, after the copies.
   *
   * @throws {GpuError} after disposal of the stream or the device.
   */
  run(dispatches: Dispatch | readonly Dispatch[]): void {
    this.#check();
    const list: readonly Dispatch[] = "kernel" in dispatches ? [dispatches] : dispatches;
    if (list.length === 0) return;
    for (const { kernel, bindGroup, workgroups, texels } of list) {
      if (texels) {
        this.#endPass();
        recordTexelCopies(this.#open(), texels);
      }
      const pass = this.#pass ??= this.#open().beginComputePass({ label: this.label });
      if (kernel.pipeline !== this.#pipeline) {
        this.#pipeline = kernel.pipeline;
        pass.setPipeline(kernel.pipeline);
      }
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...workgroups);
    }
  }

  /**
   * Records dispatches in passes of their own with timestamps written at the two ends.
   *
   * @throws {GpuError} after disposal of the stream or the device.
   */
  runTimed(dispatches: readonly Dispatch[], timestampWrites: GPUComputePassTimestampWrites): void {
    this.#check();
    this.#endPass();
    const { querySet, beginningOfPassWriteIndex, endOfPassWriteIndex } = timestampWrites;
    const begin = (writes: GPUComputePassTimestampWrites): void => {
      this.#pass = this.#open().beginComputePass({ label: this.label, timestampWrites: writes });
    };
    if (dispatches.some(({ texels }) => texels)) {
      // Copies part the work into several passes: those at its ends are empty, and hold the timestamps.
      if (beginningOfPassWriteIndex !== undefined) begin({ querySet, beginningOfPassWriteIndex });
      this.#endPass();
      this.run(dispatches);
      this.#endPass();
      if (endOfPassWriteIndex !== undefined) begin({ querySet, endOfPassWriteIndex });
    } else {
      begin(timestampWrites);
      this.run(dispatches);
    }
    this.#endPass();
  }

  /**
   * Records a copy between two buffers, in bytes; offsets and length are multiples of 4.
   *
   * @throws {GpuError} after disposal of the stream or the device.
   */
  copy(from: GPUBuffer, fromOffset: number, to: GPUBuffer, toOffset: number, bytes: number): void {
    this.#check();
    this.#endPass();
    this.#open().copyBufferToBuffer(from, fromOffset, to, toOffset, bytes);
  }

  /**
   * Gives the encoder to a caller that records what has no method here, and does not finish it.
   *
   * @throws {GpuError} after disposal of the stream or the device.
   */
  record(body: (encoder: GPUCommandEncoder) => void): void {
    this.#check();
    this.#endPass();
    body(this.#open());
  }

  /**
   * Hands all that is recorded to the queue, in one submit.
   *
   * @throws {GpuError} if a GPU error arrived (what was recorded is dropped), or after disposal.
   */
  submit(): void {
    this.#check();
    try {
      this.device.check();
    } catch (error) {
      this.#drop();
      throw error;
    }
    const commands = this.#close();
    if (!commands) return;
    this.device.gpu.queue.submit([commands]);
    this.#end("submitted");
  }

  /** What becomes of the work recorded since the last submit, if there is any. */
  get recording(): Readonly<Recording> | undefined {
    return this.#recording;
  }

  /**
   * Submits, and waits until the queue is idle (at least 11 ms in Deno, whatever the work, and the thread is blocked).
   * OpenCV's `waitForCompletion`.
   *
   * @throws {GpuError} if a GPU error arrived.
   */
  async finish(): Promise<void> {
    this.submit();
    await this.device.idle();
  }

  /**
   * Whether all that was recorded is done; false while it was not submitted. OpenCV's `queryIfComplete`. In Deno the
   * question blocks the thread until the queue is idle where no earlier wait has shown the answer.
   *
   * @throws {GpuError} if a GPU error arrived, or after disposal.
   */
  async isComplete(): Promise<boolean> {
    this.#check();
    if (this.#recording) return false;
    const complete = await this.device.completion.query(this.#lastSubmit);
    this.device.check();
    return complete;
  }

  /** The stream's matrices: `stream.pool.getBuffer(rows, cols, "8UC3")`. */
  get pool(): BufferPool {
    return this.#pool ??= new BufferPool(this);
  }

  /** Where allocations come from while it has room: the user's own allocator, the stack, or the default allocator. */
  get allocator(): Allocator {
    return this.#own ?? this.stack ?? this.device.defaultAllocator;
  }

  /** Whether it was disposed. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /**
   * Gives the stack back. Recorded work that was not submitted is dropped. Fallbacks that are alive stay so. A second
   * call does nothing.
   *
   * @throws {GpuError} if something on the stack is alive; the stream then stays as it is. After the disposal of the
   * device, which has listed it, there is nothing to refuse.
   */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    if (this.stack && !this.device.disposed) this.device.pool.giveBack(this.stack);
    this.#pool?.[Symbol.dispose]();
    this.#disposed = true;
    this.device.watch.closed(this);
    this.#drop();
  }

  #open(): GPUCommandEncoder {
    this.#recording ??= this.device.recordings.begin();
    return this.#encoder ??= this.device.gpu.createCommandEncoder({ label: this.label });
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = undefined;
    this.#pipeline = undefined;
  }

  #close(): GPUCommandBuffer | undefined {
    this.#endPass();
    const commands = this.#encoder?.finish({ label: this.label });
    this.#encoder = undefined;
    return commands;
  }

  #drop(): void {
    // An encoder that is dropped unfinished is known to upset Deno at device loss: finish it, and do not submit.
    this.#close();
    this.#end("dropped");
  }

  /** Nobody can release the mark any more: what is alive since falls to the one before. */
  #abandon(mark: Mark): void {
    const index = this.#marks.findIndex((entry) => entry.mark === mark);
    const left = this.#marks.splice(index).flatMap(({ mark, made }) => (mark.end(), made));
    this.#marks.at(-1)?.made.push(...left);
  }

  #fromOwn(allocator: Allocator, bytes: number, label: string): Allocation | null {
    const { watch } = this.device;
    return watch.for(this, () => watch.allocateFrom(allocator, bytes, label));
  }

  #end(state: "submitted" | "dropped"): void {
    if (this.#recording) this.device.recordings.end(this.#recording, state);
    this.#lastSubmit = this.#recording?.submit ?? this.#lastSubmit;
    this.#recording = undefined;
  }

  #check(): void {
    if (this.#disposed) throw new GpuError(`Cannot use stream "${this.label}": it is disposed`);
    if (this.device.disposed) {
      throw new GpuError(`Cannot use stream "${this.label}": its device is disposed`);
    }
  }
}
