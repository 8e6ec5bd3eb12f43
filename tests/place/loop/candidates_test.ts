import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  covisibleGroupsOf,
  entriesOf,
  groupDistance,
  islandsOf,
} from "../../../src/place/loop/candidate_groups.ts";
import { CovisibilityGraph } from "../../../src/place/loop/covisibility_graph.ts";
import {
  fuseCandidates,
  goodEnough,
  neighbourFrames,
  passingCandidates,
} from "../../../src/place/loop/loop_candidates.ts";
import { loopSettings } from "../../../src/place/loop/loop_options.ts";
import type { LoopCandidate } from "../../../src/place/loop/result.ts";
import { TemporalConsistency } from "../../../src/place/loop/temporal_consistency.ts";
import { bestVerified } from "../../../src/place/loop/verification.ts";
import { geometry } from "./tour.ts";

const SETTINGS = { islandGap: 3, minGroupSize: 1, groupScore: "sum" } as const;
const scored = (pairs: [id: number, score: number][]): LoopCandidate[] =>
  pairs.map(([id, score]) => ({ id, score }));

Deno.test("islandsOf() joins candidates up to 3 apart and orders islands by their sum or best", () => {
  const candidates = scored([[50, 0.9], [10, 0.4], [13, 0.5], [17, 0.3], [16, 0.2], [21, 0.95]]);
  // 10, 13, 16, 17: 0.4 + 0.5 + 0.2 + 0.3 = 1.4; 21 is 4 after 17.
  const bySum = islandsOf(candidates, SETTINGS);
  assertEquals(bySum.map(({ spans }) => spans), [[10, 17], [21, 21], [50, 50]]);
  assertAlmostEquals(bySum[0]!.sum, 1.4);
  assertEquals(bySum[0]!.members.map(({ id }) => id), [13, 10, 17, 16]);
  const byBest = islandsOf(candidates, { ...SETTINGS, groupScore: "best" });
  assertEquals(byBest.map(({ spans }) => spans[0]), [21, 50, 10]);
  const large = islandsOf(candidates, { ...SETTINGS, minGroupSize: 2 });
  assertEquals(large.map(({ spans }) => spans), [[10, 17]]);
  assertEquals(islandsOf(candidates, { ...SETTINGS, islandGap: 4 }).map(({ spans }) => spans), [[10, 21], [
    50,
    50,
  ]]);
  assertEquals(islandsOf([], SETTINGS), []);
});

Deno.test("islandsOf() is a partition, whatever the order of the candidates", () => {
  const any = fc.uniqueArray(fc.integer({ min: 0, max: 80 }), { maxLength: 30 }).chain((ids) =>
    fc.tuple(
      fc.constant(ids),
      fc.shuffledSubarray(ids, { minLength: ids.length, maxLength: ids.length }),
      fc.integer({ min: 1, max: 6 }),
    )
  );
  fc.assert(
    fc.property(any, ([ids, shuffled, islandGap]) => {
      // Exact in binary, so that sums do not depend on the order.
      const of = (list: number[]): LoopCandidate[] => list.map((id) => ({ id, score: (id % 4) / 4 }));
      const settings = { ...SETTINGS, islandGap };
      const islands = islandsOf(of(ids), settings);
      assertEquals(islandsOf(of(shuffled), settings), islands);
      const all = islands.flatMap(({ members }) => members.map(({ id }) => id));
      assertEquals(all.sort((a, b) => a - b), [...ids].sort((a, b) => a - b));
      for (const [i, { spans }] of islands.entries()) {
        for (const other of islands.slice(i + 1)) assert(groupDistance(spans, other.spans) > islandGap);
      }
    }),
    { numRuns: 300, seed: 54 },
  );
});

Deno.test("fuseCandidates() adds reciprocal ranks; what one search did not find has its term missing", () => {
  const global = { frames: [{ id: 7, score: 0.9 }, { id: 3, score: 0.8 }], previous: undefined };
  const bow = { frames: [{ id: 3, score: 0.3 }, { id: 5, score: 0.2 }], previous: undefined };
  const words = new Map([[3, 0.3], [7, 0.01]]);
  assertEquals(fuseCandidates({ global, bow, words }, 60), [
    { id: 3, score: 1 / 62 + 1 / 61, similarity: 0.8, bow: 0.3 },
    { id: 7, score: 1 / 61, similarity: 0.9, bow: 0.01 },
    { id: 5, score: 1 / 62, bow: 0.2 },
  ]);
  assertEquals(fuseCandidates({ global, bow: { frames: [], previous: 0 } }, 60)[0], {
    id: 7,
    score: 1 / 61,
    similarity: 0.9,
    bow: 0,
  });
  assertEquals(fuseCandidates({ global }, 60)[0], { id: 7, score: 0.9, similarity: 0.9 });
  assertEquals(fuseCandidates({ bow }, 60)[0], { id: 3, score: 0.3, bow: 0.3 });
  assertEquals(fuseCandidates({}, 60), []);
});

Deno.test("a score is compared with the previous frame's: eta is at least alpha", () => {
  // eta = 0.12 / 0.4 = 0.3.
  assert(goodEnough(0.12, 0.4, 0.015, 0.3));
  assert(!goodEnough(0.1199, 0.4, 0.015, 0.3));
  assert(!goodEnough(0.014, 0.02, 0.015, 0.3), "the absolute bound");
  assert(goodEnough(0.015, undefined, 0.015, 0.3), "no previous frame");
  assert(!goodEnough(undefined, undefined, 0, 0));
  assert(!goodEnough(NaN, undefined, 0, 0));

  const candidates = [{ id: 1, score: 0.5, similarity: 0.85, bow: 0.5 }];
  const passes = (global?: number, bow?: number): boolean =>
    passingCandidates(candidates, {
      global: { frames: [], previous: global },
      bow: { frames: [], previous: bow },
    }, loopSettings({}, false)).length === 1;
  assert(passes(0.9, 0.9));
  // With words, nothing passes where the previous frame is too unlike; with inner products the bound of 0.8 is left.
  assert(!passes(0.9, 0.0049) && passes(0.9, 0.005));
  assert(passes(0.0049, 0.9) && passes(-1, 0.9) && passes(NaN, 0.9));
  assert(!passes(0.9, NaN));
});

Deno.test("neighbourFrames() leaves out what is no row", () => {
  const ids = Int32Array.of(4, -1, 2, 9);
  const found = neighbourFrames({ ids, scores: Float32Array.of(0.5, 0, NaN) });
  assertEquals(found, [{ id: 4, score: 0.5 }]);
});

Deno.test("entriesOf() takes the best of each group, then the others of the best group", () => {
  const groups = islandsOf(
    scored([[10, 0.9], [11, 0.8], [12, 0.1], [30, 0.7], [50, 0.6], [51, 0.5]]),
    SETTINGS,
  );
  assertEquals(entriesOf(groups, 2), [10, 50]);
  assertEquals(entriesOf(groups, 5), [10, 50, 30, 11, 12]);
  assertEquals(entriesOf(groups, 9), [10, 50, 30, 11, 12, 51]);
});

Deno.test("groupDistance() is 0 where groups overlap, else what is between them", () => {
  assertEquals(groupDistance([5, 8], [6, 7]), 0);
  assertEquals(groupDistance([5, 8], [8, 12]), 0);
  assertEquals(groupDistance([5, 8], [11, 12]), 3);
  assertEquals(groupDistance([20, 22], [11, 12]), 8);
  assertEquals(groupDistance([1, 1, 40, 44], [20, 22, 47, 50]), 3);
});

Deno.test("consistency counts frames in a row: over one frame left out, not over two, and not over a jump", () => {
  const runs = (...frames: [id: number, place: number][]): number[] => {
    const consistency = new TemporalConsistency({ groupDistance: 3, frameDistance: 2 });
    return frames.map(([id, place]) => consistency.push(id, [place, place]));
  };
  assertEquals(runs([100, 5], [101, 6], [102, 9], [103, 6]), [0, 1, 2, 3]);
  assertEquals(runs([100, 5], [102, 6], [105, 7]), [0, 1, 0]);
  assertEquals(runs([100, 5], [101, 9], [102, 10]), [0, 0, 1]);
  const consistency = new TemporalConsistency({ groupDistance: 3, frameDistance: 2 });
  assertEquals(consistency.push(0, [5, 5]), 0);
  assertEquals([consistency.before(1, [5, 5]), consistency.before(1, [9, 9])], [1, 0]);
  consistency.reset();
  assertEquals(consistency.push(1, [5, 5]), 0);
});

Deno.test("covisibleGroupsOf() adds up what sees the same, and keeps groups of 0.75 of the best sum", () => {
  const pairs = Uint32Array.from({ length: 40 }, (_, i) => i >> 1);
  const graph = new CovisibilityGraph();
  for (let id = 0; id < 40; id++) graph.addFrame(id, 20, id > 10 && id <= 12 ? pairs : undefined);
  const candidates = scored([[30, 0.9], [10, 0.5], [11, 0.4], [20, 0.6], [12, 0.1]]);
  // 10, 11 and 12 see the same: 1.0; 30 has 0.9; 20 has 0.6, less than 0.75.
  const groups = covisibleGroupsOf(candidates, graph, { minGroupSize: 1, groupShare: 0.75 });
  assertEquals(groups.map(({ members }) => members.map(({ id }) => id)), [[10, 11, 12], [30]]);
  assertAlmostEquals(groups[0]!.sum, 1);
  assertEquals(covisibleGroupsOf(candidates, graph, { minGroupSize: 1, groupShare: 0.6 }).length, 3);
  assertEquals(covisibleGroupsOf(candidates, graph, { minGroupSize: 2, groupShare: 0 }).length, 1);
  assertEquals(covisibleGroupsOf([], graph, { minGroupSize: 1, groupShare: 0.75 }), []);
});

Deno.test("bestVerified() takes what comes furthest, then inliers, then matches", () => {
  const least = { minMatches: 20, minInliers: 12 };
  const best = (...answers: [id: number, matches: number, inliers: number][]): number | undefined =>
    bestVerified(answers.map(([id, matches, inliers]) => geometry(id, matches, inliers)), least)?.id;
  assertEquals(best([1, 300, 11], [2, 20, 12]), 2);
  assertEquals(best([1, 19, 19], [2, 20, 3]), 2);
  assertEquals(best([1, 40, 20], [2, 90, 30], [3, 50, 30]), 2);
  assertEquals(best([1, 15, 2], [2, 18, 0]), 2);
  assertEquals(best([1, 40, 20], [2, 40, 20]), 1);
  assertEquals(best(), undefined);
});
