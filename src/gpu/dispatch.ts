import { type BufferRange, rangesOverlap } from "./allocator.ts";
import { GpuError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";

/** The grid of a dispatch, in workgroups. */
export type Workgroups = readonly [x: number, y: number, z: number];

/** A kernel with its bindings and grid: everything that a pass records. */
export interface Dispatch {
  readonly label: string;
  readonly kernel: Kernel;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: Workgroups;
}

/** WebGPU's guaranteed limit of workgroups in each dimension. */
export const MAX_WORKGROUPS = 65535;

/**
 * A grid of at least `count` workgroups, folded into y where x would pass the limit. The kernel takes
 * `workgroup_id.y * num_workgroups.x + workgroup_id.x` as its index and leaves where that is too large.
 */
export function foldWorkgroups(count: number, limit: number = MAX_WORKGROUPS): Workgroups {
  if (count <= limit) return [Math.max(count, 1), 1, 1];
  const rows = Math.ceil(count / limit);
  if (rows > limit) {
    throw new GpuError(`Cannot dispatch ${count} workgroups: the limit is ${limit} x ${limit}`);
  }
  return [Math.ceil(count / rows), rows, 1];
}

/**
 * Refuses a dispatch in which a range that the kernel writes shares bytes with another binding: WebGPU does not
 * report it, and the result would depend on timing.
 *
 * @param disjoint pairs of binding names that share a range but touch different elements of it, as the caller has checked.
 * @throws {GpuError} naming both bindings and their ranges.
 */
export function refuseOverlap(
  kernel: Kernel,
  ranges: Readonly<Record<string, BufferRange>>,
  label: string,
  disjoint: readonly (readonly [string, string])[] = [],
): void {
  const bindings = kernel.bindings.filter((binding) => ranges[binding.name]);
  for (const [i, a] of bindings.entries()) {
    for (const b of bindings.slice(i + 1)) {
      if (!a.written && !b.written) continue;
      const [first, second] = [ranges[a.name]!, ranges[b.name]!];
      if (!rangesOverlap(first, second)) continue;
      if (disjoint.some(([x, y]) => (x === a.name && y === b.name) || (x === b.name && y === a.name))) {
        continue;
      }
      throw new GpuError(
        `Cannot dispatch "${label}" (${kernel.label}): "${a.name}" (${
          describeRange(first)
        }) and "${b.name}" ` +
          `(${describeRange(second)}) overlap and one is written; give them separate memory`,
      );
    }
  }
}

function describeRange(range: BufferRange): string {
  return `${range.label ?? range.buffer.label}, bytes ${range.offset} to ${range.offset + range.bytes}`;
}
