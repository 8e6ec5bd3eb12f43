import type { AllocatorStats, BufferRange } from "./allocator.ts";
import type { GpuMemoryStats } from "./gpu_memory.ts";

/** The memory of a device at one moment. */
export interface MemoryReport {
  /** The streams' stacks that were made so far. */
  stacks: AllocatorStats[];
  /** The default allocator. */
  default: AllocatorStats;
  /** The allocators of their own that streams have now. */
  others: AllocatorStats[];
  /** Allocations of streams that no stack had room for, and the default allocator served, a count. */
  fallbacks: number;
  /** Their bytes, all together. */
  fallbackBytes: number;
  /** Streams that were made when every stack was taken, a count; where the pool is off there are none. */
  streamsWithoutStack: number;
  /** Allocations that the garbage collector took and nobody had released. */
  unreleased: { count: number; bytes: number };
  /** All buffers and textures that the device made: stacks, the default allocator's, weights, parameters. */
  buffers: GpuMemoryStats;
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
  const rows = [...report.stacks, ...report.others, report.default].map((stats) => [
    stats.label,
    formatBytes(stats.capacityBytes),
    formatBytes(stats.currentBytes),
    formatBytes(stats.highWaterBytes),
    String(stats.allocations),
    String(stats.refusals),
    stats.largestRefusedBytes === 0 ? "" : formatBytes(stats.largestRefusedBytes),
  ]);
  const table = [
    ["allocator", "capacity", "now", "high water", "allocations", "refusals", "largest refused"],
    ...rows,
  ];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd()
  );
  const { buffers, unreleased, fallbacks, fallbackBytes, streamsWithoutStack } = report;
  lines.push(`fallbacks: ${fallbacks} (${formatBytes(fallbackBytes)})`);
  if (streamsWithoutStack > 0) lines.push(`streams without a stack: ${streamsWithoutStack}`);
  const lost = unreleased.count + buffers.collected;
  if (lost > 0) {
    lines.push(
      `collected without being released: ${lost} (${formatBytes(unreleased.bytes + buffers.collectedBytes)})`,
    );
  }
  lines.push(
    `on the GPU: ${buffers.count} buffers, ${formatBytes(buffers.bytes)}, high water ${
      formatBytes(buffers.highWaterBytes)
    }`,
  );
  return lines.join("\n");
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

/** What to tell when the GPU had no memory for the stack of a stream that allocates. */
export function describeFailedStack(allocation: BufferRange, stats: AllocatorStats, stream: string): string {
  return `Memory: "${allocation.label}" (${allocation.bytes} bytes): the GPU had no memory for ${stats.label} of ` +
    `${stream} (${stats.capacityBytes} bytes); the default allocator serves. Set pool.stackBytes or pool.stackCount lower`;
}

/** What to tell when a stream that allocates got no stack. */
export function describeNoStack(allocation: BufferRange, stream: string, stackCount: number): string {
  return `Memory: "${allocation.label}" (${allocation.bytes} bytes): ${stream} has no stack, all ${stackCount} are ` +
    `taken; the default allocator serves. Set pool.stackCount higher`;
}
