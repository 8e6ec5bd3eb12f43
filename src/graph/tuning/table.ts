/**
 * What was measured of adapters beforehand and comes with the engine, so that the first use of a network needs neither
 * timing nor luck. The tables are made by `tools/tuning_table.ts`, and say how.
 *
 * @module
 */
import LLVMPIPE from "../../../shaders/tuning/llvmpipe.json" with { type: "json" };
import { type MeasuredLayers, parseLayers, type TuningIdentity } from "./record.ts";

/** One adapter's table, as its file has it. */
export interface TuningTable {
  /** How it was made. */
  readonly made: Readonly<Record<string, string>>;
  readonly engine: string;
  readonly adapter: string;
  readonly target: string;
  readonly layers: Readonly<Record<string, unknown>>;
}

/** All tables. */
export const TABLES: readonly TuningTable[] = [LLVMPIPE];

/**
 * What is known of an adapter: of the very one, or of the same with another version of its compiler. Kernels that have
 * changed since are found in no list of candidates, or are about as fast.
 */
export function tableFor(
  { adapter, target }: Pick<TuningIdentity, "adapter" | "target">,
): MeasuredLayers | undefined {
  const table = TABLES.find((one) => one.target === target && familyOf(one.adapter) === familyOf(adapter));
  if (table && !parsed.has(table)) parsed.set(table, parseLayers(table.layers));
  return table && parsed.get(table);
}

/** Every session asks for one. */
const parsed = new Map<TuningTable, MeasuredLayers | undefined>();

/** An adapter without the versions in its name: `llvmpipe (LLVM 15.0.6, 256 bits)` is one with `LLVM 19.1.1`. */
export function familyOf(adapter: string): string {
  return adapter.replace(/\b(LLVM|Mesa) [\d.]+/g, "$1");
}
