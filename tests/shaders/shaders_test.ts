import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { Device, type KernelSource, matrixKernel, reflectKernel } from "../../src/gpu/mod.ts";

const FOLDER = new URL("../../shaders/", import.meta.url);

/** Every kernel file, as it stands: what the preprocessor would do is left out. */
function allShaders(folder = ""): KernelSource[] {
  const shaders: KernelSource[] = [];
  for (const entry of Deno.readDirSync(new URL(folder, FOLDER))) {
    const path = `${folder}${entry.name}`;
    // Parts of kernels are no kernels; those that use them say so.
    if (path === "matrix/library") continue;
    if (entry.isDirectory) shaders.push(...allShaders(`${path}/`));
    else if (path.endsWith(".wgsl")) {
      const name = path.slice(0, -".wgsl".length);
      const wgsl = Deno.readTextFileSync(new URL(path, FOLDER));
      shaders.push(/^\/\/ Uses: /m.test(wgsl) ? matrixKernel(name, wgsl) : { name, wgsl });
    }
  }
  return shaders.sort((a, b) => a.name < b.name ? -1 : 1);
}

/** The text with its marks taken out. */
function plain({ name, wgsl }: KernelSource): KernelSource {
  return { name, wgsl: wgsl.replace(/^\s*\/\/#.*$/gm, "") };
}

const SHADERS = allShaders();

Deno.test("every shader is valid WGSL on its own, without the preprocessor", async (t) => {
  using device = await Device.request({ pool: false });
  assertGreater(SHADERS.length, 10);
  for (const shader of SHADERS) {
    const needsSubgroups = /\bsubgroup[A-Z]\w*\(/.test(shader.wgsl);
    if (needsSubgroups && !device.target.subgroups) {
      console.log(`left out: ${shader.name} needs subgroups, which this adapter does not have`);
      continue;
    }
    await t.step(shader.name, async () => {
      device.kernel(plain(shader));
      await device.settle();
    });
  }
});

Deno.test("every shader's bindings and uniforms can be reflected, and every uniform has a field", () => {
  for (const shader of SHADERS) {
    const { bindings, uniforms } = reflectKernel(plain(shader).wgsl, shader.name);
    assertGreater(bindings.length, 0, shader.name);
    assertEquals(
      new Set(bindings.map(({ index }) => index)).size,
      bindings.length,
      `${shader.name}: binding indices`,
    );
    const bound = bindings.some(({ kind }) => kind === "uniform");
    assertEquals(bound, uniforms !== undefined, shader.name);
    if (uniforms) assertGreater(uniforms.fields.length, 0, shader.name);
  }
});

Deno.test("every shader says at its head what it computes", () => {
  for (const { name, wgsl } of SHADERS) assertMatch(wgsl, /^\/\/ [A-Z0-9]/, name);
});

Deno.test("kernels with an epilogue leave room for its operands", () => {
  const fused = SHADERS.filter(({ wgsl }) => wgsl.includes("//#inject epilogue"));
  assertGreater(fused.length, 3);
  for (const shader of fused) {
    const { bindings, uniforms } = reflectKernel(plain(shader).wgsl, shader.name);
    const last = uniforms?.fields.at(-1);
    assertEquals([last?.name, last?.elements], ["operands", 16], shader.name);
    for (const { name, index } of bindings) {
      assert(index < 8, `${shader.name}: "${name}" is at ${index}, where operands begin`);
    }
  }
});
