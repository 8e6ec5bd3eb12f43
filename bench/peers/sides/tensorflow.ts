import { load, VERSIONS } from "../packages.ts";
import type { Input, Open, Outputs, Runner } from "../runner.ts";
import type { TensorFlow } from "../tensorflow/api.ts";
import { CHANNELS_LAST, plain, rearranged, shapeOf, type Value } from "../tensorflow/arrangement.ts";

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
  // Reading ONNX files is no part of TensorFlow.js: neither is loading what does it.
  const start = performance.now();
  const { loadGraph } = await import("../../../src/graph/load.ts");
  const { RebuiltNetwork } = await import("../tensorflow/rebuild.ts");
  const shapes = Object.fromEntries(inputs.map(({ name, shape }) => [name, shape]));
  const network = new RebuiltNetwork(tf, await loadGraph(model, { movable: true }), shapes);
  // Images are given and taken as TensorFlow.js has them: with channels last.
  const images = inputs.map(({ name, shape, data }) => {
    const order = shape.length === 4 ? CHANNELS_LAST : plain(shape.length);
    const laid = rearranged(data, shape, plain(shape.length), order);
    return { name, order, shape: order.map((axis) => shape[axis]!), data: laid };
  });
  const spareMs = performance.now() - start;
  let last: Record<string, Value> = {};
  return {
    spareMs,
    enqueue: () => {
      tf.dispose(last);
      const given = Object.fromEntries(
        images.map((
          { name, order, shape, data },
        ) => [name, { tensor: tf.tensor(data, shape, "float32"), order }]),
      );
      last = network.run(given);
      tf.dispose(given);
    },
    read: async () => {
      const outputs: Outputs = {};
      const data = await Promise.all(Object.values(last).map(({ tensor }) => tensor.data()));
      Object.keys(last).forEach((name, i) => outputs[name] = data[i] as Float32Array);
      return outputs;
    },
    inOnnxOrder: (outputs) =>
      Object.fromEntries(
        Object.entries(last).map(([name, value]) => {
          const shape = shapeOf(value);
          return [name, rearranged(outputs[name]!, shape, value.order, plain(shape.length))];
        }),
      ),
  };
}
