import { assertEquals } from "@std/assert";
import { driveRecord, SHOWN_SCORE } from "../../src/demo/drive_record.ts";

Deno.test("driveRecord() tells the detections that are sure enough, and the place", () => {
  const frame = { index: 7, timeSeconds: 0.5, width: 320, height: 240 };
  const box: [number, number, number, number] = [1, 2, 3, 4];
  const record = driveRecord(frame, {
    detections: [
      { class_id: 2, label: "car", score: 0.9, box },
      { class_id: 2, label: "car", score: SHOWN_SCORE - 0.01, box },
    ],
    place: {
      id: 7,
      status: "loop",
      match: 2,
      similarity: 0.81234567,
      matches: 40,
      inliers: 31,
      candidates: [{ id: 2, score: 0.5 }],
      timeSeconds: 0.5,
    },
  });
  assertEquals(record, {
    frame: 7,
    time_s: 0.5,
    width: 320,
    height: 240,
    detections: [{ class_id: 2, label: "car", score: 0.9, box }],
    place: {
      status: "loop",
      match: 2,
      similarity: 0.812346,
      matches: 40,
      inliers: 31,
      candidates: [[2, 0.5]],
    },
  });
});
