import { loadGraph } from "../../../src/graph/load.ts";
import { load, VERSIONS } from "../packages.ts";
import type { Input, Open, Outputs, Runner } from "../runner.ts";
import type { Tensor, TensorFlow } from "../tensorflow/api.ts";
import { RebuiltNetwork } from "../tensorflow/rebuild.ts";

const backend = (name: string): string => `npm:@tensorflow/tfjs-backend-${name}@${VERSIONS.tensorFlow}`;

async function start(name: "webgpu" | "wasm"): Promise<TensorFlow> {
  await load(backend(name));
  const tf = await load<TensorFlow>(`npm:@tensorflow/tfjs-core@${VERSIONS.tensorFlow}`);
  if (!await tf.setBackend(name)) throw new Error(`TensorFlow.js: its backend "${name}" does not start`);
  await tf.ready();
  return tf;
}

/** TensorFlow.js's WebGPU backend. */
export const webgpu: Open = async (model, inputs) => await runner(await start("webgpu"), model, inputs);

/** TensorFlow.js's WebAssembly backend with SIMD, on one thread: it has no more outside browsers. */
export const wasm: Open = async (model, inputs) => await runner(await start("wasm"), model, inputs);

async function runner(
  tf: TensorFlow,
  model: Uint8Array<ArrayBuffer>,
  inputs: readonly Input[],
): Promise<Runner> {
  const start = performance.now();
  const shapes = Object.fromEntries(inputs.map(({ name, shape }) => [name, shape]));
  const network = new RebuiltNetwork(tf, await loadGraph(model, { movable: true }), shapes);
  const spareMs = performance.now() - start;
  let last: Record<string, Tensor> = {};
  return {
    spareMs,
    enqueue: () => {
      tf.dispose(last);
      const given = Object.fromEntries(
        inputs.map(({ name, shape, data }) => [name, tf.tensor(data, shape, "float32")]),
      );
      last = network.run(given);
      tf.dispose(given);
    },
    read: async () => {
      const outputs: Outputs = {};
      const data = await Promise.all(Object.values(last).map((tensor) => tensor.data()));
      Object.keys(last).forEach((name, i) => outputs[name] = Float32Array.from(data[i]!));
      return outputs;
    },
  };
}
