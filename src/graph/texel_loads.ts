/**
 * On adapters that are programs on the CPU, storage is loaded through textures: there a load of storage costs twenty times
 * as much as one of a texture, and copying from one to the other next to nothing.
 *
 * @module
 */
import { candidateScalars, MOST_ROWS, type TexelScalar, TEXTURE_WIDTH } from "../gpu/mod.ts";
import type { Plan, PlanStep } from "./plan.ts";

/** Bytes from which a load through a texture pays where each element is loaded about once; below, the copy costs more. */
const LEAST_BYTES = 64 * 1024;

/**
 * The same plan, with every load that can and is worth it going through a texture.
 *
 * @param textures that a kernel may load from: see `KernelTarget.textures`.
 */
export function loadThroughTexels(plan: Plan, textures = 4): Plan {
  const names = plan.steps.map((step) => affordable(step, worthwhile(plan, step), textures));
  // A constant is a buffer or a texture: all that read it must agree.
  const refused = new Set<string>();
  for (const [i, step] of plan.steps.entries()) {
    for (const [name, target] of Object.entries(step.bindings)) {
      if ("weight" in target && !names[i]!.includes(name)) refused.add(target.weight);
    }
  }
  for (const { weight } of plan.storages) if (weight !== undefined) refused.add(weight);
  const moving = new Map<string, { from: string; scalar: TexelScalar }>();
  const steps = plan.steps.map((step, i): PlanStep => {
    const bindings = { ...step.bindings };
    const texels = names[i]!.filter((name) => {
      const target = bindings[name]!;
      if (!("weight" in target)) return true;
      if (refused.has(target.weight)) return false;
      const scalar = candidateScalars(step.kernel, step.options).get(name)!;
      const weight = asTexture(target.weight, scalar);
      moving.set(weight, { from: target.weight, scalar });
      bindings[name] = { weight, form: "texture" };
      return true;
    });
    return texels.length === 0 ? step : { ...step, bindings, options: { ...step.options, texels } };
  });
  const moved = new Set([...moving.values()].map(({ from }) => from));
  const weights = new Map([...plan.weights].filter(([key]) => !moved.has(key)));
  for (const [key, { from, scalar }] of moving) {
    weights.set(key, { ...plan.weights.get(from)!, form: "texture", scalar });
  }
  return { ...plan, steps, weights };
}

/** As many of the names as a kernel has textures left for, besides those that its text declares. */
function affordable(step: PlanStep, names: string[], textures: number): string[] {
  const declared = Object.values(step.bindings).filter((target) =>
    "weight" in target && target.form === "texture"
  );
  return names.slice(0, Math.max(0, textures - declared.length));
}

/** Plans of one session may read the same constant from a buffer. */
function asTexture(key: string, scalar: TexelScalar): string {
  return `${key}, as texels of ${scalar}`;
}

/**
 * The bindings of a step that are loaded through textures. A small one is loaded again and again where a large one is
 * loaded, as the mean of a channel is for each of its pixels; and where one is copied, another costs little.
 */
function worthwhile(plan: Plan, step: PlanStep): string[] {
  const names = [...candidateScalars(step.kernel, step.options).keys()];
  const bytesOf = (name: string): number => {
    const target = step.bindings[name];
    return target && "storage" in target ? plan.storages[target.storage]!.bytes : 0;
  };
  const often = (step.multiplyAdds ?? 0) > 0 || names.some((name) => bytesOf(name) >= LEAST_BYTES);
  return names.filter((name) => {
    const target = step.bindings[name];
    if (!target) return false;
    if ("weight" in target) return target.form === "buffer" && plan.weights.has(target.weight);
    return often && bytesOf(name) <= MOST_ROWS * TEXTURE_WIDTH * 16;
  });
}
