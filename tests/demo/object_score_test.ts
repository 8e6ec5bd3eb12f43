import { assertAlmostEquals, assertEquals } from "@std/assert";
import { isAskedFor, ObjectScore, scoreFrame } from "../../src/demo/object_score.ts";
import type { Detection } from "../../src/vision/detection.ts";
import { CLASSES, type ClassName } from "../../src/world/things.ts";
import type { TrueBox } from "../../src/world/truth.ts";

type Box = [number, number, number, number];

function truth(id: number, label: ClassName, box: Box, seen: Partial<TrueBox> = {}): TrueBox {
  const class_id = CLASSES.indexOf(label);
  return { id, class_id, label, box, pixels: 400, visible: 1, occlusion: 0, cut: false, depth: 9, ...seen };
}

function detection(label: ClassName, box: Box, score = 0.9): Detection {
  return { class_id: CLASSES.indexOf(label), label, box, score };
}

Deno.test("an object is asked for from 100 pixels on, and if 40 % of it can be seen", () => {
  const cases: [number, number, boolean][] = [
    [100, 0.4, true],
    [99, 1, false],
    [5000, 0.39, false],
  ];
  for (const [pixels, visible, asked] of cases) {
    assertEquals(isAskedFor({ pixels, visible }), asked, `${pixels} pixels, ${visible} visible`);
  }
});

Deno.test("scoreFrame() tells right, wrong and missed boxes apart", () => {
  const [left, far, dog] = [
    truth(1, "car", [0, 0, 20, 20]),
    truth(2, "car", [100, 0, 120, 20]),
    truth(3, "dog", [0, 100, 20, 120]),
  ];
  const hit = detection("car", [1, 0, 21, 20]), again = detection("car", [0, 1, 20, 21], 0.5);
  const bus = detection("bus", [0, 100, 20, 120]), nowhere = detection("person", [200, 100, 220, 120]);
  const { right, wrong, missed } = scoreFrame([left, far, dog], [again, bus, nowhere, hit]);
  assertEquals(right, [{ detection: hit, truth: left }]);
  assertEquals(new Set(wrong), new Set([again, bus, nowhere]));
  assertEquals(missed, [far, dog]);
});

Deno.test("scoreFrame() holds what meets a small or hidden object neither for right nor for wrong", () => {
  const hidden = truth(1, "car", [0, 0, 20, 20], { visible: 0.3 });
  const small = truth(2, "dog", [50, 50, 58, 58], { pixels: 40 });
  const { right, wrong, missed } = scoreFrame([hidden, small], [
    detection("car", [0, 0, 20, 20]),
    detection("dog", [50, 50, 58, 58]),
  ]);
  assertEquals([right, wrong, missed], [[], [], []]);
});

Deno.test("ObjectScore counts an object once, however many frames show it, and boxes frame by frame", () => {
  const score = new ObjectScore();
  const car = truth(7, "car", [0, 0, 20, 20]);
  const hit = detection("car", [0, 0, 20, 20]);
  score.add(0, "day", [car], [hit], [hit]);
  score.add(1, "day", [car], [], []);
  score.add(2, "dusk", [car, truth(8, "bus", [40, 40, 90, 90])], [hit], [hit]);
  const [ofCar, ofBus] = score.classes();
  assertEquals({ ...ofCar, averagePrecision: undefined }, {
    label: "car",
    things: 1,
    thingsFound: 1,
    boxes: 3,
    boxesFound: 2,
    wrong: 0,
    averagePrecision: undefined,
  });
  assertAlmostEquals(ofCar!.averagePrecision!, 2 / 3);
  assertEquals([ofBus?.label, ofBus?.things, ofBus?.thingsFound, ofBus?.averagePrecision], ["bus", 1, 0, 0]);
  assertAlmostEquals(score.precision().mean, 1 / 3);
  assertAlmostEquals(score.precision("day").mean, 1 / 2);
  assertAlmostEquals(score.precision("dusk").mean, 1 / 2);
});

Deno.test("ObjectScore takes detections that are not shown into the average precision alone", () => {
  const score = new ObjectScore();
  const unsure = detection("car", [0, 0, 20, 20], 0.1);
  score.add(0, "day", [truth(1, "car", [0, 0, 20, 20])], [unsure], []);
  const [car] = score.classes();
  assertEquals([car?.boxesFound, car?.thingsFound, car?.averagePrecision], [0, 0, 1]);
});

Deno.test("ObjectScore asks for a van as a car, and for no dog", () => {
  const score = new ObjectScore();
  const hit = detection("car", [0, 0, 20, 20]);
  score.add(0, "day", [truth(1, "van", [0, 0, 20, 20]), truth(2, "dog", [50, 50, 70, 70])], [hit], [hit]);
  assertEquals(
    score.classes().map(({ label, things, thingsFound, wrong }) => [label, things, thingsFound, wrong]),
    [
      ["car", 1, 1, 0],
    ],
  );
  assertEquals(score.precision().mean, 1);
});
