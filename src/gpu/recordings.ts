import type { Completion } from "./completion.ts";

/** What becomes of the work that a stream recorded between two submits. */
export interface Recording {
  /** Where it stands: still on the stream, handed to the queue, or never to run. */
  state: "recorded" | "submitted" | "dropped";
  /** The number of its submit, as {@linkcode Completion} counts them, once it was submitted. */
  submit?: number;
}

/**
 * The recorded work of all streams that was not submitted. A buffer that such work may use must outlive it: WebGPU
 * refuses a submit that uses a destroyed buffer. On a stack this cannot happen, because the stack's buffer lives on;
 * so that a fallback behaves the same, its buffer is destroyed only when what was recorded before is through.
 */
export class Recordings {
  readonly #completion: Completion;
  readonly #open = new Set<Recording>();
  #waiting: { buffer: GPUBuffer; recordings: Set<Recording> }[] = [];

  /** Nothing is recorded yet; submits are counted in `completion`. */
  constructor(completion: Completion) {
    this.#completion = completion;
  }

  /** A stream begins to record. */
  begin(): Recording {
    const recording: Recording = { state: "recorded" };
    this.#open.add(recording);
    return recording;
  }

  /** A stream submitted or dropped what it recorded. */
  end(recording: Recording, state: "submitted" | "dropped"): void {
    recording.state = state;
    if (state === "submitted") recording.submit = this.#completion.submitted();
    this.#open.delete(recording);
    this.#waiting = this.#waiting.filter(({ buffer, recordings }) => {
      recordings.delete(recording);
      if (recordings.size === 0) buffer.destroy();
      return recordings.size > 0;
    });
  }

  /** Destroys a buffer as soon as no stream holds work that was recorded before this call. */
  destroyAfter(buffer: GPUBuffer): void {
    if (this.#open.size === 0) buffer.destroy();
    else this.#waiting.push({ buffer, recordings: new Set(this.#open) });
  }
}
