import type { Allocation, Allocator } from "./allocator.ts";
import type { Device } from "./device.ts";
import type { Dispatch } from "./dispatch.ts";
import { GpuError } from "./errors.ts";
import type { StackAllocator } from "./stack_allocator.ts";

/** How a stream is made. */
export interface StreamOptions {
  label?: string;
}

/**
 * A recorder of GPU work with a stack of its own. Work runs in the order of submission; `upload` takes effect before
 * all work that is recorded and not yet submitted, so a region that such work still reads must not be uploaded to.
 */
export class Stream implements Disposable {
  readonly device: Device;
  readonly label: string;
  /** The stream's stack, or `undefined` if every stack was taken: then the default allocator serves. */
  readonly stack: StackAllocator | undefined;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #disposed = false;

  /** Made by `device.stream()`. */
  constructor(device: Device, stack: StackAllocator | undefined, label: string) {
    this.device = device;
    this.stack = stack;
    this.label = label;
  }

  /**
   * Memory from the stream's stack, else from the default allocator (which is counted as a fallback).
   *
   * @throws {GpuError} after disposal.
   */
  allocate(bytes: number, label: string): Allocation {
    this.#check();
    const allocation = this.stack?.allocate(bytes, label);
    if (allocation) return allocation;
    return this.device.allocateFallback(bytes, label, this);
  }

  /** Frees everything allocated inside `body`, newest first, also if it throws. */
  scope<T>(body: (allocate: (bytes: number, label: string) => Allocation) => T): T {
    const made: Allocation[] = [];
    try {
      return body((bytes, label) => {
        const allocation = this.allocate(bytes, label);
        made.push(allocation);
        return allocation;
      });
    } finally {
      for (const allocation of made.reverse()) allocation.free();
    }
  }

  /** Records dispatches in one compute pass; consecutive calls share the pass. */
  run(dispatches: Dispatch | readonly Dispatch[]): void {
    this.#check();
    const pass = this.#pass ??= this.#open().beginComputePass({ label: this.label });
    let current: GPUComputePipeline | undefined;
    for (const dispatch of Array.isArray(dispatches) ? dispatches : [dispatches]) {
      if (dispatch.kernel.pipeline !== current) {
        current = dispatch.kernel.pipeline;
        pass.setPipeline(dispatch.kernel.pipeline);
      }
      pass.setBindGroup(0, dispatch.bindGroup);
      pass.dispatchWorkgroups(...(dispatch.workgroups as [number, number, number]));
    }
  }

  /** Records dispatches in a pass of their own with timestamps written at its two ends. */
  runTimed(dispatches: readonly Dispatch[], timestampWrites: GPUComputePassTimestampWrites): void {
    this.#check();
    this.#endPass();
    this.#pass = this.#open().beginComputePass({ label: this.label, timestampWrites });
    this.run(dispatches);
    this.#endPass();
  }

  /** Records a copy between two buffers, in bytes. */
  copy(from: GPUBuffer, fromOffset: number, to: GPUBuffer, toOffset: number, bytes: number): void {
    this.#check();
    this.#endPass();
    this.#open().copyBufferToBuffer(from, fromOffset, to, toOffset, bytes);
  }

  /** Gives the encoder to a caller that records what has no method here. */
  record(body: (encoder: GPUCommandEncoder) => void): void {
    this.#check();
    this.#endPass();
    body(this.#open());
  }

  /** Hands all that is recorded to the queue, in one submit. @throws {GpuError} an earlier GPU error, if one arrived. */
  submit(): void {
    this.#check();
    this.device.check();
    this.#endPass();
    if (!this.#encoder) return;
    const commands = this.#encoder.finish({ label: this.label });
    this.#encoder = undefined;
    this.device.gpu.queue.submit([commands]);
  }

  /** Submits, and waits until the queue is idle (about 11 ms in Deno, whatever the work). */
  async finish(): Promise<void> {
    this.submit();
    await this.device.idle();
  }

  /** Where allocations come from when the stack has room. */
  get allocator(): Allocator {
    return this.stack ?? this.device.defaultAllocator;
  }

  /** Gives the stack back. Recorded work that was not submitted is dropped. @throws {GpuError} if something on the stack is alive. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#endPass();
    // An encoder that is dropped unfinished is known to upset Deno at device loss: finish it, and do not submit.
    this.#encoder?.finish();
    this.#encoder = undefined;
    if (this.stack) this.device.pool.giveBack(this.stack);
    this.#disposed = true;
  }

  #open(): GPUCommandEncoder {
    return this.#encoder ??= this.device.gpu.createCommandEncoder({ label: this.label });
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }

  #check(): void {
    if (this.#disposed) throw new GpuError(`Cannot use stream "${this.label}": it is disposed`);
  }
}
