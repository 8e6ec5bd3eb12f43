/**
 * Draws small networks of each operator and compares what they give with ONNX Runtime:
 * `deno task fuzz:ops --seed 1 --cases 20000`. `--op NAME` keeps to operators, `--case I` runs one case, `--from I`
 * begins later.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { quietMesa } from "../src/cli/mesa.ts";
import { findOperator } from "../src/ops/registry.ts";
import { drawCase, drawCaseOf, type FuzzCase, nameOf, WINDOW } from "./fuzz/case.ts";
import type { Generator } from "./fuzz/generator.ts";
import { GENERATORS } from "./fuzz/generators.ts";
import { FuzzRunner, type Outcome } from "./fuzz/run.ts";

/** What to run. */
export interface FuzzOptions {
  seed: number;
  /** How many cases. */
  cases: number;
  /** The first case; 0 unless told. */
  from?: number;
  /** Operators to keep to; all that the engine knows unless told. */
  ops?: readonly string[];
  /** Is told of each failure at once. */
  report?: (outcome: Outcome, rerun: string) => void;
  /** Is told how far it is. */
  progress?: (done: number, failed: number) => void;
}

/** Cases by what became of them. */
export interface Tally {
  passed: number;
  failed: number;
  refused: number;
}

/** How a run ended. */
export interface FuzzSummary extends Tally {
  byOperator: ReadonlyMap<string, Tally>;
  /** ONNX Runtime's reasons, with how often each was given. */
  refusals: ReadonlyMap<string, number>;
}

/** The generators of operators that the engine knows. */
export function knownGenerators(ops: readonly string[] = []): Generator[] {
  const known = GENERATORS.filter((one) =>
    findOperator({ op: one.op, domain: one.domain ?? "" }) || one.op === "Constant"
  );
  const unknown = ops.filter((op) => !known.some((one) => nameOf(one) === op));
  if (unknown.length > 0) {
    throw new RangeError(
      `Cannot fuzz ${unknown.join(", ")}: known are ${known.map(nameOf).toSorted().join(", ")}`,
    );
  }
  return ops.length > 0 ? known.filter((one) => ops.includes(nameOf(one))) : known;
}

/** The command line that reruns one case alone. */
export function rerunLine(seed: number, one: Pick<FuzzCase, "op" | "index">): string {
  return `deno task fuzz:ops --seed ${seed} --op ${one.op} --case ${one.index}`;
}

/** Runs cases; tells how many agreed. */
export async function fuzz(options: FuzzOptions): Promise<FuzzSummary> {
  const { seed, cases, from = 0, report, progress } = options;
  const generators = knownGenerators(options.ops);
  const total: Tally = { passed: 0, failed: 0, refused: 0 };
  const byOperator = new Map<string, Tally>();
  const refusals = new Map<string, number>();
  using runner = await FuzzRunner.create();
  for (let first = from; first < from + cases; first += WINDOW) {
    const count = Math.min(WINDOW, from + cases - first);
    const drawn = Array.from(
      { length: count },
      (_, i) =>
        generators.length === 1
          ? drawCaseOf(seed, first + i, generators[0]!)
          : drawCase(seed, first + i, generators),
    );
    for await (const outcome of runner.check(drawn)) {
      const { one: { op, opset }, result, message } = outcome;
      const own = byOperator.get(op) ?? { passed: 0, failed: 0, refused: 0 };
      byOperator.set(op, own);
      const kind = result === "passed" || result === "refused" ? result : "failed";
      own[kind]++;
      total[kind]++;
      if (kind === "refused") {
        const reason = `${op}-${opset}: ${message.replaceAll(/\bc\d+\//g, "").split("\n")[0]!.slice(0, 160)}`;
        refusals.set(reason, (refusals.get(reason) ?? 0) + 1);
      } else if (kind === "failed") report?.(outcome, rerunLine(seed, outcome.one));
    }
    progress?.(first + count - from, total.failed);
  }
  return { ...total, byOperator, refusals };
}

/** A failure with all that is needed to look into it. */
export function failureText({ one, result, message, companyOnly }: Outcome, rerun: string): string {
  return [
    `${one.op}-${one.opset} ${result}${companyOnly ? " (only in one network with others)" : ""}: ${message}`,
    `  case: ${one.description}, kernels for ${JSON.stringify(one.target)}`,
    `  again: ${rerun}`,
  ].join("\n");
}

async function main(): Promise<number> {
  const args = parseArgs(Deno.args, {
    string: ["seed", "cases", "op", "case", "from"],
    boolean: ["refusals"],
    collect: ["op"],
  });
  const number = (name: "seed" | "cases" | "case" | "from", otherwise: number): number => {
    const value = args[name] === undefined ? otherwise : Number(args[name]);
    if (Number.isSafeInteger(value) && value >= 0) return value;
    throw new RangeError(`Cannot read --${name} ${args[name]}: it is a whole number from 0 on`);
  };
  const seed = number("seed", 1);
  const alone = args.case !== undefined;
  const started = performance.now();
  const summary = await fuzz({
    seed,
    cases: alone ? 1 : number("cases", 1000),
    from: alone ? number("case", 0) : number("from", 0),
    ops: args.op,
    report: (outcome, rerun) => console.log(failureText(outcome, rerun)),
    progress: (done, failed) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(0);
      console.error(`${done} cases in ${seconds} s, ${failed} failed`);
    },
  });
  const failing = [...summary.byOperator].filter(([, tally]) => tally.failed > 0);
  for (const [op, tally] of failing.sort(([a], [b]) => a < b ? -1 : 1)) {
    console.log(`${op}: ${tally.failed} of ${tally.passed + tally.failed} failed`);
  }
  if (args.refusals) {
    for (const [reason, count] of summary.refusals) console.log(`refused ${count} times: ${reason}`);
  }
  console.log(
    `${summary.byOperator.size} operators; refused by ONNX Runtime, so not compared: ${summary.refused}`,
  );
  console.log(`${summary.passed} passed, ${summary.failed} failed`);
  return summary.failed === 0 && summary.passed > 0 ? 0 : 1;
}

if (import.meta.main) {
  quietMesa();
  Deno.exit(await main());
}
