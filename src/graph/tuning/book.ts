import type { ChoiceOrigin, KernelChoices, MeasuredLayer } from "../../ops/kernel_choice.ts";
import type { MeasuredLayers } from "./record.ts";

/** Where measurements come from, those that count most first. */
const ORDER = ["tuned", "cache", "table"] as const;

/** Where a measurement comes from. */
export type MeasuredOrigin = typeof ORDER[number];

/** All that a session knows of layers by measurement: what it timed itself goes before the cache, and that before the table. */
export class ChoiceBook implements KernelChoices {
  readonly #layers: Readonly<Record<MeasuredOrigin, Map<string, MeasuredLayer>>> = {
    tuned: new Map(),
    cache: new Map(),
    table: new Map(),
  };

  /** Enters measurements. */
  add(origin: MeasuredOrigin, layers: MeasuredLayers): void {
    for (const [layer, measured] of layers) this.#layers[origin].set(layer, measured);
  }

  find(layer: string): (MeasuredLayer & { readonly origin: ChoiceOrigin }) | undefined {
    for (const origin of ORDER) {
      const measured = this.#layers[origin].get(layer);
      if (measured) return { ...measured, origin };
    }
    return undefined;
  }

  /** Whether all of some candidates were timed on this very machine. */
  hasTimed(layer: string, candidates: readonly string[]): boolean {
    const found = this.find(layer);
    return found !== undefined && found.origin !== "table" && candidates.every((id) => id in found.ms);
  }

  /** What was timed by this session. */
  get tuned(): MeasuredLayers {
    return this.#layers.tuned;
  }
}
