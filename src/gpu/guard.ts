import { describeGpuError, GpuError } from "./errors.ts";

/** How long a failed wait looks for the loss of the device behind it, which is reported after the failure. */
const LOSS_GRACE_MS = 100;

/**
 * Hears everything that goes wrong on a GPU: refused creations (through error scopes), errors that nobody caught, and
 * the loss of the device. One error is thrown, once, by the next {@linkcode Guard.check}; loss by every one.
 */
export class Guard {
  readonly #gpu: GPUDevice;
  readonly #pending = new Set<Promise<void>>();
  #error: GpuError | undefined;
  #lost: GpuError | undefined;
  #disposed = false;

  /** Listens from now on. */
  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      const { message } = (event as GPUUncapturedErrorEvent).error;
      this.#error ??= new GpuError(`The GPU reported: ${message.trim()}`);
    });
    gpu.lost.then((info) => {
      this.#lost = new GpuError(
        `The GPU was lost (${info.reason || "unknown"}): ${
          info.message || "no message"
        }; request the device anew`,
        { cause: this.#error },
      );
    });
  }

  /** Whether the device was disposed. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /** The device was disposed: from now on every check throws. */
  dispose(): void {
    this.#disposed = true;
  }

  /** Runs a creation inside error scopes. A refusal is thrown by {@linkcode check}; `refused` is called before. */
  create<T>(label: string, create: () => T, refused?: () => void): T {
    this.#gpu.pushErrorScope("out-of-memory");
    this.#gpu.pushErrorScope("validation");
    try {
      return create();
    } catch (cause) {
      throw cause instanceof GpuError ? cause : describeGpuError(label, cause);
    } finally {
      const outcome = Promise.all([this.#gpu.popErrorScope(), this.#gpu.popErrorScope()])
        .catch((failure) => [{ message: String(failure) }])
        .then((errors) => {
          this.#pending.delete(outcome);
          const error = errors.find((candidate) => candidate);
          if (!error) return;
          refused?.();
          this.#error ??= describeGpuError(label, error);
        });
      this.#pending.add(outcome);
    }
  }

  /** Waits for the outcome of everything created so far. @throws {GpuError} the first refusal, with its label. */
  async settle(): Promise<void> {
    await Promise.all(this.#pending);
    this.check();
  }

  /** Looks for trouble. @throws {GpuError} if an error arrived that was not thrown yet, or the device was lost or disposed. */
  check(): void {
    if (this.#disposed) throw new GpuError("Cannot use the device: it is disposed");
    if (this.#lost) throw this.#lost;
    const error = this.#error;
    this.#error = undefined;
    if (error) throw error;
  }

  /**
   * What to throw when a wait for the GPU failed: the loss of the device or another GPU error that is behind it, else
   * `cause` itself.
   */
  async failure(what: string, cause: unknown): Promise<GpuError> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, LOSS_GRACE_MS);
    await Promise.race([this.#gpu.lost, late.promise]);
    clearTimeout(timer);
    try {
      this.check();
    } catch (error) {
      if (error instanceof GpuError) return new GpuError(`${what}: ${error.message}`, { cause: error });
    }
    return new GpuError(`${what}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}
