import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { fromOpencvOutput, opencvOutput } from "../../src/detect/opencv_output.ts";
import type { Detection } from "../../src/vision/detection.ts";
import { Random } from "../support/random.ts";

const IMAGE = { width: 300, height: 200 };

Deno.test("opencvOutput() is a 1x1xNx7 blob of image, class, confidence and corners of 0..1", () => {
  const car: Detection = { class_id: 6, label: "car", score: 0.75, box: [30, 50, 150, 200] };
  const { shape, data } = opencvOutput([car, { ...car, class_id: 0 }], IMAGE, { imageId: 2 });
  assertEquals(shape, [1, 1, 2, 7]);
  assertEquals(data, new Float32Array([2, 7, 0.75, 0.1, 0.25, 0.5, 1, 2, 1, 0.75, 0.1, 0.25, 0.5, 1]));
  assertEquals(opencvOutput([car], IMAGE, { background: false }).data[1], 6);
});

Deno.test("opencvOutput() of nothing has no rows", () => {
  const { shape, data } = opencvOutput([], IMAGE);
  assertEquals(shape, [1, 1, 0, 7]);
  assertEquals(data.length, 0);
  assertThrows(() => opencvOutput([], { width: 0, height: 1 }), RangeError, "0x1");
});

Deno.test("fromOpencvOutput() gives back what opencvOutput() took", () => {
  const random = new Random(41);
  const labels = ["a", "b", "c"];
  const list = Array.from({ length: 20 }, (): Detection => {
    const class_id = random.int(0, 2);
    const [x, y] = [random.uniform(0, 100), random.uniform(0, 100)];
    return {
      class_id,
      label: labels[class_id]!,
      score: Math.fround(random.next()),
      box: [x, y, x + random.uniform(0, 200), y + random.uniform(0, 100)],
    };
  });
  for (const background of [true, false]) {
    const back = fromOpencvOutput(opencvOutput(list, IMAGE, { background }).data, IMAGE, labels, {
      background,
    });
    assertEquals(back.length, list.length);
    back.forEach((detection, i) => {
      const { box, ...rest } = list[i]!;
      assertEquals({ class_id: detection.class_id, label: detection.label, score: detection.score }, rest);
      detection.box.forEach((side, n) => assertAlmostEquals(side, box[n]!, 1e-4, `seed 41, box ${i}`));
    });
  }
});

Deno.test("fromOpencvOutput() leaves out the row by which OpenCV says that nothing was found", () => {
  assertEquals(fromOpencvOutput(new Float32Array([-1, 0, 0, 0, 0, 0, 0]), IMAGE, []), []);
  assertThrows(() => fromOpencvOutput(new Float32Array(8), IMAGE, []), RangeError, "8 numbers");
});
