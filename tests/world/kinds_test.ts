import { assertEquals } from "@std/assert";
import { boxesOfKinds, CLASSES, kindOf, KINDS, type TrueBox } from "../../src/world/mod.ts";
import { readLabels } from "../../src/cli/catalogue.ts";

Deno.test("every class is its own kind, but vans are cars and dogs are none", () => {
  assertEquals(CLASSES.map(kindOf), ["person", "bicycle", "car", "car", "bus", undefined, "sign"]);
  const box = (id: number, label: TrueBox["label"]): TrueBox => ({
    ...{ id, label, class_id: CLASSES.indexOf(label), box: [0, 0, 9, 9], pixels: 81, visible: 1 },
    ...{ occlusion: 0, cut: false, depth: 5 },
  });
  const [van, dog, sign] = [box(1, "van"), box(2, "dog"), box(3, "sign")];
  assertEquals(boxesOfKinds([van, dog, sign]), [{ ...van, label: "car", class_id: 2 }, sign]);
});

Deno.test("the labels of the embedded detector are the kinds", async () => {
  assertEquals(await readLabels("town"), [...KINDS]);
});
