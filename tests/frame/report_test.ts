import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describeReport, type LoopReport } from "../../src/frame/mod.ts";
import { FakeDevice } from "./fakes.ts";

function report(changes: Partial<LoopReport> = {}): LoopReport {
  const times = { p50: 1.234, p90: 45.67, p99: 1234.5 };
  return {
    frames: 120,
    skipped: 0,
    firstSkipped: [],
    seconds: 2.5,
    framesPerSecond: 48,
    slots: 4,
    stages: { decode: times, upload: times, gpu: times, readback: times, post: times, total: times },
    memory: new FakeDevice().memory(),
    created: { buffers: 0, bindGroups: 0, pipelines: 0, modules: 0 },
    ...changes,
  };
}

Deno.test("describeReport() tells rate, stages with their unit, memory and creations", () => {
  const lines = describeReport(report()).split("\n");
  assertEquals(lines[0], "120 frames in 2.50 s, 48.0 frames/s, 4 in flight");
  assertEquals(lines[1], "ms a frame       p50       p90       p99");
  assertEquals(lines[2], "decode          1.23      45.7      1235  waiting for the source");
  assertEquals(lines.slice(2, 8).map((line) => line.split(" ")[0]), [
    ...["decode", "upload", "gpu", "readback", "post", "total"],
  ]);
  assertEquals(lines.slice(8), [
    "stack 0: high water 512 B of 1.0 KiB",
    "all GPU memory: high water 4.0 KiB",
    "fallbacks: 0",
    "created in loop: 0 buffers, 0 bind groups, 0 pipelines, 0 modules",
  ]);
});

Deno.test("describeReport() says why a stage was not measured", () => {
  const { gpu: _, ...stages } = report().stages;
  assertStringIncludes(
    describeReport(report({ stages })),
    "gpu         not measured: this adapter takes no time",
  );
});

Deno.test("describeReport() names the first skipped frames and counts the others", () => {
  const firstSkipped = [0, 1].map((index) => ({ index, name: "a.jpg", reason: "damaged" }));
  const text = describeReport(report({ skipped: 7, firstSkipped }));
  assertStringIncludes(
    text,
    "7 frames skipped:\n  frame 0 (a.jpg): damaged\n  frame 1 (a.jpg): damaged\n  and 5 more\n",
  );
  assertStringIncludes(
    describeReport(report({ skipped: 1, firstSkipped: firstSkipped.slice(1) })),
    "1 frame skipped:\n",
  );
});

Deno.test("describeReport() of a loop without frames has no table and no NaN", () => {
  const text = describeReport(report({ frames: 0, framesPerSecond: 0, stages: {} }));
  assertStringIncludes(text, "0 frames in 2.50 s, 0.0 frames/s");
  assert(!/NaN|p50/.test(text), text);
});

Deno.test("describeReport() tells fallbacks and what nobody released, with their size", () => {
  const unreleased = { count: 2, bytes: 2048 };
  const memory = { ...new FakeDevice().memory(), fallbacks: 3, fallbackBytes: 3072, unreleased };
  const text = describeReport(report({ memory }));
  assertStringIncludes(text, "fallbacks: 3 (3.0 KiB)\nleft to the garbage collector: 2 (2.0 KiB)\n");
});
