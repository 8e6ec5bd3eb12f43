import type { Allocation, Allocator } from "./allocator.ts";
import { BufferPool } from "./buffer_pool.ts";
import type { Device } from "./device.ts";
import type { Dispatch } from "./dispatch.ts";
import { GpuError } from "./errors.ts";
import type { Recording } from "./recordings.ts";
import type { StackAllocator } from "./stack_allocator.ts";

/** How a stream is made. */
export interface StreamOptions {
  /** What it is called in messages; else `stream 0`, `stream 1`, … */
  label?: string;
  /** Memory for this stream, in place of a stack of the pool. Where it gives `null`, the default allocator serves. */
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
  readonly #allocator: Allocator | undefined;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  /** What the open pass has set. */
  #pipeline: GPUComputePipeline | undefined;
  #recording: Recording | undefined;
  #pool: BufferPool | undefined;
  #disposed = false;

  /** Made by `device.stream()`. */
  constructor(device: Device, stack: StackAllocator | undefined, label: string, allocator?: Allocator) {
    this.device = device;
    this.stack = stack;
    this.label = label;
    this.#allocator = allocator ?? stack;
  }

  /**
   * Memory from the stream's stack, else from the default allocator (which is counted as a fallback). It may be freed
   * before work that is recorded with it is submitted: that work still finds what it wrote there itself.
   *
   * @throws {GpuError} if `bytes` is no count of bytes, after disposal, and as {@linkcode Device.createBuffer} does.
   */
  allocate(bytes: number, label: string): Allocation {
    this.#check();
    return this.#allocator?.allocate(bytes, label) ?? this.device.allocateFallback(bytes, label, this);
  }

  /** Matrices on the stream's memory. */
  get pool(): BufferPool {
    return this.#pool ??= new BufferPool(this);
  }

  /**
   * Frees what `body` allocates, newest first, when it returns or throws: for code that cannot use `using`.
   *
   * @param body what to run; it must not be asynchronous, since the memory is gone when it returns.
   * @returns what `body` returns.
   * @throws {GpuError} if something allocated later, outside, is still alive on the stack, or `body` is asynchronous.
   */
  scope<T>(body: (allocate: (bytes: number, label: string) => Allocation) => T): T {
    const made: Allocation[] = [];
    try {
      const result = body((bytes, label) => {
        const allocation = this.allocate(bytes, label);
        made.push(allocation);
        return allocation;
      });
      if (result instanceof Promise) {
        result.catch(() => {});
        throw new GpuError(
          `Cannot run an asynchronous scope on ${this.label}: its memory is freed when it returns; wait outside of it`,
        );
      }
      return result;
    } finally {
      for (const allocation of made.reverse()) allocation.free();
    }
  }

  /**
   * Records dispatches in one compute pass; consecutive calls share the pass.
   *
   * @throws {GpuError} after disposal of the stream or the device.
   */
  run(dispatches: Dispatch | readonly Dispatch[]): void {
    this.#check();
    const list: readonly Dispatch[] = "kernel" in dispatches ? [dispatches] : dispatches;
    if (list.length === 0) return;
    const pass = this.#pass ??= this.#open().beginComputePass({ label: this.label });
    for (const { kernel, bindGroup, workgroups } of list) {
      if (kernel.pipeline !== this.#pipeline) {
        this.#pipeline = kernel.pipeline;
        pass.setPipeline(kernel.pipeline);
      }
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...workgroups);
    }
  }

  /**
   * Records dispatches in a pass of their own with timestamps written at its two ends.
   *
   * @throws {GpuError} after disposal of the stream or the device.
   */
  runTimed(dispatches: readonly Dispatch[], timestampWrites: GPUComputePassTimestampWrites): void {
    this.#check();
    this.#endPass();
    this.#pass = this.#open().beginComputePass({ label: this.label, timestampWrites });
    this.run(dispatches);
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
   * Submits, and waits until the queue is idle (at least 11 ms in Deno, whatever the work).
   *
   * @throws {GpuError} if a GPU error arrived.
   */
  async finish(): Promise<void> {
    this.submit();
    await this.device.idle();
  }

  /** Where allocations come from while it has room. */
  get allocator(): Allocator {
    return this.#allocator ?? this.device.defaultAllocator;
  }

  /**
   * Gives the stack back. Recorded work that was not submitted is dropped. A second call does nothing.
   *
   * @throws {GpuError} if something on the stack is alive; the stream then stays as it is.
   */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    if (this.stack) this.device.pool.giveBack(this.stack);
    this.#disposed = true;
    this.#drop();
    this.#pool?.[Symbol.dispose]();
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

  #end(state: "submitted" | "dropped"): void {
    if (this.#recording) this.device.recordings.end(this.#recording, state);
    this.#recording = undefined;
  }

  #check(): void {
    if (this.#disposed) throw new GpuError(`Cannot use stream "${this.label}": it is disposed`);
    if (this.device.disposed) {
      throw new GpuError(`Cannot use stream "${this.label}": its device is disposed`);
    }
  }
}
