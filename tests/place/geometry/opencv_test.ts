/**
 * Models and poses beside OpenCV's of the same pairs: see tests/data/geometry_opencv.py.
 */
import { assert, assertEquals } from "@std/assert";
import { type FeaturePairs, GeometricCheck } from "../../../src/place/geometry/mod.ts";
import { EssentialEstimator } from "../../../src/place/geometry/essential.ts";
import { eightPoint, FundamentalEstimator } from "../../../src/place/geometry/fundamental.ts";
import { allOf, type PointPairs } from "../../../src/place/geometry/point_pairs.ts";
import { apply, cross, dot } from "../../../src/place/geometry/small_matrices.ts";
import reference from "../../data/geometry_opencv.json" with { type: "json" };
import { CAMERA, directionError, features, inOrder, rotationError } from "./scenes.ts";

function pairsOf(numbers: readonly number[]): PointPairs {
  const column = (c: number) =>
    Float64Array.from({ length: numbers.length / 4 }, (_, i) => numbers[4 * i + c]!);
  return { count: numbers.length / 4, x1: column(0), y1: column(1), x2: column(2), y2: column(3) };
}

/** The greatest difference of two models of length 1, whose sign says nothing. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const length = Math.hypot(...Array.from(a));
  return Math.min(
    ...[1, -1].map((sign) =>
      Math.max(...Array.from(a, (value, i) => Math.abs(sign * value / length - b[i]!)))
    ),
  );
}

Deno.test("eightPoint() finds OpenCV's matrix", () => {
  for (const [n, { points, eight }] of reference.exact.entries()) {
    const model = eightPoint(pairsOf(points), allOf(12), 12);
    assert(model && difference(model, eight) < 1e-7, `case ${n}: ${model} and ${eight}`);
  }
});

Deno.test("seven pairs give OpenCV's matrices, but for those that put points behind a camera", () => {
  let found = 0;
  for (const [n, { points, seven }] of reference.exact.entries()) {
    const pairs = pairsOf(points), sample = allOf(7), models = new Float64Array(27);
    const count = new FundamentalEstimator(pairs, 4).minimal(sample, models);
    const ours = Array.from({ length: count }, (_, m) => models.subarray(9 * m, 9 * m + 9));
    for (const model of ours) {
      assert(
        seven.some((other) => difference(model, other) < 1e-6),
        `case ${n}: ${model} is none of OpenCV's`,
      );
    }
    for (const other of seven) {
      if (ours.some((model) => difference(model, other) < 1e-6)) continue;
      const columns = [0, 1, 2].map((c) => [other[c]!, other[c + 3]!, other[c + 6]!]);
      // At right angles to two columns: the epipole of the new frame.
      const epipole = cross(columns[0]!, columns[1]!);
      const sides = Array.from(
        sample,
        (i) =>
          Math.sign(
            dot(
              apply(other, [pairs.x1[i]!, pairs.y1[i]!, 1]),
              cross(epipole, [pairs.x2[i]!, pairs.y2[i]!, 1]),
            ),
          ),
      );
      assert(new Set(sides).size > 1, `case ${n}: OpenCV's ${other} is missing`);
    }
    found += count;
  }
  assert(found >= 4, `${found} matrices of six samples`);
});

Deno.test("five pairs give OpenCV's essential matrices", () => {
  for (const [n, { points, five }] of reference.exact.entries()) {
    const estimator = new EssentialEstimator(pairsOf(points), CAMERA, 4), models = new Float64Array(90);
    const count = estimator.minimal(allOf(5), models);
    assertEquals(count, five.length, `case ${n}`);
    for (let m = 0; m < count; m++) {
      const model = estimator.essential(models.subarray(9 * m, 9 * m + 9));
      const nearest = Math.min(...five.map((other) => difference(model, other)));
      assert(nearest < 1e-6, `case ${n}, model ${m}: off by ${nearest}`);
    }
  }
});

Deno.test("GeometricCheck finds no fewer inliers than OpenCV with the same bounds, and no worse poses", () => {
  const told: string[] = [];
  const sums = { ours: [0, 0], theirs: [0, 0] };
  for (const [n, scene] of reference.scenes.entries()) {
    const { kind, points, wrong } = scene;
    const pairs = pairsOf(points);
    const now = features(Array.from(pairs.x2, (x, i) => [x, pairs.y2[i]!]));
    const earlier = features(Array.from(pairs.x1, (x, i) => [x, pairs.y1[i]!]));
    const all: FeaturePairs = inOrder(pairs.count);
    const flat = kind === "planar" || kind === "turning";
    for (const intrinsics of [undefined, CAMERA]) {
      const match = new GeometricCheck(intrinsics ? { intrinsics } : {}).check(0, now, earlier, all);
      const expected = flat ? "homography" : intrinsics ? "essential" : "fundamental";
      const name = `scene ${n}, ${kind}, ${wrong} wrong, ${intrinsics ? "calibrated" : "not calibrated"}`;
      assertEquals(match.model, expected, name);
      // A chance inlier more or less says nothing.
      const least = scene[match.model] - 2;
      assert(match.inliers >= least, `${name}: ${match.inliers} inliers, OpenCV ${scene[match.model]}`);
      if (!intrinsics) continue;
      assert(match.pose, `${name}: no pose`);
      const errorsOf = ({ rotation, translation }: typeof scene.pose): [number, number] => [
        rotationError(rotation, scene.rotation),
        kind === "turning" ? Math.hypot(...translation) : directionError(translation, scene.translation),
      ];
      const { pose } = match;
      const ours = [pose, ...(pose.alternative ? [pose.alternative] : [])]
        .map(({ rotation, translation }) =>
          errorsOf({ rotation: [...rotation], translation: [...translation] })
        )
        .reduce((a, b) => a[0] < b[0] ? a : b);
      const theirs = errorsOf(scene.pose);
      told.push(
        `${name}: ${ours.map((x) => x.toFixed(2))} degrees, OpenCV ${theirs.map((x) => x.toFixed(2))}`,
      );
      // OpenCV's essential matrix of a plane or a mere rotation says little; its poses are far off.
      if (flat) {
        assert(ours[0] < 0.5 && ours[1] < 2, told.at(-1));
        continue;
      }
      for (const i of [0, 1] as const) {
        sums.ours[i]! += ours[i];
        sums.theirs[i]! += theirs[i];
      }
    }
  }
  const name = `${JSON.stringify(sums)}\n${told.join("\n")}`;
  assert(sums.ours[0]! <= sums.theirs[0]! && sums.ours[1]! <= sums.theirs[1]!, name);
});
