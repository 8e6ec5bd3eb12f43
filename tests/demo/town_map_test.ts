import { assert, assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import { Drive } from "../../src/demo/drive.ts";
import { TownMap } from "../../src/demo/town_map.ts";

const SIZE = { width: 300, height: 200 };

Deno.test("a drive has two laps, by day and at dusk, and ends where it began", () => {
  const drive = new Drive({ seed: 5, frames: 90 });
  assertEquals([drive.laps[0], drive.laps[44], drive.laps[45], drive.laps[89]], [0, 0, 1, 1]);
  assertEquals([drive.lights[0], drive.lights[89]], ["day", "dusk"]);
  assertEquals(drive.gap, 15);
  assertGreater(drive.speedUp, 1);
  // A lap later the camera is beside where it was.
  const [x0, , z0] = drive.poses[10]!.position, [x1, , z1] = drive.poses[55]!.position;
  assert(Math.hypot(x1 - x0, z1 - z0) < 1, `${Math.hypot(x1 - x0, z1 - z0)} m apart`);
});

Deno.test("TownMap keeps the way on the picture, north up, metres the same both ways", () => {
  const drive = new Drive({ seed: 5, frames: 90 });
  const map = new TownMap(drive, SIZE, 0);
  for (let frame = 0; frame < 90; frame++) {
    const [x, y] = map.at(frame);
    assert(x > 0 && y > 0 && x < SIZE.width && y < SIZE.height, `frame ${frame} at ${x}, ${y}`);
  }
  const [a, b] = [drive.poses[0]!.position, drive.poses[20]!.position];
  const [from, to] = [map.at(0), map.at(20)];
  assertAlmostEquals(to[0] - from[0], (b[0] - a[0]) * map.scale, 1e-9);
  assertAlmostEquals(to[1] - from[1], (b[2] - a[2]) * map.scale, 1e-9);
});

Deno.test("TownMap draws the second lap outside of the first, so far apart as it is told", () => {
  const drive = new Drive({ seed: 5, frames: 90 });
  const plain = new TownMap(drive, SIZE, 0), spread = new TownMap(drive, SIZE, 12);
  const middle = [0, 1].map((axis) =>
    Array.from({ length: 45 }, (_, frame) => plain.at(frame)[axis]!).reduce((sum, value) => sum + value) / 45
  );
  for (let frame = 0; frame < 90; frame++) {
    const [x, y] = plain.at(frame), [sx, sy] = spread.at(frame);
    const moved = Math.hypot(sx - x, sy - y);
    assertAlmostEquals(moved, frame < 45 ? 0 : 12, 1e-9, `frame ${frame}`);
    if (frame < 45) continue;
    const further = Math.hypot(sx - middle[0]!, sy - middle[1]!) - Math.hypot(x - middle[0]!, y - middle[1]!);
    assertGreater(further, 0, `frame ${frame} is drawn inside`);
  }
});

Deno.test("TownMap cuts land off at the picture's edges", () => {
  const map = new TownMap(new Drive({ seed: 5, frames: 20 }), SIZE, 0);
  assertGreater(map.land.length, 4);
  for (const { left, top, right, bottom } of map.land) {
    assert(left >= 0 && top >= 0 && right <= SIZE.width && bottom <= SIZE.height);
    assert(right > left && bottom > top);
  }
});
