import { assertEquals, assertStringIncludes } from "@std/assert";
import { drawMemory, risenMiB } from "../../../src/demo/report/memory_figure.ts";

const MIB = 2 ** 20;

Deno.test("risenMiB() compares the last frame with the middle one", () => {
  const samples = [900, 500, 510, 530].map((resident) => ({ resident: resident * MIB, gpu: 0 }));
  assertEquals(risenMiB(samples), 20);
  assertEquals(risenMiB(samples.toReversed()), 400);
  assertEquals(risenMiB(samples.slice(0, 1)), 0);
  assertEquals(risenMiB([]), 0);
});

Deno.test("drawMemory() draws both curves, and a run of thousands of frames with few points", () => {
  const samples = Array.from({ length: 5000 }, (_, i) => ({ resident: (300 + i) * MIB, gpu: 100 * MIB }));
  const svg = drawMemory(samples);
  assertStringIncludes(svg, "process");
  assertStringIncludes(svg, "MiB");
  assertEquals(svg.length < 20_000, true, `${svg.length} characters`);
});
