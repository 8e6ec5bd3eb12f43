/**
 * The main thread's end of a source that decodes in a worker.
 *
 * @module
 */

import {
  type Frame,
  type FrameColour,
  type FrameSource,
  type PixelFormat,
  type SkippedFrame,
  SourceError,
  type SourceInfo,
} from "../frame/frame.ts";
import type { DecodeJob, FrameMessage, FromDecoder, ToDecoder } from "./protocol.ts";

/** A frame whose memory belongs to the worker's ring. */
class RingFrame implements Frame {
  readonly index: number;
  readonly timeSeconds: number;
  readonly width: number;
  readonly height: number;
  readonly format: PixelFormat;
  readonly colour: FrameColour;
  readonly name?: string;
  readonly data: Uint8Array<ArrayBuffer>;
  readonly #giveBack: (buffer: ArrayBuffer) => void;
  #released = false;

  constructor(message: FrameMessage, giveBack: (buffer: ArrayBuffer) => void) {
    this.index = message.index;
    this.timeSeconds = message.timeSeconds;
    this.width = message.width;
    this.height = message.height;
    this.format = message.format;
    this.colour = message.colour;
    if (message.name !== undefined) this.name = message.name;
    this.data = new Uint8Array(message.buffer, 0, message.bytes);
    this.#giveBack = giveBack;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#giveBack(this.data.buffer);
  }
}

type Item = Frame | SkippedFrame;

/** Frames that a worker decodes. */
export class WorkerSource implements FrameSource {
  readonly info: SourceInfo;
  readonly #worker: Worker;
  readonly #queue: Item[] = [];
  readonly #closed = Promise.withResolvers<void>();
  #waiting: (() => void)[] = [];
  #ended = false;
  #error: SourceError | undefined;
  #closing: Promise<void> | undefined;
  #iterated = false;

  private constructor(info: SourceInfo, job: DecodeJob, buffers: number) {
    this.info = info;
    this.#worker = new Worker(new URL("./decode_worker.ts", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<FromDecoder>) => this.#take(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#end(new SourceError(`Cannot go on reading "${info.name}": ${event.message}`));
      this.#closed.resolve();
    };
    this.#send({ type: "start", job, buffers });
  }

  /**
   * Starts decoding and waits for the first frame, so that a source without any fails here.
   *
   * @param buffers How many frames may exist at once.
   */
  static async open(info: SourceInfo, job: DecodeJob, buffers: number): Promise<WorkerSource> {
    const source = new WorkerSource(info, job, buffers);
    await source.#ready();
    if (source.#queue.length === 0) {
      await source.close();
      throw source.#error ?? new SourceError(`Cannot read "${info.name}": it has no frames; check the file`);
    }
    const first = source.#queue[0];
    if (
      (job.kind === "video" || (job.kind === "images" && job.single)) && first !== undefined &&
      "width" in first
    ) {
      info.width = first.width;
      info.height = first.height;
    }
    return source;
  }

  #send(message: ToDecoder, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #take(message: FromDecoder): void {
    switch (message.type) {
      case "frame":
        this.#queue.push(new RingFrame(message, (buffer) => this.#recycle(buffer)));
        break;
      case "skipped":
        this.#queue.push({ index: message.index, name: message.name, reason: message.reason });
        break;
      case "error":
        return this.#end(new SourceError(message.message));
      case "end":
        return this.#end();
      case "closed":
        this.#worker.terminate();
        this.#end();
        this.#closed.resolve();
        return;
    }
    this.#wake();
  }

  #recycle(buffer: ArrayBuffer): void {
    // After the end nobody fills it any more: the memory is freed with the frame. Transferring it makes use after
    // release show at once, because the frame's data becomes empty.
    if (this.#ended) buffer.transfer(0);
    else this.#send({ type: "recycle", buffer }, [buffer]);
  }

  #end(error?: SourceError): void {
    if (error !== undefined) this.#error ??= error;
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Waits until there is an item or the end. */
  async #ready(): Promise<void> {
    while (this.#queue.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<Item> {
    if (this.#iterated) throw new SourceError(`Cannot iterate "${this.info.name}" twice; open it again`);
    this.#iterated = true;
    return {
      next: async (): Promise<IteratorResult<Item>> => {
        do {
          await this.#ready();
          const value = this.#queue.shift();
          if (value !== undefined) return { value, done: false };
        } while (!this.#ended);
        const error = this.#error;
        this.#error = undefined;
        await this.close();
        if (error !== undefined) throw error;
        return { value: undefined, done: true };
      },
      return: async (): Promise<IteratorResult<Item>> => {
        await this.close();
        return { value: undefined, done: true };
      },
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#send({ type: "close" });
    await this.#closed.promise;
    this.#worker.terminate();
    this.#queue.length = 0;
    this.#ended = true;
    this.#wake();
  }
}
