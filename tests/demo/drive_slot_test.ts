import { assertEquals, assertRejects } from "@std/assert";
import { DriveSlot } from "../../src/demo/drive_slot.ts";
import type { Frame } from "../../src/frame/frame.ts";
import type { FrameSlot } from "../../src/frame/loop.ts";
import type { PlaceResult } from "../../src/place/conclusion.ts";
import type { Detection } from "../../src/vision/detection.ts";

const FRAME: Frame = {
  index: 3,
  timeSeconds: 0.12,
  width: 1,
  height: 1,
  format: "rgb24",
  colour: { matrix: "bt709", range: "full" },
  data: new Uint8Array(3),
  release: () => {},
};
const CAR: Detection = { class_id: 2, label: "car", score: 0.5, box: [0, 0, 1, 1] };
const PLACE: PlaceResult = { id: 3, status: "no_candidates", candidates: [] };

/** Notes what it is asked, and answers after a while. */
function slot<Result>(
  log: string[],
  name: string,
  answer: () => { result: Result; gpuMs?: number },
): FrameSlot<Result> {
  return {
    submit: (frame) => void log.push(`${name} ${frame.index}`),
    collect: async () => {
      log.push(`${name} asked`);
      await Promise.resolve();
      return answer();
    },
  };
}

Deno.test("DriveSlot gives a frame to both, asks both before it waits, and joins their results and times", async () => {
  const log: string[] = [];
  const both = new DriveSlot(
    slot(log, "detect", () => ({ result: [CAR], gpuMs: 2 })),
    slot(log, "place", () => ({ result: PLACE, gpuMs: 3 })),
  );
  both.submit(FRAME);
  const collected = both.collect();
  assertEquals(log, ["detect 3", "place 3", "detect asked", "place asked"]);
  assertEquals(await collected, { result: { detections: [CAR], place: PLACE }, gpuMs: 5 });
});

Deno.test("DriveSlot tells no time where one of the two has none", async () => {
  const both = new DriveSlot(
    slot([], "detect", () => ({ result: [CAR], gpuMs: 2 })),
    slot([], "place", () => ({ result: PLACE })),
  );
  both.submit(FRAME);
  assertEquals(await both.collect(), { result: { detections: [CAR], place: PLACE } });
});

Deno.test("DriveSlot fails with either, after both have ended", async () => {
  const fail = (): never => {
    throw new Error("device lost");
  };
  const good = { result: PLACE }, log: string[] = [];
  await assertRejects(
    () => new DriveSlot(slot(log, "detect", fail), slot(log, "place", () => good)).collect(),
    Error,
    "device lost",
  );
  await assertRejects(
    () => new DriveSlot(slot(log, "detect", () => ({ result: [CAR] })), slot(log, "place", fail)).collect(),
    Error,
    "device lost",
  );
  assertEquals(log, ["detect asked", "place asked", "detect asked", "place asked"]);
});
