/**
 * Measures operators and networks on this machine's adapter, beside its peak, and keeps the results in
 * `bench/results/ADAPTER.json` and in the README's table: `deno task bench:results`. Where there are results of an earlier
 * run, the ratio new/old of each bench is printed. It takes some minutes, more where the driver compiles all kernels anew.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { quietMesa } from "../src/cli/mesa.ts";
import { Device, measurePeaks } from "../src/gpu/mod.ts";
import { compareRuns, describeComparison } from "./bench_results/compare.ts";
import { BenchError, parseDenoBench, parseRecord } from "./bench_results/deno_json.ts";
import { type NamedResults, withBenchmarks } from "./bench_results/page.ts";
import {
  benchResults,
  bestPeak,
  digits,
  FORMAT,
  mediansOf,
  parseResults,
  type Results,
  slugOf,
  withHistory,
} from "./bench_results/results.ts";
import { surroundings } from "./bench_results/surroundings.ts";

const USAGE = `Usage: bench:results [options]
  --compare       only prints: writes neither results nor README
  --filter TEXT   only benches whose name has TEXT, or fits /PATTERN/; implies --compare
  --readme        measures nothing: makes the README's table from the results that are there`;

const ROOT = new URL("../", import.meta.url);
const BENCHES = ["bench/ops/", "bench/networks/"];
const FOLDER = "bench/results";
const README = new URL("README.md", ROOT);

/** The results of all adapters that are there, by name of their file. */
export async function keptResults(): Promise<NamedResults[]> {
  const found: NamedResults[] = [];
  for await (const { name } of Deno.readDir(new URL(FOLDER, ROOT))) {
    if (!name.endsWith(".json")) continue;
    const path = `${FOLDER}/${name}`;
    const results = parseResults(await Deno.readTextFile(new URL(path, ROOT)), path);
    if (results) found.push({ path, results });
  }
  return found.sort((a, b) => a.path < b.path ? -1 : 1);
}

/** Runs the benches. @throws {BenchError} if one fails. */
async function measure(filter: string | undefined): Promise<Omit<Results, "history">> {
  const start = performance.now();
  using device = await Device.request({ pool: false });
  const before = await surroundings(device);
  if (before.busy) {
    console.error(
      `bench:results: something else runs here (load average ${
        before.loadBefore.toFixed(1)
      }): times will be too large and uneven`,
    );
  }
  const probes = [await measurePeaks(device)];
  const record = await Deno.makeTempFile({ suffix: ".jsonl" });
  try {
    const output = await runBenches(record, filter);
    const timed = parseDenoBench(output);
    const { recorded, leftOut } = parseRecord(await Deno.readTextFile(record));
    probes.push(await measurePeaks(device));
    const peak = bestPeak(probes);
    return {
      format: FORMAT,
      ...before,
      loadAfter: digits(Deno.loadavg()[0]!),
      seconds: Math.round((performance.now() - start) / 1000),
      peak,
      benches: benchResults(timed, recorded, peak),
      leftOut,
    };
  } finally {
    await Deno.remove(record);
  }
}

async function runBenches(record: string, filter: string | undefined): Promise<string> {
  const args = ["bench", "-A", "--no-check", "--json", ...(filter ? ["--filter", filter] : []), ...BENCHES];
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { FRAMEWISE_BENCH_RECORD: record, NO_COLOR: "1" },
    stderr: "inherit",
  }).output();
  // A bench that fails is told in the output, too, with its reason.
  return new TextDecoder().decode(stdout);
}

/** The command; returns its exit code: 1 if it fails, 2 for wrong usage. */
export async function main(args: readonly string[]): Promise<number> {
  const unknown: string[] = [];
  const { compare, filter, readme, help } = parseArgs([...args], {
    string: ["filter"],
    boolean: ["compare", "readme", "help"],
    unknown: (arg) => {
      unknown.push(arg);
      return false;
    },
  });
  if (help) {
    console.log(USAGE);
    return 0;
  }
  if (unknown.length > 0) {
    console.error(`bench:results: unknown: ${unknown.join(", ")}\n${USAGE}`);
    return 2;
  }
  try {
    if (!readme) await measureAndKeep(filter, compare || filter !== undefined);
    if (readme || !(compare || filter !== undefined)) await writeReadme();
    return 0;
  } catch (error) {
    if (!(error instanceof BenchError)) throw error;
    console.error(`bench:results: ${error.message}`);
    return 1;
  }
}

async function measureAndKeep(filter: string | undefined, onlyPrint: boolean): Promise<void> {
  const kept = await keptResults();
  const run = await measure(filter);
  const path = `${FOLDER}/${slugOf(run.adapter)}.json`;
  const previous = kept.find((one) => one.path === path)?.results;
  if (previous) {
    const comparison = compareRuns(mediansOf(previous.benches), mediansOf(run.benches));
    console.log(
      describeComparison(filter === undefined ? comparison : { ...comparison, gone: [] }, previous, run),
    );
  } else for (const { name, medianMs } of run.benches) console.log(`${name}: ${medianMs} ms`);
  if (run.leftOut.length > 0) {
    console.log(`Left out, as their files are not here: ${run.leftOut.join("; ")}.`);
  }
  console.log(`It took ${run.seconds} s.`);
  if (onlyPrint) return;
  await Deno.writeTextFile(new URL(path, ROOT), `${JSON.stringify(withHistory(run, previous), null, 2)}\n`);
  console.log(`The results are in ${path}.`);
}

async function writeReadme(): Promise<void> {
  await Deno.writeTextFile(README, withBenchmarks(await Deno.readTextFile(README), await keptResults()));
}

if (import.meta.main) {
  quietMesa();
  Deno.exit(await main(Deno.args));
}
