import { assertEquals } from "@std/assert";
import { Device } from "../../src/gpu/mod.ts";

Deno.test("target.dot4 is there where the runtime lists the language feature and the adapter computes it", async () => {
  using device = await Device.request({ pool: false });
  const { wgslLanguageFeatures } = navigator.gpu as GPU & {
    wgslLanguageFeatures?: { has(name: string): boolean };
  };
  assertEquals(device.target.dot4, wgslLanguageFeatures?.has("packed_4x8_integer_dot_product") ?? false);
});
