/**
 * The machine that figures were measured on.
 *
 * @module
 */
import type { Device } from "../../src/gpu/mod.ts";

/** What a reader needs to know of a machine. */
export interface Machine {
  adapter: string;
  processor: string;
  processors: number;
  system: string;
  deno: string;
}

/** Names this machine and the adapter of `device`. */
export function describeMachine(device: Device): Machine {
  const { description, vendor, architecture } = device.adapterInfo;
  return {
    adapter: description || [vendor, architecture].filter(Boolean).join(" ") || "unnamed",
    processor: processorName(),
    processors: navigator.hardwareConcurrency,
    system: `${Deno.build.os} ${Deno.build.arch}`,
    deno: Deno.version.deno,
  };
}

function processorName(): string {
  if (Deno.build.os !== "linux") return "unnamed";
  const name = /^model name\s*:\s*(.+)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1]?.trim();
  return !name || name === "unknown" ? "unnamed" : name;
}
