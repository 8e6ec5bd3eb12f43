import { WgslReflect } from "wgsl_reflect";
import { GpuError } from "./errors.ts";
import { preprocess } from "./preprocess.ts";
import type { UniformField, UniformLayout } from "./uniforms.ts";

/** A kernel's WGSL file and the name it goes by: its path below `shaders/`, without the extension. */
export interface KernelSource {
  readonly name: string;
  readonly wgsl: string;
}

/** What sets one variant of a kernel apart from another. */
export interface KernelOptions {
  /** Values of `override` constants (and of `//#unroll` counts of the same name). */
  overrides?: Readonly<Record<string, number | boolean>>;
  /** Text for `//#inject` blocks. */
  inject?: Readonly<Record<string, string>>;
}

/** A binding of group 0. */
export interface KernelBinding {
  name: string;
  index: number;
  kind: "uniform" | "storage" | "read-only-storage";
  /** Whether the shader's text assigns to it. */
  written: boolean;
}

/** What a shader's text says about its interface. */
export interface KernelInterface {
  bindings: readonly KernelBinding[];
  uniforms: UniformLayout | undefined;
  uniformName: string | undefined;
}

/** The parts of wgsl_reflect's result that are used here (the package's module entry carries no types). */
interface Reflection {
  entry: { compute: { name: string }[] };
  uniforms: ReflectedVariable[];
  getBindGroups(): (ReflectedVariable | undefined)[][];
}
interface ReflectedVariable {
  name: string;
  binding: number;
  access: string;
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

/** A compiled variant of a kernel. Made and cached by the device. */
export interface Kernel extends KernelInterface {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Names one variant: equal keys, equal pipelines. */
export function kernelKey(source: KernelSource, options: KernelOptions): string {
  const sorted = (record: Readonly<Record<string, unknown>> = {}): unknown =>
    Object.entries(record).sort(([a], [b]) => a < b ? -1 : 1);
  return JSON.stringify([source.name, sorted(options.overrides), sorted(options.inject)]);
}

/** The text of one variant. */
export function kernelText(source: KernelSource, options: KernelOptions): string {
  return preprocess(source.wgsl, source.name, {
    ...(options.inject && { inject: options.inject }),
    ...(options.overrides && { constants: options.overrides }),
  });
}

/**
 * Reads bindings and uniform layout from WGSL.
 *
 * @throws {GpuError} if the text does not parse or has no entry point `main`.
 */
export function reflectKernel(wgsl: string, name: string): KernelInterface {
  let reflection: Reflection;
  try {
    reflection = new WgslReflect(wgsl);
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
  for (const variable of reflection.getBindGroups()[0] ?? []) {
    if (!variable) continue;
    const isUniform = reflection.uniforms.includes(variable);
    bindings.push({
      name: variable.name,
      index: variable.binding,
      kind: isUniform ? "uniform" : variable.access === "read_write" ? "storage" : "read-only-storage",
      written: !isUniform && assigns(wgsl, variable.name),
    });
    if (isUniform) {
      uniforms = {
        bytes: Math.ceil(variable.size / 16) * 16,
        fields: (variable.members ?? []).map(uniformField),
      };
      uniformName = variable.name;
    }
  }
  return { bindings, uniforms, uniformName };
}

/** The WebGPU layout of group 0. */
export function bindGroupLayoutEntries(bindings: readonly KernelBinding[]): GPUBindGroupLayoutEntry[] {
  return bindings.map((binding) => ({
    binding: binding.index,
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type: binding.kind },
  }));
}

/** Whether a statement of the text assigns to `name` or an element of it, or hands out a pointer to it. */
function assigns(wgsl: string, name: string): boolean {
  const text = wgsl.replace(/\/\/.*$/gm, "");
  const assignment = new RegExp(
    `(^|[;{}])\\s*${name}\\s*(\\[[^;{}]*\\])?(\\.\\w+)?\\s*([-+*/|&^]|<<|>>)?=[^=]`,
    "m",
  );
  const pointer = new RegExp(`&\\s*${name}\\b`);
  return assignment.test(text) || pointer.test(text);
}

function uniformField(member: ReflectedMember): UniformField {
  const element = scalarOf(member.type);
  if (element === undefined) {
    throw new GpuError(
      `Uniform field "${member.name}" has type ${member.type.name}; use u32, i32, f32, vec4 or arrays of vec4`,
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
