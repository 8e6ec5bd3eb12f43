import { assertEquals } from "@std/assert";
import { toDetections } from "../../src/detect/detections.ts";
import { fitFrame } from "../../src/vision/fit.ts";

const FIT = fitFrame({ width: 200, height: 100 }, { width: 100, height: 100 }, "letterbox-center");

Deno.test("toDetections() maps boxes and keypoints to the frame and clips them", () => {
  const [detection] = toDetections(
    [{ classId: 0, score: 0.5, box: [10, 35, 120, 90], keypoints: [[20, 45], [-5, 50]] }],
    FIT,
    ["face"],
  );
  assertEquals(detection, {
    class_id: 0,
    label: "face",
    score: 0.5,
    box: [20, 20, 200, 100],
    keypoints: [[40, 40], [0, 50]],
  });
});

Deno.test("toDetections() drops boxes outside the frame and boxes of no area", () => {
  const raw = [[10, 0, 20, 20], [110, 30, 120, 50], [20, 30, 20, 50], [30, 30, 10, 50]] as const;
  assertEquals(toDetections(raw.map((box) => ({ classId: 0, score: 1, box })), FIT, ["a"]), []);
});

Deno.test("toDetections() calls a class without a label by its number", () => {
  const [detection] = toDetections([{ classId: 9, score: 1, box: [10, 30, 20, 40] }], FIT, ["a"]);
  assertEquals(detection?.label, "class 9");
});
