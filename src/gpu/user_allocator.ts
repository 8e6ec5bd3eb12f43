import {
  ALIGNMENT,
  Allocation,
  type AllocationRecord,
  allocationSize,
  type AllocationWatch,
  type Allocator,
  describeAllocation,
  describeOrigins,
} from "./allocator.ts";
import { GpuError } from "./errors.ts";

/**
 * Asks an allocator of the user's own, and refuses what breaks the contract of {@linkcode Allocator}. What is refused
 * is given back, unless it is somebody else's memory.
 *
 * @param handedOut what such allocators gave before and is alive, by buffer.
 * @param watch the device's own: memory of another device is refused.
 * @throws {GpuError} saying which rule was broken, with the numbers; also where the allocator itself throws.
 */
export function allocateChecked(
  allocator: Allocator,
  bytes: number,
  label: string,
  handedOut: WeakMap<GPUBuffer, ReadonlySet<AllocationRecord>>,
  watch: AllocationWatch,
): Allocation | null {
  allocationSize(bytes, label);
  const what = `Cannot allocate "${label}" (${bytes} bytes) from ${allocator.label}`;
  let made: unknown;
  try {
    made = allocator.allocate(bytes, label);
  } catch (cause) {
    throw new GpuError(`${what}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  if (made === null) return null;
  if (!(made instanceof Allocation)) {
    throw new GpuError(
      `${what}: it gave ${typeof made}, no Allocation; where it has no room it must give null`,
    );
  }
  const others = handedOut.get(made.buffer);
  if (others?.has(made.record)) {
    throw new GpuError(
      `${what}: it gave ${describeAllocation(made.record)} a second time, which is still alive` +
        describeOrigins(made.record),
    );
  }
  const broken = brokenRule(made, bytes, watch) ?? overlap(made, others);
  if (broken === undefined) return made;
  try {
    made.free();
  } catch {
    // It refuses its own memory: what is wrong with it is told already.
  }
  throw new GpuError(`${what}: it gave ${describeAllocation(made.record)}, ${broken}`);
}

function brokenRule(made: Allocation, bytes: number, watch: AllocationWatch): string | undefined {
  const { buffer, offset } = made;
  if (made.freed) return "which was freed already; make an Allocation for each call";
  if (made.watch !== undefined && made.watch !== watch) return "which is memory of another device";
  if (made.bytes < bytes) return `which is too small; give ${bytes} bytes, or null where there is no room`;
  if (!Number.isSafeInteger(offset) || offset < 0 || offset % ALIGNMENT !== 0) {
    return `which does not begin at a multiple of ${ALIGNMENT}`;
  }
  if (offset + made.bytes > buffer.size) return `which ends beyond its buffer of ${buffer.size} bytes`;
  if ((buffer.usage & GPUBufferUsage.STORAGE) === 0) {
    return "whose buffer cannot be bound; make it for GPUBufferUsage.STORAGE";
  }
  return undefined;
}

function overlap(made: Allocation, others: ReadonlySet<AllocationRecord> | undefined): string | undefined {
  for (const other of others ?? []) {
    if (made.offset < other.offset + other.bytes && other.offset < made.offset + made.bytes) {
      return `which overlaps ${
        describeAllocation(other)
      }, still alive in the same buffer; give separate memory` +
        describeOrigins(other);
    }
  }
  return undefined;
}
