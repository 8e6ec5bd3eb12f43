import type { Allocation, BufferRange, TextureRange } from "./allocator.ts";
import { openGpu } from "./adapter.ts";
import { CreationCounters } from "./counters.ts";
import { DefaultAllocator } from "./default_allocator.ts";
import { type Dispatch, type DispatchDescriptor, refuseGrid, refuseOverlap } from "./dispatch.ts";
import { describeGpuError, GpuError } from "./errors.ts";
import {
  bindGroupLayoutEntries,
  type Kernel,
  kernelKey,
  type KernelOptions,
  type KernelSource,
  kernelText,
  overrideConstants,
  reflectKernel,
} from "./kernel.ts";
import { describeFullStack, describeMemory, describeNoStack, type MemoryReport } from "./memory_report.ts";
import { type KernelTarget, probeSubgroups } from "./probe.ts";
import { Recordings } from "./recordings.ts";
import { StackPool, type StackPoolOptions } from "./stack_pool.ts";
import { Stream, type StreamOptions } from "./stream.ts";
import { packUniforms, type UniformValues } from "./uniforms.ts";

/** How a device is made. */
export interface DeviceOptions {
  /** What the device is called in messages of the GPU's driver. */
  label?: string;
  /** Sizes of the streams' stacks; `false`: no stacks, every stream uses the default allocator. */
  pool?: StackPoolOptions | false;
  /** Which adapter, where there are several. */
  powerPreference?: GPUPowerPreference;
  /**
   * Told once when memory falls back because a stack is full, and once when it does because there is no stack, with
   * the numbers and what to set; `console.warn` if not given.
   */
  onWarning?: (message: string) => void;
}

/** Texels in a row of the textures that hold constants. */
export const TEXTURE_WIDTH = 1024;

/** How long a failed wait looks for the loss of the device behind it, which is reported after the failure. */
const LOSS_GRACE_MS = 100;

/**
 * A GPU with its memory, kernels and streams. Nothing that goes wrong on it is silent. The GPU reports errors late: one
 * is thrown, once, by the first call that looks after its arrival, be that {@linkcode Device.settle} (which waits for
 * the outcome of all creations), a creation, a submit or a readback. The loss of the device is thrown by every call.
 *
 * @example Doubling four numbers
 * ```ts
 * import { Device } from "@framewise/framewise";
 *
 * const wgsl = `
 *   @group(0) @binding(0) var<storage, read_write> x: array<f32>;
 *   @compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) {
 *     x[i] *= 2.0;
 *   }`;
 * using device = await Device.request();
 * using stream = device.stream();
 * const x = device.upload(new Float32Array([1, 2, 3, 4]), "x");
 * const double = device.kernel({ name: "double", wgsl });
 * stream.run(device.dispatch(double, { bindings: { x }, workgroups: [1, 1, 1] }));
 * stream.submit();
 * const doubled = new Float32Array(await device.read(x));
 * console.assert(doubled[3] === 8);
 * ```
 */
export class Device implements Disposable {
  /** WebGPU's own device, for what has no method here. What is made on it directly is not counted. */
  readonly gpu: GPUDevice;
  /** Which GPU it is. */
  readonly adapterInfo: GPUAdapterInfo;
  /** The optional features that were granted. */
  readonly features: ReadonlySet<string>;
  /** What the adapter offers at most. */
  readonly limits: GPUSupportedLimits;
  /** How many GPU objects were made. */
  readonly counters: CreationCounters = new CreationCounters();
  /** What serves where no stack does. */
  readonly defaultAllocator: DefaultAllocator;
  /** The stacks of the streams. */
  readonly pool: StackPool;
  /** What the streams recorded and did not submit; kept by the streams themselves. */
  readonly recordings: Recordings = new Recordings();
  readonly #kernels = new Map<string, Kernel>();
  readonly #pending = new Set<Promise<void>>();
  /** The buffers and textures that were not collected, destroyed or not. */
  readonly #memory = new Set<WeakRef<GPUBuffer | GPUTexture>>();
  readonly #collected = new FinalizationRegistry<WeakRef<GPUBuffer | GPUTexture>>((entry) =>
    this.#memory.delete(entry)
  );
  readonly #warn: (message: string) => void;
  readonly #warned = new Set<"full" | "none">();
  #subgroups = false;
  #fallbacks = 0;
  #fallbackBytes = 0;
  #streams = 0;
  #error: GpuError | undefined;
  #lost: GpuError | undefined;
  #destroyed = false;

  /**
   * Asks for a GPU with all limits that its adapter offers.
   *
   * @throws {GpuError} if there is no WebGPU, no adapter, the adapter refuses, or the pool's sizes are no whole numbers.
   */
  static async request(options: DeviceOptions = {}): Promise<Device> {
    const { gpu, info } = await openGpu(
      options.label ?? "framewise",
      options.powerPreference ?? "high-performance",
    );
    try {
      const device = new Device(gpu, info, options);
      device.#subgroups = await probeSubgroups(device);
      return device;
    } catch (error) {
      gpu.destroy();
      throw error;
    }
  }

  private constructor(gpu: GPUDevice, adapterInfo: GPUAdapterInfo, options: DeviceOptions) {
    this.gpu = gpu;
    this.adapterInfo = adapterInfo;
    this.features = new Set(gpu.features as Iterable<string>);
    this.limits = gpu.limits;
    this.#warn = options.onWarning ?? ((message) => console.warn(message));
    const create = (size: number, label: string): GPUBuffer =>
      this.createBuffer({ label, size, usage: storageUsage() });
    this.defaultAllocator = new DefaultAllocator(
      create,
      undefined,
      (buffer) => this.recordings.destroyAfter(buffer),
    );
    this.pool = new StackPool(create, options.pool === false ? { stackCount: 0 } : options.pool);
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

  /** What kernels are chosen for. */
  get target(): KernelTarget {
    const { description = "", vendor = "", architecture = "" } = this.adapterInfo;
    const software = /llvmpipe|lavapipe|swiftshader|softpipe|basic render/i.test(
      `${description} ${vendor} ${architecture}`,
    );
    return { software, subgroups: this.#subgroups };
  }

  /**
   * A recorder with a stack of its own, if one is free, or with the allocator that is given.
   *
   * @throws {GpuError} if a GPU error arrived, or a buffer of this adapter cannot hold a stack.
   */
  stream(options: StreamOptions = {}): Stream {
    this.check();
    const label = options.label ?? `stream ${this.#streams++}`;
    return new Stream(this, options.allocator ? undefined : this.pool.take(), label, options.allocator);
  }

  /**
   * Makes a buffer, which ends with the device if not before. What the GPU has against it is known later: see
   * {@linkcode settle}.
   *
   * @throws {GpuError} if it is larger than a buffer of this adapter can be, or an earlier GPU error arrived.
   */
  createBuffer(descriptor: GPUBufferDescriptor & { label: string }): GPUBuffer {
    this.check();
    if (descriptor.size > this.limits.maxBufferSize) {
      throw new GpuError(
        `Cannot make "${descriptor.label}": ${descriptor.size} bytes, and a buffer of this adapter holds at most ` +
          `${this.limits.maxBufferSize}; use a smaller input, network or pool.stackBytes`,
      );
    }
    this.counters.add("buffers", descriptor.label);
    const buffer = this.#guard(descriptor.label, () => this.gpu.createBuffer(descriptor));
    this.#remember(buffer);
    return buffer;
  }

  /** A storage buffer that holds `data`, padded to 16 bytes. @throws {GpuError} as {@linkcode createBuffer} does. */
  upload(data: ArrayBufferView<ArrayBuffer>, label: string): BufferRange {
    const bytes = Math.max(Math.ceil(data.byteLength / 16) * 16, 16);
    const buffer = this.createBuffer({ label, size: bytes, usage: storageUsage() });
    const whole = data.byteLength - data.byteLength % 4;
    const source = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (whole > 0) this.gpu.queue.writeBuffer(buffer, 0, source, 0, whole);
    if (whole < data.byteLength) {
      const tail = new Uint8Array(4);
      tail.set(source.subarray(whole));
      this.gpu.queue.writeBuffer(buffer, whole, tail);
    }
    return { buffer, offset: 0, bytes, label };
  }

  /**
   * A texture of four-channel floats, {@linkcode TEXTURE_WIDTH} texels a row, that holds `data` row by row. Counted as a buffer.
   *
   * @throws {GpuError} if it has more rows than the adapter's textures, and as {@linkcode createBuffer} does.
   */
  uploadTexture(data: Float32Array<ArrayBuffer>, label: string): TextureRange {
    this.check();
    const rows = Math.max(1, Math.ceil(data.length / 4 / TEXTURE_WIDTH));
    if (rows > this.limits.maxTextureDimension2D) {
      throw new GpuError(
        `Cannot make texture "${label}": ${rows} rows, and this adapter's have at most ` +
          `${this.limits.maxTextureDimension2D}; keep it in a buffer`,
      );
    }
    const bytes = rows * TEXTURE_WIDTH * 16;
    const whole = new Float32Array(bytes / 4);
    whole.set(data);
    this.counters.add("buffers", label);
    const texture = this.#guard(label, () =>
      this.gpu.createTexture({
        label,
        size: [TEXTURE_WIDTH, rows],
        format: "rgba32float",
        usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST,
      }));
    this.#remember(texture);
    this.gpu.queue.writeTexture({ texture }, whole, { bytesPerRow: TEXTURE_WIDTH * 16 }, [
      TEXTURE_WIDTH,
      rows,
    ]);
    return { texture, bytes, label };
  }

  /** A uniform buffer that holds `data`. @throws {GpuError} as {@linkcode createBuffer} does. */
  uploadUniforms(data: ArrayBufferView<ArrayBuffer>, label: string): BufferRange {
    const size = Math.max(Math.ceil(data.byteLength / 16) * 16, 16);
    const buffer = this.createBuffer({
      label,
      size,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    this.gpu.queue.writeBuffer(buffer, 0, data);
    return { buffer, offset: 0, bytes: size, label };
  }

  /**
   * A compiled kernel; the same source and options give the same object. What the GPU has against it is known later:
   * see {@linkcode settle}; a kernel that it refused is not kept.
   *
   * @throws {GpuError} if the text cannot be preprocessed or reflected, an override is unknown, or an earlier GPU error
   * arrived.
   */
  kernel(source: KernelSource, options: KernelOptions = {}): Kernel {
    this.check();
    const key = kernelKey(source, options);
    const cached = this.#kernels.get(key);
    if (cached) return cached;
    const label = source.name;
    const code = kernelText(source, options);
    const shape = reflectKernel(code, label);
    const constants = overrideConstants(code, source, options);
    this.counters.add("modules", label);
    this.counters.add("pipelines", label);
    const kernel = this.#guard(label, () => {
      const module = this.gpu.createShaderModule({ label, code });
      const layout = this.gpu.createBindGroupLayout({
        label,
        entries: bindGroupLayoutEntries(shape.bindings),
      });
      const pipelineLayout = this.gpu.createPipelineLayout({ label, bindGroupLayouts: [layout] });
      const pipeline = this.gpu.createComputePipeline({
        label,
        layout: pipelineLayout,
        compute: { module, entryPoint: "main", constants },
      });
      return { ...shape, label, pipeline, layout };
    }, () => this.#kernels.delete(key));
    this.#kernels.set(key, kernel);
    return kernel;
  }

  /**
   * Binds a kernel to memory. The bind group (and a uniform buffer, if values are given) is made here, once.
   *
   * @throws {GpuError} if a binding or uniform is missing or unknown, a written range overlaps another, the grid is too
   * large, or an earlier GPU error arrived. Nothing was made then.
   */
  dispatch(kernel: Kernel, descriptor: DispatchDescriptor): Dispatch {
    this.check();
    const label = descriptor.label ?? kernel.label;
    const ranges: Record<string, BufferRange | TextureRange> = { ...descriptor.bindings };
    const names = kernel.bindings.map((binding) => binding.name).filter((name) =>
      name !== kernel.uniformName
    );
    const unknown = Object.keys(ranges).filter((name) => !names.includes(name));
    const missing = names.filter((name) => !ranges[name]);
    if (!kernel.uniformName && descriptor.uniforms) unknown.push("uniforms");
    if (unknown.length > 0 || missing.length > 0) {
      throw new GpuError(
        `Cannot dispatch "${label}" (${kernel.label}): missing [${missing.join(", ")}], unknown [${
          unknown.join(", ")
        }]; it binds [${names.join(", ")}]`,
      );
    }
    refuseGrid(descriptor.workgroups, this.limits.maxComputeWorkgroupsPerDimension, label);
    refuseOverlap(kernel, ranges, label, descriptor.disjoint);
    if (kernel.uniformName && kernel.uniforms) {
      const uniforms = descriptor.uniforms ?? {};
      ranges[kernel.uniformName] = isRange(uniforms) ? uniforms : this.uploadUniforms(
        new Uint8Array(packUniforms(kernel.uniforms, uniforms, label)),
        label,
      );
    }
    this.counters.add("bindGroups", label);
    const bindGroup = this.#guard(label, () =>
      this.gpu.createBindGroup({
        label,
        layout: kernel.layout,
        entries: kernel.bindings.map((binding) => {
          const range = ranges[binding.name]!;
          return {
            binding: binding.index,
            resource: "texture" in range
              ? range.texture.createView()
              : { buffer: range.buffer, offset: range.offset, size: range.bytes },
          };
        }),
      }));
    return { label, kernel, bindGroup, workgroups: descriptor.workgroups };
  }

  /**
   * Memory for a stream whose own allocator has no room; counted, and told once. Called by the stream.
   *
   * @throws {GpuError} as {@linkcode createBuffer} does.
   */
  allocateFallback(bytes: number, label: string, stream: Stream): Allocation {
    const allocation = this.defaultAllocator.allocate(bytes, label);
    this.#fallbacks++;
    this.#fallbackBytes += allocation.bytes;
    const reason = stream.allocator === this.defaultAllocator ? "none" : "full";
    // Without a pool, the default allocator is what was asked for.
    if (this.#warned.has(reason) || (reason === "none" && this.pool.stackCount === 0)) return allocation;
    this.#warned.add(reason);
    this.#warn(
      reason === "full"
        ? describeFullStack(allocation, stream.allocator.stats(), stream.label, stream.stack !== undefined)
        : describeNoStack(allocation, stream.label, this.pool.stackCount),
    );
    return allocation;
  }

  /** What memory is in use and was, stack by stack. */
  memory(): MemoryReport {
    return {
      stacks: this.pool.allocators().map((stack) => stack.stats()),
      default: this.defaultAllocator.stats(),
      fallbacks: this.#fallbacks,
      fallbackBytes: this.#fallbackBytes,
    };
  }

  /** {@linkcode memory} as a table. */
  describeMemory(): string {
    return describeMemory(this.memory());
  }

  /**
   * Reads a range back: for tests and single results. A loop uses a `Readback` that it made once.
   *
   * @throws {GpuError} if a GPU error arrived, or the device was lost or disposed meanwhile.
   */
  async read(range: BufferRange): Promise<ArrayBuffer> {
    this.check();
    const label = `read of ${range.label ?? range.buffer.label}`;
    const size = Math.ceil(range.bytes / 4) * 4;
    const staging = this.createBuffer({
      label,
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    try {
      const encoder = this.gpu.createCommandEncoder({ label });
      encoder.copyBufferToBuffer(range.buffer, range.offset, staging, 0, size);
      this.gpu.queue.submit([encoder.finish()]);
      try {
        await staging.mapAsync(GPUMapMode.READ);
      } catch (cause) {
        throw await this.failure(`Cannot read back "${range.label ?? range.buffer.label}"`, cause);
      }
      await this.settle();
      return staging.getMappedRange().slice(0, range.bytes);
    } finally {
      staging.destroy();
    }
  }

  /** Waits until all submitted work and all uploads are done. @throws {GpuError} if a GPU error arrived. */
  async idle(): Promise<void> {
    this.check();
    // Deno hands uploads to the GPU with the next submit, and keeps their staging memory until then.
    this.gpu.queue.submit([]);
    await this.gpu.queue.onSubmittedWorkDone();
    await this.settle();
  }

  /** Waits for the outcome of everything created so far. @throws {GpuError} the first refusal, with its label. */
  async settle(): Promise<void> {
    await Promise.all(this.#pending);
    this.check();
  }

  /** Looks for trouble. @throws {GpuError} if a GPU error arrived that was not thrown yet, or the device was lost or disposed. */
  check(): void {
    if (this.#destroyed) throw new GpuError("Cannot use the device: it is disposed");
    if (this.#lost) throw this.#lost;
    const error = this.#error;
    this.#error = undefined;
    if (error) throw error;
  }

  /** Whether it was disposed. */
  get disposed(): boolean {
    return this.#destroyed;
  }

  /**
   * What to throw when a wait for the GPU failed: the loss of the device or another GPU error that is behind it, else
   * `cause` itself. Called by readbacks.
   */
  async failure(what: string, cause: unknown): Promise<GpuError> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, LOSS_GRACE_MS);
    await Promise.race([this.gpu.lost, late.promise]);
    clearTimeout(timer);
    try {
      this.check();
    } catch (error) {
      if (error instanceof GpuError) return new GpuError(`${what}: ${error.message}`, { cause: error });
    }
    return new GpuError(`${what}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }

  /** Ends the device and all its buffers. Whoever still waits for it gets an error; a second call does nothing. */
  [Symbol.dispose](): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    // Deno keeps the memory of buffers that are not destroyed themselves until the garbage collector comes by.
    for (const entry of this.#memory) entry.deref()?.destroy();
    this.#memory.clear();
    this.pool.destroy();
    this.gpu.destroy();
  }

  #remember(memory: GPUBuffer | GPUTexture): void {
    const entry = new WeakRef(memory);
    this.#memory.add(entry);
    this.#collected.register(memory, entry);
  }

  /** Runs a creation inside error scopes. A refusal is thrown by {@linkcode check}; `refused` is called before. */
  #guard<T>(label: string, create: () => T, refused?: () => void): T {
    this.gpu.pushErrorScope("out-of-memory");
    this.gpu.pushErrorScope("validation");
    try {
      return create();
    } finally {
      const outcome = Promise.all([this.gpu.popErrorScope(), this.gpu.popErrorScope()])
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
}

function isRange(uniforms: UniformValues | BufferRange): uniforms is BufferRange {
  return "buffer" in uniforms && typeof uniforms.buffer === "object" && !Array.isArray(uniforms.buffer);
}

/** What activations and weights are used for. A function, because these constants exist only where WebGPU does. */
function storageUsage(): GPUBufferUsageFlags {
  return GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
}
