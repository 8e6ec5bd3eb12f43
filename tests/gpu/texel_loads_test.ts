import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type BufferRange,
  destroyConstants,
  Device,
  GpuError,
  GpuTimer,
  texelCandidates,
  texelDispatch,
  texelScalarOf,
  TexelScratch,
  texelScratch,
  uploadConstants,
} from "../../src/gpu/mod.ts";
import { loadTexels } from "../../src/gpu/texel_loads.ts";
import { Random } from "../support/random.ts";

const SOURCE = {
  name: "test/texels",
  wgsl: `
alias vec = vec4<f32>;
struct Params { count: u32, }
@group(0) @binding(0) var<storage, read_write> x: array<vec>;
@group(0) @binding(1) var<storage, read_write> at: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;
fn twice(x: vec4f) -> vec4f { return x + x.xyzw; }
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let element = u32(at[id.x]); // x[0] is a comment.
  y[id.x] = twice(x[u32(at[id.x]) / 4u])[element % 4u] + x[element / 4u].x;
}
`,
};

Deno.test("texelCandidates() finds arrays of words that are loaded by index and never written", () => {
  const code = `
struct Params { x: u32, }
var<storage, read_write> x: array<vec4f>;
var<storage, read> f: array<f32>;
var<storage, read_write> written: array<vec4f>;
var<storage, read_write> passed: array<vec4f>;
var<storage, read_write> measured: array<f32>;
var<storage, read_write> whole: array<i32>;
var<storage, read_write> shadowed: array<vec4f>;
fn own(x: vec4f) -> f32 { let f = x.x; return f; }
fn other(shadowed: vec4f, i: u32) -> f32 { return shadowed[i]; }
fn main(i: u32) {
  written[i] = x[i] + vec4f(f[i]).xxxx + params.x * shadowed[i];
  let p = &passed[i];
  let n = arrayLength(&measured) + u32(measured[0]) + u32(whole[i]);
}`;
  const all = ["x", "f", "written", "passed", "measured", "whole", "shadowed", "absent"];
  assertEquals(texelCandidates(code, all), ["x", "f", "whole"]);
});

Deno.test("loadTexels() rewrites declarations and loads, nested ones and parts of vectors too", () => {
  const code = `alias vec = vec4f;
@group(0) @binding(0) var<storage, read_write> x: array<vec>;
@group(0) @binding(1) var<storage, read> at: array<f32>;
fn f(i: i32) -> f32 { return x[u32(at[i + 1])].z + x[0][1] + v.x[2]; }`;
  const text = loadTexels(code, "k", ["x", "at"]);
  assertStringIncludes(text, "@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;");
  assertStringIncludes(text, "@group(0) @binding(1) var at: texture_storage_2d<rgba32float, read>;");
  assertStringIncludes(
    loadTexels(code, "k", ["x", "at"], ["at"]),
    "var at: texture_storage_2d<rgba16float, read>;",
  );
  assertStringIncludes(
    text,
    "return x_texel(u32(u32(at_texel(u32(i + 1))))).z + x_texel(u32(0))[1] + v.x[2];",
  );
  assertStringIncludes(text, "fn x_texel(");
  assertEquals(loadTexels(code, "k", []), code);
  assertThrows(
    () => loadTexels("var<storage, read> n: array<vec3f>;", "k", ["n"]),
    GpuError,
    '"n" is no array',
  );
});

Deno.test("a kernel that loads through textures gives what it gives from storage, over whole and begun rows", async () => {
  using device = await Device.request({ pool: false });
  using scratch = new TexelScratch(device);
  const kernel = device.kernel(SOURCE), through = device.kernel(SOURCE, { texels: ["x", "at"] });
  const random = new Random(5);
  for (const count of [1, 3, 4, 4096, 4097, 4 * 1024 * 3 + 20]) {
    const elements = Math.ceil(count / 4) * 4;
    const x = device.upload(random.normals(elements), "x");
    const at = device.upload(
      Float32Array.from({ length: count }, () => Math.floor(random.uniform(0, elements))),
      "at",
    );
    const results: Float32Array[] = [];
    for (const one of [kernel, through]) {
      const y = device.upload(new Float32Array(count), "y");
      const texels = one === kernel ? {} : {
        texels: { x: scratch.take(0, x.bytes, 16), at: scratch.take(1, at.bytes, 16) },
      };
      using stream = device.stream({ allocator: device.defaultAllocator });
      stream.run(device.dispatch(one, {
        bindings: { x, at, y },
        ...texels,
        uniforms: { count },
        workgroups: [Math.ceil(count / 64), 1, 1],
      }));
      stream.submit();
      results.push(new Float32Array(await device.read(y)).slice(0, count));
    }
    assertEquals(results[1], results[0], `${count} elements`);
    assert(results[0]!.some((value) => value !== 0));
  }
});

Deno.test("copies see what was computed before them, timed or not, and nothing is made to record them", async () => {
  using device = await Device.request({ pool: false });
  using scratch = new TexelScratch(device);
  const source = {
    name: "test/next",
    wgsl: `@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) { y[id.x] = x[id.x] + 1.0; }`,
  };
  const kernel = device.kernel(source, { texels: ["x"] });
  const [a, b] = [1, 10].map((value) => device.upload(new Float32Array(256).fill(value), "values"));
  const step = (x: typeof a, y: typeof a) =>
    device.dispatch(kernel, {
      bindings: { x: x!, y: y! },
      texels: { x: scratch.take(0, x!.bytes, 16) },
      workgroups: [1, 1, 1],
    });
  const steps = [step(a, b), step(b, a), step(a, b)];
  using stream = device.stream({ allocator: device.defaultAllocator });
  using timer = GpuTimer.create(device, 1);
  const before = device.counters.snapshot();
  stream.run(steps);
  if (timer) stream.runTimed(steps, timer.writes(0));
  else stream.run(steps);
  stream.submit();
  assertEquals(device.counters.snapshot(), before);
  assertEquals(new Float32Array(await device.read(b!)), new Float32Array(256).fill(6));
});

Deno.test("device.dispatch() asks for the textures of what is loaded through them", async () => {
  using device = await Device.request({ pool: false });
  const kernel = device.kernel(SOURCE, { texels: ["x"] });
  const x = device.upload(new Float32Array(4), "x");
  assertThrows(
    () =>
      device.dispatch(kernel, {
        bindings: {
          x,
          at: device.upload(new Float32Array(4), "at"),
          y: device.upload(new Float32Array(4), "y"),
        },
        uniforms: { count: 4 },
        workgroups: [1, 1, 1],
      }),
    GpuError,
    'Cannot load "x" from a texture: none is given beside its buffer',
  );
});

Deno.test("TexelScratch gives ranges of about one size the same texture, and each number its own", async () => {
  using device = await Device.request({ pool: false });
  using scratch = new TexelScratch(device);
  const row = 1024 * 16;
  assertEquals(scratch.take(0, 5 * row, 16), scratch.take(0, 8 * row, 16));
  assert(scratch.take(0, 8 * row, 16).texture !== scratch.take(0, 8 * row + 16, 16).texture);
  assert(scratch.take(0, row, 16).texture !== scratch.take(1, row, 16).texture);
  assertEquals(scratch.take(0, 1, 8).texture.format, "rgba16float");
  assertEquals(scratch.take(0, 100, 16).texture.height, 1);
});

/** Reads one element of each array, and writes the sum of its lanes as an `i32`. */
const WORDS = {
  name: "test/texel_words",
  wgsl: `
alias pair = vec2<u32>;
@group(0) @binding(0) var<storage, read_write> a: array<u32>;
@group(0) @binding(1) var<storage, read_write> b: array<i32>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4u>;
@group(0) @binding(3) var<storage, read_write> d: array<vec4<i32>>;
@group(0) @binding(4) var<storage, read_write> e: array<pair>;
@group(0) @binding(5) var<storage, read_write> f: array<vec2f>;
@group(0) @binding(6) var<storage, read_write> y: array<i32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  let four = d[i / 4u];
  y[i] = bitcast<i32>(a[i]) + b[i] + bitcast<i32>(c[i / 4u][i % 4u]) + four.x - four.w +
    bitcast<i32>(e[i / 2u].y) + i32(f[i / 2u].x);
}`,
};

/** What {@linkcode WORDS} reads, by binding. */
function words(device: Device, count: number): Record<string, BufferRange> {
  const random = new Random(11);
  const any = (): Uint32Array<ArrayBuffer> =>
    Uint32Array.from({ length: count }, () => Math.floor(random.uniform(0, 2 ** 32)));
  const bindings = Object.fromEntries(
    ["a", "b", "c", "d", "e"].map((name) => [name, device.upload(any(), name)]),
  );
  return { ...bindings, f: device.upload(random.normals(count).map((value) => value * 1000), "f") };
}

Deno.test("integers, signed or not, and pairs come through textures as they are", async () => {
  using device = await Device.request({ pool: false });
  using scratch = new TexelScratch(device);
  const count = 64 * 100;
  const bindings = words(device, count);
  const results: Int32Array[] = [];
  for (const one of [undefined, scratch]) {
    const y = device.upload(new Int32Array(count), "y");
    using stream = device.stream({ allocator: device.defaultAllocator });
    const dispatch = texelDispatch(device, one, WORDS, {}, {
      bindings: { ...bindings, y },
      workgroups: [count / 64, 1, 1],
    });
    assertEquals(dispatch.texels?.length, one ? 6 : undefined);
    stream.run(dispatch);
    stream.submit();
    results.push(new Int32Array(await device.read(y)));
  }
  assertEquals(results[1], results[0]);
  assert(new Set(results[0]).size > count / 2);
});

Deno.test("texelDispatch() takes constants from textures, copies no small range and none that ends within a texel", async () => {
  using device = await Device.request({ pool: false });
  using scratch = new TexelScratch(device);
  const count = 320;
  const { c, ...bindings } = words(device, count);
  const constant = new Uint32Array(await device.read(c!));
  const texture = device.uploadTexture(constant, "c", "u32");
  const small = { ...bindings.a!, bytes: 512 };
  const [whole] = [device.createBuffer({ label: "b", size: count * 4 - 4, usage: GPUBufferUsage.STORAGE })];
  const dispatch = texelDispatch(device, scratch, WORDS, {}, {
    bindings: {
      ...bindings,
      a: small,
      b: { buffer: whole!, offset: 0, bytes: count * 4 - 4 },
      c: texture,
      y: device.upload(new Int32Array(count), "y"),
    },
    workgroups: [1, 1, 1],
  });
  const kinds = Object.fromEntries(dispatch.kernel.bindings.map(({ name, kind }) => [name, kind]));
  assertEquals(kinds, {
    a: "storage",
    b: "storage",
    c: "integer-texture",
    d: "signed-texture",
    e: "integer-texture",
    f: "texture",
    y: "storage",
  });
  assertEquals(["c", "d", "f", "y"].map((name) => texelScalarOf(dispatch.kernel, name)), [
    "u32",
    "i32",
    "f32",
    "f32",
  ]);
  assertEquals(dispatch.texels?.length, 3);
  await device.settle();
});

Deno.test("constants and scratch are textures on software adapters only, and end with their owner", async () => {
  using device = await Device.request({ pool: false });
  const { software } = device.target;
  const before = device.memory().buffers.bytes;
  const scratch = texelScratch(device);
  assertEquals(scratch !== undefined, software);
  const range = uploadConstants(device, Uint32Array.of(1, 2, 3, 4), "constants", "u32");
  assertEquals("texture" in range, software);
  if ("texture" in range) assertEquals(range.texture.format, "rgba32uint");
  scratch?.take(0, 100, 16, "i32");
  assert(device.memory().buffers.bytes > before);
  destroyConstants(range);
  scratch?.[Symbol.dispose]();
  assertEquals(device.memory().buffers.bytes, before);
});
