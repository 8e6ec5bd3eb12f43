/**
 * One side with one network, in a process of its own: `side.ts JOB`, where JOB is a {@linkcode Job} in JSON. Tells a
 * {@linkcode Told} in the last line of its output.
 *
 * @module
 */
import { cpuUsage } from "node:process";
import type { Job, Open, Outputs, Told } from "./runner.ts";

/** Each side's module is loaded in its own process only. */
const OPENERS: Readonly<Record<string, () => Promise<Open>>> = {
  "framewise": async () => (await import("./sides/framewise.ts")).open,
  "tfjs-webgpu": async () => (await import("./sides/tensorflow.ts")).webgpu,
  "ort-webgpu": async () => (await import("./sides/onnx_runtime.ts")).webgpu,
  "ort-jsep": async () => (await import("./sides/onnx_runtime.ts")).jsep,
  "jax-webgpu": async () => (await import("./sides/jax.ts")).open,
  "tfjs-wasm": async () => (await import("./sides/tensorflow.ts")).wasm,
  "ort-wasm": async () => (await import("./sides/onnx_runtime.ts")).wasm,
  "ort-native": async () => (await import("./sides/onnx_runtime.ts")).native,
};

/** Latencies are taken for about so long, and not more often than that. */
const LATENCY = { ms: 1000, most: 20 };
/** As many batches as about `ms` take; batches of fewer inferences where the whole takes longer than `most`. */
const THROUGHPUT = { ms: 1000, most: 4000, leastBatch: 2 };

/** Milliseconds of the processor that this process took so far, all threads. */
function cpuMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}

/** The most memory that this process ever had, in MiB; NaN where the system does not tell. */
function peakMiB(): number {
  if (Deno.build.os !== "linux") return NaN;
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
  return Number(kib ?? NaN) / 1024;
}

/** Notes which adapter is asked for, whoever asks. */
function watchAdapter(): () => string | undefined {
  let name: string | undefined;
  const request = GPU.prototype.requestAdapter;
  GPU.prototype.requestAdapter = async function (options) {
    const adapter = await request.call(this, options);
    const { description, vendor, architecture } = adapter?.info ?? {};
    if (adapter) name ??= description || [vendor, architecture].filter(Boolean).join(" ") || "unnamed";
    return adapter;
  };
  return () => name;
}

async function measure(job: Job): Promise<Told> {
  const adapter = watchAdapter();
  const open = await OPENERS[job.side]!();
  const inputs = await Promise.all(job.inputs.map(async ({ name, shape, file }) => ({
    name,
    shape,
    data: new Float32Array((await Deno.readFile(file)).buffer),
  })));
  const runner = await open(await Deno.readFile(job.model), inputs, job.plain === true);
  const once = runner.once ?? (async () => {
    await runner.enqueue();
    return await runner.read();
  });
  let outputs = await once();
  const firstMs = performance.timeOrigin + performance.now() - job.started;

  const latencyMs: number[] = [], throughputMs: number[] = [];
  let latencyCpuMs = NaN, throughputCpuMs = NaN, batch = 0;
  if (!job.firstOnly) {
    let cpu = cpuMs();
    for (let spent = 0, runs = 0; spent < LATENCY.ms && latencyMs.length < LATENCY.most; runs++) {
      const start = performance.now();
      await once();
      const ms = performance.now() - start;
      // The second run ever may still warm something up; where it takes long that is little beside it.
      if (runs === 0 && ms < LATENCY.ms) cpu = cpuMs();
      else {
        latencyMs.push(ms);
        spent += ms;
      }
    }
    latencyCpuMs = (cpuMs() - cpu) / latencyMs.length;
    const fit = Math.floor(THROUGHPUT.most / Math.min(...latencyMs));
    batch = Math.min(job.batch, Math.max(THROUGHPUT.leastBatch, fit));
    cpu = cpuMs();
    for (let spent = 0; throughputMs.length === 0 || spent < THROUGHPUT.ms;) {
      const start = performance.now();
      for (let i = 0; i < batch; i++) await runner.enqueue();
      outputs = await runner.read();
      const ms = performance.now() - start;
      throughputMs.push(ms / batch);
      spent += ms;
    }
    throughputCpuMs = (cpuMs() - cpu) / (throughputMs.length * batch);
  }
  const peak = peakMiB();
  return {
    firstMs,
    spareMs: runner.spareMs ?? 0,
    latencyMs,
    latencyCpuMs,
    throughputMs,
    throughputCpuMs,
    batch,
    peakMiB: peak,
    outputs: await store(job.folder, runner.inOnnxOrder?.(outputs) ?? outputs),
    ...(adapter() !== undefined && { adapter: adapter()! }),
    ...(runner.note !== undefined && { note: runner.note }),
  };
}

async function store(folder: string, outputs: Outputs): Promise<Told["outputs"]> {
  return await Promise.all(
    Object.entries(outputs).map(async ([name, data], i) => {
      const file = `${folder}/${i}.f32`;
      await Deno.writeFile(
        file,
        new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength),
      );
      return { name, file };
    }),
  );
}

if (import.meta.main) {
  const told = await measure(JSON.parse(Deno.args[0]!));
  console.log(`\n${JSON.stringify(told)}`);
  // Some peers keep workers or timers alive.
  Deno.exit(0);
}
