import { assert, assertEquals, assertThrows } from "@std/assert";
import { featureNodes } from "../../../src/place/bags/bag_direct_index.ts";
import { keepFeatures, type KeptFeatures } from "../../../src/place/features/kept_features.ts";
import { GeometricCheck, type GeometricCheckOptions, matchByNodes } from "../../../src/place/geometry/mod.ts";
import type { GeometricMatch } from "../../../src/place/loop/result.ts";
import { Random } from "../../support/random.ts";
import {
  CAMERA,
  directionError,
  drawScene,
  features,
  HEIGHT,
  inOrder,
  rotationError,
  type Scene,
  SCENE_KINDS,
  type SceneKind,
  WIDTH,
} from "./scenes.ts";

const SEEDS = 12;

interface Verified {
  readonly scene: Scene;
  readonly match: GeometricMatch;
  readonly told: string;
  /** Right pairs among the inliers, of all right ones. */
  readonly recall: number;
  /** Right pairs among the inliers, of the inliers. */
  readonly precision: number;
}

function verify(seed: number, kind: SceneKind, outliers: number, calibrated: boolean): Verified {
  const scene = drawScene(new Random(seed), { kind, pairs: 120, outliers, noise: 0.5 });
  const check = new GeometricCheck(calibrated ? { intrinsics: CAMERA } : {});
  const match = check.check(3, scene.now, scene.earlier, scene.pairs);
  let right = 0;
  for (let i = 0; i < match.inliers; i++) if (scene.right[match.pairs[2 * i]!]) right++;
  const told = JSON.stringify({ seed, kind, outliers, calibrated, ...match, pairs: undefined });
  return {
    scene,
    match,
    told,
    recall: right / scene.right.filter(Boolean).length,
    precision: right / Math.max(match.inliers, 1),
  };
}

function assertFinite({ inliers, pairs, pose }: GeometricMatch, told: string): void {
  const numbers = [pose, pose?.alternative].flatMap((p) =>
    p ? [...p.rotation, ...p.translation, p.parallax ?? 0] : []
  );
  assert(numbers.every(Number.isFinite) && pairs.length === 2 * inliers, told);
}

for (const calibrated of [false, true]) {
  const how = calibrated ? "with" : "without";
  Deno.test(`with up to half of the pairs wrong, the inliers ${how} intrinsics are the right pairs, of the right model`, () => {
    for (const kind of SCENE_KINDS) {
      for (const outliers of [0, 0.2, 0.35, 0.5]) {
        for (let seed = 1; seed <= SEEDS; seed++) {
          const { match, told, recall, precision } = verify(seed, kind, outliers, calibrated);
          const flat = kind === "planar" || kind === "turning";
          assertEquals(match.model, flat ? "homography" : calibrated ? "essential" : "fundamental", told);
          assertEquals([match.id, match.matches], [3, 120], told);
          assert(recall >= 0.9 && precision >= 0.85, `recall ${recall}, precision ${precision}: ${told}`);
          assertFinite(match, told);
        }
      }
    }
  });

  Deno.test(`with 70 % of the pairs wrong, most scenes are verified ${how} intrinsics, planes and rotations all`, () => {
    for (const kind of SCENE_KINDS) {
      let verified = 0;
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { match, told, recall } = verify(seed, kind, 0.7, calibrated);
        assertFinite(match, told);
        if (recall > 0.8) verified++;
      }
      const least = kind === "planar" || kind === "turning" ? SEEDS : calibrated ? 0.75 * SEEDS : 0.5 * SEEDS;
      assert(verified >= least, `${kind}, ${how} intrinsics: ${verified} of ${SEEDS}`);
    }
  });
}

Deno.test("the pose is within a degree of the drawn rotation, and four of the direction", () => {
  for (const kind of SCENE_KINDS) {
    for (const outliers of [0, 0.3, 0.5]) {
      for (let seed = 101; seed <= 100 + SEEDS; seed++) {
        const { match: { pose }, scene, told } = verify(seed, kind, outliers, true);
        assert(pose, told);
        // A plane alone may leave two motions.
        const errors = [pose, ...(pose.alternative ? [pose.alternative] : [])].map((p) => [
          rotationError(p.rotation, scene.rotation),
          kind === "turning"
            ? Math.hypot(...p.translation)
            : directionError(p.translation, scene.translation),
        ]);
        assert(
          errors.some(([turned, moved]) => turned! < 1 && moved! < 4),
          `${JSON.stringify(errors)}: ${told}`,
        );
        if (pose.alternative) assertEquals(kind, "planar", told);
        assertEquals(pose.parallax === 0, kind === "turning", told);
      }
    }
  }
});

Deno.test("without noise the pose is the drawn one", () => {
  for (const kind of ["general", "planar", "forward", "turning"] as const) {
    const scene = drawScene(new Random(77), { kind, pairs: 60, outliers: 0, noise: 0 });
    const { pose, inliers } = new GeometricCheck({ intrinsics: CAMERA })
      .check(0, scene.now, scene.earlier, scene.pairs);
    assertEquals(inliers, 60, kind);
    assert(pose, kind);
    const poses = [pose, ...(pose.alternative ? [pose.alternative] : [])];
    // Points are floats of 32 bits.
    assert(
      poses.some((p) =>
        rotationError(p.rotation, scene.rotation) < 1e-2 &&
        (kind === "turning" || directionError(p.translation, scene.translation) < 1e-2)
      ),
      `${kind}: ${JSON.stringify(pose)}`,
    );
  }
});

Deno.test("the same frames and seed give the same match; features may stand in any order", () => {
  const scene = drawScene(new Random(5), { kind: "general", pairs: 90, outliers: 0.4, noise: 0.5 });
  const check = new GeometricCheck({ intrinsics: CAMERA });
  const match = check.check(1, scene.now, scene.earlier, scene.pairs);
  assertEquals(check.check(1, scene.now, scene.earlier, scene.pairs), match);
  assertEquals(
    new GeometricCheck({ intrinsics: CAMERA }).check(1, scene.now, scene.earlier, scene.pairs),
    match,
  );
  // The earlier frame's features backwards.
  const backwards: KeptFeatures = {
    ...scene.earlier,
    points: Float32Array.from(
      { length: 180 },
      (_, i) => scene.earlier.points[2 * (89 - (i >> 1)) + i % 2]!,
    ),
  };
  const pairs = {
    ...scene.pairs,
    pairs: scene.pairs.pairs.map((feature, i) => i % 2 ? 89 - feature : feature),
  };
  const other = check.check(1, scene.now, backwards, pairs);
  assertEquals(other.pairs.map((feature, i) => i % 2 ? 89 - feature : feature), match.pairs);
});

/** Places anywhere in a frame, near six of them, or in a band across it. */
const PLACES: Record<string, (random: Random, count: number) => [number, number][]> = {
  anywhere: (random, count) =>
    Array.from({ length: count }, () => [random.uniform(0, WIDTH), random.uniform(0, HEIGHT)]),
  clusters: (random, count) => {
    const middles = Array.from(
      { length: 6 },
      () => [random.uniform(50, 590), random.uniform(50, 430)] as const,
    );
    return Array.from({ length: count }, () => {
      const [x, y] = random.pick(middles);
      return [random.normal(x, 12), random.normal(y, 12)];
    });
  },
  band: (random, count) =>
    Array.from({ length: count }, () => [random.uniform(0, WIDTH), random.normal(240, 25)]),
};

Deno.test("of a thousand frames with random pairs hardly one matches, be they anywhere, in clusters or in a band", () => {
  const matched: string[] = [];
  for (let seed = 0; seed < 1000; seed++) {
    const random = new Random(seed), count = random.int(30, 100);
    const where = random.pick(Object.keys(PLACES)), draw = PLACES[where]!;
    // The default number of samples for each tenth: the others take less time.
    const check = new GeometricCheck({
      ...(seed % 4 === 0 && { intrinsics: CAMERA }),
      ...(seed % 10 !== 0 && { maxIterations: 150 }),
    });
    const match = check.check(
      0,
      features(draw(random, count)),
      features(draw(random, count)),
      inOrder(count),
    );
    assertEquals(match.pairs.length, 2 * match.inliers);
    if (match.inliers >= check.minInliers) matched.push(`${seed}: ${where}, ${match.inliers} of ${count}`);
  }
  assert(matched.length <= 2, matched.join("\n"));
});

/** Pairs of two lists of points. */
function checkPoints(
  now: readonly (readonly [number, number])[],
  earlier: readonly (readonly [number, number])[],
  options: GeometricCheckOptions = {},
): GeometricMatch {
  return new GeometricCheck(options).check(0, features(now), features(earlier), inOrder(now.length));
}

Deno.test("what determines no motion is no match, and never a NaN", () => {
  const random = new Random(12);
  type Points = (readonly [number, number])[];
  const list = (draw: (i: number) => readonly [number, number]): Points =>
    Array.from({ length: 60 }, (_, i) => draw(i));
  const anywhere = () => list(() => [random.uniform(0, WIDTH), random.uniform(0, HEIGHT)]);
  const frame: Points = [[0, 0], [WIDTH, HEIGHT]];
  const cases: Record<string, [Points, Points]> = {
    "one point": [list(() => [100, 100]), list(() => [120, 90])],
    "one point against many": [list(() => [100, 100]), anywhere()],
    "a line": [list((i) => [10 * i, 8 * i]), list((i) => [10 * i + 5, 8 * i - 3])],
    "a line with noise": [
      list((i) => [10 * i + random.normal(), 100 + random.normal()]),
      list((i) => [10 * i + random.normal(), 90 + random.normal()]),
    ],
    "no numbers": [list(() => [NaN, NaN]), anywhere()],
    "some that are no numbers": [list((i) => i % 2 ? [NaN, 0] : [Infinity, 3]), anywhere()],
    "two points": [
      list((i) => i % 2 ? [100, 100] : [300, 200]),
      list((i) => i % 2 ? [110, 100] : [310, 200]),
    ],
  };
  // Ten places, each found six times: fewer than the least inliers.
  const places: Points = Array.from({ length: 10 }, () => [random.uniform(50, 500), random.uniform(50, 400)]);
  cases["ten places"] = [
    list((i) => places[i % 10]!),
    list((i) => [places[i % 10]![0] + 9, places[i % 10]![1] + 4]),
  ];
  const spot: Points = list(() => [random.uniform(300, 325), random.uniform(200, 225)]);
  for (const intrinsics of [undefined, CAMERA]) {
    for (const [name, [now, earlier]] of Object.entries(cases)) {
      const match = checkPoints(now, earlier, intrinsics ? { intrinsics } : {});
      assertEquals(
        [match.inliers, match.pairs.length, match.pose, match.matches],
        [0, 0, undefined, 60],
        name,
      );
    }
    // One spot of a frame whose other features reach from corner to corner.
    const check = new GeometricCheck(intrinsics ? { intrinsics } : {});
    const now = features([...spot, ...frame]),
      earlier = features([...spot.map(([x, y]) => [x + 3, y] as const), ...frame]);
    assertEquals(check.check(0, now, earlier, inOrder(60)).inliers, 0, "one spot");
    assertEquals(
      new GeometricCheck({ ...(intrinsics && { intrinsics }), minSpread: 0 }).check(
        0,
        now,
        earlier,
        inOrder(60),
      ).inliers,
      60,
      "one spot, spread not asked for",
    );
  }
});

Deno.test("points that are no numbers among good ones are no inliers", () => {
  for (const calibrated of [false, true]) {
    const scene = drawScene(new Random(31), { kind: "general", pairs: 80, outliers: 0, noise: 0.5 });
    const points = scene.now.points.slice();
    for (let i = 0; i < 10; i++) points[16 * i] = i % 2 ? NaN : Infinity;
    const check = new GeometricCheck(calibrated ? { intrinsics: CAMERA } : {});
    const match = check.check(0, { ...scene.now, points }, scene.earlier, scene.pairs);
    assert(match.inliers >= 66 && match.inliers <= 70, `${match.inliers} inliers`);
    assertFinite(match, "with points that are no numbers");
  }
});

Deno.test("features that are kept, matched by nodes and verified show the same place, and not another", () => {
  const random = new Random(50), bytes = 32;
  const scene = drawScene(random, { kind: "general", pairs: 150, outliers: 0.2, noise: 0.5 });
  const bits = random.bytes(150 * bytes),
    nodes = featureNodes(Uint32Array.from({ length: 150 }, (_, i) => i % 20));
  const keep = (points: Float32Array<ArrayBuffer>, descriptors: Uint8Array<ArrayBuffer>) =>
    keepFeatures({ points, scores: new Float32Array(150), descriptors }, bytes, nodes);
  // Up to 16 of the 256 bits differ.
  const noisy = bits.map((byte, i) => i % 2 ? byte : byte ^ (1 << random.int(0, 7)));
  const now = keep(scene.now.points, noisy), earlier = keep(scene.earlier.points, bits);
  const check = new GeometricCheck();
  const match = check.check(5, now, earlier, matchByNodes(now, earlier));
  assertEquals([match.id, match.matches, match.model], [5, 150, "fundamental"]);
  assert(match.inliers >= 115 && match.inliers <= 130, `${match.inliers} inliers`);
  const other = keep(
    drawScene(random, { kind: "general", pairs: 150, outliers: 0, noise: 0 }).now.points,
    bits,
  );
  assertEquals(check.check(6, now, other, matchByNodes(now, other)).inliers, 0);
});

Deno.test("too few pairs are not searched", () => {
  const { now, earlier } = drawScene(new Random(4), { kind: "planar", pairs: 40, outliers: 0, noise: 0 });
  const check = new GeometricCheck();
  assertEquals(check.check(7, now, earlier, inOrder(19)), {
    id: 7,
    matches: 19,
    inliers: 0,
    model: "fundamental",
    pairs: new Uint32Array(),
  });
  assertEquals(check.check(7, now, earlier, inOrder(20)).inliers, 20);
  for (const count of [0, 1, 7]) assertEquals(check.check(7, now, earlier, inOrder(count)).inliers, 0);
  assertEquals(new GeometricCheck({ minMatches: 12 }).check(7, now, earlier, inOrder(12)).inliers, 12);
});

Deno.test("GeometricCheck refuses options out of range and pairs of other frames", () => {
  const cases: [GeometricCheckOptions, string][] = [
    [{ minInliers: 3 }, "minInliers is 3; it must be a whole number from 8"],
    [{ minMatches: 8.5 }, "minMatches is 8.5"],
    [{ sigma: 0 }, "sigma is 0"],
    [{ confidence: 1 }, "confidence is 1"],
    [{ maxIterations: 0 }, "maxIterations is 0"],
    [{ falseAlarms: 0 }, "falseAlarms is 0"],
    [{ intrinsics: { ...CAMERA, fx: 0 } }, "fx 0"],
    [{ intrinsics: { ...CAMERA, cy: NaN } }, "cy NaN"],
  ];
  for (const [options, message] of cases) {
    assertThrows(() => new GeometricCheck(options), RangeError, message);
  }
  const { now, earlier } = drawScene(new Random(4), { kind: "planar", pairs: 40, outliers: 0, noise: 0 });
  assertThrows(
    () => new GeometricCheck().check(0, now, earlier, inOrder(41)),
    RangeError,
    "pair 40 is of the features 40 and 40, but the frames have 40 and 40",
  );
});
