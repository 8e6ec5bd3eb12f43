import { assert, assertAlmostEquals, assertThrows } from "@std/assert";
import {
  drawnAt,
  lensOf,
  poseOf,
  project,
  rayOf,
  toCamera,
  toWorld,
  unproject,
} from "../../src/world/lens.ts";
import { Random } from "../../src/tensor/random.ts";

Deno.test("rayOf() and drawnAt() undo each other, whatever the distortion", () => {
  for (const [k1, k2] of [[0, 0], [-0.2, 0.02], [0.08, 0], [-0.12, 0]] as const) {
    const lens = lensOf(320, 240, 75, k1, k2);
    for (const [u, v] of [[0, 0], [319.5, 0.5], [160, 120], [12.25, 200], [320, 240]] as const) {
      const at = drawnAt(lens, rayOf(lens, u, v))!;
      assertAlmostEquals(at[0], u, 1e-6, `u of ${u}, ${v} with k1 ${k1}, k2 ${k2}`);
      assertAlmostEquals(at[1], v, 1e-6, `v of ${u}, ${v} with k1 ${k1}, k2 ${k2}`);
    }
  }
});

Deno.test("the field of view is what was asked for", () => {
  const lens = lensOf(400, 300, 90);
  const [x] = rayOf(lens, 400, 150);
  assertAlmostEquals(x, 1, 1e-12);
  assertAlmostEquals(lens.focal, 200, 1e-9);
});

Deno.test("a lens that would fold its corners over is refused", () => {
  assertThrows(() => lensOf(320, 240, 100, -0.5), RangeError, "folds");
  assertThrows(() => lensOf(320, 240, 5), RangeError, "10 to 140");
});

Deno.test("a pose's rotation is a right-handed system, with the axes that its angles say", () => {
  const random = new Random(3);
  for (let i = 0; i < 20; i++) {
    const angles = [random.between(-4, 4), random.between(-1.2, 1.2), random.between(-1, 1)] as const;
    const { rotation: r } = poseOf([0, 0, 0], ...angles);
    for (let a = 0; a < 3; a++) {
      for (let b = 0; b < 3; b++) {
        const product = [0, 1, 2].reduce((sum, k) => sum + r[a * 3 + k]! * r[b * 3 + k]!, 0);
        assertAlmostEquals(product, a === b ? 1 : 0, 1e-12, `rows ${a}, ${b} at ${angles}`);
      }
    }
    const turn = r[0]! * (r[4]! * r[8]! - r[5]! * r[7]!) - r[1]! * (r[3]! * r[8]! - r[5]! * r[6]!) +
      r[2]! * (r[3]! * r[7]! - r[4]! * r[6]!);
    assertAlmostEquals(turn, 1, 1e-12, `determinant at ${angles}`);
  }
  // Looking east: what is further south lies right, what is higher lies up.
  const east = poseOf([10, 2, 5], Math.PI / 2);
  const [x, y, z] = toCamera(east, [13, 3, 6]);
  assertAlmostEquals(x, 1, 1e-9);
  assertAlmostEquals(y, -1, 1e-9);
  assertAlmostEquals(z, 3, 1e-9);
  assert(toCamera(poseOf([0, 0, 0], 0, 0.3), [0, 0, -1])[1] > 0, "what is level lies low where one looks up");
});

Deno.test("project() and unproject() undo each other", () => {
  const random = new Random(4);
  const lens = lensOf(320, 240, 70, -0.1, 0.01);
  for (let i = 0; i < 50; i++) {
    const pose = poseOf(
      [random.between(-9, 9), random.between(1, 3), random.between(-9, 9)],
      random.between(-4, 4),
      0.1,
      0.05,
    );
    const [u, v, depth] = [random.between(0, 320), random.between(0, 240), random.between(0.5, 80)];
    const point = unproject(pose, lens, u, v, depth);
    const back = project(pose, lens, point)!;
    assertAlmostEquals(back.u, u, 1e-6);
    assertAlmostEquals(back.v, v, 1e-6);
    assertAlmostEquals(back.depth, depth, 1e-9);
    const there = toWorld(pose, toCamera(pose, point));
    for (let k = 0; k < 3; k++) assertAlmostEquals(there[k]!, point[k]!, 1e-9);
  }
});
