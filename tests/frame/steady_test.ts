import { assertEquals, assertLess } from "@std/assert";
import { Detector } from "../../src/detect/mod.ts";
import { runLoop } from "../../src/frame/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { Session } from "../../src/graph/mod.ts";
import type { Detection } from "../../src/vision/detection.ts";
import { TINY_INPUT, tinyDetector } from "../support/tiny_detector.ts";
import { FakeSource } from "./fakes.ts";

const FRAMES = 600;

/** Resident memory in MB, after a collection if the process was started with --expose-gc. */
function residentMB(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return Deno.memoryUsage().rss / 1e6;
}

Deno.test("runLoop() over a detector creates nothing and takes no more memory with every frame", async () => {
  using device = await Device.request({ pool: { stackBytes: 1 << 20, stackCount: 4 } });
  using session = await Session.load(device, tinyDetector());
  using detector = await Detector.create(device, {
    session,
    head: { family: "yolox", output: "output", classes: 1 },
    treatment: { fit: "stretch", channels: "bgr" },
    input: { width: TINY_INPUT, height: TINY_INPUT },
    labels: ["square"],
    frame: { width: 2, height: 2 },
    formats: ["gray8"],
  });
  const resident: number[] = [];
  const report = await runLoop<readonly Detection[]>({
    device,
    source: new FakeSource({ frames: FRAMES }),
    slots: detector.slots,
    sinks: [],
    strict: true,
    onFrame: (done) => done % 100 === 0 && resident.push(residentMB()),
  });
  assertEquals(report.frames, FRAMES);
  assertEquals(report.created, { buffers: 0, bindGroups: 0, pipelines: 0, modules: 0 });
  assertEquals([report.memory.fallbacks, report.memory.stacks.length], [0, 4]);
  // A buffer of 16 KB left behind in each frame (the smallest that this network has) would be 6.5 MB. The young
  // generation of the JavaScript heap alone may add some MB, because a test cannot force a collection.
  const [, early, , , , late] = resident as [number, number, number, number, number, number];
  assertLess(late - early, 16, `resident MB after every 100 frames: ${resident.map((mb) => mb.toFixed(1))}`);
});
