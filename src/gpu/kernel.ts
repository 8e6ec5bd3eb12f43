import { WgslReflect } from "wgsl_reflect";
import { GpuError } from "./errors.ts";
import { arraysAsVariables } from "./array_elements.ts";
import { halveStorage } from "./half_storage.ts";
import { preprocess, type PreprocessOptions } from "./preprocess.ts";
import { assigns, withoutBodies, withoutComments } from "./storage_text.ts";
import { loadTexels, texelFormat, type TexelScalar, texelScalar, texelTypeOf } from "./texel_loads.ts";
import type { UniformField, UniformLayout } from "./uniforms.ts";

/** A kernel's WGSL file and the name it goes by: its path below `shaders/`, without the extension. */
export interface KernelSource {
  /** Its path below `shaders/`, without the extension: `conv/depthwise`. */
  readonly name: string;
  /** The file's text. */
  readonly wgsl: string;
}

/** What sets one variant of a kernel apart from another. */
export interface KernelOptions {
  /** Values of `override` constants (and of `//#unroll` counts of the same name). */
  overrides?: Readonly<Record<string, number | boolean>>;
  /** Text for `//#inject` blocks. */
  inject?: Readonly<Record<string, string>>;
  /** Arrays in storage that hold 16-bit floats in place of 32-bit ones; the device needs `shader-f16`. */
  half?: readonly string[];
  /** Arrays in storage that are only loaded, and are loaded from textures that they are copied to: see `texelCandidates`. */
  texels?: readonly string[];
}

/** What a texture's channels are: floats, unsigned or signed integers. */
export type TextureKind = "texture" | "integer-texture" | "signed-texture";

/** What a texture's channels are, by their type in WGSL. */
const TEXTURE_KINDS: Readonly<Record<TexelScalar, TextureKind>> = {
  f32: "texture",
  u32: "integer-texture",
  i32: "signed-texture",
};

/** What WebGPU calls them. */
const SAMPLE_TYPES: Readonly<Record<TextureKind, GPUTextureSampleType>> = {
  "texture": "unfilterable-float",
  "integer-texture": "uint",
  "signed-texture": "sint",
};

/** A binding of group 0. */
export interface KernelBinding {
  /** The variable's name. */
  name: string;
  /** Its `@binding`. */
  index: number;
  /** How the shader declares it. */
  kind: "uniform" | "storage" | "read-only-storage" | TextureKind;
  /** Of a texture that is loaded as a storage texture, its texels' format; one without is sampled. */
  format?: GPUTextureFormat;
  /** Whether the shader's text may write to it: assigns to it, or hands out a pointer to it. */
  written: boolean;
}

/** What a shader's text says about its interface. */
export interface KernelInterface {
  /** All bindings of group 0. */
  bindings: readonly KernelBinding[];
  /** The layout of the uniform struct, if there is one. */
  uniforms: UniformLayout | undefined;
  /** The uniform variable's name, if there is one. */
  uniformName: string | undefined;
}

/** The parts of wgsl_reflect's result that are used here (the package's module entry carries no types). */
interface Reflection {
  entry: { compute: { name: string }[] };
  getBindGroups(): (ReflectedVariable | undefined)[][];
}
interface ReflectedVariable {
  name: string;
  binding: number;
  access: string;
  resourceType: number;
  size: number;
  members?: ReflectedMember[];
}
interface ReflectedMember {
  name: string;
  offset: number;
  size: number;
  type: ReflectedType;
}
interface ReflectedType {
  name: string;
  format?: ReflectedType | null;
}

/** wgsl_reflect's resource types that kernels use. */
const UNIFORM = 0;
const STORAGE = 1;
const SAMPLED_TEXTURE = 3;
const STORAGE_TEXTURE = 5;

/** A compiled variant of a kernel. Made and cached by the device. */
export interface Kernel extends KernelInterface {
  /** The source's name. */
  readonly label: string;
  /** What a pass runs. */
  readonly pipeline: GPUComputePipeline;
  /** What bind groups are made for. */
  readonly layout: GPUBindGroupLayout;
}

/** Names one variant: equal keys, equal pipelines. */
export function kernelKey(source: KernelSource, options: KernelOptions): string {
  const sorted = (record: Readonly<Record<string, unknown>> = {}): unknown =>
    Object.entries(record).sort(([a], [b]) => a < b ? -1 : 1);
  return JSON.stringify([
    source.name,
    source.wgsl,
    sorted(options.overrides),
    sorted(options.inject),
    options.half ?? [],
    options.texels ?? [],
  ]);
}

/** The text of one variant, all its storage in 32 bits. @throws {GpuError} as {@linkcode preprocess} does. */
export function kernelText(source: KernelSource, options: KernelOptions): string {
  return preprocess(source.wgsl, source.name, replacements(options));
}

/**
 * The same with the body of each unrolled loop once: it declares, reads and writes the same, and is read many times faster.
 *
 * @throws {GpuError} as {@linkcode preprocess} does.
 */
export function kernelOutline(source: KernelSource, options: KernelOptions): string {
  return preprocess(source.wgsl, source.name, { ...replacements(options), once: true });
}

function replacements({ inject, overrides }: KernelOptions): PreprocessOptions {
  return { ...(inject && { inject }), ...(overrides && { constants: overrides }) };
}

/** What is compiled of a variant's text: with the textures and the 16-bit storage that were asked for. @throws {GpuError} */
export function compiledText(
  text: string,
  source: KernelSource,
  { half = [], texels = [] }: KernelOptions,
): string {
  const code = arraysAsVariables(withoutComments(text));
  if (half.length === 0 && texels.length === 0) return code;
  const narrow = half.filter((name) => !texels.includes(name));
  return halveStorage(loadTexels(code, source.name, texels, half), source.name, narrow);
}

/**
 * The values for a variant's `override` constants.
 *
 * @param code the variant's text, as {@linkcode kernelText} or {@linkcode kernelOutline} gives it.
 * @throws {GpuError} for a name that is neither an `override`, nor a `const` of the text, nor an unroll count.
 */
export function overrideConstants(
  code: string,
  source: KernelSource,
  options: KernelOptions,
): Record<string, number> {
  const constants: Record<string, number> = {};
  const unknown: string[] = [];
  for (const [name, value] of Object.entries(options.overrides ?? {})) {
    if (new RegExp(`\\boverride\\s+${name}\\b`).test(code)) constants[name] = Number(value);
    else if (
      !new RegExp(`\\bconst\\s+${name}\\b`).test(code) &&
      !new RegExp(`//#unroll\\s+\\w+\\s+${name}\\b`).test(source.wgsl)
    ) unknown.push(name);
  }
  if (unknown.length > 0) {
    throw new GpuError(
      `Cannot compile ${source.name}: it has no constant "${unknown.join('", "')}"; it declares [${
        [...code.matchAll(/\boverride\s+(\w+)/g)].map((match) => match[1]).join(", ")
      }]`,
    );
  }
  return constants;
}

/** The text with its `override` constants as constants. Naga would check the whole text anew to put them into a pipeline. */
export function withConstants(code: string, values: Readonly<Record<string, number>>): string {
  return code.replaceAll(
    /\boverride\s+(\w+)\s*:\s*(\w+)\s*=\s*([^;]+);/g,
    (_, name: string, type: string, own: string) => {
      const value = values[name];
      const literal = value === undefined ? own : type === "bool" ? `${value !== 0}` : `${type}(${value})`;
      return `const ${name}: ${type} = ${literal};`;
    },
  );
}

/**
 * Reads bindings and uniform layout from WGSL.
 *
 * @throws {GpuError} if the text does not parse, has no entry point `main`, or binds what kernels do not use: samplers, groups other than 0, more than one uniform, or a uniform that is no struct of numbers.
 */
export function reflectKernel(wgsl: string, name: string): KernelInterface {
  const code = withoutComments(wgsl);
  let reflection: Reflection;
  try {
    reflection = declarationsOf(withoutBodies(code));
  } catch (cause) {
    throw new GpuError(`Cannot reflect shader ${name}: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
  if (!reflection.entry.compute.some((entry) => entry.name === "main")) {
    throw new GpuError(`Cannot reflect shader ${name}: it has no compute entry point "main"`);
  }
  const bindings: KernelBinding[] = [];
  let uniforms: UniformLayout | undefined;
  let uniformName: string | undefined;
  const [variables = [], ...others] = reflection.getBindGroups();
  const elsewhere = others.flat().filter((variable) => variable !== undefined);
  if (elsewhere.length > 0) {
    throw new GpuError(`Cannot reflect shader ${name}: "${elsewhere[0]!.name}" is not in @group(0)`);
  }
  for (const variable of variables) {
    if (!variable) continue;
    if (variable.resourceType === SAMPLED_TEXTURE || variable.resourceType === STORAGE_TEXTURE) {
      bindings.push({
        name: variable.name,
        index: variable.binding,
        ...textureOf(code, variable.name),
        written: false,
      });
      continue;
    }
    if (variable.resourceType !== UNIFORM && variable.resourceType !== STORAGE) {
      throw new GpuError(
        `Cannot reflect shader ${name}: "${variable.name}" is no buffer and no texture to load from`,
      );
    }
    const isUniform = variable.resourceType === UNIFORM;
    const writable = !isUniform && variable.access === "read_write";
    bindings.push({
      name: variable.name,
      index: variable.binding,
      kind: isUniform ? "uniform" : writable ? "storage" : "read-only-storage",
      written: writable && assigns(code, variable.name),
    });
    if (isUniform) {
      if (uniformName !== undefined || !variable.members) {
        throw new GpuError(
          `Cannot reflect shader ${name}: parameters are one uniform struct, not ` +
            (uniformName === undefined
              ? `the bare "${variable.name}"`
              : `"${uniformName}" and "${variable.name}"`),
        );
      }
      uniforms = {
        bytes: Math.ceil(variable.size / 16) * 16,
        fields: variable.members.map((member) => uniformField(member, name)),
      };
      uniformName = variable.name;
    }
  }
  return { bindings, uniforms, uniformName };
}

/** What texts declare that kernels were made of, with the numbers of a variant left out. */
const reflections = new Map<string, Reflection>();

/**
 * What a text without bodies declares. The package reads that in a tenth of the time that statements take, and yet in 3
 * ms; variants of a kernel mostly differ in constants.
 */
function declarationsOf(declarations: string): Reflection {
  const sized = /<[^<>]*\b[A-Z]\w*\b[^<>]*>/.test(declarations);
  const key = sized ? declarations : declarations.replaceAll(/\bconst\s+\w+\s*(:\s*\w+\s*)?=[^;]*;/g, "");
  const known = reflections.get(key) ?? new WgslReflect(key);
  reflections.set(key, known);
  return known;
}

/** What a declared texture is. */
function textureOf(code: string, name: string): Pick<KernelBinding, "kind" | "format"> {
  const declared = new RegExp(`\\bvar\\s+${name}\\s*:\\s*texture_(storage_)?2d\\s*<\\s*(\\w+)`).exec(code);
  const [, storage, of = "f32"] = declared ?? [];
  return storage
    ? { kind: TEXTURE_KINDS[texelScalar(of as GPUTextureFormat)], format: of as GPUTextureFormat }
    : { kind: TEXTURE_KINDS[of as TexelScalar] };
}

/** The interface of a variant's text, with some of its storage loaded from textures. */
export function throughTexels(
  shape: KernelInterface,
  text: string,
  { texels = [], half = [] }: Pick<KernelOptions, "texels" | "half">,
): KernelInterface {
  if (texels.length === 0) return shape;
  const code = withoutComments(text);
  const bindings = shape.bindings.map((binding): KernelBinding => {
    if (!texels.includes(binding.name)) return binding;
    const scalar = texelTypeOf(code, binding.name)?.scalar ?? "f32";
    const format = texelFormat(scalar, half.includes(binding.name));
    return { ...binding, kind: TEXTURE_KINDS[scalar], format, written: false };
  });
  return { ...shape, bindings };
}

function isTexture(kind: KernelBinding["kind"]): kind is TextureKind {
  return Object.hasOwn(SAMPLE_TYPES, kind);
}

/** The WebGPU layout of group 0. */
export function bindGroupLayoutEntries(bindings: readonly KernelBinding[]): GPUBindGroupLayoutEntry[] {
  return bindings.map((binding) => ({
    binding: binding.index,
    visibility: GPUShaderStage.COMPUTE,
    ...(!isTexture(binding.kind)
      ? { buffer: { type: binding.kind } }
      : binding.format
      ? { storageTexture: { access: "read-only", format: binding.format } }
      : { texture: { sampleType: SAMPLE_TYPES[binding.kind] } }),
  }));
}

function uniformField(member: ReflectedMember, kernel: string): UniformField {
  const element = scalarOf(member.type);
  if (element === undefined) {
    throw new GpuError(
      `Cannot reflect shader ${kernel}: uniform field "${member.name}" has type ${member.type.name}; use u32, i32, ` +
        `f32, their vectors, or arrays of vec4`,
    );
  }
  return {
    name: member.name,
    offset: member.offset,
    bytes: member.size,
    scalar: element,
    elements: member.size / 4,
  };
}

function scalarOf(type: ReflectedType): UniformField["scalar"] | undefined {
  if (type.format) return scalarOf(type.format);
  const name = type.name;
  if (name === "u32" || name === "i32" || name === "f32") return name;
  if (/^vec[234]u$/.test(name)) return "u32";
  if (/^vec[234]i$/.test(name)) return "i32";
  if (/^vec[234]f$/.test(name)) return "f32";
  return undefined;
}
