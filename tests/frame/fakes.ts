/** Sources, slots and sinks without files or a GPU, which note what is done with them. */
import {
  type Frame,
  frameBytes,
  type FrameSink,
  type FrameSlot,
  type FrameSource,
  type LoopDevice,
  type SkippedFrame,
  type SlotResult,
  type SourceInfo,
} from "../../src/frame/mod.ts";
import { CreationCounters, DefaultAllocator, type MemoryReport, StackAllocator } from "../../src/gpu/mod.ts";

/** Resolves after so many milliseconds; 0 means in a later microtask, without a timer. */
export async function after(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}

/** Counts creations; of its stack of 1 KiB a half was used. */
export class FakeDevice implements LoopDevice {
  readonly counters = new CreationCounters();
  readonly #stack = new StackAllocator({} as GPUBuffer, 1024, "stack 0");
  readonly #default = new DefaultAllocator(() => ({}) as GPUBuffer);

  constructor() {
    this.#stack.free(this.#stack.allocate(512, "activations")!);
  }

  memory(): MemoryReport {
    return {
      stacks: [this.#stack.stats()],
      default: this.#default.stats(),
      fallbacks: 0,
      fallbackBytes: 0,
      others: [],
      streamsWithoutStack: 0,
      unreleased: { count: 0, bytes: 0 },
      buffers: { count: 1, bytes: 1024, highWaterBytes: 4096, collected: 0, collectedBytes: 0 },
    };
  }
}

/** A grey frame of 2x2 that counts its releases. */
export class FakeFrame implements Frame {
  readonly timeSeconds: number;
  readonly width = 2;
  readonly height = 2;
  readonly format = "gray8";
  readonly colour = { matrix: "bt601", range: "full" } as const;
  readonly data = new Uint8Array(frameBytes("gray8", 2, 2));
  releases = 0;

  constructor(readonly index: number) {
    this.timeSeconds = index / 25;
  }

  release(): void {
    this.releases++;
  }
}

export interface FakeSourceOptions {
  /** How many frames there are. */
  frames: number;
  /** Frames that cannot be decoded. */
  skipped?: readonly number[];
  /** Breaks off in place of this frame. */
  failAt?: number;
  /** How long a frame takes. */
  delayMs?: (index: number) => number;
  closeFails?: boolean;
}

export class FakeSource implements FrameSource {
  readonly info: SourceInfo = { name: "fake" };
  readonly made: FakeFrame[] = [];
  closed = 0;

  constructor(readonly options: FakeSourceOptions) {}

  async *[Symbol.asyncIterator](): AsyncIterator<Frame | SkippedFrame> {
    const { frames, skipped = [], failAt, delayMs } = this.options;
    for (let index = 0; index < frames; index++) {
      await after(delayMs?.(index) ?? 0);
      if (index === failAt) throw new Error(`the source broke off at ${index}`);
      if (skipped.includes(index)) {
        yield { index, name: "fake", reason: "damaged" };
        continue;
      }
      const frame = new FakeFrame(index);
      this.made.push(frame);
      yield frame;
    }
  }

  async close(): Promise<void> {
    this.closed++;
    await after(0);
    if (this.options.closeFails) throw new Error("the source does not close");
  }
}

export interface FakeSlotOptions {
  /** How long the frame takes from when its result is asked for. */
  delayMs?: (index: number) => number;
  /** Refuses these frames with what this gives. */
  submitFails?: (index: number) => Error | undefined;
  /** Has no result for these frames. */
  collectFails?: (index: number) => Error | undefined;
  /** Called in each submit. */
  onSubmit?: (index: number) => void;
}

/** What all slots of a loop share. */
export class FakeWork {
  inFlight = 0;
  mostInFlight = 0;
  readonly submitted: number[] = [];
  readonly collected: number[] = [];

  constructor(readonly options: FakeSlotOptions = {}) {}

  /** So many slots. */
  slots(count: number): FakeSlot[] {
    return Array.from({ length: count }, () => new FakeSlot(this));
  }
}

/** A slot whose result is the frame's index. */
export class FakeSlot implements FrameSlot<number> {
  #index: number | undefined;

  constructor(readonly work: FakeWork) {}

  submit({ index }: Frame): void {
    const { options } = this.work;
    if (this.#index !== undefined) throw new Error(`frame ${index}: ${this.#index} was not collected`);
    const failure = options.submitFails?.(index);
    if (failure) throw failure;
    options.onSubmit?.(index);
    this.#index = index;
    this.work.submitted.push(index);
    this.work.mostInFlight = Math.max(this.work.mostInFlight, ++this.work.inFlight);
  }

  async collect(): Promise<SlotResult<number>> {
    const index = this.#index;
    if (index === undefined) throw new Error("nothing was submitted");
    await after(this.work.options.delayMs?.(index) ?? 0);
    this.#index = undefined;
    this.work.inFlight--;
    this.work.collected.push(index);
    const failure = this.work.options.collectFails?.(index);
    if (failure) throw failure;
    return { result: index, gpuMs: 1 };
  }
}

export interface FakeSinkOptions {
  /** How long a write takes. */
  delayMs?: (index: number) => number;
  /** Fails at these frames. */
  fails?: (index: number) => boolean;
  /** Nobody reads any more after so many frames. */
  endsAfter?: number;
  closeFails?: boolean;
}

export class FakeSink implements FrameSink<number> {
  readonly written: number[] = [];
  closed = 0;

  constructor(readonly options: FakeSinkOptions = {}) {}

  get ended(): boolean {
    return this.written.length >= (this.options.endsAfter ?? Infinity);
  }

  async write(frame: FakeFrame, result: number): Promise<void> {
    if (this.closed > 0) throw new Error(`frame ${frame.index} after the end`);
    if (frame.releases > 0) throw new Error(`frame ${frame.index} was released before it was written`);
    if (frame.index !== result) throw new Error(`frame ${frame.index} came with the result of ${result}`);
    await after(this.options.delayMs?.(frame.index) ?? 0);
    if (this.options.fails?.(frame.index)) throw new Error(`the sink fails at ${frame.index}`);
    this.written.push(frame.index);
  }

  async close(): Promise<void> {
    this.closed++;
    await after(0);
    if (this.options.closeFails) throw new Error("the sink does not close");
  }
}
