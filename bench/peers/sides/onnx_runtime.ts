/**
 * ONNX Runtime: its WebGPU provider (the present one, and the one before, "JSEP"), its WebAssembly provider, and the
 * native library.
 *
 * @module
 */
import { load, VERSIONS } from "../packages.ts";
import type { Input, Open, Outputs, Runner } from "../runner.ts";

interface OrtTensor {
  readonly data: Float32Array;
  getData(release?: boolean): Promise<Float32Array>;
  dispose(): void;
}
interface OrtSession {
  readonly outputNames: readonly string[];
  run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>;
}
/** The part of ONNX Runtime that is used. */
interface Ort {
  env: {
    wasm: { numThreads: number; proxy: boolean };
    webgpu: { device: Promise<GPUDevice> };
    logLevel: string;
  };
  Tensor: {
    new (type: "float32", data: Float32Array, shape: readonly number[]): OrtTensor;
    fromGpuBuffer(buffer: GPUBuffer, options: { dataType: "float32"; dims: readonly number[] }): OrtTensor;
  };
  InferenceSession: { create(model: Uint8Array, options: unknown): Promise<OrtSession> };
}

async function web(bundle: "" | "/webgpu" | "/all"): Promise<Ort> {
  const ort = await load<Ort>(`npm:onnxruntime-web@${VERSIONS.onnxRuntimeWeb}${bundle}`);
  ort.env.wasm.proxy = false;
  ort.env.logLevel = "error";
  return ort;
}

/** The WebGPU provider that the package's `webgpu` bundle holds; outputs stay on the GPU until they are read. */
export const webgpu: Open = async (model, inputs) => {
  const ort = await web("/webgpu");
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ["webgpu"],
    preferredOutputLocation: "gpu-buffer",
  });
  return runner(ort, session, inputs, true);
};

/** The provider of the `all` bundle; unless plain, with its graph captured, which is faster. */
export const jsep: Open = async (model, inputs, plain) => {
  copySharedBytes();
  const ort = await web("/all");
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ["webgpu"],
    preferredOutputLocation: "gpu-buffer",
    enableGraphCapture: !plain,
  });
  return plain ? runner(ort, session, inputs, true) : await capturedRunner(ort, session, inputs);
};

/** WebAssembly with SIMD, on all cores. */
export const wasm: Open = async (model, inputs) => {
  // Outside browsers the package's main module is the one that has threads there.
  const ort = await web("");
  ort.env.wasm.numThreads = navigator.hardwareConcurrency;
  return runner(
    ort,
    await ort.InferenceSession.create(model, { executionProviders: ["wasm"] }),
    inputs,
    false,
  );
};

/** The native library, on all cores. */
export const native: Open = async (model, inputs) => {
  const ort = await load<Ort>(`npm:onnxruntime-node@${VERSIONS.onnxRuntimeNode}`);
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ["cpu"],
    intraOpNumThreads: navigator.hardwareConcurrency,
    logSeverityLevel: 3,
  });
  return runner(ort, session, inputs, false);
};

function runner(ort: Ort, session: OrtSession, inputs: readonly Input[], onGpu: boolean): Runner {
  let last: Record<string, OrtTensor> = {};
  return {
    enqueue: async () => {
      if (onGpu) { for (const tensor of Object.values(last)) tensor.dispose(); }
      const feeds = inputs.map(({ name, data, shape }) => [name, new ort.Tensor("float32", data, shape)]);
      last = await session.run(Object.fromEntries(feeds));
    },
    read: async () => {
      const outputs: Outputs = {};
      for (const [name, tensor] of Object.entries(last)) {
        outputs[name] = onGpu ? await tensor.getData() : tensor.data.slice();
      }
      return outputs;
    },
  };
}

/** With a captured graph the inputs lie in buffers of the caller's. */
async function capturedRunner(ort: Ort, session: OrtSession, inputs: readonly Input[]): Promise<Runner> {
  const device = await ort.env.webgpu.device;
  const given = inputs.map(({ name, data, shape }) => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const buffer = device.createBuffer({ size: data.byteLength, usage });
    return {
      name,
      data,
      buffer,
      tensor: ort.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims: shape }),
    };
  });
  const feeds = Object.fromEntries(given.map(({ name, tensor }) => [name, tensor]));
  let last: Record<string, OrtTensor> = {};
  return {
    enqueue: async () => {
      for (const { buffer, data } of given) device.queue.writeBuffer(buffer, 0, data);
      last = await session.run(feeds);
    },
    read: async () => {
      const outputs: Outputs = {};
      for (const [name, tensor] of Object.entries(last)) outputs[name] = await tensor.getData();
      return outputs;
    },
    note: "graph captured",
  };
}

/** Deno's `writeBuffer` takes no bytes of a SharedArrayBuffer, which the bundle's WebAssembly memory is. */
function copySharedBytes(): void {
  const write = GPUQueue.prototype.writeBuffer;
  GPUQueue.prototype.writeBuffer = function (buffer, offset, data, from = 0, size) {
    const view = ArrayBuffer.isView(data);
    if (!((view ? data.buffer : data) instanceof SharedArrayBuffer)) {
      return write.call(this, buffer, offset, data as BufferSource, from, size);
    }
    const unit = view ? (data as Uint8Array).BYTES_PER_ELEMENT ?? 1 : 1;
    const start = (view ? data.byteOffset : 0) + from * unit;
    const bytes = size === undefined ? data.byteLength - from * unit : size * unit;
    const shared = (view ? data.buffer : data) as unknown as SharedArrayBuffer;
    return write.call(this, buffer, offset, new Uint8Array(shared, start, bytes).slice());
  };
}
