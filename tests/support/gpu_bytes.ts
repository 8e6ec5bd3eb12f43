/**
 * Counts what lies on a GPU from outside of the engine, so that its own statistics need not be believed.
 *
 * @module
 */
import type { Device } from "../../src/gpu/mod.ts";

/** The bytes of all buffers and textures that were made on a device since it was watched, and not destroyed. */
export class GpuBytes {
  #live = 0;
  #objects = 0;

  /** Watches a device from now on. What is collected without having been destroyed stays counted. */
  constructor(device: Device) {
    const { gpu } = device;
    const createBuffer = gpu.createBuffer.bind(gpu), createTexture = gpu.createTexture.bind(gpu);
    gpu.createBuffer = (descriptor) => this.#watch(createBuffer(descriptor), descriptor.size);
    gpu.createTexture = (descriptor) => {
      const texture = createTexture(descriptor);
      const bits = /^rgba(16|32)(float|uint|sint)$/.exec(texture.format)?.[1];
      if (bits === undefined) {
        throw new Error(`Cannot count a texture of ${texture.format}: its texels' size is not known here`);
      }
      const texels = texture.width * texture.height * texture.depthOrArrayLayers;
      return this.#watch(texture, texels * Number(bits) / 2);
    };
  }

  /** Bytes alive. */
  get bytes(): number {
    return this.#live;
  }

  /** Buffers and textures alive. */
  get objects(): number {
    return this.#objects;
  }

  #watch<T extends GPUBuffer | GPUTexture>(memory: T, bytes: number): T {
    this.#live += bytes;
    this.#objects++;
    const destroy = memory.destroy.bind(memory);
    let destroyed = false;
    memory.destroy = () => {
      if (!destroyed) {
        this.#live -= bytes;
        this.#objects--;
      }
      destroyed = true;
      return destroy();
    };
    return memory;
  }
}
