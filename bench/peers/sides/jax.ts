import { load, VERSIONS } from "../packages.ts";
import type { Open, Outputs } from "../runner.ts";

interface JaxArray {
  data(): Promise<Float32Array>;
  blockUntilReady(): Promise<unknown>;
  dispose(): void;
}
interface Jax {
  init(device: string): Promise<string[]>;
  defaultDevice(device: string): void;
  jit<F>(f: F): F;
  numpy: {
    float32: unknown;
    array(data: Float32Array, options: { shape: readonly number[]; dtype: unknown }): JaxArray;
  };
}
interface Attribute {
  name: string;
  type: number;
  i: bigint;
  ints: bigint[];
}
interface Model {
  model: { graph: { node: { opType: string; attribute: Attribute[] }[] } };
  run(inputs: Record<string, JaxArray>): Record<string, JaxArray>;
}

/** Kinds of attributes, as ONNX numbers them. */
const INT = 2, INTS = 7;

/** jax-js, compiled by its `jit`. */
export const open: Open = async (bytes, inputs) => {
  const { init, defaultDevice, jit, numpy } = await load<Jax>(`npm:@jax-js/jax@${VERSIONS.jax}`);
  const { ONNXModel } = await load<{ ONNXModel: new (bytes: Uint8Array) => Model }>(
    `npm:@jax-js/onnx@${VERSIONS.jaxOnnx}`,
  );
  if (!(await init("webgpu")).includes("webgpu")) throw new Error("jax-js: WebGPU does not start");
  defaultDevice("webgpu");
  const model = new ONNXModel(bytes);
  const told: string[] = [];
  // It has no GlobalAveragePool, but the mean that this is.
  for (const node of model.model.graph.node) {
    if (node.opType !== "GlobalAveragePool") continue;
    node.opType = "ReduceMean";
    const attribute = { f: 0, s: new Uint8Array(), floats: [], strings: [], i: 0n, ints: [] };
    node.attribute.push(
      { ...attribute, name: "axes", type: INTS, ints: [2n, 3n] },
      { ...attribute, name: "keepdims", type: INT, i: 1n },
    );
    told.push("GlobalAveragePool as ReduceMean");
  }
  const run = jit((...arrays: JaxArray[]) =>
    model.run(Object.fromEntries(inputs.map(({ name }, i) => [name, arrays[i]!])))
  );
  let last: Record<string, JaxArray> = {};
  let pending: Promise<unknown>[] = [];
  const waiting: Promise<unknown>[] = [];
  return {
    enqueue: () => {
      const before = Object.values(last);
      // Work is handed to the GPU when its result is waited for, and is never done if that is dropped before.
      const handed = pending;
      last = run(...inputs.map(({ data, shape }) => numpy.array(data, { shape, dtype: numpy.float32 })));
      pending = Object.values(last).map((array) => array.blockUntilReady());
      waiting.push(Promise.all(handed).then(() => before.forEach((array) => array.dispose())));
    },
    read: async () => {
      await Promise.all([...waiting.splice(0), ...pending.splice(0)]);
      const outputs: Outputs = {};
      const arrays = Object.entries(last);
      // Reading takes an array's reference away.
      const data = await Promise.all(arrays.map(([, array]) => array.data()));
      last = {};
      arrays.forEach(([name], i) => outputs[name] = Float32Array.from(data[i]!));
      return outputs;
    },
    ...(told.length > 0 && { note: [...new Set(told)].join() }),
  };
};
