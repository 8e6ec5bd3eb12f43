import { assertEquals } from "@std/assert";
import { PlaceScore } from "../../src/demo/place_score.ts";
import type { LoopResult, LoopStatus } from "../../src/place/loop/result.ts";

function result(id: number, status: LoopStatus, match?: number, inliers?: number): LoopResult {
  return {
    id,
    status,
    ...(match !== undefined && { match }),
    ...(inliers !== undefined && { inliers }),
    candidates: match === undefined ? [] : [{ id: match, score: 1 }],
  };
}

Deno.test("PlaceScore tells found, missed, wrong and new frames apart", () => {
  const score = new PlaceScore(3);
  const same = (...frames: number[]) => frames.map((frame) => ({ frame, overlap: 0.5 }));
  const outcomes = [
    score.add(result(0, "too_recent"), []),
    score.add(result(1, "too_recent"), same(0)),
    // Shows what frame 1 does, but that is too near in time to be an earlier visit.
    score.add(result(2, "low_score", 0, 3), same(1)),
    score.add(result(3, "loop", 0, 60), same(0, 2)),
    score.add(result(4, "too_few_inliers", 1, 12), same(1)),
    score.add(result(5, "loop", 0, 30), same(2)),
    score.add(result(6, "loop", 1, 25), []),
  ];
  assertEquals(outcomes, ["new", "new", "new", "found", "missed", "wrong", "wrong"]);
  assertEquals(score.outcomes, outcomes);
  assertEquals((["found", "missed", "wrong", "new"] as const).map((one) => score.count(one)), [1, 1, 2, 3]);
  assertEquals(score.pairs, [[1, 0], [2, 1], [3, 0], [3, 2], [4, 1], [5, 2]]);
});

Deno.test("PlaceScore's evaluation orders by inliers, with the frames that have an earlier view", () => {
  const score = new PlaceScore(2);
  score.add(result(0, "too_recent"), []);
  score.add(result(1, "too_recent"), []);
  score.add(result(2, "loop", 0, 90), [{ frame: 0, overlap: 0.4 }]);
  score.add(result(3, "too_few_inliers", 0, 10), [{ frame: 1, overlap: 0.4 }]);
  const { framesWithMatch, atFullPrecision, recallAt, decided } = score.evaluation();
  assertEquals([framesWithMatch, atFullPrecision?.right, recallAt[0]?.right], [2, 1, 1]);
  assertEquals(decided, { loops: 1, right: 1 });
});
