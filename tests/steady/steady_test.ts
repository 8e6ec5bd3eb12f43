import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { steadyLoop } from "../support/steady.ts";

Deno.test("a steady loop creates nothing on the GPU, and its memory does not grow", async () => {
  const warmUp = 500, frames = 1500, every = 100;
  const { report, samples, found } = await steadyLoop({ frames, every });
  const context = JSON.stringify(samples);
  assertEquals(report.frames, frames);
  assertGreater(found, frames, "the detector finds nothing: the loop does no real work");
  assertEquals(report.created, { buffers: 0, bindGroups: 0, pipelines: 0, modules: 0 });
  assertEquals(report.memory.fallbacks, 0);
  assertEquals(samples.length, 1 + frames / every);
  assertGreater(samples[0]!.gpuBytes, 0);
  assertEquals(new Set(samples.map(({ gpuBytes }) => gpuBytes)).size, 1, context);
  assertEquals(new Set(samples.map(({ gpuObjects }) => gpuObjects)).size, 1, context);
  const steady = samples.filter((sample) => sample.frames >= warmUp).map(({ residentBytes }) =>
    residentBytes
  );
  const growth = steady.at(-1)! - steady[0]!;
  // Frames that leaked their pixels alone would add 49 MB; one compile a frame that is never freed adds 300.
  assertLess(growth, 15e6, context);
  assert(report.stages.readback !== undefined);
});
