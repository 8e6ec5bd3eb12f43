import {
  type Allocation,
  type Allocator,
  type BufferRange,
  TEXTURE_WIDTH,
  type TextureRange,
} from "./allocator.ts";
import { openGpu } from "./adapter.ts";
import { Completion } from "./completion.ts";
import { CreationCounters } from "./counters.ts";
import { DefaultAllocator } from "./default_allocator.ts";
import {
  bindGroupEntries,
  type Dispatch,
  type DispatchDescriptor,
  isPacked,
  refuseGrid,
  refuseNames,
  refuseOverlap,
} from "./dispatch.ts";
import { GpuError } from "./errors.ts";
import { type EventOptions, GpuEvent } from "./event.ts";
import { Fallbacks } from "./fallbacks.ts";
import { GpuMemory } from "./gpu_memory.ts";
import { Guard } from "./guard.ts";
import {
  bindGroupLayoutEntries,
  compiledText,
  type Kernel,
  kernelKey,
  type KernelOptions,
  kernelOutline,
  type KernelSource,
  kernelText,
  overrideConstants,
  reflectKernel,
  throughTexels,
  withConstants,
} from "./kernel.ts";
import { describeMemory, type MemoryReport } from "./memory_report.ts";
import { MemoryWatch } from "./memory_watch.ts";
import { isSoftware, type KernelTarget, probe, type Probed } from "./probe.ts";
import { Recordings } from "./recordings.ts";
import { StackPool, type StackPoolOptions } from "./stack_pool.ts";
import { Stream, type StreamOptions } from "./stream.ts";
import { TraceRecording } from "./trace.ts";
import { distinctCopies, TEXEL_FORMATS, texelCopies, type TexelScalar, texelUsage } from "./texel_loads.ts";
import { packUniforms } from "./uniforms.ts";

/** How a device is made. */
export interface DeviceOptions {
  /** What the device is called in messages of the GPU's driver. */
  label?: string;
  /** Sizes of the streams' stacks; `false`: no stacks, every stream uses the default allocator. */
  pool?: StackPoolOptions | false;
  /** Which adapter, where there are several. */
  powerPreference?: GPUPowerPreference;
  /**
   * Keeps where each allocation was made, some 20 microseconds each, and tells it in messages; at the device's disposal
   * streams and buffers that are left over are told too. Default false.
   */
  debug?: boolean;
  /**
   * Told once when memory falls back because a stack is full, and once when it does because there is no stack, with
   * the numbers and what to set; when an allocation or a buffer is collected without being released, once a label; and
   * at the device's disposal what is still alive. `console.warn` if not given.
   */
  onWarning?: (message: string) => void;
}

/** How a buffer is followed. */
interface Following {
  /** Something else tells of it when it is collected. */
  owned: boolean;
  /** Called when the GPU has refused it, before that is thrown. */
  refused?: () => void;
}

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
  /** Which submits are known to be done; kept by the streams and by whoever waits. */
  readonly completion: Completion;
  /** What the streams recorded and did not submit; kept by the streams themselves. */
  readonly recordings: Recordings;
  /** Every allocation; kept by the allocators. */
  readonly watch: MemoryWatch;
  readonly #kernels = new Map<string, Kernel>();
  readonly #guard: Guard;
  readonly #memory: GpuMemory;
  readonly #fallbacks: Fallbacks;
  #probed: Probed = { subgroups: false, dot4: false };
  #streams = 0;
  #streamsWithoutStack = 0;

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
      device.#probed = await probe(device);
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
    const warn = options.onWarning ?? ((message: string) => console.warn(message));
    this.#fallbacks = new Fallbacks(warn);
    this.#guard = new Guard(gpu);
    this.completion = new Completion(gpu.queue);
    this.recordings = new Recordings(this.completion);
    this.watch = new MemoryWatch(options.debug ?? false, warn);
    this.#memory = new GpuMemory((label, bytes) => this.watch.bufferCollected(label, bytes));
    const create = (size: number, label: string, refused?: () => void): GPUBuffer =>
      this.#createBuffer({ label, size, usage: storageUsage() }, {
        owned: true,
        ...(refused && { refused }),
      });
    const destroy = (buffer: GPUBuffer): void => this.recordings.destroyAfter(buffer);
    this.defaultAllocator = new DefaultAllocator(
      (size, label) => create(size, label),
      undefined,
      destroy,
      this.watch,
    );
    const pool = options.pool === false ? { stackCount: 0 } : options.pool;
    this.pool = new StackPool(create, pool, this.watch, destroy);
  }

  /** What kernels are chosen for. */
  get target(): KernelTarget {
    const { maxStorageBufferBindingSize: bindingBytes, maxStorageTexturesPerShaderStage: textures } =
      this.limits;
    return { software: isSoftware(this.adapterInfo), ...this.#probed, bindingBytes, textures };
  }

  /**
   * A recorder with a stack of its own, if one is free, or with the allocator that is given. Beyond the pool's count it
   * gets none, and {@linkcode memory} says so.
   *
   * @throws {GpuError} if a GPU error arrived, or a buffer of this adapter cannot hold a stack.
   */
  stream(options: StreamOptions = {}): Stream {
    this.check();
    const stack = options.allocator ? undefined : this.pool.take();
    if (!options.allocator && !stack && this.pool.stackCount > 0) this.#streamsWithoutStack++;
    return new Stream(this, stack, options.label ?? `stream ${this.#streams++}`, options.allocator);
  }

  /** An event, to be recorded on streams. @throws {GpuError} as {@linkcode createBuffer} does. */
  event(options: EventOptions = {}): GpuEvent {
    return new GpuEvent(this, options);
  }

  /** Begins to write down what happens to the memory; `stop()` gives it, to be kept and replayed. */
  trace(): TraceRecording {
    return new TraceRecording(this.watch, this.pool);
  }

  /**
   * Makes a buffer, which ends with the device if not before. What the GPU has against it is known later: see
   * {@linkcode settle}.
   *
   * @throws {GpuError} if it is larger than a buffer of this adapter can be, or an earlier GPU error arrived.
   */
  createBuffer(descriptor: GPUBufferDescriptor & { label: string }): GPUBuffer {
    return this.#createBuffer(descriptor, { owned: false });
  }

  #createBuffer(descriptor: GPUBufferDescriptor & { label: string }, following: Following): GPUBuffer {
    this.check();
    if (descriptor.size > this.limits.maxBufferSize) {
      throw new GpuError(
        `Cannot make "${descriptor.label}": ${descriptor.size} bytes, and a buffer of this adapter holds at most ` +
          `${this.limits.maxBufferSize}; use a smaller input, network or pool.stackBytes`,
      );
    }
    this.counters.add("buffers", descriptor.label);
    const refused = (): void => {
      // It takes no memory; what it is to its owner is settled there.
      buffer.destroy();
      following.refused?.();
    };
    const buffer = this.#guard.create(descriptor.label, () => this.gpu.createBuffer(descriptor), refused);
    this.#memory.add(buffer, descriptor.size, descriptor.label, following.owned);
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
   * A texture of four channels that holds `data` row by row. Counted as a buffer.
   *
   * @param scalar what the channels are: the 32-bit words of `data` are taken as they are.
   * @param width texels of a row.
   *
   * @throws {GpuError} if it has more rows than the adapter's textures, and as {@linkcode createBuffer} does.
   */
  uploadTexture(
    data: ArrayBufferView<ArrayBuffer>,
    label: string,
    scalar: TexelScalar = "f32",
    width: number = TEXTURE_WIDTH,
  ): TextureRange {
    this.check();
    const rows = Math.max(1, Math.ceil(data.byteLength / 16 / width));
    if (rows > this.limits.maxTextureDimension2D) {
      throw new GpuError(
        `Cannot make texture "${label}": ${rows} rows, and this adapter's have at most ` +
          `${this.limits.maxTextureDimension2D}; keep it in a buffer`,
      );
    }
    const bytes = rows * width * 16;
    const whole = new Uint8Array(bytes);
    whole.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const size = [width, rows];
    const range = this.createTexture(
      { label, size, format: TEXEL_FORMATS[scalar], usage: texelUsage() },
      bytes,
    );
    const { texture } = range;
    this.gpu.queue.writeTexture({ texture }, whole, { bytesPerRow: width * 16 }, size);
    return range;
  }

  /**
   * Makes a texture of `bytes` bytes, which ends with the device if not before. Counted as a buffer.
   *
   * @throws {GpuError} as {@linkcode createBuffer} does.
   */
  createTexture(descriptor: GPUTextureDescriptor & { label: string }, bytes: number): TextureRange {
    this.check();
    const { label } = descriptor;
    this.counters.add("buffers", label);
    const texture: GPUTexture = this.#guard.create(
      label,
      () => this.gpu.createTexture(descriptor),
      () => texture.destroy(),
    );
    this.#memory.add(texture, bytes, label, false);
    return { texture, bytes, label };
  }

  /** A uniform buffer that holds `data`. @throws {GpuError} as {@linkcode createBuffer} does. */
  uploadUniforms(data: ArrayBufferView<ArrayBuffer>, label: string): BufferRange {
    return this.#uploadUniforms(data, label, { owned: false });
  }

  #uploadUniforms(data: ArrayBufferView<ArrayBuffer>, label: string, following: Following): BufferRange {
    const size = Math.max(Math.ceil(data.byteLength / 16) * 16, 16);
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const buffer = this.#createBuffer({ label, size, usage }, following);
    this.gpu.queue.writeBuffer(buffer, 0, data);
    return { buffer, offset: 0, bytes: size, label };
  }

  /**
   * Runs `body`, which makes several things; if it throws, the buffers and textures that it made are destroyed. Memory of
   * streams is not touched: that goes back where it came from.
   *
   * @param body must not be asynchronous, since what others make meanwhile would count as its own.
   */
  allOrNothing<T>(body: () => T): T {
    return this.#memory.attempt(body);
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
    const outline = kernelOutline(source, options);
    const shape = throughTexels(reflectKernel(outline, label), outline, options);
    const constants = overrideConstants(outline, source, options);
    const code = withConstants(compiledText(kernelText(source, options), source, options), constants);
    this.counters.add("modules", label);
    this.counters.add("pipelines", label);
    const kernel = this.#guard.create(label, () => {
      const module = this.gpu.createShaderModule({ label, code });
      const layout = this.gpu.createBindGroupLayout({
        label,
        entries: bindGroupLayoutEntries(shape.bindings),
      });
      const pipelineLayout = this.gpu.createPipelineLayout({ label, bindGroupLayouts: [layout] });
      const pipeline = this.gpu.createComputePipeline({
        label,
        layout: pipelineLayout,
        compute: { module, entryPoint: "main" },
      });
      return { ...shape, label, pipeline, layout };
    }, () => this.#kernels.delete(key));
    this.#kernels.set(key, kernel);
    return kernel;
  }

  /** Whether {@linkcode kernel} has a variant already, and makes nothing. */
  hasKernel(source: KernelSource, options: KernelOptions = {}): boolean {
    return this.#kernels.has(kernelKey(source, options));
  }

  /** Lets go of a variant that nobody will ask for again; dispatches that were made of it keep it. */
  forgetKernel(source: KernelSource, options: KernelOptions = {}): void {
    this.#kernels.delete(kernelKey(source, options));
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
    refuseNames(kernel, descriptor, label);
    const texels = texelCopies(kernel, ranges, descriptor.texels);
    for (const { to, name } of texels) ranges[name] = to;
    refuseGrid(descriptor.workgroups, this.limits.maxComputeWorkgroupsPerDimension, label);
    refuseOverlap(kernel, ranges, label, descriptor.disjoint);
    if (kernel.uniformName && kernel.uniforms) {
      const uniforms = descriptor.uniforms ?? {};
      ranges[kernel.uniformName] = isPacked(uniforms) ? uniforms : this.#uploadUniforms(
        new Uint8Array(packUniforms(kernel.uniforms, uniforms, label)),
        label,
        // It lives and ends with the bind group.
        { owned: true },
      );
    }
    this.counters.add("bindGroups", label);
    const bindGroup = this.#guard.create(label, () =>
      this.gpu.createBindGroup({
        label,
        layout: kernel.layout,
        entries: bindGroupEntries(kernel, ranges),
      }));
    const parameters = kernel.uniformName === undefined ? undefined : ranges[kernel.uniformName];
    const uniforms = parameters && "buffer" in parameters ? parameters.buffer : undefined;
    return {
      label,
      kernel,
      bindGroup,
      workgroups: descriptor.workgroups,
      uniforms,
      ...(texels.length > 0 && { texels: distinctCopies(texels) }),
    };
  }

  /**
   * Memory for a stream whose own allocator has no room; counted, and told once. Called by the stream.
   *
   * @throws {GpuError} as {@linkcode createBuffer} does.
   */
  allocateFallback(bytes: number, label: string, stream: Stream): Allocation {
    const allocation = this.defaultAllocator.allocate(bytes, label);
    this.#fallbacks.add(allocation, stream, this.pool.stackCount);
    return allocation;
  }

  /** What memory is in use and was, allocator by allocator. */
  memory(): MemoryReport {
    const stacks = this.pool.allocators();
    const known = new Set<Allocator>([...stacks, this.defaultAllocator]);
    const others = new Set(this.watch.streams().map(({ allocator }) => allocator));
    return {
      stacks: stacks.map((stack) => stack.stats()),
      default: this.defaultAllocator.stats(),
      others: [...others].filter((allocator) => !known.has(allocator)).map((allocator) => allocator.stats()),
      fallbacks: this.#fallbacks.count,
      fallbackBytes: this.#fallbacks.bytes,
      streamsWithoutStack: this.#streamsWithoutStack,
      unreleased: this.watch.unreleased,
      buffers: this.#memory.stats(),
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
      const submit = this.completion.submitted();
      try {
        await staging.mapAsync(GPUMapMode.READ);
      } catch (cause) {
        throw await this.failure(`Cannot read back "${range.label ?? range.buffer.label}"`, cause);
      }
      this.completion.finished(submit);
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
    await this.completion.wait();
    await this.settle();
  }

  /** Waits for the outcome of everything created so far. @throws {GpuError} the first refusal, with its label. */
  async settle(): Promise<void> {
    await this.#guard.settle();
  }

  /** Looks for trouble. @throws {GpuError} if a GPU error arrived that was not thrown yet, or the device was lost or disposed. */
  check(): void {
    this.#guard.check();
  }

  /** Whether it was disposed. */
  get disposed(): boolean {
    return this.#guard.disposed;
  }

  /**
   * What to throw when a wait for the GPU failed: the loss of the device or another GPU error that is behind it, else
   * `cause` itself. Called by readbacks.
   */
  async failure(what: string, cause: unknown): Promise<GpuError> {
    return await this.#guard.failure(what, cause);
  }

  /**
   * Ends the device and all its buffers; what was not released is listed through `onWarning`, once. Whoever still waits
   * for it gets an error; a second call does nothing.
   */
  [Symbol.dispose](): void {
    if (this.#guard.disposed) return;
    this.#guard.dispose();
    this.watch.end(this.#memory.alive());
    // Deno keeps the memory of buffers that are not destroyed themselves until the garbage collector comes by.
    this.#memory.destroy();
    this.pool.destroy();
    this.gpu.destroy();
  }
}

/** What activations and weights are used for. A function, because these constants exist only where WebGPU does. */
function storageUsage(): GPUBufferUsageFlags {
  return GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
}
