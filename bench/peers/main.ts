/**
 * Framewise beside the other engines that run ONNX networks from JavaScript: the same files, the same inputs, the same
 * adapter, in one run, turn by turn.
 *
 * `deno run -A --no-lock bench/peers/main.ts [--only NAME,...] [--sides NAME,...] [--rounds 3] [--batch 16]
 * [--minutes 16] [--out FILE] [--write PAGE]`
 *
 * Each side runs each network in a process of its own, once a round; the WebAssembly and native sides, which are there
 * for the record, in the first round only. A process tells:
 * - the first result: from the start of the process, Deno's own included, to the first outputs. Mesa's disk cache and
 *   what else a side keeps on disk is warm from the first round, which does not count here unless it is the only one;
 * - latency: one inference, with the upload of its input and the readback of its outputs;
 * - throughput: 16 inferences enqueued with their uploads (fewer, at least 2, where sixteen take over 4 s), then one wait
 *   for the last one's outputs, told per inference. Deno's WebGPU waits in steps of about 11 ms, which latencies contain
 *   and throughput does not;
 * - the processor's time of both, all threads of the process together: on software Vulkan it is the work itself, and
 *   other programs lengthen it less;
 * - memory: the peak of the process.
 *
 * Outputs are compared with ONNX Runtime's native ones: a side that departs from them by over 0.001 of the largest
 * magnitude has no figures, and the table says so.
 *
 * Packages come from npm at the versions of packages.ts; they enter no lock file.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { quietMesa } from "../../src/cli/mesa.ts";
import { betweenLines, wrapped } from "../../tools/markdown.ts";
import { type Network, NETWORKS } from "./networks.ts";
import { VERSIONS } from "./packages.ts";
import {
  compare,
  digits,
  type Failure,
  figures,
  type Measure,
  ratioTable,
  relativeError,
  type Row,
  spread,
  table,
  TOLERANCE,
} from "./report.ts";
import type { Job, Told } from "./runner.ts";

/** Sides on the same WebGPU adapter; Framewise first. */
const WEBGPU = ["framewise", "tfjs-webgpu", "ort-webgpu", "ort-jsep", "jax-webgpu"];
/** Sides without WebGPU. */
const RECORD = ["tfjs-wasm", "ort-wasm", "ort-native"];
/** Whose outputs all others are compared with. */
const REFERENCE = "ort-native";

/** The side that has a faster way which does not work with every network. */
const HAS_PLAIN = "ort-jsep";

/** What a process may take before it is ended. */
const PATIENCE_MS = 150_000;

interface Options {
  only: readonly string[];
  sides: readonly string[];
  rounds: number;
  batch: number;
  minutes: number;
  out: string | undefined;
  /** The page that the tables are written into. */
  write: string | undefined;
}

const USAGE = `Usage: deno task bench:peers [--only NAME,...] [--sides NAME,...] [--rounds 3] [--batch 16]
                        [--minutes 16] [--out FILE] [--write PAGE]
networks: ${NETWORKS.map(({ name }) => name).join(", ")}
sides: ${[...WEBGPU, ...RECORD].join(", ")}`;

function options(): Options {
  const all = [...WEBGPU, ...RECORD];
  const args = parseArgs(Deno.args, {
    string: ["only", "sides", "rounds", "batch", "minutes", "out", "write"],
    boolean: ["help"],
    unknown: (name) => {
      console.error(`bench:peers: "${name}" is unknown\n${USAGE}`);
      Deno.exit(2);
    },
  });
  if (args.help) {
    console.log(USAGE);
    Deno.exit(0);
  }
  const list = (text: string | undefined, known: readonly string[]): string[] => {
    const names = text?.split(",") ?? [...known];
    const unknown = names.filter((name) => !known.includes(name));
    if (unknown.length > 0) {
      throw new RangeError(`Unknown: ${unknown.join(", ")}; known are ${known.join(", ")}`);
    }
    return names;
  };
  return {
    only: list(args.only, NETWORKS.map(({ name }) => name)),
    sides: list(args.sides, all),
    rounds: Number(args.rounds ?? 3),
    batch: Number(args.batch ?? 16),
    minutes: Number(args.minutes ?? 16),
    out: args.out,
    write: args.write,
  };
}

/** Runs a side with a network in a process of its own. */
async function runSide(job: Job): Promise<Told | Failure> {
  const folder = await Deno.makeTempDir({ dir: job.folder });
  const script = new URL("./side.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-lock", script, JSON.stringify({ ...job, folder, started: Date.now() })],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  const { code, stdout, stderr } = await child.output();
  clearTimeout(timer);
  const last = new TextDecoder().decode(stdout).trim().split("\n").at(-1)!;
  if (code === 0 && last.startsWith("{")) return JSON.parse(last);
  if (code === 137) return { failed: `ended after ${PATIENCE_MS / 1000} s` };
  // deno-lint-ignore no-control-regex
  const lines = new TextDecoder().decode(stderr).replaceAll(/\x1b\[[0-9;]*m/g, "").trim().split("\n");
  const told = lines.find((line) => /error:/i.test(line)) ?? lines.at(-1) ?? "";
  return {
    failed: told.replace(/^error: (Uncaught )?(\(in promise\) )?/, "").slice(0, 200) || `code ${code}`,
  };
}

/** What was told about one network. */
interface Gathered {
  network: Network;
  job: Omit<Job, "side">;
  reference: Map<string, Float32Array>;
  told: Map<string, Told[]>;
  failed: Map<string, string>;
  errors: Map<string, number>;
  /** Sides that run plainly here, and why. */
  plain: Map<string, string>;
  /** What the WebGPU sides took together in the last round. */
  roundMs: number;
}

async function readOutputs(told: Told): Promise<Map<string, Float32Array>> {
  const all = await Promise.all(told.outputs.map(async ({ name, file }) => {
    const data = new Float32Array((await Deno.readFile(file)).buffer);
    await Deno.remove(file);
    return [name, data] as const;
  }));
  return new Map(all);
}

async function prepare(network: Network, base: string, batch: number): Promise<Gathered> {
  const folder = `${base}/${network.name}`;
  await Deno.mkdir(folder);
  const model = `${folder}/model.onnx`;
  await Deno.writeFile(model, network.bytes);
  const inputs = await Promise.all(network.inputs.map(async ({ name, shape, data }, i) => {
    const file = `${folder}/input${i}.f32`;
    await Deno.writeFile(file, new Uint8Array(data.buffer));
    return { name, shape, file };
  }));
  const job = { model, inputs, folder, batch, started: 0 };
  const told = await runSide({ ...job, side: REFERENCE, firstOnly: true });
  if ("failed" in told) throw new Error(`Cannot compare ${network.name}: ${REFERENCE}: ${told.failed}`);
  const reference = await readOutputs(told);
  return {
    network,
    job,
    reference,
    told: new Map(),
    failed: new Map(),
    errors: new Map(),
    plain: new Map(),
    roundMs: 0,
  };
}

/** One side with one network, once. */
async function turn(gathered: Gathered, side: string, firstOnly: boolean): Promise<void> {
  const { told, failed, errors, plain } = gathered;
  let result = await checked(gathered, side, firstOnly);
  if ("failed" in result && side === HAS_PLAIN && !plain.has(side)) {
    plain.set(side, `graph not captured: ${result.failed}`);
    result = await checked(gathered, side, firstOnly);
  }
  if ("failed" in result) {
    failed.set(side, result.failed);
    return;
  }
  const note = plain.get(side);
  errors.set(side, Math.max(result.error, errors.get(side) ?? 0));
  told.set(side, [...told.get(side) ?? [], note === undefined ? result.told : { ...result.told, note }]);
}

/** What a side tells, if its outputs are right. */
async function checked(
  { job, reference, plain }: Gathered,
  side: string,
  firstOnly: boolean,
): Promise<{ told: Told; error: number } | Failure> {
  const told = await runSide({ ...job, side, firstOnly, plain: plain.has(side) });
  if ("failed" in told) return told;
  const outputs = await readOutputs(told);
  let error = 0;
  for (const [name, expected] of reference) {
    error = Math.max(error, relativeError(outputs.get(name) ?? [], expected));
    if (error <= TOLERANCE) continue;
    return {
      failed: `wrong outputs: "${name}" departs by ${error.toExponential(1)} of its largest magnitude`,
    };
  }
  return { told, error };
}

/** What the first results of a network took that are to come again. */
function firstResultsMs({ told, failed }: Gathered): number {
  return WEBGPU.reduce(
    (sum, side) => failed.has(side) ? sum : sum + (told.get(side)?.at(-1)?.firstMs ?? 0),
    0,
  );
}

/** How often the first results of all networks are measured with warm caches, whatever time is left for more. */
const FIRST_RESULTS = 2;

/** Every side in turn with one network; who comes first changes from round to round. */
async function measureRound(
  gathered: Gathered,
  sides: readonly string[],
  round: number,
  firstOnly = false,
): Promise<void> {
  const turns = sides.filter((side) => !gathered.failed.has(side) && (round === 0 || WEBGPU.includes(side)));
  let roundMs = 0;
  for (let i = 0; i < turns.length; i++) {
    const side = turns[(i + round) % turns.length]!;
    const start = performance.now();
    await turn(gathered, side, firstOnly);
    if (WEBGPU.includes(side)) roundMs += performance.now() - start;
    const last = gathered.told.get(side)?.at(-1);
    const measured = last &&
      (last.batch > 0
          ? `${digits(spread(last.throughputMs).median)} ms, ${
            digits(last.throughputCpuMs)
          } ms of the processor, `
          : "") + `first result ${digits(last.firstMs)} ms`;
    const told = gathered.failed.get(side) ?? measured;
    console.log(
      `round ${round + 1}${firstOnly ? ", first results" : ""}, ${gathered.network.name}, ${side}: ${told}`,
    );
  }
  if (!firstOnly) gathered.roundMs = roundMs;
}

function rowOf({ network, told, failed, errors }: Gathered, sides: readonly string[]): Row {
  const measured = sides.flatMap((side): [string, Row["sides"][string]][] => {
    const reason = failed.get(side), all = told.get(side);
    if (reason !== undefined) return [[side, { failed: reason }]];
    return all ? [[side, figures(all, errors.get(side)!)]] : [];
  });
  return {
    name: network.name,
    title: network.title,
    kind: network.kind,
    sides: Object.fromEntries(measured),
  };
}

/** A name for files: "llvmpipe (LLVM 15, 256 bits)" is "llvmpipe". */
function adapterSlug(adapter: string): string {
  const words = adapter.replace(/\(.*/, "").trim().toLowerCase();
  return words.replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "") || "unnamed";
}

const MEASURES: Readonly<Record<Measure, string>> = {
  throughputMs: "Throughput, ms per inference",
  throughputCpuMs: "Throughput, ms of the processor per inference",
  latencyMs: "Latency, ms",
  latencyCpuMs: "Latency, ms of the processor",
  firstMs: "First result, ms",
  peakMiB: "Peak memory, MiB",
};
const MEASURE_NAMES = Object.keys(MEASURES) as Measure[];
/** Those that are set against the best peer's. */
const COMPARED = {
  throughputMs: "throughput",
  latencyMs: "latency",
  firstMs: "first result",
  peakMiB: "peak memory",
} as const;

/** Between these lines of the page are the tables. */
const BEGIN = "<!-- figures of bench:peers, begin -->";
const END = "<!-- figures of bench:peers, end -->";

/** All tables, as text. */
function report(rows: readonly Row[], sides: readonly string[]): string {
  const parts = MEASURE_NAMES.map((measure) => `### ${MEASURES[measure]}\n\n${table(rows, sides, measure)}`);
  const others = WEBGPU.slice(1);
  if (sides.includes("framewise") && others.some((side) => sides.includes(side))) {
    const ratios = ratioTable(rows, "framewise", others, COMPARED);
    parts.unshift(`### Framewise against the best WebGPU peer for each, times better\n\n${ratios}`);
  }
  const failures = rows.flatMap(({ title, sides }) =>
    Object.entries(sides).flatMap(([side, found]) =>
      "failed" in found ? [`- ${title}, ${side}: ${found.failed}`] : []
    )
  );
  if (failures.length > 0) parts.push(`### Without figures\n\n${failures.join("\n")}`);
  return parts.join("\n\n");
}

/** What the figures are of. */
function introduction(
  { adapter, processors, system, deno, date, load, minutes, versions, rounds }: {
    adapter: string;
    processors: number;
    system: string;
    deno: string;
    date: string;
    load: { before: number[] };
    minutes: number;
    versions: typeof VERSIONS;
    rounds: number;
  },
): string {
  const { onnxRuntimeWeb, onnxRuntimeNode, tensorFlow, jax, jaxOnnx } = versions;
  return [
    `On ${adapter}, ${processors} threads, ${system}, Deno ${deno}, ${date}: ${
      minutes.toFixed(0)
    } minutes, at most`,
    `${rounds} rounds, load average ${
      load.before[0]!.toFixed(1)
    } before. onnxruntime-web ${onnxRuntimeWeb} (ort-webgpu,`,
    `ort-jsep, ort-wasm), onnxruntime-node ${onnxRuntimeNode} (ort-native), TensorFlow.js ${tensorFlow} (tfjs-webgpu,`,
    `tfjs-wasm), jax-js ${jax} with its ONNX reader ${jaxOnnx} (jax-webgpu). Medians; outputs agree with ONNX`,
    `Runtime's native ones within ${TOLERANCE} of the largest magnitude.`,
  ].join(" ");
}

async function main({ only, sides, rounds, batch, minutes, out, write }: Options): Promise<void> {
  quietMesa();
  const begin = performance.now(), loadBefore = Deno.loadavg();
  const base = await Deno.makeTempDir({ prefix: "framewise-peers-" });
  const networks: Gathered[] = [];
  const absent: string[] = [];
  try {
    for (const { name, make } of NETWORKS.filter(({ name }) => only.includes(name))) {
      const network = await make();
      if (network) networks.push(await prepare(network, base, batch));
      else {
        absent.push(name);
        console.log(`${name}: its file is absent from ../shared/models`);
      }
    }
    const left = (): number => minutes * 60_000 - (performance.now() - begin);
    for (const gathered of networks) await measureRound(gathered, sides, 0);
    // Each network's first results come again before any network is measured at length again: caches are warm by now.
    for (let round = 1; rounds > 1 && round <= FIRST_RESULTS; round++) {
      for (const gathered of networks) {
        if (firstResultsMs(gathered) < left()) await measureRound(gathered, sides, round, true);
      }
    }
    for (let round = 1; round < rounds; round++) {
      for (const gathered of networks) {
        if (gathered.roundMs < left()) await measureRound(gathered, sides, round);
      }
    }
    const rows = networks.map((gathered) => rowOf(gathered, sides));
    const adapters = new Set(
      networks.flatMap(({ told }) => [...told.values()].flat().flatMap(({ adapter }) => adapter ?? [])),
    );
    if (adapters.size > 1) {
      throw new Error(`The sides ran on different adapters: ${[...adapters].join("; ")}`);
    }
    const adapter = [...adapters][0] ?? "none";
    const text = report(rows, sides);
    console.log(`\n${adapter}\n\n${text}`);
    const file = out ??
      new URL(`../results/peers-${adapterSlug(adapter)}.json`, import.meta.url).pathname;
    const others = WEBGPU.slice(1);
    const result = {
      adapter,
      processors: navigator.hardwareConcurrency,
      system: `${Deno.build.os} ${Deno.build.arch}`,
      deno: Deno.version.deno,
      date: new Date().toISOString().slice(0, 10),
      load: { before: loadBefore, after: Deno.loadavg() },
      minutes: (performance.now() - begin) / 60_000,
      rounds,
      versions: VERSIONS,
      absent,
      comparison: MEASURE_NAMES.flatMap((measure) => compare(rows, "framewise", others, measure) ?? []),
      rows,
    };
    const short = (_: string, value: unknown): unknown =>
      typeof value === "number" && Number.isFinite(value) ? Number(value.toPrecision(4)) : value;
    await Deno.writeTextFile(file, `${JSON.stringify(result, short, 2)}\n`);
    console.log(`\nwritten to ${file}`);
    if (write !== undefined) {
      const of = wrapped(introduction(result));
      const page = betweenLines(await Deno.readTextFile(write), BEGIN, END, `${of}\n\n${text}`);
      await Deno.writeTextFile(write, page);
      await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", write] }).output();
    }
  } finally {
    await Deno.remove(base, { recursive: true });
  }
}

if (import.meta.main) await main(options());
