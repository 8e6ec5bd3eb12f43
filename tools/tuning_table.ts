/**
 * Makes the table of the fastest kernels for this machine's adapter, which the engine takes its choices from where nobody
 * tunes: times every candidate of every distinct layer of the networks of `bench/peers/`, and of files that are named.
 *
 * `deno run -A tools/run.ts run -A tools/tuning_table.ts [FILE.onnx ...] [--only NAME,...] [--seconds 900] [--out FILE]`
 *
 * On software adapters by processor time, so that other work on the machine matters little. What the table has already is
 * kept, as long as it was timed with the kernels as they are: run again, it goes on where it ended. The table is written
 * after each piece of work.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { NETWORKS } from "../bench/peers/networks.ts";
import { processorMs } from "../src/cli/tuning.ts";
import { Device } from "../src/gpu/mod.ts";
import { type Graph, loadGraph, Session, type TuningStore } from "../src/graph/mod.ts";
import { tuningIdentity } from "../src/graph/tuning/record.ts";
import { familyOf } from "../src/graph/tuning/table.ts";

const TABLE = new URL("../shaders/tuning/llvmpipe.json", import.meta.url);
/** Milliseconds after which the table is written. */
const PIECE_MS = 60_000;

/** Ends where a file holds another adapter's table, which would be written over. */
function refuseForeign(path: string | URL, text: string | undefined, device: Device): void {
  const { adapter } = tuningIdentity(device.adapterInfo, device.target);
  const other = /"adapter": "([^"]*)"/.exec(text ?? "")?.[1];
  if (other === undefined || familyOf(other) === familyOf(adapter)) return;
  console.error(
    `Cannot write ${path}: it is the table of "${other}", and this is "${adapter}"; name another file with --out, and ` +
      `add it to TABLES in src/graph/tuning/table.ts`,
  );
  Deno.exit(1);
}

/** The table as a store: what is read and written is what tuners write, with a word on how it was made. */
class TableStore implements TuningStore {
  readonly #path: string | URL;
  readonly #made: Record<string, string>;

  constructor(path: string | URL, made: Record<string, string>) {
    this.#path = path;
    this.#made = made;
  }

  async read(): Promise<string | undefined> {
    try {
      return await Deno.readTextFile(this.#path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  async write(_name: string, text: string): Promise<void> {
    const made = Object.entries(this.#made).map(([name, value]) =>
      `    ${JSON.stringify(name)}: ${JSON.stringify(value)}`
    );
    const [open, ...rest] = text.split("\n");
    await Deno.writeTextFile(
      this.#path,
      [open, '  "made": {', `${made.join(",\n")}`, "  },", ...rest].join("\n"),
    );
  }
}

/** A network whose layers go into the table. */
interface Tuned {
  name: string;
  graph: Graph;
  shapes: Record<string, number[]>;
}

async function* networks(files: readonly string[], only: readonly string[]): AsyncGenerator<Tuned> {
  for (const file of files) {
    const bytes = await Deno.readFile(file);
    const graph = await loadGraph(bytes, { place: file, movable: true });
    const shapes = Object.fromEntries(
      graph.inputs.map(({ name, dims }) => [name, dims.map((dim) => typeof dim === "number" ? dim : 1)]),
    );
    yield { name: file.replace(/^.*[/\\]/, ""), graph, shapes };
  }
  for (const source of NETWORKS) {
    if (only.length > 0 ? !only.includes(source.name) : files.length > 0) continue;
    const network = await source.make();
    if (network) {
      const shapes = Object.fromEntries(network.inputs.map(({ name, shape }) => [name, shape]));
      yield { name: source.name, graph: await loadGraph(network.bytes), shapes };
    } else console.log(`${source.name}: its file is not here, so its layers are not in the table`);
  }
}

const options = parseArgs(Deno.args, { string: ["only", "seconds", "out", "_"] });
const deadline = performance.now() + 1000 * Number(options.seconds ?? 900);
using device = await Device.request();
const { description, vendor } = device.adapterInfo;
const path = options.out ?? TABLE;
const store = new TableStore(path, {
  by:
    "tools/tuning_table.ts: every candidate of every distinct layer, five rounds beside the estimate's choice",
  timed: device.target.software ? "processor time of all cores" : "timestamps, or the wall clock",
  runtime: `Deno ${Deno.version.deno}, ${Deno.build.target}, ${navigator.hardwareConcurrency} cores`,
  date: new Date().toISOString().slice(0, 10),
});
refuseForeign(path, await store.read(), device);
console.log(`tuning for ${description || vendor}`);
for await (const { name, graph, shapes } of networks(options._.map(String), options.only?.split(",") ?? [])) {
  using session = new Session(device, graph, {
    tune: "full",
    tuning: { store, processorMs, budgetMs: PIECE_MS },
    warn: () => {},
  });
  for (let left = 1; left > 0 && performance.now() < deadline;) {
    const report = await session.tune(shapes);
    left = report?.left ?? 0;
    console.log(
      report
        ? `${name}: ${report.timed} of ${report.layers} layers timed in ${
          (report.ms / 1000).toFixed(0)
        } s, ${report.changed} changed, ${left} left`
        : `${name}: all is known`,
    );
  }
}
