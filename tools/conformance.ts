/**
 * Runs ONNX's conformance cases: `deno run -A tools/conformance.ts FOLDER`. Prints each case that failed and each that
 * was skipped with why, and the counts; the exit code is 1 if any failed.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { quietMesa } from "../src/cli/mesa.ts";
import { findCases, type Selection } from "./conformance/cases.ts";
import { type Outcome, runCases } from "./conformance/run.ts";

const USAGE = "Usage: conformance FOLDER [--only PREFIX]... [--set NAME]... [--verbose]";

/** How a run is told. */
export interface TellOptions {
  /** Tells each case as it ends, those that passed too. */
  readonly verbose?: boolean;
  /** Takes each line; `console.log` unless told. */
  readonly print?: (line: string) => void;
}

/** Runs the cases of a folder and tells of them; gives what became of each. @throws {Error} if there are none. */
export async function conformance(
  folder: string,
  selection: Selection = {},
  { verbose = false, print = console.log }: TellOptions = {},
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for await (const outcome of runCases(await findCases(folder, selection))) {
    outcomes.push(outcome);
    if (verbose) print(`${line(outcome)} (${outcome.ms.toFixed(0)} ms)`);
  }
  if (!verbose) { for (const outcome of outcomes) if (outcome.verdict !== "passed") print(line(outcome)); }
  const count = (verdict: Outcome["verdict"]): number =>
    outcomes.filter((one) => one.verdict === verdict).length;
  print(`${count("passed")} passed, ${count("failed")} failed, ${count("skipped")} skipped`);
  return outcomes;
}

function line({ name, verdict, detail }: Outcome): string {
  return `${verdict} ${name}${detail === "" ? "" : `: ${detail}`}`;
}

/** The command; returns its exit code: 1 if a case failed or none could be run, 2 for wrong usage. */
export async function main(args: readonly string[], print?: (line: string) => void): Promise<number> {
  const unknown: string[] = [];
  const { _, only, set, verbose } = parseArgs([...args], {
    string: ["only", "set"],
    boolean: ["verbose"],
    collect: ["only", "set"],
    unknown: (arg) => {
      if (arg.startsWith("-")) unknown.push(arg);
      return !arg.startsWith("-");
    },
  });
  const [folder, ...rest] = _.map(String);
  if (folder === undefined || rest.length > 0 || unknown.length > 0) {
    console.error(USAGE);
    return 2;
  }
  try {
    const outcomes = await conformance(folder, { only, sets: set }, { verbose, ...(print && { print }) });
    return outcomes.some(({ verdict }) => verdict === "failed") ? 1 : 0;
  } catch (error) {
    console.error(`conformance: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

if (import.meta.main) {
  quietMesa();
  Deno.exit(await main(Deno.args));
}
