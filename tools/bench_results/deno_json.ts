/**
 * What `deno bench --json` tells, and what the benches add to it.
 *
 * @module
 */
import type { LeftOut, Recorded } from "../../bench/batched.ts";

/** A bench as Deno times it: nanoseconds of an iteration, which is a batch of inferences. */
export interface TimedBench {
  name: string;
  group: string;
  /** Iterations. */
  n: number;
  min: number;
  p75: number;
}

/** Benches cannot be measured or read. */
export class BenchError extends Error {
  override readonly name = "BenchError";
}

/** What of Deno's output is read. */
interface DenoOutput {
  version: number;
  benches: {
    name: string;
    group: string | null;
    results: ({ ok: { n: number; min: number; p75: number } } | { failed: unknown })[];
  }[];
}

/**
 * Reads the output of `deno bench --json`; what the benches printed goes before it.
 *
 * @throws {BenchError} if there is none, if it is of another version, or if benches failed or share a name.
 */
export function parseDenoBench(output: string): TimedBench[] {
  const start = output.startsWith("{\n") ? 0 : output.lastIndexOf("\n{\n") + 1;
  let told: DenoOutput;
  try {
    told = JSON.parse(output.slice(start));
  } catch {
    throw new BenchError(
      `deno bench told nothing that can be read; its output ends in: ${output.slice(-200)}`,
    );
  }
  if (told.version !== 1 || !Array.isArray(told.benches)) {
    throw new BenchError(`deno bench's output is of version ${told.version}, and version 1 is understood`);
  }
  const failed = told.benches.filter(({ results }) => results.length === 0 || "failed" in results[0]!);
  if (failed.length > 0) {
    const reasons = failed.map(({ name, results: [result] }) => {
      const reason = (result as { failed?: { message?: string } } | undefined)?.failed?.message;
      return `${name} (${reason ?? "no reason told"})`;
    });
    throw new BenchError(`${failed.length} of ${told.benches.length} benches failed: ${reasons.join("; ")}`);
  }
  const names = told.benches.map(({ name }) => name);
  const twice = names.filter((name, i) => names.indexOf(name) !== i);
  if (twice.length > 0) throw new BenchError(`Benches share a name: ${twice.join("; ")}`);
  return told.benches.map(({ name, group, results: [result] }) => {
    const { n, min, p75 } = (result as { ok: { n: number; min: number; p75: number } }).ok;
    return { name, group: group ?? "", n, min, p75 };
  });
}

/** Reads the lines that the benches wrote. @throws {BenchError} if a line is none. */
export function parseRecord(text: string): { recorded: Map<string, Recorded>; leftOut: string[] } {
  const recorded = new Map<string, Recorded>();
  const leftOut: string[] = [];
  for (const line of text.split("\n").filter((line) => line !== "")) {
    let one: Recorded | LeftOut;
    try {
      one = JSON.parse(line);
    } catch {
      throw new BenchError(`A line of the benches' record cannot be read: ${line.slice(0, 100)}`);
    }
    if ("leftOut" in one) leftOut.push(one.leftOut);
    else recorded.set(one.name, one);
  }
  return { recorded, leftOut };
}
