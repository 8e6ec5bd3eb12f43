import { type BufferRange, TEXTURE_WIDTH, type TextureRange } from "./allocator.ts";
import { GpuError } from "./errors.ts";
import type { KernelInterface } from "./kernel.ts";
import { openLoops } from "./open_loops.ts";
import { assigns, closingBracket, elementType, functionsOf } from "./storage_text.ts";

/** Rows of textures that WebGPU grants everywhere. */
export const MOST_ROWS = 8192;

/** A range of storage that a dispatch reads through a texture: it is copied there before. */
export interface TexelCopy {
  /** What is copied. */
  readonly from: BufferRange;
  /** Where to: a texture of at least as many bytes, {@linkcode TEXTURE_WIDTH} texels a row. */
  readonly to: TextureRange;
  /** 16 for texels of four words, 8 where they are halves. */
  readonly texelBytes: 8 | 16;
}

/** What the channels of a texture are, which are loaded in place of storage. */
export type TexelScalar = "f32" | "u32" | "i32";

/** The type of an element that is loaded from a texture. */
export interface TexelType {
  /** What it is made of. */
  readonly scalar: TexelScalar;
  /** How many of them. */
  readonly lanes: 1 | 2 | 4;
}

/** Formats of textures of four channels of 32 bits. */
export const TEXEL_FORMATS: Readonly<Record<TexelScalar, GPUTextureFormat>> = {
  f32: "rgba32float",
  u32: "rgba32uint",
  i32: "rgba32sint",
};

/** What the channels of a texture of that format are. */
export function texelScalar(format: GPUTextureFormat): TexelScalar {
  return format === TEXEL_FORMATS.u32 ? "u32" : format === TEXEL_FORMATS.i32 ? "i32" : "f32";
}

/** The format of a texture of four channels, which are 16-bit floats if `half`. */
export function texelFormat(scalar: TexelScalar, half: boolean): GPUTextureFormat {
  return half ? "rgba16float" : TEXEL_FORMATS[scalar];
}

/**
 * How a kernel declares a texture that it loads constants or storage from: as a storage texture. Mesa's llvmpipe computes
 * its address in line, and of a sampled one in a function that finds each invocation's level: a load by eight invocations
 * takes 7 ns in place of 20.
 */
export function texelTexture(format: GPUTextureFormat): string {
  return `texture_storage_2d<${format}, read>`;
}

/** What a texture is used for that is loaded either way. */
export function texelUsage(): GPUTextureUsageFlags {
  return GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST;
}

/**
 * The type of the elements of a storage array, if they can be loaded from a texture: `f32`, `u32`, `i32`, or two or four
 * of these.
 *
 * @param code WGSL without comments.
 */
export function texelTypeOf(code: string, name: string): TexelType | undefined {
  const [, lanes, letter, scalar] = /^(?:vec([24])([fiu])|([fiu]32))$/.exec(elementType(code, name) ?? "") ??
    [];
  if (scalar !== undefined) return { scalar: scalar as TexelScalar, lanes: 1 };
  if (letter === undefined) return undefined;
  return { scalar: `${letter}32` as TexelScalar, lanes: Number(lanes) as 2 | 4 };
}

/**
 * The storage arrays of a kernel that it could as well load from a texture: arrays of what {@linkcode texelTypeOf} knows
 * that it never writes, and uses by index only.
 *
 * @param code WGSL without comments.
 * @param names those that come into question.
 */
export function texelCandidates(code: string, names: readonly string[]): string[] {
  return names.filter((name) => {
    if (!texelTypeOf(code, name) || assigns(code, name)) return false;
    const own = functionsOf(code).filter((text) => shadows(text, name));
    if (own.some((text) => new RegExp(`(?<![.\\w])${name}\\s*\\[`).test(text))) return false;
    const structs = code.match(/\bstruct\s+\w+\s*\{[^}]*\}/g) ?? [];
    const rest = [...own, ...structs].reduce((whole, text) => whole.replace(text, ""), code);
    const uses = rest.match(new RegExp(`(?<![.\\w])${name}\\b`, "g"))?.length ?? 0;
    const indexed = rest.match(new RegExp(`(?<![.\\w&])${name}\\s*\\[`, "g"))?.length ?? 0;
    // All but its declaration; what follows a point is a component.
    return uses === indexed + 1;
  });
}

/**
 * Rewrites a kernel so that it loads some of its storage from textures of four channels, element by element in the same
 * order, {@linkcode TEXTURE_WIDTH} texels a row. Mesa's llvmpipe loads eight `vec4f`s of storage in about 400 ns,
 * and of a texture in 7; copying them there costs 6.
 *
 * @param code WGSL without comments, which never writes these arrays.
 * @param names the variables, arrays of what {@linkcode texelTypeOf} knows (or aliases of these types).
 * @param half those of them whose textures have 16-bit floats.
 * @throws {GpuError} if a variable is of another type.
 *
 * @example
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * const code = "@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;\nfn f(i: u32) -> f32 { return x[i].y; }";
 * const through = loadTexels(code, "second", ["x"]);
 * assertStringIncludes(through, "var x: texture_storage_2d<rgba32float, read>;");
 * assertStringIncludes(through, "return x_texel(u32(i)).y;");
 * ```
 */
export function loadTexels(
  code: string,
  kernel: string,
  names: readonly string[],
  half: readonly string[] = [],
): string {
  if (names.length === 0) return code;
  const helpers: string[] = [];
  let declared = code;
  for (const name of names) {
    const type = texelTypeOf(code, name);
    if (!type) {
      throw new GpuError(
        `Cannot load from a texture in ${kernel}: "${name}" is no array of f32, u32, i32, or two or four of them, in ` +
          `storage`,
      );
    }
    declared = declared.replace(
      new RegExp(`var<storage,\\s*\\w+>\\s+${name}\\s*:\\s*array<[\\w<>]+>\\s*;`),
      `var ${name}: ${texelTexture(texelFormat(type.scalar, half.includes(name)))};`,
    );
    helpers.push(HELPERS[type.lanes](name, type.scalar));
  }
  helpers.push(`fn texels_there() -> bool { return textureDimensions(${names[0]}).x > 0u; }`);
  return `${openLoops(rewritten(declared, names), "texels_there()")}\n${helpers.join("\n")}\n`;
}

/**
 * What a dispatch copies: the buffers that are given for bindings that the kernel loads from textures.
 *
 * @param textures where to, by binding.
 * @throws {GpuError} if there is no texture for one.
 */
export function texelCopies(
  kernel: Pick<KernelInterface, "bindings">,
  ranges: Readonly<Record<string, BufferRange | TextureRange>>,
  textures: Readonly<Record<string, TextureRange>> = {},
): (TexelCopy & { name: string })[] {
  return kernel.bindings.flatMap(({ name, kind }) => {
    const from = ranges[name];
    if (!kind.endsWith("texture") || !from || !("buffer" in from)) return [];
    const to = textures[name];
    if (!to) throw new GpuError(`Cannot load "${name}" from a texture: none is given beside its buffer`);
    return [{ name, from, to, texelBytes: to.texture.format === "rgba16float" ? 8 : 16 }];
  });
}

/** One copy for each texture, where bindings share some. */
export function distinctCopies(copies: readonly TexelCopy[]): TexelCopy[] {
  return [...new Map(copies.map((copy) => [copy.to.texture, copy])).values()];
}

/** Records the copies that a dispatch asks for. */
export function recordTexelCopies(encoder: GPUCommandEncoder, copies: readonly TexelCopy[]): void {
  for (const { from, to, texelBytes } of copies) {
    const rowBytes = TEXTURE_WIDTH * texelBytes;
    const texels = Math.ceil(from.bytes / texelBytes);
    const rows = Math.floor(texels / TEXTURE_WIDTH);
    const source = { buffer: from.buffer, offset: from.offset, bytesPerRow: rowBytes };
    if (rows > 0) encoder.copyBufferToTexture(source, { texture: to.texture }, [TEXTURE_WIDTH, rows]);
    const rest = texels - rows * TEXTURE_WIDTH;
    if (rest === 0) continue;
    encoder.copyBufferToTexture(
      { ...source, offset: from.offset + rows * rowBytes },
      { texture: to.texture, origin: [0, rows] },
      [rest, 1],
    );
  }
}

/** Textures that dispatches one after the other read through: what each reads is copied there before it, if it is not there. */
export class TexelScratch implements Disposable {
  readonly #create: (descriptor: GPUTextureDescriptor & { label: string }, bytes: number) => TextureRange;
  readonly #most: number;
  readonly #made = new Map<string, TextureRange>();

  /** @param device makes them. */
  constructor(
    device: {
      readonly limits: Pick<GPUSupportedLimits, "maxTextureDimension2D">;
      createTexture: (descriptor: GPUTextureDescriptor & { label: string }, bytes: number) => TextureRange;
    },
  ) {
    this.#create = device.createTexture.bind(device);
    this.#most = device.limits.maxTextureDimension2D;
  }

  /** Bytes of 32-bit storage up to which a texture serves. */
  get mostBytes(): number {
    return TexelScratch.mostBytes({ maxTextureDimension2D: this.#most });
  }

  /** Bytes of 32-bit storage up to which a texture of such an adapter serves. */
  static mostBytes({ maxTextureDimension2D }: Pick<GPUSupportedLimits, "maxTextureDimension2D">): number {
    return maxTextureDimension2D * TEXTURE_WIDTH * 16;
  }

  /**
   * A texture for a range. Ranges of about the same size take the same one; a dispatch that reads several takes each under
   * a number of its own.
   *
   * @throws {GpuError} as `Device.createTexture` does.
   */
  take(number: number, bytes: number, texelBytes: 8 | 16, scalar: TexelScalar = "f32"): TextureRange {
    const wanted = Math.ceil(bytes / (TEXTURE_WIDTH * texelBytes));
    const rows = Math.min(2 ** Math.ceil(Math.log2(Math.max(wanted, 1))), this.#most);
    const format = texelFormat(scalar, texelBytes === 8);
    const key = `${number} ${rows} ${format}`;
    let range = this.#made.get(key);
    if (!range) {
      range = this.#create({
        label: `texels ${key}`,
        size: [TEXTURE_WIDTH, rows],
        format,
        usage: texelUsage(),
      }, rows * TEXTURE_WIDTH * texelBytes);
      this.#made.set(key, range);
    }
    return range;
  }

  /** Runs `body`; if it throws, what was made meanwhile is forgotten, which its caller ends. */
  attempt<T>(body: () => T): T {
    const before = new Set(this.#made.keys());
    try {
      return body();
    } catch (error) {
      for (const key of this.#made.keys()) if (!before.has(key)) this.#made.delete(key);
      throw error;
    }
  }

  /** Ends them all. */
  [Symbol.dispose](): void {
    for (const { texture } of this.#made.values()) texture.destroy();
    this.#made.clear();
  }
}

/** Whether a function has something of its own by that name. */
function shadows(text: string, name: string): boolean {
  return new RegExp(`(\\b(let|var|const)\\s+|[(,]\\s*)${name}\\s*[:=]`).test(text);
}

const ROW_MASK = `${TEXTURE_WIDTH - 1}u`;
const ROW_BITS = Math.log2(TEXTURE_WIDTH);

/** Functions that load an element, by its number of lanes. */
const HELPERS: Readonly<Record<TexelType["lanes"], (name: string, scalar: TexelScalar) => string>> = {
  1: scalarHelper,
  2: pairHelper,
  4: vectorHelper,
};

/** Its own names are such that no binding is called so. */
function vectorHelper(name: string, scalar: TexelScalar): string {
  return `fn ${name}_texel(texel_number: u32) -> vec4<${scalar}> {
  return textureLoad(${name}, vec2u(texel_number & ${ROW_MASK}, texel_number >> ${ROW_BITS}u));
}`;
}

function pairHelper(name: string, scalar: TexelScalar): string {
  return `fn ${name}_texel(pair_number: u32) -> vec2<${scalar}> {
  let texel_number = pair_number >> 1u;
  let texel_value = textureLoad(${name}, vec2u(texel_number & ${ROW_MASK}, texel_number >> ${ROW_BITS}u));
  return select(texel_value.xy, texel_value.zw, (pair_number & 1u) == 1u);
}`;
}

/** The channel is chosen by selects: an index would put the texel into memory. */
function scalarHelper(name: string, scalar: TexelScalar): string {
  return `fn ${name}_texel(word_number: u32) -> ${scalar} {
  let texel_number = word_number >> 2u;
  let texel_value = textureLoad(${name}, vec2u(texel_number & ${ROW_MASK}, texel_number >> ${ROW_BITS}u));
  let texel_pair = select(texel_value.xy, texel_value.zw, (word_number & 2u) == 2u);
  return select(texel_pair.x, texel_pair.y, (word_number & 1u) == 1u);
}`;
}

/** Loads of a stretch of code, those within indices included. */
function rewritten(code: string, names: readonly string[]): string {
  const use = new RegExp(`(?<![.\\w])(${names.join("|")})\\s*\\[`);
  let output = "";
  for (let rest = code;;) {
    const found = use.exec(rest);
    if (!found) return output + rest;
    const open = found.index + found[0].length;
    const close = closingBracket(rest, open);
    output += `${rest.slice(0, found.index)}${found[1]}_texel(u32(${
      rewritten(rest.slice(open, close), names)
    }))`;
    rest = rest.slice(close + 1);
  }
}
