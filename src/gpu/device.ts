import { alignUp, type Allocation, type BufferRange } from "./allocator.ts";
import { CreationCounters } from "./counters.ts";
import { DefaultAllocator } from "./default_allocator.ts";
import { type Dispatch, refuseOverlap, type Workgroups } from "./dispatch.ts";
import { describeGpuError, GpuError } from "./errors.ts";
import {
  bindGroupLayoutEntries,
  type Kernel,
  kernelKey,
  type KernelOptions,
  type KernelSource,
  kernelText,
  reflectKernel,
} from "./kernel.ts";
import { describeMemory, type MemoryReport } from "./memory_report.ts";
import { StackPool, type StackPoolOptions } from "./stack_pool.ts";
import { Stream, type StreamOptions } from "./stream.ts";
import { packUniforms, type UniformValues } from "./uniforms.ts";

/** How a device is made. */
export interface DeviceOptions {
  label?: string;
  /** Sizes of the streams' stacks; `false`: no stacks, every stream uses the default allocator. */
  pool?: StackPoolOptions | false;
  /** Which adapter, where there are several. */
  powerPreference?: GPUPowerPreference;
  /** Called once when memory falls back from a stack to the default allocator, with the numbers and what to set. */
  onWarning?: (message: string) => void;
}

/** A dispatch before its bind group exists. */
export interface DispatchDescriptor {
  label?: string;
  bindings: Readonly<Record<string, BufferRange>>;
  uniforms?: UniformValues | BufferRange;
  workgroups: Workgroups;
  /** Pairs of bindings that share a range but not an element; see {@linkcode refuseOverlap}. */
  disjoint?: readonly (readonly [string, string])[];
}

/** Optional features that are asked for where the adapter offers them. */
const WANTED_FEATURES = ["shader-f16", "timestamp-query", "subgroups"] as const;

const STORAGE_USAGE = 0x80 | 0x8 | 0x4; // STORAGE | COPY_DST | COPY_SRC

/**
 * A GPU with its memory, kernels and streams. Nothing that goes wrong on it is silent: errors of creation are thrown
 * by {@linkcode Device.settle}, later ones by the next submit or readback, and the loss of the device by every call.
 */
export class Device implements Disposable {
  readonly gpu: GPUDevice;
  readonly adapterInfo: GPUAdapterInfo;
  readonly features: ReadonlySet<string>;
  readonly limits: GPUSupportedLimits;
  readonly counters: CreationCounters = new CreationCounters();
  readonly defaultAllocator: DefaultAllocator;
  readonly pool: StackPool;
  readonly #kernels = new Map<string, Kernel>();
  readonly #pending: Promise<GpuError | undefined>[] = [];
  readonly #warn: (message: string) => void;
  #fallbacks = 0;
  #fallbackBytes = 0;
  #streams = 0;
  #error: GpuError | undefined;
  #destroyed = false;

  /**
   * Asks for a GPU with all limits that its adapter offers.
   *
   * @throws {GpuError} if there is no WebGPU, no adapter, or the adapter refuses.
   */
  static async request(options: DeviceOptions = {}): Promise<Device> {
    const gpu = globalThis.navigator?.gpu;
    if (!gpu) {
      throw new GpuError("Cannot find WebGPU: this runtime has no navigator.gpu; use Deno 2.9 or newer");
    }
    const adapter = await gpu.requestAdapter({
      powerPreference: options.powerPreference ?? "high-performance",
    });
    if (!adapter) {
      throw new GpuError(
        "Cannot find a GPU adapter: no Vulkan, Metal or DirectX 12 driver answers; install the GPU's driver, or on " +
          "Debian and Ubuntu the software one: apt-get install mesa-vulkan-drivers libvulkan1",
      );
    }
    const requiredLimits: Record<string, number> = {};
    for (const name of REQUESTED_LIMITS) {
      const offered = adapter.limits[name];
      if (typeof offered === "number") requiredLimits[name] = offered;
    }
    const label = options.label ?? "framewise";
    const offered = WANTED_FEATURES.filter((feature) => adapter.features.has(feature));
    const hidden = WANTED_FEATURES.filter((feature) => !adapter.features.has(feature));
    // A feature that the adapter does not list may be granted all the same (Deno does so with subgroups).
    for (const extra of hidden.length > 0 ? [hidden, []] : [[]]) {
      try {
        const requiredFeatures = [...offered, ...extra] as GPUFeatureName[];
        return new Device(
          await adapter.requestDevice({ label, requiredLimits, requiredFeatures }),
          adapter.info,
          options,
        );
      } catch (cause) {
        if (extra.length === 0) {
          throw new GpuError(`Cannot open the GPU: ${cause instanceof Error ? cause.message : cause}`, {
            cause,
          });
        }
      }
    }
    throw new GpuError("Cannot open the GPU");
  }

  private constructor(gpu: GPUDevice, adapterInfo: GPUAdapterInfo, options: DeviceOptions) {
    this.gpu = gpu;
    this.adapterInfo = adapterInfo;
    this.features = new Set(gpu.features as Iterable<string>);
    this.limits = gpu.limits;
    this.#warn = options.onWarning ?? ((message) => console.warn(message));
    const create = (size: number, label: string): GPUBuffer =>
      this.createBuffer({ label, size, usage: STORAGE_USAGE });
    this.defaultAllocator = new DefaultAllocator(create);
    this.pool = new StackPool(
      create,
      options.pool === false ? { stackBytes: 0, stackCount: 0 } : options.pool,
    );
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.#error ??= new GpuError(
        `The GPU reported: ${(event as GPUUncapturedErrorEvent).error.message.trim()}`,
      );
    });
    gpu.lost.then((info) => {
      if (!this.#destroyed) {
        this.#error = new GpuError(`The GPU was lost: ${info.message || info.reason}; open it anew`);
      }
    });
  }

  /** A recorder with a stack of its own, if one is free. */
  stream(options: StreamOptions = {}): Stream {
    this.check();
    return new Stream(this, this.pool.take(), options.label ?? `stream ${this.#streams++}`);
  }

  /** Makes a buffer. Errors are thrown by {@linkcode settle}, {@linkcode check}, or the next submit. */
  createBuffer(descriptor: GPUBufferDescriptor & { label: string }): GPUBuffer {
    this.check();
    if (descriptor.size > this.limits.maxBufferSize) {
      throw new GpuError(
        `Cannot make "${descriptor.label}": ${descriptor.size} bytes, and a buffer of this adapter holds at most ` +
          `${this.limits.maxBufferSize}; use a smaller input or a smaller network`,
      );
    }
    this.counters.add("buffers", descriptor.label);
    return this.#guard(descriptor.label, () => this.gpu.createBuffer(descriptor));
  }

  /** A storage buffer that holds `data`, padded to 16 bytes. */
  upload(data: ArrayBufferView<ArrayBuffer>, label: string): BufferRange {
    const bytes = Math.max(Math.ceil(data.byteLength / 16) * 16, 16);
    const buffer = this.createBuffer({ label, size: bytes, usage: STORAGE_USAGE });
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

  /** A uniform buffer that holds `data`. */
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

  /** A compiled kernel; the same source and options give the same object. */
  kernel(source: KernelSource, options: KernelOptions = {}): Kernel {
    this.check();
    const key = kernelKey(source, options);
    const cached = this.#kernels.get(key);
    if (cached) return cached;
    const label = source.name;
    const code = kernelText(source, options);
    const shape = reflectKernel(code, label);
    // Flags of the adapter's own making; overrides that this variant's text does not declare are unroll counts only.
    const constants: Record<string, number> = {};
    for (const [name, value] of Object.entries(options.overrides ?? {})) {
      if (new RegExp(`\\boverride\\s+${name}\\b`).test(code)) constants[name] = Number(value);
    }
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
    });
    this.#kernels.set(key, kernel);
    return kernel;
  }

  /**
   * Binds a kernel to memory. The bind group (and a uniform buffer, if values are given) is made here, once.
   *
   * @throws {GpuError} if a binding is missing or unknown, or a written range overlaps another.
   */
  dispatch(kernel: Kernel, descriptor: DispatchDescriptor): Dispatch {
    this.check();
    const label = descriptor.label ?? kernel.label;
    const ranges: Record<string, BufferRange> = { ...descriptor.bindings };
    if (kernel.uniformName && kernel.uniforms) {
      const uniforms = descriptor.uniforms ?? {};
      ranges[kernel.uniformName] = "buffer" in uniforms ? uniforms as BufferRange : this.uploadUniforms(
        new Uint8Array(packUniforms(kernel.uniforms, uniforms as UniformValues, label)),
        label,
      );
    }
    const unknown = Object.keys(ranges).filter((name) =>
      !kernel.bindings.some((binding) => binding.name === name)
    );
    const missing = kernel.bindings.filter((binding) => !ranges[binding.name]).map((binding) => binding.name);
    if (unknown.length > 0 || missing.length > 0) {
      throw new GpuError(
        `Cannot dispatch "${label}" (${kernel.label}): missing [${missing.join(", ")}], unknown [${
          unknown.join(", ")
        }]`,
      );
    }
    refuseOverlap(kernel, ranges, label, descriptor.disjoint);
    this.counters.add("bindGroups", label);
    const bindGroup = this.#guard(label, () =>
      this.gpu.createBindGroup({
        label,
        layout: kernel.layout,
        entries: kernel.bindings.map((binding) => {
          const range = ranges[binding.name]!;
          return {
            binding: binding.index,
            resource: { buffer: range.buffer, offset: range.offset, size: range.bytes },
          };
        }),
      }));
    return { label, kernel, bindGroup, workgroups: descriptor.workgroups };
  }

  /** Memory for a stream whose stack has no room; counted, and told once. */
  allocateFallback(bytes: number, label: string, stream: Stream): Allocation {
    const first = this.#fallbacks++ === 0;
    this.#fallbackBytes += alignUp(bytes);
    if (first && this.pool.stackCount > 0) {
      const stack = stream.stack?.stats();
      this.#warn(
        stack
          ? `Memory: "${label}" (${bytes} bytes) does not fit on ${stack.label} of ${stream.label} ` +
            `(${stack.currentBytes} of ${stack.capacityBytes} bytes in use); the default allocator serves. ` +
            `Set pool.stackBytes to at least ${stack.currentBytes + alignUp(bytes)}`
          : `Memory: ${stream.label} has no stack, all ${this.pool.stackCount} are taken; the default allocator ` +
            `serves. Set pool.stackCount higher`,
      );
    }
    return this.defaultAllocator.allocate(bytes, label);
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
   * @throws {GpuError} if a GPU error arrived.
   */
  async read(range: BufferRange): Promise<ArrayBuffer> {
    this.check();
    const size = Math.ceil(range.bytes / 4) * 4;
    const staging = this.createBuffer({
      label: "read",
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    try {
      const encoder = this.gpu.createCommandEncoder({ label: "read" });
      encoder.copyBufferToBuffer(range.buffer, range.offset, staging, 0, size);
      this.gpu.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      await this.settle();
      return staging.getMappedRange().slice(0);
    } finally {
      staging.destroy();
    }
  }

  /** Waits until all submitted work is done. @throws {GpuError} if a GPU error arrived. */
  async idle(): Promise<void> {
    await this.gpu.queue.onSubmittedWorkDone();
    await this.settle();
  }

  /** Waits for the outcome of everything created so far. @throws {GpuError} the first refusal, with its label. */
  async settle(): Promise<void> {
    const outcomes = await Promise.all(this.#pending.splice(0));
    this.#error ??= outcomes.find((outcome) => outcome !== undefined);
    this.check();
  }

  /** @throws {GpuError} if a GPU error or the loss of the device was reported. */
  check(): void {
    if (this.#destroyed) throw new GpuError("Cannot use the device: it is disposed");
    if (this.#error) throw this.#error;
  }

  /** Frees all memory of the device. */
  [Symbol.dispose](): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.pool.destroy();
    this.gpu.destroy();
  }

  /** Runs a creation inside error scopes; its outcome is seen by {@linkcode settle}. */
  #guard<T>(label: string, create: () => T): T {
    this.gpu.pushErrorScope("out-of-memory");
    this.gpu.pushErrorScope("validation");
    try {
      return create();
    } finally {
      for (let scope = 0; scope < 2; scope++) {
        const outcome = this.gpu.popErrorScope().then((error) =>
          error ? describeGpuError(label, error) : undefined
        );
        this.#pending.push(outcome);
      }
    }
  }
}

/** The limits that kernels and plans make use of; all others keep WebGPU's defaults. */
const REQUESTED_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupsPerDimension",
] as const;
