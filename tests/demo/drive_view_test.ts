import { assert, assertEquals } from "@std/assert";
import { Drive } from "../../src/demo/drive.ts";
import { countObjects, DriveView, type DriveViewContent } from "../../src/demo/drive_view.ts";
import type { PlaceOutcome } from "../../src/demo/place_score.ts";

const FRAMES = 20;

function picture(grey: number) {
  return { width: 32, height: 24, scale: 0.1, pixels: new Uint8Array(32 * 24 * 3).fill(grey) };
}

/** A view that shows the frames up to one, and that one's picture. */
function drawn(outcomes: readonly PlaceOutcome[], last: Partial<DriveViewContent> = {}): {
  view: DriveView;
  at: (x: number, y: number) => number[];
} {
  const view = new DriveView(new Drive({ seed: 4, frames: FRAMES }));
  let pixels = new Uint8Array();
  for (const [frame, outcome] of outcomes.entries()) {
    pixels = view.draw({
      frame,
      picture: picture(128),
      detections: [],
      outcome,
      ...(frame === outcomes.length - 1 && last),
    });
  }
  return { view, at: (x, y) => [...pixels.subarray((y * view.size.width + x) * 3).subarray(0, 3)] };
}

/** Of the time line, at a frame; its last row, which no pointer covers. */
function timelineAt(frame: number): [number, number] {
  return [24 + Math.round((frame + 0.25) / FRAMES * 640), 650];
}

Deno.test("DriveView colours the time line by what became of each frame, and leaves what is to come", () => {
  const { at } = drawn(["new", "found", "missed", "wrong"]);
  const colours = [1, 2, 3].map((frame) => at(...timelineAt(frame)));
  assertEquals(colours, [[61, 220, 145], [246, 176, 66], [255, 92, 80]]);
  assertEquals(at(...timelineAt(5)), at(...timelineAt(12)));
});

Deno.test("DriveView shows the frame, and beside it the earlier one, framed alike", () => {
  const match = { frame: 1, similarity: 0.8, matches: 40, inliers: 30, lines: new Float32Array(0) };
  const { at } = drawn(["new", "new", "found"], { match: { ...match, picture: picture(200) } });
  assertEquals(at(300, 300), [128, 128, 128]);
  assertEquals(at(900, 200), [200, 200, 200]);
  assertEquals([at(22, 300), at(686, 200)], [[61, 220, 145], [61, 220, 145]]);
});

Deno.test("DriveView does without a picture of the earlier frame, and without numbers", () => {
  const match = { frame: 0, similarity: undefined, matches: undefined, inliers: undefined };
  const { at } = drawn(["new", "new", "wrong"], {
    match: { ...match, picture: undefined, lines: new Float32Array(4) },
  });
  assertEquals(at(900, 200), drawn(["new"]).at(900, 300), "the place of the picture stays empty");
  assertEquals(at(22, 300), [255, 92, 80]);
});

Deno.test("DriveView draws a frame's detections where they are in the frame", () => {
  const detection = { class_id: 2, label: "car", score: 0.9, box: [100, 120, 200, 180] as const };
  const { at } = drawn(["new"], { detections: [{ ...detection, box: [...detection.box] }] });
  // The frame has 320 x 240 pixels, and is shown twice as large from (24, 64) on.
  const [edge, inside] = [at(24 + 200, 64 + 300), at(24 + 300, 64 + 330)];
  assertEquals(inside, [128, 128, 128]);
  assert(edge.some((value) => Math.abs(value - 128) > 30), `the box's left edge is ${edge}`);
});

Deno.test("countObjects() puts detections into words", () => {
  const of = (...labels: string[]): string => countObjects(labels.map((label) => ({ label })));
  assertEquals(of(), "nothing that it knows");
  assertEquals(of("car", "person", "car", "bus"), "2 cars, 1 person, 1 bus");
  assertEquals(of("person", "person", "bus", "bus"), "2 people, 2 buses");
});
