import { assert, assertEquals } from "@std/assert";
import { Device, TexelScratch } from "../../src/gpu/mod.ts";
import { openLoops } from "../../src/gpu/open_loops.ts";

Deno.test("openLoops() opens the loops whose end is no constant, and no others", () => {
  const code = `override WIDTH: u32 = 4u;
const ROWS = 3u;
fn f(x: u32) {
  for (var i = 0u; i < params.count; i++) { a(); }
  for (var i = min(1u, x); i < f(x, params.sizes[1].x) && g; i += h(1u, 2u)) { a(); }
  for (var i = 0u; i < WIDTH * ROWS - 1u; i++) { a(); }
  for (var i = 0i; i < i32(ROWS); i++) { a(); }
  for (;;) { break; }
  while (x < params.count) { a(); }
  while (x < 4u) == (x > params.count) { a(); }
  while (ROWS > WIDTH) { a(); }
}`;
  assertEquals(
    openLoops(code, "go()"),
    code
      .replace("; i < params.count;", "; (i < params.count) & go();")
      .replace("; i < f(x, params.sizes[1].x) && g;", "; (i < f(x, params.sizes[1].x) && g) & go();")
      .replace("while (x < params.count)", "while ((x < params.count) & go())"),
  );
});

Deno.test("loops that load through textures turn as often as they do without", async () => {
  using device = await Device.request({ pool: false });
  using scratch = new TexelScratch(device);
  const source = {
    name: "test/open",
    wgsl: `struct Params { count: u32, }
@group(0) @binding(0) var<storage, read_write> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  var sum = 0u;
  for (var i = 0u; i < params.count; i++) { sum += x[i]; }
  var turns = 0u;
  while (turns < params.count + id.x) { turns++; }
  y[id.x] = sum * 1000u + turns;
}`,
  };
  using stream = device.stream({ allocator: device.defaultAllocator });
  const x = device.upload(Uint32Array.from({ length: 64 }, (_, i) => i), "x");
  const kernel = device.kernel(source, { texels: ["x"] });
  for (const count of [0, 1, 17]) {
    const y = device.upload(new Uint32Array(64), "y");
    stream.run(device.dispatch(kernel, {
      bindings: { x, y },
      texels: { x: scratch.take(0, x.bytes, 16, "u32") },
      uniforms: { count },
      workgroups: [1, 1, 1],
    }));
    stream.submit();
    const found = new Uint32Array(await device.read(y));
    const sum = count * (count - 1) / 2;
    assertEquals([...found], Array.from({ length: 64 }, (_, i) => sum * 1000 + count + i), `${count} turns`);
    assert(found.length === 64);
    y.buffer.destroy();
  }
});
