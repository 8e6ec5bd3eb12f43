/**
 * The exact search of one query: the index beside faiss-cpu with one thread and TensorFlow.js's WebGPU backend, in one run,
 * on the same rows, turn by turn.
 *
 * `deno run -A --no-lock bench/place/search_bench.ts [--rows 100000] [--dimensions 128] [--k 10] [--rounds 15]
 * [--python python3] [--out bench/results/search.json]`
 *
 * Of the index two times are told: that of one search with the wait for its result, which is at least 11 ms in Deno; and
 * that of each of ten more that are submitted before one wait, which is what a search adds to a frame. The processor's time
 * is told besides, that of all threads together: on software Vulkan it is the search's own, and other programs lengthen it
 * less. A peer that is absent is told so. What is found is checked against a search on the host in double precision.
 *
 * @module
 */
import { cpuUsage } from "node:process";
import { parseArgs } from "@std/cli/parse-args";
import { Device, Readback, type Stream } from "../../src/gpu/mod.ts";
import { DescriptorIndex } from "../../src/place/index/descriptor_index.ts";
import { type DescriptorType, rowBytesOf } from "../../src/place/index/packing.ts";
import { Random } from "../../tests/support/random.ts";
import { median } from "../../tests/support/steady.ts";
import { describeMachine } from "../habits/machine.ts";
import { faissPeer, type Task, tensorFlowPeer } from "./peers.ts";

const MORE = 10;

/** Milliseconds: the middle one, and the least, which other programs disturb least. */
interface Times {
  median: number;
  least: number;
}

function times(ms: readonly number[]): Times {
  const round = (x: number): number => Number(x.toFixed(3));
  return { median: round(median([...ms].sort((a, b) => a - b))), least: round(Math.min(...ms)) };
}

/** Milliseconds of the processor that this process took so far. */
function cpuMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}

/** Every row's inner product in double precision. */
function scoresOf({ rows, query, dimensions }: Task): Float64Array {
  return Float64Array.from({ length: rows.length / dimensions }, (_, row) => {
    let sum = 0;
    for (let i = 0; i < dimensions; i++) sum += rows[row * dimensions + i]! * query[i]!;
    return sum;
  });
}

/** A search of the index in one type of elements. */
class Searcher implements Disposable {
  readonly index: DescriptorIndex;
  readonly one: number[] = [];
  readonly each: number[] = [];
  readonly eachCpu: number[] = [];
  readonly #stream: Stream;
  readonly #query;
  readonly #search;
  readonly #readback: Readback;

  constructor(device: Device, { rows, query, dimensions, k }: Task, type: DescriptorType) {
    this.index = new DescriptorIndex(device, { dimensions, type, capacity: rows.length / dimensions });
    this.index.add(rows);
    this.#stream = device.stream({ label: type });
    this.#query = device.upload(query, "query");
    this.#search = this.index.search({ k });
    this.#readback = new Readback(device, this.#search.resultBytes, "nearest");
  }

  /** Searches so many times, waits once; gives the milliseconds and what was found. */
  async run(count: number): Promise<{ ms: number; ids: Int32Array }> {
    const begin = performance.now();
    for (let i = 0; i < count; i++) {
      this.#search.record(this.#stream, this.#query);
      if (i === count - 1) {
        this.#readback.record(this.#stream, { ...this.#search.result, bytes: this.#search.resultBytes });
      }
      this.#stream.submit();
    }
    const [found] = await this.#readback.take((bytes) => this.#search.decode(bytes));
    return { ms: performance.now() - begin, ids: found!.ids };
  }

  /** One measurement of both times. */
  async measure(): Promise<void> {
    const { ms: one } = await this.run(1);
    const begin = cpuMs();
    const { ms: many } = await this.run(1 + MORE);
    this.one.push(one);
    this.each.push((many - one) / MORE);
    this.eachCpu.push((cpuMs() - begin) / (1 + MORE));
  }

  [Symbol.dispose](): void {
    for (const part of [this.#search, this.#readback, this.#stream, this.index]) part[Symbol.dispose]();
    this.#query.buffer.destroy();
  }
}

/** Bytes read and written a second by copies between two buffers. */
async function copyGigabytes(device: Device): Promise<number> {
  const size = 64 << 20, copies = 8;
  const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const [from, to] = ["from", "to"].map((label) => device.createBuffer({ label, size, usage }));
  using stream = device.stream({ label: "copy" });
  const run = async (count: number): Promise<number> => {
    const begin = performance.now();
    for (let i = 0; i < count; i++) stream.copy(from!, 0, to!, 0, size);
    await stream.finish();
    return performance.now() - begin;
  };
  await run(1);
  const ms: number[] = [];
  for (let i = 0; i < 5; i++) ms.push((await run(1 + copies) - await run(1)) / copies);
  from!.destroy();
  to!.destroy();
  return Number((2 * size / Math.min(...ms) / 1e6).toFixed(1));
}

const given = parseArgs(Deno.args, { string: ["rows", "dimensions", "k", "rounds", "python", "out"] });
const [count, dimensions, k, rounds] =
  ([["rows", 100_000], ["dimensions", 128], ["k", 10], ["rounds", 15]] as const)
    .map(([name, usual]) => {
      const value = Number(given[name] ?? usual);
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new RangeError(`--${name} is ${given[name]}; give a whole number from 1 on`);
      }
      return value;
    }) as [number, number, number, number];
const random = new Random(1);
const all = random.uniforms((count + 1) * dimensions);
const task: Task = {
  rows: all.slice(0, count * dimensions),
  query: all.slice(count * dimensions),
  dimensions,
  k,
};
const exact = scoresOf(task);
const threshold = Float64Array.from(exact).sort().at(-Math.min(k, count))!;
/** How many of the rows found are among the k best, or as good as those but for rounding. */
const right = (ids: ArrayLike<number>): number =>
  Array.from(ids).filter((id) => exact[id]! > threshold - 1e-4).length / Math.min(k, count);

const loadBefore = Deno.loadavg();
using device = await Device.request({ pool: false });
const peers = [await faissPeer(task, given.python ?? "python3"), await tensorFlowPeer(task)];
const types = ["f32", "f16", "i8"] as const;
const searchers = types.map((type) => new Searcher(device, task, type));
const small = new Searcher(device, { ...task, rows: task.rows.slice(0, 1000 * dimensions) }, "f32");
const recalls = new Map<string, number>();
const peerMs = new Map<string, number[]>(), peerCpuMs = new Map<string, number[]>();
for (const [i, searcher] of searchers.entries()) recalls.set(types[i]!, right((await searcher.run(2)).ids));
if (recalls.get("f32") !== 1) {
  throw new Error(`The f32 index found only ${recalls.get("f32")} of the nearest rows`);
}
await small.run(2);
for (let round = 0; round <= rounds; round++) {
  for (const searcher of [...searchers, small]) await searcher.measure();
  for (const peer of peers) {
    if ("absent" in peer) continue;
    const { ms, cpuMs, ids } = await peer.search();
    // The first search makes pipelines.
    if (round === 0) {
      if (right(ids) !== 1) throw new Error(`${peer.name} found other rows: ${ids.join(", ")}`);
      continue;
    }
    peerMs.set(peer.name, [...peerMs.get(peer.name) ?? [], ms]);
    if (cpuMs !== undefined) peerCpuMs.set(peer.name, [...peerCpuMs.get(peer.name) ?? [], cpuMs]);
  }
}
const copy = await copyGigabytes(device);
const ours = searchers.map((searcher, i) => {
  const type = types[i]!;
  const bytes = count * rowBytesOf(dimensions, type);
  const each = times(searcher.each);
  return {
    type,
    storage: searcher.index.storage,
    oneMs: times(searcher.one),
    eachMs: each,
    eachProcessorMs: times(searcher.eachCpu),
    gigabytesPerSecond: Number((bytes / each.median / 1e6).toFixed(1)),
    recall: recalls.get(type)!,
  };
});
const result = {
  machine: describeMachine(device),
  date: new Date().toISOString().slice(0, 10),
  load: {
    before: loadBefore.map((x) => Number(x.toFixed(2))),
    after: Deno.loadavg().map((x) => Number(x.toFixed(2))),
  },
  rows: count,
  dimensions,
  k,
  rounds,
  copyGigabytesPerSecond: copy,
  index: ours,
  thousandRows: { type: "f32", oneMs: times(small.one), eachMs: times(small.each) },
  peers: peers.map((peer) => {
    if ("absent" in peer) return { name: peer.name, absent: peer.absent };
    const processor = peerCpuMs.get(peer.name);
    return {
      name: peer.name,
      ms: times(peerMs.get(peer.name)!),
      ...(processor && { processorMs: times(processor) }),
    };
  }),
};
for (const { type, oneMs, eachMs, eachProcessorMs, gigabytesPerSecond, recall } of ours) {
  console.log(
    `${type}: one with its wait ${oneMs.median} ms, each of ${MORE} more ${eachMs.median} ms (least ${eachMs.least}), ` +
      `processor ${eachProcessorMs.median} ms, ${gigabytesPerSecond} GB/s, recall ${recall}`,
  );
}
console.log(`1,000 rows, f32: each ${result.thousandRows.eachMs.median} ms`);
for (const peer of result.peers) {
  if (peer.absent !== undefined) console.log(`${peer.name}: absent (${peer.absent})`);
  else {
    const processor = peer.processorMs ? `, processor ${peer.processorMs.median} ms` : "";
    console.log(`${peer.name}: ${peer.ms.median} ms (least ${peer.ms.least})${processor}`);
  }
}
console.log(`copies: ${copy} GB/s`);
await Deno.writeTextFile(given.out ?? "bench/results/search.json", JSON.stringify(result, null, 2) + "\n");
for (const searcher of [...searchers, small]) searcher[Symbol.dispose]();
for (const peer of peers) if (!("absent" in peer)) await peer.close();
