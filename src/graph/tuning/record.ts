/**
 * What was measured on an adapter, as text: to be kept from one process to the next.
 *
 * @module
 */
import type { KernelTarget } from "../../gpu/mod.ts";
import type { MeasuredLayer } from "../../ops/kernel_choice.ts";
import { kernelRevision } from "./kernel_revision.ts";

/** What measurements are of: they mean nothing elsewhere. */
export interface TuningIdentity {
  /** The engine's version and a fingerprint of its kernels. */
  readonly engine: string;
  /** All that WebGPU tells of the adapter; drivers are part of its description where it has them. */
  readonly adapter: string;
  /** What else kernels are chosen by. */
  readonly target: string;
}

/** Measurements by layer. */
export type MeasuredLayers = ReadonlyMap<string, MeasuredLayer>;

/** What of an adapter is text. */
export type AdapterText = Pick<GPUAdapterInfo, "vendor" | "architecture" | "device" | "description">;

/** What is measured on an adapter with kernels for a target. */
export function tuningIdentity(info: AdapterText, target: KernelTarget): TuningIdentity {
  const { vendor, architecture, device, description } = info;
  return {
    engine: kernelRevision(),
    // A description names the adapter, and the driver where it can; browsers may leave it empty.
    adapter: description || [vendor, architecture, device].filter((part) => part).join(", ") || "unnamed",
    target: describeTarget(target),
  };
}

/** What of a target decides which candidates there are. */
export function describeTarget(
  { software, subgroups, winograd }: Pick<KernelTarget, "software" | "subgroups" | "winograd">,
): string {
  return [
    software ? "software" : "hardware",
    subgroups ? "subgroups" : "no subgroups",
    ...(winograd === undefined ? [] : [`winograd ${winograd}`]),
  ].join(", ");
}

/** The name that an adapter's measurements are kept under: letters, digits, dashes and a dot. */
export function recordName({ adapter, target }: TuningIdentity): string {
  const text = `${adapter} ${target}`;
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  const words = adapter.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60);
  return `${words || "adapter"}-${(hash >>> 0).toString(16).padStart(8, "0")}.json`;
}

const FORMAT = "framewise tuning 1";

/** Measurements as text, a line a layer. */
export function formatRecord(identity: TuningIdentity, layers: MeasuredLayers): string {
  const lines = [...layers].sort(([a], [b]) => a < b ? -1 : 1).map(([layer, measured]) =>
    `    ${JSON.stringify(layer)}: ${JSON.stringify(formatMeasured(measured))}`
  );
  const head = Object.entries({ format: FORMAT, ...identity })
    .map(([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)},\n`).join("");
  return `{\n${head}  "layers": {${lines.length > 0 ? `\n${lines.join(",\n")}\n  ` : ""}}\n}\n`;
}

/** `direct P4 Q8: direct P8 Q4 1.47, direct P4 Q8 1.235, direct P2 Q8 refused`: the chosen one, and all in milliseconds. */
function formatMeasured({ chosen, ms }: MeasuredLayer): string {
  const times = Object.entries(ms).map(([id, one]) =>
    `${id} ${one === null ? "refused" : Number(one.toPrecision(4))}`
  );
  return `${chosen}: ${times.join(", ")}`;
}

/** The contrary; `undefined` if it is not such a text. */
function parseMeasured(text: unknown): MeasuredLayer | undefined {
  const [, chosen, list] = (typeof text === "string" && /^([^:,]+): (.*)$/.exec(text)) || [];
  if (chosen === undefined || list === undefined) return undefined;
  const ms: Record<string, number | null> = {};
  for (const part of list === "" ? [] : list.split(", ")) {
    const [, id, time] = /^(.+) ([\d.e-]+|refused)$/.exec(part) ?? [];
    const taken = Number(time);
    if (id === undefined || (time !== "refused" && !(taken > 0 && Number.isFinite(taken)))) return undefined;
    ms[id] = time === "refused" ? null : taken;
  }
  return { chosen, ms };
}

/** Reads measurements; tells in words what makes them of no use. */
export function parseRecord(
  text: string,
  identity: TuningIdentity,
): { layers: MeasuredLayers } | { problem: string } {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    return { problem: "it is no JSON, perhaps torn" };
  }
  if (!isRecord(record) || record.format !== FORMAT) return { problem: `it is no "${FORMAT}"` };
  for (const name of ["engine", "adapter", "target"] as const) {
    if (record[name] === identity[name]) continue;
    return { problem: `it is for ${name} "${String(record[name])}", and this is "${identity[name]}"` };
  }
  const layers = parseLayers(record.layers);
  return layers ? { layers } : { problem: "its layers are not as they were written" };
}

/** Measurements by layer from JSON; `undefined` if anything is not as it should be. */
export function parseLayers(value: unknown): MeasuredLayers | undefined {
  if (!isRecord(value)) return undefined;
  const layers = new Map<string, MeasuredLayer>();
  for (const [layer, text] of Object.entries(value)) {
    const measured = parseMeasured(text);
    if (!measured) return undefined;
    layers.set(layer, measured);
  }
  return layers;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
