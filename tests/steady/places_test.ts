import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { steadyPlaces } from "../support/steady_places.ts";

Deno.test("recognising places creates nothing on the GPU, and its memory grows by the descriptors alone", async () => {
  const warmUp = 400, frames = 1200, every = 100;
  const { device, report, samples, right, descriptorBytes } = await steadyPlaces({ frames, every });
  using _ = device;
  const context = JSON.stringify(samples);
  assertEquals(report.frames, frames);
  assertEquals(report.created, { buffers: 0, bindGroups: 0, pipelines: 0, modules: 0 });
  assertEquals(report.memory.fallbacks, 0);
  assertGreater(right, frames * 0.9, "the places are not found: the loop does no real work");
  assertEquals(samples.length, 1 + frames / every);
  const steady = samples.filter((sample) => sample.frames >= warmUp);
  const growth = steady.at(-1)!.residentBytes - steady[0]!.residentBytes;
  // Frames that kept their pixels alone would add 22 MB.
  assertLess(growth - (frames - warmUp) * descriptorBytes, 15e6, context);
});
