import { type BufferRange, rangesOverlap, type TextureRange } from "./allocator.ts";
import { GpuError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import type { TexelCopy } from "./texel_loads.ts";
import type { UniformValues } from "./uniforms.ts";

/** The grid of a dispatch, in workgroups. */
export type Workgroups = readonly [x: number, y: number, z: number];

/** A kernel with its bindings and grid: everything that a pass records. */
export interface Dispatch {
  /** What it is called in messages. */
  readonly label: string;
  /** What it runs. */
  readonly kernel: Kernel;
  /** What it runs on. */
  readonly bindGroup: GPUBindGroup;
  /** How often it runs. */
  readonly workgroups: Workgroups;
  /** Its parameters, if it has any; held so that they are counted as long as the bind group keeps their memory. */
  readonly uniforms: GPUBuffer | undefined;
  /** What is copied to textures before it runs. */
  readonly texels?: readonly TexelCopy[];
}

/** A dispatch before its bind group exists. */
export interface DispatchDescriptor {
  /** What it is called in messages; else the kernel's name. */
  label?: string;
  /** Memory for each binding of the kernel but its uniforms, by name. */
  bindings: Readonly<Record<string, BufferRange | TextureRange>>;
  /** The parameters' values by field name, or a uniform buffer that holds them packed. */
  uniforms?: UniformValues | BufferRange;
  /** Textures for those bindings that the kernel loads from textures and that are given as buffers. */
  texels?: Readonly<Record<string, TextureRange>>;
  /** The grid; see {@linkcode foldWorkgroups}. */
  workgroups: Workgroups;
  /** Pairs of bindings that share a range but not an element; see {@linkcode refuseOverlap}. */
  disjoint?: readonly (readonly [string, string])[];
}

/** Whether parameters are given as a buffer that holds them packed. */
export function isPacked(uniforms: UniformValues | BufferRange): uniforms is BufferRange {
  return "buffer" in uniforms && typeof uniforms.buffer === "object" && !Array.isArray(uniforms.buffer);
}

/** Refuses a dispatch that binds other names than its kernel. @throws {GpuError} with the names. */
export function refuseNames(
  kernel: Kernel,
  { bindings, uniforms }: Pick<DispatchDescriptor, "bindings" | "uniforms">,
  label: string,
): void {
  const names = kernel.bindings.map(({ name }) => name).filter((name) => name !== kernel.uniformName);
  const unknown = Object.keys(bindings).filter((name) => !names.includes(name));
  const missing = names.filter((name) => !bindings[name]);
  if (!kernel.uniformName && uniforms) unknown.push("uniforms");
  if (unknown.length === 0 && missing.length === 0) return;
  throw new GpuError(
    `Cannot dispatch "${label}" (${kernel.label}): missing [${missing.join(", ")}], unknown [${
      unknown.join(", ")
    }]; it binds [${names.join(", ")}]`,
  );
}

/** What a bind group of the kernel is made of; there is memory for each of its bindings. */
export function bindGroupEntries(
  kernel: Kernel,
  ranges: Readonly<Record<string, BufferRange | TextureRange>>,
): GPUBindGroupEntry[] {
  return kernel.bindings.map(({ name, index }) => {
    const range = ranges[name]!;
    const resource = "texture" in range
      ? range.texture.createView()
      : { buffer: range.buffer, offset: range.offset, size: range.bytes };
    return { binding: index, resource };
  });
}

/** WebGPU's guaranteed limit of workgroups in each dimension. */
export const MAX_WORKGROUPS = 65535;

/**
 * A grid of at least `count` workgroups, folded into y where x would pass the limit. The kernel takes
 * `workgroup_id.y * num_workgroups.x + workgroup_id.x` as its index and leaves where that is too large.
 *
 * @throws {GpuError} if `count` is no whole number, or more than `limit` x `limit`.
 */
export function foldWorkgroups(count: number, limit: number = MAX_WORKGROUPS): Workgroups {
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new GpuError(`Cannot dispatch ${count} workgroups: give a whole number, 0 or more`);
  }
  if (count <= limit) return [Math.max(count, 1), 1, 1];
  const rows = Math.ceil(count / limit);
  if (rows > limit) {
    throw new GpuError(
      `Cannot dispatch ${count} workgroups: the limit is ${limit} x ${limit}; give each more to do`,
    );
  }
  return [Math.ceil(count / rows), rows, 1];
}

/**
 * Refuses a grid that the GPU would refuse.
 *
 * @throws {GpuError} with the grid and the limit.
 */
export function refuseGrid(workgroups: Workgroups, limit: number, label: string): void {
  if (workgroups.some((count) => !Number.isSafeInteger(count) || count < 0 || count > limit)) {
    throw new GpuError(
      `Cannot dispatch "${label}": a grid of ${
        workgroups.join(" x ")
      } workgroups, where each count is a whole ` +
        `number up to ${limit}; fold larger grids with foldWorkgroups()`,
    );
  }
}

/**
 * Refuses a dispatch in which a range that the kernel writes shares bytes with another binding: Deno does not
 * report it, and the result would depend on timing. Also refuses one buffer bound both as `read` and as `read_write`,
 * which WebGPU forbids whatever the ranges, and would tell only at the submit.
 *
 * @param disjoint pairs of binding names that share a range but touch different elements of it, as the caller has checked.
 * @throws {GpuError} naming both bindings and their ranges.
 */
export function refuseOverlap(
  kernel: Kernel,
  resources: Readonly<Record<string, BufferRange | TextureRange>>,
  label: string,
  disjoint: readonly (readonly [string, string])[] = [],
): void {
  const ranges: Record<string, BufferRange> = {};
  for (const [name, resource] of Object.entries(resources)) if ("buffer" in resource) ranges[name] = resource;
  const bindings = kernel.bindings.filter((binding) => ranges[binding.name]);
  for (const [i, a] of bindings.entries()) {
    for (const b of bindings.slice(i + 1)) {
      const [first, second] = [ranges[a.name]!, ranges[b.name]!];
      if (first.buffer === second.buffer && (a.kind === "storage") !== (b.kind === "storage")) {
        throw new GpuError(
          `Cannot dispatch "${label}" (${kernel.label}): "${a.name}" (${
            describeRange(first)
          }) and "${b.name}" ` +
            `(${
              describeRange(second)
            }) lie in one buffer, and only one of them is read_write; declare both ` +
            `read_write, or keep what is only read in a buffer of its own`,
        );
      }
      if (!a.written && !b.written) continue;
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
