/**
 * Runs every check that a change must pass, one after the other, and stops at the first that fails.
 * `--without test` leaves a stage out.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { runnableOnly } from "./docs.ts";
import { run, runDeno } from "./run.ts";

interface Stage {
  readonly name: string;
  /** The arguments of `deno`. */
  readonly args: () => Promise<string[]> | string[];
  /** Does it need the GPU and ffmpeg? */
  readonly needsMachine?: boolean;
}

/** The stages of `deno task ok`, in order. */
export const STAGES: readonly Stage[] = [
  { name: "fmt", args: () => ["fmt", "--check"] },
  { name: "lint", args: () => ["lint"] },
  { name: "check", args: () => ["check"] },
  { name: "test", args: () => ["test", "-A"], needsMachine: true },
  { name: "docs", args: documentationTests, needsMachine: true },
  { name: "publish", args: () => ["publish", "--dry-run", "--allow-dirty"] },
];

async function documentationTests(): Promise<string[]> {
  const paths = ["README.md", "CONTRIBUTING.md", "docs", "mod.ts", "src"];
  return ["test", "-A", "--doc", "--permit-no-files", "--filter", await runnableOnly(paths), ...paths];
}

/** The filter of the documentation tests is as long as there are examples. */
function shown(arg: string): string {
  return arg.length > 40 ? `${arg.slice(0, 40)}...` : arg;
}

/** Runs the stages; returns the exit code of the first that failed, or 0. */
export async function ok(without: readonly string[]): Promise<number> {
  for (const stage of STAGES) {
    if (without.includes(stage.name)) continue;
    const args = await stage.args();
    console.log(`\n== ${stage.name}: deno ${args.map(shown).join(" ")}`);
    const started = performance.now();
    const code = await (stage.needsMachine ? run : runDeno)(args);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`== ${stage.name}: ${code === 0 ? "ok" : `failed, exit code ${code}`} (${seconds} s)`);
    if (code !== 0) return code;
  }
  return 0;
}

if (import.meta.main) {
  const { without, _ } = parseArgs(Deno.args, { string: ["without"], collect: ["without"] });
  const unknown = without.filter((name) => !STAGES.some((stage) => stage.name === name));
  if (unknown.length > 0 || _.length > 0) {
    console.error(`Usage: ok [--without ${STAGES.map((stage) => stage.name).join("|")}]...`);
    Deno.exit(2);
  }
  Deno.exit(await ok(without));
}
