/**
 * Others that search as the index does: one query among the same rows.
 *
 * @module
 */

/** One search of a peer: how long it took, and what it found. */
export interface PeerSearch {
  ms: number;
  /** Of the processor's time, where it can be told apart. */
  cpuMs?: number;
  ids: number[];
}

/** A peer that was found, and is asked search by search; or why it was not. */
export type Peer =
  | { name: string; search: () => Promise<PeerSearch>; close: () => Promise<void> }
  | { name: string; absent: string };

/** What all of them search. */
export interface Task {
  rows: Float32Array<ArrayBuffer>;
  query: Float32Array<ArrayBuffer>;
  dimensions: number;
  k: number;
}

/** faiss-cpu's flat index with one thread, in a process of its own. */
export async function faissPeer(task: Task, python: string): Promise<Peer> {
  const name = "faiss-cpu IndexFlatIP, one thread";
  const directory = await Deno.makeTempDir();
  const paths = [`${directory}/rows`, `${directory}/query`] as const;
  await Deno.writeFile(paths[0], new Uint8Array(task.rows.buffer, 0, task.rows.byteLength));
  await Deno.writeFile(paths[1], new Uint8Array(task.query.buffer, 0, task.query.byteLength));
  const remove = (): Promise<void> => Deno.remove(directory, { recursive: true });
  const script = new URL("./faiss_search.py", import.meta.url).pathname;
  let process: Deno.ChildProcess;
  try {
    process = new Deno.Command(python, {
      args: [script, paths[0], `${task.dimensions}`, `${task.k}`, paths[1]],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    await remove();
    return { name, absent: `${python}: ${error instanceof Error ? error.message : error}` };
  }
  const output = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let read = "";
  const line = async (): Promise<string | undefined> => {
    while (!read.includes("\n")) {
      const { value, done } = await output.read();
      if (done) return undefined;
      read += value;
    }
    const end = read.indexOf("\n"), first = read.slice(0, end);
    read = read.slice(end + 1);
    return first;
  };
  const input = process.stdin.getWriter();
  const begin = await line();
  if (begin === undefined) {
    await input.close().catch(() => {});
    const told = (await new Response(process.stderr).text()).trim().split("\n").at(-1);
    await remove();
    return { name, absent: told || `${python} ended` };
  }
  const { version } = JSON.parse(begin);
  return {
    name: `${name}, ${version}`,
    search: async () => {
      await input.write(new TextEncoder().encode("\n"));
      const answer = await line();
      if (answer === undefined) throw new Error(`Cannot search with ${name}: its process ended`);
      return JSON.parse(answer);
    },
    close: async () => {
      await input.close();
      await process.stderr.cancel();
      await process.status;
      await remove();
    },
  };
}

const TENSORFLOW = "4.22.0";

/** The little of TensorFlow.js that is used; its types are not loaded where it is absent. */
interface TensorFlow {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  tensor2d(data: Float32Array, shape: [number, number]): Tensor;
  matMul(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor;
  reshape(a: Tensor, shape: number[]): Tensor;
  topk(a: Tensor, k: number): { values: Tensor; indices: Tensor };
  tidy<T>(body: () => T): T;
  dispose(tensors: unknown): void;
}
interface Tensor {
  data(): Promise<ArrayLike<number>>;
}

/** TensorFlow.js's WebGPU backend: a matrix product and `topk`, the wait for the result included. */
export async function tensorFlowPeer({ rows, query, dimensions, k }: Task): Promise<Peer> {
  const name = `TensorFlow.js ${TENSORFLOW} webgpu, wait included`;
  // Not written out, so that nobody has to have it who does not run this.
  const packages = ["backend-webgpu", "core"].map((part) => `npm:@tensorflow/tfjs-${part}@${TENSORFLOW}`);
  let tf: TensorFlow;
  try {
    await import(packages[0]!);
    tf = await import(packages[1]!);
    if (!await tf.setBackend("webgpu")) return { name, absent: "its WebGPU backend does not start" };
    await tf.ready();
  } catch (error) {
    return { name, absent: error instanceof Error ? error.message.split("\n")[0]! : String(error) };
  }
  const count = rows.length / dimensions;
  const a = tf.tensor2d(rows, [count, dimensions]), b = tf.tensor2d(query, [1, dimensions]);
  return {
    name,
    search: async () => {
      const begin = performance.now();
      // The query first: the other way round takes ten times as long.
      const found = tf.tidy(() => tf.topk(tf.reshape(tf.matMul(b, a, false, true), [count]), k));
      const ids = Array.from(await found.indices.data());
      const ms = performance.now() - begin;
      tf.dispose(found);
      return { ms, ids };
    },
    close: () => {
      tf.dispose([a, b]);
      return Promise.resolve();
    },
  };
}
