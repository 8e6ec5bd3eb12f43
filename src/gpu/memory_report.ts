import type { AllocatorStats, BufferRange } from "./allocator.ts";

/** The memory of a device at one moment. */
export interface MemoryReport {
  /** The streams' stacks that were made so far. */
  stacks: AllocatorStats[];
  /** The default allocator. */
  default: AllocatorStats;
  /** Allocations of streams that no stack had room for, and the default allocator served, a count. */
  fallbacks: number;
  /** Their bytes, all together. */
  fallbackBytes: number;
}

/** A byte count for people: `3.2 MiB`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return "unbounded";
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/** A table of {@linkcode MemoryReport}. */
export function describeMemory(report: MemoryReport): string {
  const rows = [...report.stacks, report.default].map((stats) => [
    stats.label,
    formatBytes(stats.capacityBytes),
    formatBytes(stats.currentBytes),
    formatBytes(stats.highWaterBytes),
    String(stats.allocations),
    String(stats.refusals),
  ]);
  const table = [["allocator", "capacity", "now", "high water", "allocations", "refusals"], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd()
  );
  return [...lines, `fallbacks: ${report.fallbacks} (${formatBytes(report.fallbackBytes)})`].join("\n");
}

/** What to tell when an allocation did not fit on the stack, or own allocator, of a stream. */
export function describeFullStack(
  allocation: BufferRange,
  stats: AllocatorStats,
  stream: string,
  fromPool: boolean,
): string {
  const { label, currentBytes, capacityBytes } = stats;
  return `Memory: "${allocation.label}" (${allocation.bytes} bytes) does not fit on ${label} of ${stream} ` +
    `(${currentBytes} of ${capacityBytes} bytes in use); the default allocator serves. ` +
    (fromPool ? `Set pool.stackBytes to at least ${currentBytes + allocation.bytes}` : "Enlarge it");
}

/** What to tell when a stream that allocates got no stack. */
export function describeNoStack(allocation: BufferRange, stream: string, stackCount: number): string {
  return `Memory: "${allocation.label}" (${allocation.bytes} bytes): ${stream} has no stack, all ${stackCount} are ` +
    `taken; the default allocator serves. Set pool.stackCount higher`;
}
