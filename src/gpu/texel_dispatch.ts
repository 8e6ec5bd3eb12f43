import type { BufferRange, TextureRange } from "./allocator.ts";
import type { Device } from "./device.ts";
import type { Dispatch, DispatchDescriptor } from "./dispatch.ts";
import { type Kernel, type KernelOptions, kernelOutline, type KernelSource } from "./kernel.ts";
import { withoutComments } from "./storage_text.ts";
import { texelCandidates, type TexelScalar, TexelScratch, texelTypeOf } from "./texel_loads.ts";

/** Bytes from which a range is copied to a texture; the loads of a smaller one cost less than what tells of the copy. */
const LEAST_BYTES = 1024;

/**
 * Textures that the dispatches of one owner load through, or `undefined` where storage is as fast: kernels that run as
 * programs on the CPU load a texture in a thirtieth of the time. Made at preparation and ended by its owner.
 */
export function texelScratch(device: Device): TexelScratch | undefined {
  return loadsTextures(device) ? new TexelScratch(device) : undefined;
}

/**
 * A kernel bound to memory, as `device.dispatch(device.kernel(source, options), descriptor)` does it, which loads what it
 * never writes through textures where there are some to do so. Constants may be given as textures: see
 * {@linkcode uploadConstants}.
 *
 * @param scratch from {@linkcode texelScratch}; its dispatches run one after the other.
 * @param leastBytes from which a range is copied to a texture. A copy takes some 25 microseconds: a kernel that loads each
 * element about once is no faster for it below some 64 KB.
 * @throws {GpuError} as `Device.kernel` and `Device.dispatch` do.
 */
export function texelDispatch(
  device: Device,
  scratch: TexelScratch | undefined,
  source: KernelSource,
  options: KernelOptions,
  descriptor: DispatchDescriptor,
  leastBytes: number = LEAST_BYTES,
): Dispatch {
  if (!scratch) return device.dispatch(device.kernel(source, options), descriptor);
  const { bindings } = descriptor;
  const scalars = candidateScalars(source, options);
  const given = Object.values(bindings).filter((range) => "texture" in range).length;
  let left = device.limits.maxStorageTexturesPerShaderStage - given;
  const loaded = [...scalars.keys()].filter((name) => {
    const range = bindings[name];
    if (!range) return false;
    return !("buffer" in range) || (isWorthwhile(range, leastBytes, scratch.mostBytes) && left-- > 0);
  });
  const copied = loaded.filter((name) => "buffer" in bindings[name]!);
  // One range that is bound twice takes one texture.
  const numberOf = (name: string): number =>
    copied.findIndex((other) =>
      bindings[other] === bindings[name] && scalars.get(other) === scalars.get(name)
    );
  return device.dispatch(device.kernel(source, { ...options, texels: loaded }), {
    ...descriptor,
    texels: Object.fromEntries(
      copied.map((name) => [
        name,
        scratch.take(numberOf(name), bindings[name]!.bytes, 16, scalars.get(name)!),
      ]),
    ),
  });
}

/**
 * Constants for {@linkcode texelDispatch}: in a texture where kernels load faster from one and it fits, else in a buffer.
 *
 * @param scalar what the kernel that reads them takes them for.
 * @throws {GpuError} as `Device.upload` does.
 */
export function uploadConstants(
  device: Device,
  data: ArrayBufferView<ArrayBuffer>,
  label: string,
  scalar: TexelScalar = "f32",
): BufferRange | TextureRange {
  const fits = loadsTextures(device) && data.byteLength <= TexelScratch.mostBytes(device.limits);
  return fits ? device.uploadTexture(data, label, scalar) : device.upload(data, label);
}

/** Ends what {@linkcode uploadConstants} made. */
export function destroyConstants(range: BufferRange | TextureRange): void {
  if ("buffer" in range) range.buffer.destroy();
  else range.texture.destroy();
}

/** What the textures hold that a variant can load its storage from, by binding. The same answer for the same variant. */
export function candidateScalars(
  source: KernelSource,
  options: KernelOptions = {},
): ReadonlyMap<string, TexelScalar> {
  const known = found.get(source) ?? new Map<string, ReadonlyMap<string, TexelScalar>>();
  found.set(source, known);
  // Constants change how often a stretch is repeated, not what it does.
  const key = JSON.stringify(options.inject ?? {});
  let scalars = known.get(key);
  if (!scalars) {
    const code = withoutComments(kernelOutline(source, options));
    const bound = [...code.matchAll(/var<storage,\s*\w+>\s+(\w+)/g)].map((match) => match[1]!);
    scalars = new Map(texelCandidates(code, bound).map((name) => [name, texelTypeOf(code, name)!.scalar]));
    known.set(key, scalars);
  }
  return scalars;
}

const found = new WeakMap<KernelSource, Map<string, ReadonlyMap<string, TexelScalar>>>();

/** What the channels of a texture are that a kernel binds. */
export function texelScalarOf({ bindings }: Pick<Kernel, "bindings">, name: string): TexelScalar {
  const kind = bindings.find((binding) => binding.name === name)?.kind;
  return kind === "integer-texture" ? "u32" : kind === "signed-texture" ? "i32" : "f32";
}

function loadsTextures({ target }: Device): boolean {
  return target.software && !target.plain;
}

/** Whole texels are copied, the last one as well, of buffers that may be copied from. */
function isWorthwhile({ buffer, offset, bytes }: BufferRange, least: number, most: number): boolean {
  return (buffer.usage & GPUBufferUsage.COPY_SRC) !== 0 && bytes >= least && bytes <= most &&
    offset + Math.ceil(bytes / 16) * 16 <= buffer.size;
}
