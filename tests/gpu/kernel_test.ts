import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { countsSince, Device, GpuError, type KernelSource, reflectKernel } from "../../src/gpu/mod.ts";
import { withConstants } from "../../src/gpu/kernel.ts";
import { ADD } from "./kernels.ts";

/** A kernel with the bindings `x`, `y` and `y2` (read and write) and `w` (read) that does `body`. */
function withBody(body: string): string {
  return `
struct Item { value: f32, part: array<vec4f, 2> }
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<Item>;
@group(0) @binding(2) var<storage, read_write> y2: array<atomic<u32>>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
fn store(p: ptr<storage, f32, read_write>) { *p = 1.0; }
@compute @workgroup_size(1)
fn main(@builtin(global_invocation_id) id: vec3u) {
  var i = id.x;
  var f = w[0];
  ${body}
}`;
}

function written(body: string): string[] {
  return reflectKernel(withBody(body), "test/written").bindings.filter((binding) => binding.written)
    .map((binding) => binding.name);
}

Deno.test("reflectKernel() tells each binding's name, number and kind", () => {
  assertEquals(
    reflectKernel(ADD.wgsl, "add").bindings.map(({ name, index, kind }) => [name, index, kind]),
    [["x", 0, "storage"], ["y", 1, "storage"], ["params", 2, "uniform"]],
  );
  assertEquals(
    reflectKernel(withBody(""), "k").bindings.map(({ name, kind }) => [name, kind]),
    [["x", "storage"], ["y", "storage"], ["y2", "storage"], ["w", "read-only-storage"]],
  );
});

Deno.test("reflectKernel() sees every way of writing", () => {
  const cases: [body: string, names: string[]][] = [
    ["x[0] = 1.0;", ["x"]],
    ["x[i + u32(w[i])] = 1.0;", ["x"]],
    ["x[(i)] = x[u32(w[i])];", ["x"]],
    ["if (i == 0u) { x[0] = 1.0; }", ["x"]],
    ["x[0] += 1.0;", ["x"]],
    ["x[0] -= 1.0; x[1] *= 2.0;", ["x"]],
    ["x[0] /= 2.0;", ["x"]],
    ["x[0] %= 2.0;", ["x"]],
    ["x\n  [0]\n  = 1.0;", ["x"]],
    ["(x[0]) = 1.0;", ["x"]],
    ["y[0].value = 1.0;", ["y"]],
    ["y[0].part[1].x = 1.0;", ["y"]],
    ["for (x[0] = 0.0; f < 1.0; f += 1.0) {}", ["x"]],
    ["for (; f < 1.0; x[0] += 1.0) { f += 1.0; }", ["x"]],
    ["store(&x[0]);", ["x"]],
    ["let p = &x[0]; *p = 1.0;", ["x"]],
    ["let p = &(x[0]); *p = 1.0;", ["x"]],
    ["atomicAdd(&y2[0], 1u);", ["y2"]],
    ["atomicStore(\n  &y2[i], 1u);", ["y2"]],
  ];
  for (const [body, names] of cases) assertEquals(written(body), names, body);
});

Deno.test("reflectKernel() takes reading, comparing and measuring for what they are", () => {
  const cases = [
    "f = x[0] + y[0].value;",
    "if (x[0] == 1.0) { f = 1.0; }",
    "if (x[0] <= 1.0 || x[0] >= 2.0 || x[0] != 3.0) { f = 1.0; }",
    "let n = arrayLength(&x) + arrayLength( &y );",
    "let bits = i & u32(x[0]); let both = bits &u32(f);",
    "let mask = i & arrayLength(&x);",
    "let near = f == x[0] && x[1] == f;",
    "// x[0] = 1.0;",
    "f = 1.0; // then x[0] = 1.0;",
    "/* x[0] = 1.0; */",
    "/* a /* nested */ x[0] = 1.0; */",
    "var xx = 1.0; xx = 2.0; xx += 1.0;",
    "var x_2 = 1.0; x_2 = 2.0;",
  ];
  for (const body of cases) assertEquals(written(body), [], body);
});

Deno.test("reflectKernel() does not take a name for another that it begins", () => {
  assertEquals(written("atomicAdd(&y2[0], 1u);"), ["y2"]);
  assertEquals(written("y[0].value = 1.0;"), ["y"]);
});

Deno.test("reflectKernel() finds writes after a comment that only looks unfinished", () => {
  assertEquals(written("/* // */ x[0] = 1.0;"), ["x"]);
  assertEquals(written("// /*\n  x[0] = 1.0;"), ["x"]);
});

Deno.test("reflectKernel() sees that an injected write counts", () => {
  const source = `@group(0) @binding(0) var<storage, read_write> side: array<f32>;
//#inject epilogue
//#end
@compute @workgroup_size(1) fn main() { epilogue(); }`;
  const injected = source.replace("//#inject epilogue", "fn epilogue() { side[0] = 1.0; }");
  assertEquals(reflectKernel(injected, "k").bindings[0]!.written, true);
});

Deno.test("reflectKernel() knows textures to load from", () => {
  const text = `@group(0) @binding(0) var weights: texture_2d<f32>;
@compute @workgroup_size(1) fn main() { let w = textureLoad(weights, vec2u(0u), 0); }`;
  assertEquals(reflectKernel(text, "k").bindings, [
    { name: "weights", index: 0, kind: "texture", written: false },
  ]);
  const stored = text.replace("texture_2d<f32>", "texture_storage_2d<rgba32sint, read>").replace(", 0)", ")");
  assertEquals(reflectKernel(stored, "k").bindings, [
    { name: "weights", index: 0, kind: "signed-texture", format: "rgba32sint", written: false },
  ]);
});

Deno.test("reflectKernel() refuses what kernels do not use, by name", () => {
  const main = "@compute @workgroup_size(1) fn main() {}";
  const cases: [text: string, problem: string][] = [
    ["fn main( {", "Cannot reflect shader k"],
    ["@compute @workgroup_size(1) fn other() {}", 'no compute entry point "main"'],
    [`@group(0) @binding(0) var near: sampler; ${main}`, '"near" is no buffer'],
    [`@group(1) @binding(0) var<storage> x: array<f32>; ${main}`, '"x" is not in @group(0)'],
  ];
  for (const [text, problem] of cases) {
    assertThrows(() => reflectKernel(text, "k"), GpuError, problem, text);
  }
});

Deno.test("device.kernel() compiles each variant once", async () => {
  using device = await Device.request({ pool: false });
  const before = device.counters.snapshot();
  const plain = device.kernel(ADD);
  assertStrictEquals(device.kernel({ ...ADD }), plain);
  const wide = device.kernel(ADD, { overrides: { WG: 128 } });
  assert(wide !== plain);
  assertStrictEquals(device.kernel(ADD, { overrides: { WG: 128 } }), wide);
  const { pipelines, modules } = countsSince(before, device.counters.snapshot());
  assertEquals([pipelines, modules], [2, 2]);
  // Another text of the same name is another kernel.
  const changed = device.kernel({ ...ADD, wgsl: ADD.wgsl.replace("+ params", "- params") });
  assert(changed !== plain);
  await device.settle();
});

Deno.test("device.kernel() refuses overrides that the shader does not know", async () => {
  using device = await Device.request({ pool: false });
  const before = device.counters.snapshot();
  const error = assertThrows(() => device.kernel(ADD, { overrides: { WG: 64, TLIE: 4 } }), GpuError);
  assertEquals(error.message, 'Cannot compile test/add: it has no constant "TLIE"; it declares [WG]');
  assertEquals(device.counters.snapshot(), before);
  // Unroll counts and constants of injected text are known names.
  const unrolled: KernelSource = {
    name: "test/unrolled",
    wgsl: `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
//#inject tile
const ROWS = 2u;
//#end
const N = 2u;
@compute @workgroup_size(1) fn main() {
  //#unroll k N
  for (var k = 0u; k < N; k++) {
    x[k] = f32(ROWS);
  }
  //#end
}`,
  };
  device.kernel(unrolled, { overrides: { N: 3, ROWS: 4 }, inject: { tile: "const ROWS = 4u;" } });
  await device.settle();
});

Deno.test("device.settle() names a shader that does not compile; the next try is a new one", async () => {
  using device = await Device.request({ pool: false });
  const bad: KernelSource = {
    name: "test/bad",
    wgsl: "@compute @workgroup_size(1) fn main() { let n: u32 = 1.5; }",
  };
  const first = device.kernel(bad);
  const error = await assertRejects(() => device.settle(), GpuError);
  assert(error.message.startsWith('Cannot make "test/bad": the GPU refused it: '), error.message);
  // Told once: the device goes on.
  await device.settle();
  assert(device.kernel(bad) !== first);
  await assertRejects(() => device.settle(), GpuError, "test/bad");
  device.kernel(ADD);
  await device.settle();
});

Deno.test("withConstants() makes constants of overrides, with their own values where none is given", () => {
  const text =
    "override WG: u32 = 64u;\noverride  FLIP : bool=false;\noverride REST: u32 = 2u * 3u;\nfn f() {}";
  assertEquals(
    withConstants(text, { WG: 8, FLIP: 1 }),
    "const WG: u32 = u32(8);\nconst FLIP: bool = true;\nconst REST: u32 = 2u * 3u;\nfn f() {}",
  );
  assertEquals(withConstants("override FLIP: bool = true;", { FLIP: 0 }), "const FLIP: bool = false;");
});
