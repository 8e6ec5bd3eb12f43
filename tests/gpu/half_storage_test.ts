import { assertEquals, assertThrows } from "@std/assert";
import { Device, GpuError } from "../../src/gpu/mod.ts";
import { halveStorage } from "../../src/gpu/half_storage.ts";

const SOURCE = {
  name: "test/half",
  wgsl: `
alias vec = vec4f;
struct Params { count: u32, }
@group(0) @binding(0) var<storage, read_write> x: array<vec>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> at: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  /* x[0] = 1.0; */
  let lane = u32(at[id.x]);
  y[u32(at[id.x])] = x[id.x / 4u][lane % 4u] * 2.0; // y[0] = x[0].x;
}
`,
};

Deno.test("halveStorage() narrows declarations, loads and stores, nested ones and parts of vectors too", () => {
  const code = `alias vec = vec4<f32>;
var<storage, read_write> x: array<vec>;
var<storage, read_write> y: array<vec2f>;
fn f(i: u32) {
  x[i].z = y[u32(x[i][1])].x;
  y[i] = select(y[0], vec2f(x[i + 1u].xy), x[i].x == x[0].x);
}`;
  assertEquals(
    halveStorage(code, "k", ["x", "y"]),
    `enable f16;
alias vec = vec4<f32>;
var<storage, read_write> x: array<vec4h>;
var<storage, read_write> y: array<vec2h>;
fn f(i: u32) {
  x[i].z = f16(clamp(vec2f(y[u32(vec4f(x[i])[1])]).x, f32(-65504.0), f32(65504.0)));
  y[i] = vec2h(clamp(select(vec2f(y[0]), vec2f(vec4f(x[i + 1u]).xy), vec4f(x[i]).x == vec4f(x[0]).x), vec2f(-65504.0), vec2f(65504.0)));
}`,
  );
  assertEquals(halveStorage(code, "k", []), code);
});

Deno.test("halveStorage() refuses what it cannot narrow", () => {
  const integers = "var<storage, read_write> x: array<i32>;";
  assertThrows(() => halveStorage(integers, "k", ["x"]), GpuError, '"x" is no array of f32, vec2f or vec4f');
  const sum = "var<storage, read_write> x: array<f32>; fn f() { x[0] += 1.0; }";
  assertThrows(() => halveStorage(sum, "k", ["x"]), GpuError, '"x" is changed in place');
});

Deno.test("a kernel with 16-bit storage computes in 32 bits and cuts off what is too large", async () => {
  using device = await Device.request();
  if (!device.features.has("shader-f16")) {
    console.log("left out: this adapter lacks shader-f16");
    return;
  }
  const wide = device.upload(Float16Array.from([1, 0.1, -3, 60_000]), "x");
  const y = device.upload(new Float16Array(8).fill(9), "y");
  const at = device.upload(Float32Array.from([3, 0, 1, 2]), "at");
  const dispatch = device.dispatch(device.kernel(SOURCE, { half: ["x", "y"] }), {
    bindings: { x: wide, y, at },
    uniforms: { count: 4 },
    workgroups: [1, 1, 1],
    label: "half",
  });
  using stream = device.stream({ label: "test" });
  stream.run(dispatch);
  stream.submit();
  const got = new Float16Array(await device.read(y));
  assertEquals(Array.from(got), [2, 2 * Math.f16round(0.1), -6, 65_504, 9, 9, 9, 9].map(Math.f16round));
});
