/**
 * What a run's figures depend on beside the engine: machine, driver, commit.
 *
 * @module
 */
import { describeMachine } from "../../bench/habits/machine.ts";
import type { Device } from "../../src/gpu/mod.ts";
import { kernelRevision } from "../../src/graph/tuning/kernel_revision.ts";
import { BUSY_LOAD, digits, type RunFacts } from "./results.ts";

/** What is known before a run. */
export async function surroundings(device: Device): Promise<Omit<RunFacts, "loadAfter" | "seconds">> {
  const { adapter, processor, processors, system, deno } = describeMachine(device);
  const commit = await commitNow();
  const loadBefore = digits(Deno.loadavg()[0]!);
  return {
    date: `${new Date().toISOString().slice(0, 16)}Z`,
    adapter,
    driver: await drivers(),
    processor,
    threads: processors,
    system,
    deno,
    engine: kernelRevision(),
    ...(commit !== undefined && { commit }),
    loadBefore,
    busy: loadBefore > BUSY_LOAD,
  };
}

/** What the system tells of Vulkan's drivers: WebGPU tells no version. */
async function drivers(): Promise<string[]> {
  const mesa = await outputOf("dpkg-query", ["-W", "-f", "${Version}", "mesa-vulkan-drivers"]);
  const nvidia = await outputOf("nvidia-smi", ["--query-gpu=driver_version", "--format=csv,noheader"]);
  return [
    ...(mesa ? [`Mesa ${mesa}`] : []),
    ...(nvidia ? [`NVIDIA driver ${nvidia.split("\n")[0]}`] : []),
  ];
}

/** The commit, and whether code differs from it. */
async function commitNow(): Promise<string | undefined> {
  const commit = await outputOf("git", ["rev-parse", "--short", "HEAD"]);
  if (!commit) return undefined;
  const code = ["src", "shaders", "models", "bench", ":!bench/results", ":!models/train", ":!*.md"];
  return await outputOf("git", ["status", "--porcelain", "--", ...code]) ? `${commit}, changed` : commit;
}

/** What a program prints; `undefined` where it is absent or fails. */
async function outputOf(program: string, args: string[]): Promise<string | undefined> {
  try {
    const cwd = new URL("../../", import.meta.url);
    const { success, stdout } = await new Deno.Command(program, { args, cwd, stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
