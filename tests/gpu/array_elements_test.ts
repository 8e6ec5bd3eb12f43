import { assert, assertEquals } from "@std/assert";
import { arraysAsVariables } from "../../src/gpu/array_elements.ts";
import { Device, type KernelSource } from "../../src/gpu/mod.ts";

Deno.test("arraysAsVariables() makes variables of elements, those that are used", () => {
  assertEquals(
    arraysAsVariables("var v: array<vec4f, P * Q>;\nv[0u] = v[7] + f(v[7u].x); let x = other.v[0u];"),
    " var v_7: vec4f;\nlet v_0: vec4f = v_7 + f(v_7.x); let x = other.v[0u];",
  );
  assertEquals(
    arraysAsVariables("{ var a: array<vec4<f32>, 2>; a[1u] = b; } { var a: array<f32, 3>; a[0u] = 1.0; }"),
    "{ var a_0: vec4<f32>;  let a_1: vec4<f32> = b; } {  var a_1: f32; let a_0: f32 = 1.0; }",
  );
});

Deno.test("arraysAsVariables() makes values of elements that get but one, where the array is declared", () => {
  const cases: [statements: string, expected: string][] = [
    ["a[0u] = f(x);\nb = a[0u] + a[0u].x;", " let a_0: f32 = f(x);\nb = a_0 + a_0.x;"],
    [
      "if (x) { b = 1.0; } a[0u] = b; if (x) { b = a[0u]; }",
      " if (x) { b = 1.0; } let a_0: f32 = b; if (x) { b = a_0; }",
    ],
    ...[
      "a_0 = 1.0; a_0 = 2.0;",
      "a_0 = 1.0; a_0 += 2.0;",
      "a_0 = 1.0; a_0.x = 2.0;",
      "a_0 = 1.0; a_0++;",
      "a_0 = 1.0; b = a_0[i];",
      "a_0 += 1.0;",
      "a_0 = a_0 + 1.0;",
      "b = a_0; a_0 = 1.0;",
      "if (x) { a_0 = 1.0; } b = a_0;",
      "for (;;) { a_0 = 1.0; }",
      "a_0 = s; a_0.pos.x = 1.0;",
      "a_0 = s; b = a_0.field[i];",
      "a_0 = s; (a_0).x = 1.0;",
      "a_0.x = 1.0;",
      "b = f(a_0 == 1.0);",
    ].map((after): [string, string] => [after.replaceAll("a_0", "a[0u]"), `var a_0: f32; ${after}`]),
  ];
  for (const [statements, expected] of cases) {
    assertEquals(arraysAsVariables(`var a: array<f32, 1>; ${statements}`), expected);
  }
});

Deno.test("arraysAsVariables() keeps the type of an element that becomes a value, and variables that another hides", () => {
  assertEquals(
    arraysAsVariables("var a: array<f32, 1>; a[0u] = 3; b = f32(a[0u] / 2);"),
    " let a_0: f32 = 3; b = f32(a_0 / 2);",
  );
  assertEquals(
    arraysAsVariables(
      "var a: array<f32, 1>; a[0u] = 1.0; if (c) { var a: array<f32, 1>; a[0u] = 2.0; } a[0u] += 1.0;",
    ),
    "var a_0: f32; a_0 = 1.0; if (c) { var a_0: f32; a_0 = 2.0; } a_0 += 1.0;",
  );
});

Deno.test("arraysAsVariables() takes each function's names as its own", () => {
  assertEquals(
    arraysAsVariables(
      "struct S { a: u32 }\nfn f(a: u32) -> u32 { return a; }\nfn g() { var a: array<u32, 2>; f(a[1u]); }",
    ),
    "struct S { a: u32 }\nfn f(a: u32) -> u32 { return a; }\nfn g() { var a_1: u32; f(a_1); }",
  );
});

Deno.test("arraysAsVariables() keeps the values that an array begins with", () => {
  assertEquals(
    arraysAsVariables(
      "var t = array<vec4f, 2>(\n  g(m, 0u),\n  vec4f(1.0, x[i], 2.0, 3.0),\n);\nreturn t[1u] * t[0u];",
    ),
    "var t_0: vec4f = g(m, 0u); var t_1: vec4f = vec4f(1.0, x[i], 2.0, 3.0);\nreturn t_1 * t_0;",
  );
});

Deno.test("arraysAsVariables() leaves what is indexed by anything else, used whole, or in memory of others", () => {
  for (
    const code of [
      "var a: array<f32, 2>; a[0u] = a[i];",
      "var a: array<f32, 2>; a[0u] = 1.0; let b = a;",
      "var a: array<f32, 2>; a[0u] = 1.0; let p = &a[0u];",
      "var<workgroup> a: array<f32, 2>; fn f() { a[0u] = 1.0; }",
      "fn f(a: array<f32, 2>) -> f32 { { var a: array<f32, 2>; a[0u] = 1.0; } return a[0u]; }",
      "var a: array<f32, 2>; let a_0 = 1.0; a[0u] = a_0;",
      "var a: array<array<f32, 2>, 2>; a[0u][1u] = 1.0;",
      "var a: array<f32, 2>;",
      "let x = 1u;",
    ]
  ) {
    assertEquals(arraysAsVariables(code), code);
  }
});

Deno.test("a kernel whose arrays are variables computes what it says, arrays of structs and dynamic ones beside them", async () => {
  using device = await Device.request({ pool: false });
  const source: KernelSource = {
    name: "arrays",
    wgsl: `@group(0) @binding(0) var<storage, read_write> y: array<u32>;
struct Pair { a: u32, b: u32 }
const N = 3u;
@compute @workgroup_size(1) fn main() {
  var pairs: array<Pair, N>;
  var sums: array<u32, N * 2u>;
  var kept = array<u32, 2>(y[0] * 2u, max(y[1], 4u));
  //#unroll i N
  for (var i = 0u; i < N; i++) {
    pairs[i] = Pair(i + kept[0u], kept[1u] * i);
    sums[i * 2u + 1u] = pairs[i].a + pairs[i].b;
  }
  //#end
  var results: array<u32, N>;
  //#unroll i N
  for (var i = 0u; i < N; i++) {
    results[i] = sums[i * 2u + 1u] + sums[0];
  }
  //#end
  for (var i = 0u; i < N; i++) {
    y[i] = results[i];
  }
}`,
  };
  const y = device.upload(new Uint32Array([5, 3, 0, 0]), "y");
  using stream = device.stream({ label: "test", allocator: device.defaultAllocator });
  const kernel = device.kernel(source, { overrides: { N: 3 } });
  stream.run(device.dispatch(kernel, { bindings: { y }, workgroups: [1, 1, 1] }));
  stream.submit();
  // kept is 10 and 4: i + 10 + 4 * i.
  assertEquals([...new Uint32Array(await device.read(y)).slice(0, 3)], [10, 15, 20]);
  assert(device.hasKernel(source, { overrides: { N: 3 } }));
  y.buffer.destroy();
});
