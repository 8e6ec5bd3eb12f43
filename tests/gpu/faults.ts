/**
 * Makes a GPU fail at a chosen creation, as no adapter can be asked to.
 *
 * @module
 */
import type { Device } from "../../src/gpu/mod.ts";

/** How a creation fails: the call throws, or the error scope around it tells later, as WebGPU does. */
export type FaultKind = "throws" | "out of memory";

/** Lets the n-th `createBuffer` of a device fail. Armed anew, it counts from 1 again. */
export class BufferFaults {
  #at = 0;
  #kind: FaultKind = "throws";
  #made = 0;
  #failing = false;

  /** Stands between the device and its GPU from now on. */
  constructor({ gpu }: Device) {
    const createBuffer = gpu.createBuffer.bind(gpu);
    const popErrorScope = gpu.popErrorScope.bind(gpu);
    gpu.createBuffer = (descriptor) => {
      if (++this.#made !== this.#at) return createBuffer(descriptor);
      if (this.#kind === "throws") throw new DOMException("no memory (injected)", "OperationError");
      this.#failing = true;
      return createBuffer(descriptor);
    };
    // The device opens a scope for memory and in it one for validity, and closes them in reverse order.
    let validity = false;
    gpu.popErrorScope = async () => {
      const fails = this.#failing && validity;
      if (this.#failing) validity = !validity;
      if (fails) this.#failing = false;
      const error = await popErrorScope();
      return fails ? new GPUOutOfMemoryError("no memory (injected)") : error;
    };
  }

  /** The n-th creation from now fails; 0: none. */
  arm(at: number, kind: FaultKind): void {
    this.#at = at;
    this.#kind = kind;
    this.#made = 0;
  }

  /** Creations since it was armed. */
  get made(): number {
    return this.#made;
  }
}
