import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { makeScenario, type Moment, RandomViews, SCENARIOS } from "../../src/world/mod.ts";

Deno.test("the camera that drives passes through no house and no vehicle that stands", () => {
  for (const name of SCENARIOS) {
    for (const seed of [1, 2]) {
      const scenario = makeScenario(name, { seed, frames: 150 });
      for (let frame = 0; frame < 150; frame++) {
        const { town, pose: { position }, occasion } = scenario.moment(frame);
        // At time 0, so that what moves is not where it would be met.
        town.things.rewind();
        town.traffic.add(
          town.things,
          0,
          occasion,
          ({ origin: [x, , z] }) =>
            Math.hypot(x - position[0], z - position[2]) < 8 &&
              town.plan.streetsX.every(({ middle, half, parking }) =>
                Math.abs(x - middle) > half - 2.1 * Number(parking)
              ) &&
              town.plan.streetsZ.every(({ middle, half, parking }) =>
                Math.abs(z - middle) > half - 2.1 * Number(parking)
              )
              ? "fine"
              : "no",
        );
        for (const { id, low, high, hides, label } of town.things.list) {
          if (!hides && !(label >= 2 && label <= 4)) continue;
          const inside = position.every((value, axis) =>
            value > low[axis]! - 0.1 && value < high[axis]! + 0.1
          );
          assert(!inside, `${name}, seed ${seed}, frame ${frame}: in thing ${id} at ${position}`);
        }
      }
    }
  }
});

Deno.test("a scenario's frames follow each other at an even pace, and laps end where they began", () => {
  for (const camera of ["drive", "walk"] as const) {
    const scenario = makeScenario("two-laps", { seed: 4, frames: 400, camera });
    const at = (frame: number): Moment => scenario.moment(frame);
    const pace = camera === "drive" ? 6.5 : 1.5;
    for (let frame = 1; frame < 400; frame++) {
      const [a, b] = [at(frame - 1), at(frame)];
      assertEquals(b.before, a.pose);
      const way = Math.hypot(
        b.pose.position[0] - a.pose.position[0],
        b.pose.position[2] - a.pose.position[2],
      );
      const speed = way * scenario.frameRate;
      // The step aside between the laps comes at once.
      if (b.occasion === a.occasion) {
        assert(Math.abs(speed - pace) < 0.35 * pace, `${camera}, frame ${frame}: ${speed} m/s`);
      }
    }
    const [first, again] = [at(30), at(230)];
    assertEquals([first.occasion, again.occasion], [0, 1]);
    assert(
      Math.hypot(
        first.pose.position[0] - again.pose.position[0],
        first.pose.position[2] - again.pose.position[2],
      ) < 1.2,
    );
    assertEquals(at(30), first, "asked again, the same");
  }
});

Deno.test("the second lap of two laps in another light is in another light", () => {
  for (const [light, other] of [["day", "dusk"], ["dusk", "day"], ["rain", "day"]] as const) {
    const scenario = makeScenario("two-laps-other-light", { seed: 1, frames: 10, light });
    assertEquals([0, 4, 5, 9].map((frame) => scenario.moment(frame).light.name), [
      light,
      light,
      other,
      other,
    ]);
  }
});

Deno.test("random views of a group differ by no more than was asked for", () => {
  const views = new RandomViews({
    seed: 5,
    width: 320,
    height: 240,
    group: 2,
    perTown: 8,
    turnDegrees: 20,
    shiftMetres: 1,
  });
  for (let i = 0; i < 16; i += 2) {
    const [a, b] = [views.moment(i), views.moment(i + 1)];
    assertEquals(a.group, b.group);
    assert(a.town === b.town);
    const turn = [0, 1, 2].reduce((sum, k) => sum + a.pose.rotation[6 + k]! * b.pose.rotation[6 + k]!, 0);
    assert(Math.acos(Math.min(1, turn)) < 25 * Math.PI / 180, `pictures ${i}: ${turn}`);
    const [p, q] = [a.pose.position, b.pose.position];
    assert(Math.hypot(p[0] - q[0], p[2] - q[2]) < 2.3, `pictures ${i}`);
    assertEquals([a.lens.width, a.lens.height], [320, 240]);
  }
  const field = ({ lens }: { lens: { focal: number } }): number =>
    2 * Math.atan(160 / lens.focal) * 180 / Math.PI;
  const plain = new RandomViews({
    seed: 5,
    width: 320,
    height: 240,
    lenses: false,
    effects: false,
    lights: ["rain"],
  }).moment(3);
  assertAlmostEquals(field(plain), 72, 1e-9);
  assertEquals([plain.effects, plain.light.name], [{}, "rain"]);
});

Deno.test("random views of places that look alike come in pairs, one in each of two streets", () => {
  const views = new RandomViews({ seed: 5, width: 320, height: 240, group: 2, alike: true, perTown: 6 });
  for (let i = 0; i < 24; i += 4) {
    const [a, b, c] = [views.moment(i), views.moment(i + 1), views.moment(i + 2)];
    assertEquals([a.group, b.group, c.group], [i / 2, i / 2, i / 2 + 1]);
    assert(a.town === c.town, `pictures ${i}`);
    const { twins, streetsX } = a.town.plan;
    const apart = streetsX[twins![1]]!.middle - streetsX[twins![0]]!.middle;
    const [p, q] = [a.pose.position, c.pose.position];
    assert(Math.abs(q[0] - p[0] - apart) < 2.5, `pictures ${i}: ${q[0] - p[0]} and ${apart}`);
    assert(Math.abs(q[2] - p[2]) < 2.5, `pictures ${i}`);
  }
});

Deno.test("scenarios that cannot be are refused", () => {
  assertThrows(() => makeScenario("straight", { frames: 0 }), RangeError, "0 frames");
  assertThrows(() => new RandomViews({ width: 8, height: 8, lights: [] }), RangeError, "lights 0");
});
