import { assertEquals, assertThrows } from "@std/assert";
import { GpuError, packUniforms, reflectKernel, type UniformLayout } from "../../src/gpu/mod.ts";

function layoutOf(fields: string): UniformLayout {
  const text = `struct Params { ${fields} }
@group(0) @binding(0) var<uniform> params: Params;
@compute @workgroup_size(1) fn main() {}`;
  return reflectKernel(text, "test/uniforms").uniforms!;
}

Deno.test("packUniforms() puts scalars where the shader reads them", () => {
  const layout = layoutOf("a: u32, b: i32, c: f32");
  const view = new DataView(packUniforms(layout, { c: 1.5, b: -7, a: 0xffffffff }, "k"));
  assertEquals(view.byteLength, 16);
  assertEquals(view.getUint32(0, true), 0xffffffff);
  assertEquals(view.getInt32(4, true), -7);
  assertEquals(view.getFloat32(8, true), 1.5);
});

Deno.test("packUniforms() follows WGSL's alignment of vectors and arrays, in both spellings", () => {
  for (const vec of ["vec4u", "vec4<u32>"]) {
    const layout = layoutOf(`n: u32, v2: vec2f, v3: vec3i, last: f32, table: array<${vec}, 2>`);
    const values = { n: 1, v2: [2, 3], v3: [-4, -5, -6], last: 7, table: [10, 11, 12, 13, 14, 15, 16, 17] };
    const packed = packUniforms(layout, values, "k");
    const view = new DataView(packed);
    assertEquals(packed.byteLength, 64, vec);
    assertEquals(view.getUint32(0, true), 1, vec);
    assertEquals([view.getFloat32(8, true), view.getFloat32(12, true)], [2, 3], vec);
    assertEquals([16, 20, 24].map((at) => view.getInt32(at, true)), [-4, -5, -6], vec);
    assertEquals(view.getFloat32(28, true), 7, vec);
    assertEquals([...new Uint32Array(packed, 32)], values.table, vec);
  }
});

Deno.test("packUniforms() lists what is missing and what is unknown at once", () => {
  const layout = layoutOf("a: u32, b: u32");
  const error = assertThrows(() => packUniforms(layout, { a: 1, c: 2, d: 3 }, "conv 1"), GpuError);
  assertEquals(error.message, "Cannot set the uniforms of conv 1: missing [b], unknown [c, d]");
});

Deno.test("packUniforms() refuses what a field cannot hold, with field, type and value", () => {
  const layout = layoutOf("u: u32, i: i32, f: f32, v: vec2u");
  const good = { u: 0, i: 0, f: 0, v: [1, 2] };
  const cases: [Record<string, number | number[]>, string][] = [
    [{ u: -1 }, '"u" is u32, which cannot hold -1'],
    [{ u: 1.5 }, '"u" is u32, which cannot hold 1.5'],
    [{ u: 2 ** 32 }, '"u" is u32, which cannot hold 4294967296'],
    [{ i: 2 ** 31 }, '"i" is i32, which cannot hold 2147483648'],
    [{ i: NaN }, '"i" is i32, which cannot hold NaN'],
    [{ f: NaN }, '"f" is f32, which cannot hold NaN'],
    [{ f: "1" as unknown as number }, '"f" takes 1 number'],
    [{ f: ["x" as unknown as number] }, '"f" is f32, which cannot hold x'],
    [{ v: [1, -2] }, '"v" is u32, which cannot hold -2'],
    [{ v: [1, 2, 3] }, '"v" takes 2 numbers, got 3'],
    [{ v: 1 }, '"v" takes 2 numbers, got 1'],
    [{ u: [] }, '"u" takes 1 number, got 0'],
  ];
  packUniforms(layout, good, "k");
  for (const [change, message] of cases) {
    if (typeof change.f === "string") continue;
    assertThrows(() => packUniforms(layout, { ...good, ...change }, "k"), GpuError, message);
  }
});

Deno.test("reflection refuses uniforms that packUniforms() could not fill", () => {
  assertThrows(() => layoutOf("m: mat4x4f"), GpuError, 'field "m" has type mat4x4f');
  const bare = `@group(0) @binding(0) var<uniform> n: u32;
@compute @workgroup_size(1) fn main() {}`;
  assertThrows(
    () => reflectKernel(bare, "k"),
    GpuError,
    'parameters are one uniform struct, not the bare "n"',
  );
  const two = `struct P { n: u32 }
@group(0) @binding(0) var<uniform> a: P;
@group(0) @binding(1) var<uniform> b: P;
@compute @workgroup_size(1) fn main() {}`;
  assertThrows(() => reflectKernel(two, "k"), GpuError, 'one uniform struct, not "a" and "b"');
});
