import { GpuError } from "./errors.ts";

/** One field of a uniform struct, as reflected from WGSL. Offsets and sizes in bytes. */
export interface UniformField {
  /** Its name in the struct. */
  name: string;
  /** Where it lies in the struct. */
  offset: number;
  /** Its length, padding between array elements included. */
  bytes: number;
  /** `u32`, `i32` or `f32`: what each 4-byte element is. */
  scalar: "u32" | "i32" | "f32";
  /** 4-byte elements the field takes, padding included (an `array<vec4u, 2>` takes 8). */
  elements: number;
}

/** A uniform struct's layout. */
export interface UniformLayout {
  /** The struct's length, a multiple of 16. */
  bytes: number;
  /** Its fields in the shader's order. */
  fields: readonly UniformField[];
}

/** Values by field name; vectors and arrays as flat number lists in memory order. */
export type UniformValues = Readonly<Record<string, number | readonly number[]>>;

/**
 * Writes `values` in the layout that the shader declares.
 *
 * @throws {GpuError} if a field is missing, unknown, of the wrong length, or no number that its type can hold.
 */
export function packUniforms(layout: UniformLayout, values: UniformValues, label: string): ArrayBuffer {
  const packed = new ArrayBuffer(layout.bytes);
  const view = new DataView(packed);
  const unknown = Object.keys(values).filter((name) => !layout.fields.some((field) => field.name === name));
  const missing = layout.fields.filter((field) => values[field.name] === undefined).map((field) =>
    field.name
  );
  if (unknown.length > 0 || missing.length > 0) {
    throw new GpuError(
      `Cannot set the uniforms of ${label}: missing [${missing.join(", ")}], unknown [${unknown.join(", ")}]`,
    );
  }
  for (const field of layout.fields) {
    const value = values[field.name]!;
    const list = typeof value === "number" ? [value] : value;
    if (list.length !== field.elements) {
      throw new GpuError(
        `Cannot set the uniforms of ${label}: "${field.name}" takes ${field.elements} ` +
          `${field.elements === 1 ? "number" : "numbers"}, got ${list.length}`,
      );
    }
    list.forEach((element, i) => {
      const at = field.offset + i * 4;
      if (field.scalar === "f32") {
        if (typeof element !== "number" || Number.isNaN(element)) throw invalid(field, element);
        view.setFloat32(at, element, true);
      } else if (field.scalar === "i32") {
        if (!Number.isInteger(element) || element < -0x80000000 || element > 0x7fffffff) {
          throw invalid(field, element);
        }
        view.setInt32(at, element, true);
      } else {
        if (!Number.isInteger(element) || element < 0 || element > 0xffffffff) throw invalid(field, element);
        view.setUint32(at, element, true);
      }
    });
  }
  return packed;

  function invalid(field: UniformField, element: number): GpuError {
    return new GpuError(
      `Cannot set the uniforms of ${label}: "${field.name}" is ${field.scalar}, which cannot hold ${element}`,
    );
  }
}
