import { assertEquals } from "@std/assert";
import type { TrueObject } from "../../src/demo/scene.ts";
import { SceneScore } from "../../src/demo/score.ts";
import type { Detection } from "../../src/vision/detection.ts";

type Box = [number, number, number, number];

function object(kind: string, label: string, box: Box, visible = 1): TrueObject {
  return { id: 1, kind, label, box, visible };
}

function detection(label: string, box: Box, score = 0.9): Detection {
  return { class_id: 0, label, box, score };
}

Deno.test("SceneScore counts found, missed and wrong", () => {
  const score = new SceneScore(["car", "bus"]);
  score.add(
    [
      object("car", "car", [0, 0, 10, 10]),
      object("car", "car", [50, 0, 60, 10]),
      object("bus", "bus", [0, 50, 40, 70]),
    ],
    [
      detection("car", [1, 0, 11, 10]),
      detection("car", [200, 0, 210, 10]),
      detection("bus", [30, 50, 70, 70]),
    ],
  );
  assertEquals(score.classes(), [
    { label: "bus", objects: 1, found: 0, wrong: 1 },
    { label: "car", objects: 2, found: 1, wrong: 1 },
  ]);
  assertEquals(score.total(), { recall: 1 / 3, precision: 1 / 3 });
});

Deno.test("SceneScore matches an object once, the best score first", () => {
  const score = new SceneScore(["car"]);
  score.add(
    [object("car", "car", [0, 0, 10, 10]), object("car", "car", [4, 0, 14, 10])],
    [
      detection("car", [0, 0, 10, 10], 0.5),
      detection("car", [1, 0, 11, 10], 0.9),
      detection("car", [0, 0, 10, 10], 0.3),
    ],
  );
  assertEquals(score.classes(), [{ label: "car", objects: 2, found: 1, wrong: 2 }]);
});

Deno.test("SceneScore uses the narrower name where the network knows it, and leaves the others out", () => {
  const truth = [object("taxi", "car", [0, 0, 10, 10]), object("person", "person", [50, 50, 60, 90])];
  const narrow = new SceneScore(["taxi"]), coco = new SceneScore(["car", "person"]);
  narrow.add(truth, [detection("taxi", [0, 0, 10, 10])]);
  coco.add(truth, [detection("car", [0, 0, 10, 10])]);
  assertEquals(narrow.classes(), [{ label: "taxi", objects: 1, found: 1, wrong: 0 }]);
  assertEquals(coco.total(), { recall: 1 / 2, precision: 1 });
});

Deno.test("SceneScore neither asks for hardly visible objects nor counts them as wrong", () => {
  const score = new SceneScore(["car"]);
  const hidden = object("car", "car", [0, 0, 10, 10], 0.3);
  score.add([hidden], []);
  score.add([hidden], [detection("car", [0, 0, 10, 10])]);
  score.add([hidden], [detection("car", [0, 0, 4, 10])]);
  assertEquals(score.total(), { recall: 1, precision: 1 });
  score.add([hidden], [detection("car", [300, 0, 310, 10])]);
  assertEquals(score.total().precision, 0);
});
