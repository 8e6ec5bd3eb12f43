/**
 * The main thread's end of a sink that draws and encodes in a worker.
 *
 * @module
 */

import { type Frame, SinkError } from "../frame/frame.ts";
import type { Detection } from "../vision/detection.ts";
import type { DrawStyle, EncodeJob, FromEncoder, ToEncoder } from "./protocol.ts";

/** Hands copies of frames to an encoding worker, through a fixed number of buffers that go round. */
export class WorkerSink {
  readonly #worker: Worker;
  readonly #closed = Promise.withResolvers<void>();
  readonly #free: ArrayBuffer[] = [];
  readonly #waiting: (() => void)[] = [];
  #permits: number;
  #error: SinkError | undefined;
  #told = false;
  #closing: Promise<void> | undefined;

  /** @param buffers How many frames may be on their way. */
  constructor(job: EncodeJob, style: DrawStyle, buffers: number) {
    this.#permits = buffers;
    this.#worker = new Worker(new URL("./encode_worker.ts", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<FromEncoder>) => this.#take(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(`Cannot go on writing: ${event.message}`);
      this.#closed.resolve();
    };
    this.#send({ type: "start", job, style });
  }

  #send(message: ToEncoder, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #take(message: FromEncoder): void {
    switch (message.type) {
      case "recycle":
        this.#free.push(message.buffer);
        this.#return();
        break;
      case "error":
        this.#fail(message.message);
        break;
      case "closed":
        this.#closed.resolve();
        break;
    }
  }

  #fail(message: string): void {
    this.#error ??= new SinkError(message);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #return(): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#permits++;
    else waiting();
  }

  /** Copies a frame and sends it off; waits while all buffers are on their way. */
  async write(frame: Frame, detections: readonly Detection[], path?: string): Promise<void> {
    if (this.#closing !== undefined) {
      throw new SinkError(`Cannot write frame ${frame.index}: the sink is closed`);
    }
    const bytes = frame.data.length;
    if (bytes === 0) throw new SinkError(`Cannot write frame ${frame.index}: it was released before`);
    if (this.#permits > 0) this.#permits--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#check();
    const index = this.#free.findIndex((buffer) => buffer.byteLength >= bytes);
    let buffer = index >= 0 ? this.#free.splice(index, 1)[0] : undefined;
    if (buffer === undefined) {
      this.#free.pop();
      buffer = new ArrayBuffer(bytes);
    }
    new Uint8Array(buffer).set(frame.data);
    this.#send({
      type: "frame",
      index: frame.index,
      timeSeconds: frame.timeSeconds,
      width: frame.width,
      height: frame.height,
      format: frame.format,
      colour: frame.colour,
      ...(path === undefined ? {} : { path }),
      buffer,
      bytes,
      detections,
    }, [buffer]);
  }

  #check(): void {
    if (this.#error === undefined) return;
    this.#told = true;
    throw this.#error;
  }

  /** Finishes what was written; throws the failure that no write has told yet. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
    if (!this.#told) this.#check();
  }

  async #close(): Promise<void> {
    this.#send({ type: "close" });
    await this.#closed.promise;
    this.#worker.terminate();
  }
}
