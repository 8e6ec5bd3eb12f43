import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { Device, GpuError, Readback } from "../../src/gpu/mod.ts";
import { ADD, DOUBLE_ADD_ONE } from "./kernels.ts";

/** Runs `body` with another `navigator.gpu`. */
async function withGpu(gpu: unknown, body: () => Promise<void>): Promise<void> {
  Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
  try {
    await body();
  } finally {
    delete (navigator as { gpu?: GPU }).gpu;
  }
  assert(navigator.gpu, "the real one is back");
}

/** Lets the GPU report what it has to say. */
async function reported(device: Device): Promise<void> {
  await device.gpu.queue.onSubmittedWorkDone();
  await new Promise((resolve) => setTimeout(resolve, 0));
}

/** Does what WebGPU does not allow, outside of every error scope. */
function misbehave(device: Device): void {
  const buffer = device.createBuffer({ label: "victim", size: 16, usage: GPUBufferUsage.COPY_DST });
  device.gpu.queue.writeBuffer(buffer, 2, new Uint8Array(4));
}

Deno.test("Device.request() says what to install where there is no adapter", async () => {
  await withGpu({ requestAdapter: () => Promise.resolve(null) }, async () => {
    const error = await assertRejects(() => Device.request(), GpuError);
    assertStringIncludes(error.message, "Cannot find a GPU adapter");
    assertStringIncludes(error.message, "apt-get install mesa-vulkan-drivers libvulkan1");
  });
});

Deno.test("Device.request() says what is needed where there is no WebGPU", async () => {
  await withGpu(undefined, async () => {
    await assertRejects(() => Device.request(), GpuError, "this runtime has no navigator.gpu; use Deno 2.9");
  });
});

Deno.test("Device.request() tells why the adapter refuses, and asks each adapter once", async () => {
  let adapters = 0;
  const requests: string[][] = [];
  const requestAdapter = (): Promise<unknown> => {
    adapters++;
    let asked = false;
    return Promise.resolve({
      limits: { maxBufferSize: 1024 },
      features: new Set(["shader-f16"]),
      info: { vendor: "acme", architecture: "", description: "Example 3000" },
      requestDevice(descriptor: GPUDeviceDescriptor): Promise<never> {
        assert(!asked, "an adapter that was used may be spent");
        asked = true;
        requests.push([...descriptor.requiredFeatures!]);
        assertEquals(descriptor.requiredLimits, { maxBufferSize: 1024 });
        return Promise.reject(new DOMException("out of luck", "OperationError"));
      },
    });
  };
  await withGpu({ requestAdapter }, async () => {
    const error = await assertRejects(() => Device.request(), GpuError);
    assertEquals(error.message, "Cannot open the GPU (acme Example 3000): out of luck; update its driver");
    assertEquals((error.cause as Error).name, "OperationError");
  });
  assertEquals(adapters, 2);
  assertEquals(requests, [["shader-f16", "subgroups"], ["shader-f16"]]);
});

Deno.test("Device.request() refuses a pool whose sizes are none", async () => {
  await assertRejects(() => Device.request({ pool: { stackBytes: -5 } }), GpuError, "stackBytes -5");
});

Deno.test("Device.request() gets the limits that the adapter offers", async () => {
  using device = await Device.request({ pool: false });
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  for (
    const limit of [
      "maxBufferSize",
      "maxStorageBufferBindingSize",
      "maxStorageBuffersPerShaderStage",
    ] as const
  ) {
    assertEquals(device.limits[limit], adapter!.limits[limit], limit);
  }
});

Deno.test("upload() and read() carry any number of bytes, from any view", async () => {
  using device = await Device.request({ pool: false });
  const whole = new Uint8Array(100).map((_, i) => i + 1);
  for (const [from, to] of [[0, 100], [3, 4], [5, 12], [1, 1], [7, 90], [2, 5]] as const) {
    const range = device.upload(whole.subarray(from, to), "bytes");
    assertEquals(range.bytes % 16, 0);
    const back = new Uint8Array(await device.read({ ...range, bytes: to - from }));
    assertEquals([...back], [...whole.subarray(from, to)], `${from} to ${to}`);
    const rest = new Uint8Array(await device.read(range)).subarray(to - from);
    assert(rest.every((byte) => byte === 0), `${from} to ${to}: padding`);
  }
  const part = device.upload(new Float32Array(128).map((_, i) => i), "floats");
  assertEquals([...new Float32Array(await device.read({ ...part, offset: 256, bytes: 8 }))], [64, 65]);
});

Deno.test("createBuffer() refuses what a buffer of the adapter cannot hold", async () => {
  using device = await Device.request({ pool: false });
  const size = device.limits.maxBufferSize + 4;
  const usage = GPUBufferUsage.STORAGE;
  const error = assertThrows(() => device.createBuffer({ label: "huge", size, usage }), GpuError);
  assertStringIncludes(
    error.message,
    `Cannot make "huge": ${size} bytes, and a buffer of this adapter holds at most`,
  );
  assertStringIncludes(error.message, String(device.limits.maxBufferSize));
  await device.settle();
});

Deno.test("settle() names the buffer that the GPU refuses, once; then the device goes on", async () => {
  using device = await Device.request({ pool: false });
  device.createBuffer({
    label: "crooked",
    size: 16,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.MAP_WRITE,
  });
  const error = await assertRejects(() => device.settle(), GpuError);
  assertStringIncludes(error.message, 'Cannot make "crooked": the GPU refused it');
  await device.settle();
  device.check();
  assertEquals(new Float32Array(await device.read(device.upload(new Float32Array([7]), "x")))[0], 7);
});

Deno.test("settle() says that memory is out, and for what", async () => {
  using device = await Device.request({ pool: false });
  const scopes = device.gpu.popErrorScope.bind(device.gpu);
  // No adapter can be counted on to run out of memory: the scope says that it did.
  let pops = 0;
  device.gpu.popErrorScope = async () => {
    await scopes();
    return pops++ === 1 ? new GPUOutOfMemoryError("not enough") : null;
  };
  device.createBuffer({ label: "activations", size: 1024, usage: GPUBufferUsage.STORAGE });
  const error = await assertRejects(() => device.settle(), GpuError);
  assertEquals(error.message, 'Cannot make "activations": the GPU is out of memory: not enough');
  await device.settle();
});

Deno.test("an error that nobody caught is thrown by the next submit, once, and its work dropped", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const x = device.upload(new Float32Array([1]), "x");
  const dispatch = device.dispatch(device.kernel(DOUBLE_ADD_ONE), { bindings: { x }, workgroups: [1, 1, 1] });
  misbehave(device);
  await reported(device);
  stream.run(dispatch);
  const error = assertThrows(() => stream.submit(), GpuError);
  assertStringIncludes(error.message, "The GPU reported: ");
  assertStringIncludes(error.message, "offset 2");
  stream.run(dispatch);
  stream.submit();
  assertEquals(new Float32Array(await device.read(x))[0], 3, "only the second recording ran");
});

Deno.test("an error that nobody caught is thrown by the next readback", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  using readback = new Readback(device, 4, "result");
  const x = device.upload(new Float32Array([1]), "x");
  readback.record(stream, { ...x, bytes: 4 });
  stream.submit();
  misbehave(device);
  await assertRejects(() => readback.take(() => 1), GpuError, "The GPU reported: ");
  misbehave(device);
  await assertRejects(() => device.read(x), GpuError, "The GPU reported: ");
  misbehave(device);
  await assertRejects(async () => {
    await device.idle();
    await reported(device);
    device.check();
  }, GpuError);
  readback.record(stream, { ...x, bytes: 4 });
  stream.submit();
  assertEquals(await readback.take((bytes) => new Float32Array(bytes)[0]), 1);
});

Deno.test("the loss of the device is told by every call, with what to do", async () => {
  using device = await Device.request({ pool: { stackBytes: 1024, stackCount: 1 } });
  using stream = device.stream();
  using _allocation = stream.allocate(100, "kept");
  using readback = new Readback(device, 16, "result");
  const x = device.upload(new Float32Array([1]), "x");
  const dispatch = device.dispatch(device.kernel(DOUBLE_ADD_ONE), { bindings: { x }, workgroups: [1, 1, 1] });
  await device.settle();
  stream.run(dispatch);
  readback.record(stream, x);
  stream.submit();
  stream.run(dispatch);
  device.gpu.destroy();
  const lost = "The GPU was lost (destroyed): ";
  const results = await Promise.allSettled([readback.take(() => 1), device.read(x), device.idle()]);
  for (const [i, result] of results.entries()) {
    assert(result.status === "rejected" && result.reason instanceof GpuError, `call ${i}`);
    assertStringIncludes(result.reason.message, lost, `call ${i}`);
    assertStringIncludes(result.reason.message, "request the device anew");
  }
  const calls: (() => unknown)[] = [
    () => device.check(),
    () => device.stream(),
    () => device.kernel(ADD),
    () => device.upload(new Float32Array(1), "x"),
    () => device.dispatch(dispatch.kernel, { bindings: { x }, workgroups: [1, 1, 1] }),
    () => stream.submit(),
  ];
  for (const call of calls) assertThrows(call, GpuError, lost, String(call));
  await assertRejects(() => device.settle(), GpuError, lost);
  await assertRejects(() => stream.finish(), GpuError, lost);
});

Deno.test("a new device serves after the loss of another", async () => {
  using lost = await Device.request({ pool: false });
  lost.gpu.destroy();
  using device = await Device.request({ pool: false });
  assertEquals(new Float32Array(await device.read(device.upload(new Float32Array([5]), "x")))[0], 5);
});

Deno.test("a disposed device refuses its use, and disposal twice does nothing", async () => {
  const device = await Device.request({
    pool: { stackBytes: 1024, stackCount: 1 },
    onWarning: () => {},
  });
  const stream = device.stream({ label: "late" });
  const allocation = stream.allocate(100, "x");
  const kept = device.defaultAllocator.allocate(100, "y");
  const readback = new Readback(device, 4, "result");
  const kernel = device.kernel(DOUBLE_ADD_ONE);
  const dispatch = device.dispatch(kernel, { bindings: { x: allocation }, workgroups: [1, 1, 1] });
  stream.run(dispatch);
  device[Symbol.dispose]();
  device[Symbol.dispose]();
  assert(device.disposed);
  for (
    const call of [
      () => device.check(),
      () => device.stream(),
      () => device.kernel(ADD),
      () => device.kernel(DOUBLE_ADD_ONE),
      () => device.createBuffer({ label: "b", size: 16, usage: GPUBufferUsage.STORAGE }),
      () => device.dispatch(kernel, { bindings: { x: allocation }, workgroups: [1, 1, 1] }),
    ]
  ) assertThrows(call, GpuError, "Cannot use the device: it is disposed", String(call));
  for (
    const call of [
      () => stream.allocate(100, "z"),
      () => stream.run(dispatch),
      () => stream.submit(),
      () => readback.record(stream, { ...allocation, bytes: 4 }),
    ]
  ) assertThrows(call, GpuError, 'Cannot use stream "late": its device is disposed', String(call));
  await assertRejects(() => device.read(allocation), GpuError, "it is disposed");
  await assertRejects(() => device.idle(), GpuError, "it is disposed");
  await assertRejects(() => device.settle(), GpuError, "it is disposed");
  // What is left over is released without complaint.
  readback[Symbol.dispose]();
  kept.free();
  allocation.free();
  stream[Symbol.dispose]();
});

Deno.test("disposal frees every buffer, and whoever waits gets an error", async () => {
  const device = await Device.request({
    pool: { stackBytes: 1024, stackCount: 1 },
    onWarning: () => {},
  });
  const stream = device.stream();
  const readback = new Readback(device, 4, "result");
  const x = device.upload(new Float32Array([1]), "weights");
  const y = device.defaultAllocator.allocate(100, "activations");
  const z = stream.allocate(100, "on the stack");
  const { texture } = device.uploadTexture(new Float32Array(4), "constants");
  readback.record(stream, { ...x, bytes: 4 });
  stream.submit();
  const destroyed = new Set<string>();
  for (const memory of [x.buffer, y.buffer, z.buffer, texture]) {
    const destroy = memory.destroy.bind(memory);
    memory.destroy = () => (destroyed.add(memory.label), destroy());
  }
  // Creations whose outcome nobody waits for must not end the program either.
  device.createBuffer({
    label: "crooked",
    size: 16,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.MAP_WRITE,
  });
  const waiting = [readback.take(() => 1), device.read(x), device.idle(), device.settle()];
  device[Symbol.dispose]();
  assertEquals([...destroyed].sort(), ["activations", "constants", "stack 0", "weights"]);
  for (const [i, result] of (await Promise.allSettled(waiting)).entries()) {
    assert(result.status === "rejected" && result.reason instanceof GpuError, `wait ${i}: ${result.status}`);
    assertStringIncludes(result.reason.message, "it is disposed", `wait ${i}`);
  }
});

Deno.test("createTexture() is counted with the buffers until the texture is destroyed", async () => {
  using device = await Device.request({ pool: false });
  const before = device.memory().buffers, made = device.counters.snapshot().buffers;
  const usage = GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST;
  const { texture, bytes } = device.createTexture(
    { label: "rows", size: [16, 4], format: "rgba32float", usage },
    1024,
  );
  assertEquals(bytes, 1024);
  assertEquals(device.counters.snapshot().buffers, made + 1);
  assertEquals(device.memory().buffers.bytes, before.bytes + 1024);
  texture.destroy();
  assertEquals(device.memory().buffers.bytes, before.bytes);
  assertEquals(device.memory().buffers.count, before.count);
});
