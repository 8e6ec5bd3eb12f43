import { assertEquals } from "@std/assert";
import type { FrameScore } from "../../../src/demo/object_score.ts";
import { TellingFrames } from "../../../src/demo/report/telling_frames.ts";
import type { ClassName } from "../../../src/world/things.ts";
import type { TrueBox } from "../../../src/world/truth.ts";

/** A frame in which all these objects were missed, or found. */
function score(labels: readonly ClassName[], found = false): FrameScore {
  const objects = labels.map((label, id): TrueBox => ({
    id,
    class_id: 0,
    label,
    box: [0, 0, 20, 20],
    pixels: 400,
    visible: 1,
    occlusion: 0,
    cut: false,
    depth: 10,
  }));
  return {
    right: found
      ? objects.map((truth) => ({
        truth,
        detection: { class_id: 0, label: truth.label, score: 1, box: [0, 0, 20, 20] },
      }))
      : [],
    wrong: [],
    missed: found ? [] : objects,
  };
}

Deno.test("TellingFrames takes the frame with most classes and objects of each stretch, found or not", () => {
  const frames = new TellingFrames();
  const scores = [
    score(["car"]),
    score(["car", "bus"]),
    score(["car", "car", "car"]),
    score([]),
    score(["dog"], true),
    score([]),
  ];
  for (const [frame, one] of scores.entries()) frames.add(10 + frame, one);
  assertEquals(frames.best(2).map(({ frame }) => frame), [11, 14]);
  assertEquals(frames.best(1).map(({ frame }) => frame), [11]);
});

Deno.test("TellingFrames takes what there is where there are fewer frames, or none", () => {
  const frames = new TellingFrames();
  assertEquals(frames.best(3), []);
  frames.add(0, score([]));
  assertEquals(frames.best(3).map(({ frame }) => frame), [0]);
});
