/**
 * Runs the networks that export.py made and prints a table: `deno task zoo`. `--write` puts it into docs/zoo.md,
 * `--only NAME` keeps to networks whose file name contains NAME.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "@std/cli/parse-args";
import { quietMesa } from "../../src/cli/mesa.ts";
import { Device } from "../../src/gpu/mod.ts";
import { checkEntry, HOW_TO_MAKE, ZOO_FOLDER, zooEntries, type ZooEntry, type ZooResult } from "./zoo.ts";

/** A network that failed, and why. */
export interface ZooFailure {
  readonly entry: ZooEntry;
  readonly message: string;
}

const START = "<!-- zoo table -->";
const END = "<!-- end of zoo table -->";

/** The table of networks, in Markdown. */
export function zooTable(results: readonly (ZooResult | ZooFailure)[]): string {
  const rows = results.map((result) => {
    const { name, exporter, opset, nodes, shape } = result.entry;
    const end = "message" in result
      ? ["", "fails"]
      : [String(result.dispatches), result.error.toExponential(1)];
    return [name, exporter, String(opset), shape.join("x"), String(nodes), ...end];
  });
  const head = ["network", "exporter", "opset", "input", "nodes", "dispatches", "error"];
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => i < 2 ? "---" : "--:")), ...rows.map(line)].join("\n");
}

/** Puts a table between the marks of a page. @throws {Error} if the page has none. */
export function withTable(page: string, table: string): string {
  const start = page.indexOf(START), end = page.indexOf(END);
  if (start < 0 || end < start) {
    throw new Error(`Cannot write the table: the page has no "${START}" and "${END}"`);
  }
  return `${page.slice(0, start + START.length)}\n\n${table}\n\n${page.slice(end)}`;
}

async function main(): Promise<number> {
  const args = parseArgs(Deno.args, { boolean: ["write"], string: ["only"] });
  const entries = zooEntries()?.filter(({ file }) => file.includes(args.only ?? ""));
  if (!entries || entries.length === 0) {
    console.error(`No networks in ${ZOO_FOLDER}; ${HOW_TO_MAKE}`);
    return 1;
  }
  const results: (ZooResult | ZooFailure)[] = [];
  for (const entry of entries) {
    const started = performance.now();
    try {
      using device = await Device.request({ pool: { stackBytes: 64 << 20, stackCount: 1 } });
      const result = await checkEntry(device, entry);
      results.push(result);
      console.log(
        `${entry.file}: ${entry.nodes} nodes, ${result.dispatches} dispatches, ` +
          `off by ${result.error.toExponential(1)} (${((performance.now() - started) / 1000).toFixed(1)} s)`,
      );
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      results.push({ entry, message });
      console.log(`${entry.file}: FAILED: ${message}`);
    }
  }
  const failed = results.filter((result) => "message" in result).length;
  if (args.write) {
    const page = new URL("../../docs/zoo.md", import.meta.url);
    await Deno.writeTextFile(page, withTable(await Deno.readTextFile(page), zooTable(results)));
    await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", fileURLToPath(page)] }).output();
  }
  console.log(`${results.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) {
  quietMesa();
  Deno.exit(await main());
}
