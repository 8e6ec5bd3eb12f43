import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { BagDatabase } from "../../../src/place/bags/bag_database.ts";
import type { Neighbours } from "../../../src/place/index/descriptor_search.ts";
import { CovisibilityGraph } from "../../../src/place/loop/covisibility_graph.ts";
import { LoopDetector, type LoopEvidence } from "../../../src/place/loop/loop_detector.ts";
import { LoopDetectionError } from "../../../src/place/loop/loop_detection_error.ts";
import type { LoopDetectorOptions } from "../../../src/place/loop/loop_options.ts";
import {
  type GeometricMatch,
  LOOP_STATUSES,
  type LoopResult,
  type LoopStatus,
} from "../../../src/place/loop/result.ts";
import type { Bag } from "../../../src/place/vocabulary/bag.ts";
import {
  assertClean,
  bags,
  decideAll,
  geometry,
  globalEvidence,
  knowingVerify,
  like,
  type Place,
  places,
  wordCount,
} from "./tour.ts";

const statuses = (results: readonly LoopResult[]): LoopStatus[] => results.map(({ status }) => status);

function bag(words: number[]): Bag {
  return {
    words: Uint32Array.from(words),
    values: new Float64Array(words.length).fill(1 / words.length),
  };
}

Deno.test("decide() finds the second lap of a tour by global descriptors, but for the first frames of it", async () => {
  for (const seed of [1, 2, 3]) {
    const tour = [...places(0, 39), ...places(0, 39)];
    const results = await decideAll(globalEvidence(tour, { seed }), {});
    const what = `seed ${seed}`;
    for (const [id, result] of results.entries()) {
      assertClean(result, what);
      if (id < 15) assertEquals(result.status, "too_recent", what);
      else if (id < 40) assertEquals(result.status, "low_score", what);
      else {
        assertEquals(result.status, id < 43 ? "not_consistent" : "loop", `${what}, frame ${id}`);
        assertEquals(result.match, id - 40, what);
        assert(result.similarity! > 0.8, what);
      }
      assert(result.candidates.length <= 10, what);
    }
  }
});

Deno.test("decide() finds a tour backwards: islands may move either way", async () => {
  const tour = [...places(0, 39), ...places(39, 0)];
  const results = await decideAll(globalEvidence(tour, { seed: 4 }), {});
  // Frame 40 + i shows what frame 39 - i shows; at least 15 frames back from i = 7 on; then three have to agree.
  for (const { id, status, match } of results.slice(50)) {
    assertEquals([status, match], ["loop", 79 - id], `frame ${id}`);
  }
  assertEquals(results.filter(({ status }) => status === "loop").length, 80 - 50);
});

Deno.test("decide() finds the second lap by bags of words, and by both", async () => {
  for (const method of ["bow", "both"] as const) {
    for (const seed of [5, 6]) {
      const tour = [...places(0, 59), ...places(0, 59)];
      const frames = bags(tour, { seed });
      const evidence = globalEvidence(tour, { seed }).map((frame, id): LoopEvidence =>
        method === "both" ? { ...frame, bag: frames[id]! } : { id, bag: frames[id]! }
      );
      const database = new BagDatabase({ wordCount: wordCount(tour), scoring: "l1" });
      const results = await decideAll(evidence, { method, database });
      const what = `${method}, seed ${seed}`;
      for (const result of results) assertClean(result, what);
      const loops = results.filter(({ status }) => status === "loop");
      const away = ({ id, match }: LoopResult): number => Math.abs(tour[match!]! - tour[id]!);
      const right = loops.filter((loop) => away(loop) <= 1);
      const wrong = loops.filter((loop) => away(loop) > 1);
      assertEquals(wrong.map(({ id }) => id), [], what);
      assert(right.length >= 50, `${right.length} of 60 found: ${what}`);
      assert(right.every(({ bow }) => bow! > 0), what);
      assertEquals(right.every(({ similarity }) => similarity !== undefined), method === "both", what);
    }
  }
});

Deno.test("decide() is not taken in by two places that look alike for less than k frames, but is for longer", async () => {
  for (const alike of [1, 3, 4]) {
    // Places 10 and on come again for `alike` frames, in the middle of a tour without a loop.
    const tour = [...places(0, 39), ...places(10, 9 + alike), ...places(100, 119)];
    const results = await decideAll(globalEvidence(tour, { seed: 7 }), {});
    const loops = results.filter(({ status }) => status === "loop").map(({ id }) => id);
    assertEquals(loops, alike < 4 ? [] : [43], `${alike} frames alike`);
    const doubtful = results.slice(40, 40 + Math.min(3, alike));
    for (const { status, match, id } of doubtful) {
      assertEquals([status, match], ["not_consistent", id - 30], `${alike} frames alike`);
    }
  }
});

Deno.test("decide() looks over one frame that shows something else, not over two", async () => {
  for (const blips of [1, 2]) {
    const second: Place[] = places(0, 39);
    for (let i = 0; i < blips; i++) second[20 + i] = 200 + i;
    const results = await decideAll(globalEvidence([...places(0, 39), ...second], { seed: 8 }), {});
    assertEquals(results[60]!.status, "low_score");
    const after = statuses(results.slice(60 + blips, 64 + blips));
    assertEquals(
      after,
      blips === 1
        ? ["loop", "loop", "loop", "loop"]
        : ["not_consistent", "not_consistent", "not_consistent", "loop"],
      `${blips} blips`,
    );
  }
});

Deno.test("decide() tells a camera that stands still from one that came back, with a covisibility graph", async () => {
  const tour = new Array(60).fill(0);
  const evidence = globalEvidence(tour, { seed: 9, noise: 0.1 });
  const plain = await decideAll(evidence, {});
  assert(plain.slice(15).every(({ similarity }) => similarity! > 0.8));
  assert(plain.some(({ status }) => status === "loop"));
  const covisibility = new CovisibilityGraph();
  const pairs = Uint32Array.from({ length: 80 }, (_, i) => i >> 1);
  const detector = new LoopDetector({ covisibility, excludeCovisible: true });
  for (const frame of evidence) {
    covisibility.addFrame(frame.id, 50, frame.id > 0 ? pairs : undefined);
    const { status, candidates } = await detector.decide(frame);
    assertEquals([status, candidates.length], ["too_recent", 0], `frame ${frame.id}`);
  }
  // The same view, but its tracks were lost in between: that is a return.
  covisibility.addFrame(60, 50);
  const back = { id: 60, neighbours: like([10, 0.99]), previousSimilarity: 0.9 };
  assertEquals((await detector.decide(back)).status, "not_consistent");
});

Deno.test("frames without anything to see get a clear status, alone or in a tour", async () => {
  const tour: Place[] = [...places(0, 29), "black", "black", ...places(0, 9), "black", ...places(10, 19)];
  const frames = bags(tour, { seed: 12 });
  for (const method of ["global", "bow", "both"] as const) {
    const evidence = globalEvidence(tour, { seed: 12 })
      .map((frame, id) => method === "global" ? frame : { ...frame, bag: frames[id]! });
    for (const verify of [undefined, knowingVerify(tour)]) {
      const database = new BagDatabase({ wordCount: wordCount(tour), scoring: "l1" });
      const results = await decideAll(
        evidence,
        method === "global" ? { method } : { method, database },
        verify,
      );
      for (const result of results) {
        const { id, status } = result;
        const what = `${method}, frame ${id}: ${status}`;
        assertClean(result, what);
        const unlikely = status === "low_score" || status === "no_candidates";
        if (tour[id] === "black") assert(unlikely, what);
        // Nor is there anything to compare the words of the frame after it with; but it can be where the camera was before.
        if (tour[id - 1] === "black" && method === "bow") {
          assert(unlikely || (verify && id === 43 && status === "loop"), what);
        }
      }
      const back = results.slice(36, 42).filter(({ status }) => status === "loop");
      assertEquals(back.length, 6, `${method}, verified: ${verify !== undefined}`);
    }
  }
});

Deno.test("each status is reached, and NaN in the evidence is no likeness", async () => {
  const seen = new Set<LoopStatus>();
  const decide = async (
    id: number,
    neighbours: Neighbours,
    verify?: (ids: readonly number[]) => GeometricMatch[],
    previousSimilarity?: number,
  ): Promise<LoopStatus> => {
    const previous = previousSimilarity === undefined ? {} : { previousSimilarity };
    const result = await new LoopDetector({ support: 0 }).decide({ id, neighbours, ...previous }, verify);
    assertClean(result, `frame ${id}`);
    seen.add(result.status);
    return result.status;
  };
  assertEquals(await decide(14, like()), "too_recent");
  assertEquals(await decide(50, like([40, 0.99], [36, 0.99])), "too_recent");
  assertEquals(await decide(50, like()), "no_candidates");
  assertEquals(await decide(50, like([-1, 0], [3, NaN])), "no_candidates");
  assertEquals(await decide(50, like([3, 0.79])), "low_score");
  for (const previous of [0, NaN, -0.5]) {
    assertEquals(await decide(50, like([3, 0.79]), undefined, previous), "low_score");
    assertEquals(await decide(50, like([3, 0.8001]), undefined, previous), "not_consistent");
  }
  assertEquals(await decide(50, like([3, 0.9])), "not_consistent");
  assertEquals(await decide(50, like([3, 0.9]), () => [geometry(3, 19, 19)]), "too_few_matches");
  assertEquals(await decide(50, like([3, 0.9]), () => [geometry(3, 20, 19)]), "too_few_inliers");
  assertEquals(await decide(50, like([3, 0.5]), () => [geometry(3, 20, 20)]), "loop");
  assertEquals([...seen].sort(), [...LOOP_STATUSES].sort());
});

Deno.test("with both, a candidate that only one search found needs only that one where frames are verified", async () => {
  const database = new BagDatabase({ wordCount: 100, scoring: "l1" });
  for (let id = 0; id < 30; id++) database.add(bag([id, id + 50]));
  const decide = (neighbours: Neighbours, words: number[], verified: boolean): Promise<LoopResult> => {
    const detector = new LoopDetector({ database, consistency: "none" });
    const verify = (ids: readonly number[]): GeometricMatch[] => ids.map((id) => geometry(id, 40, 30));
    return detector.decide({ id: 40, neighbours, bag: bag(words) }, verified ? verify : undefined);
  };
  for (const verified of [false, true]) {
    const both = await decide(like([5, 0.9]), [5, 55], verified);
    assertEquals([both.status, both.match], ["loop", 5], `verified: ${verified}`);
    assertAlmostEquals(both.bow!, 1);
    assertAlmostEquals(both.candidates[0]!.score, 2 / 61);
    const onlyGlobal = await decide(like([5, 0.9]), [7], verified);
    assertEquals(onlyGlobal.candidates.map(({ id }) => id), [5, 7]);
    assertEquals(onlyGlobal.candidates[0]!.bow, 0);
    const onlyWords = await decide(like([5, 0.2]), [7, 57], verified);
    assertEquals(onlyWords.candidates[1], { id: 7, score: 1 / 61, bow: 1 });
    assertEquals(onlyWords.match, verified ? 7 : 5, `verified: ${verified}`);
    for (const { status } of [onlyGlobal, onlyWords]) assertEquals(status, verified ? "loop" : "low_score");
  }
  // A frame without one of the two is judged by the other.
  const detector = new LoopDetector({ database, consistency: "none" });
  assertEquals((await detector.decide({ id: 40, neighbours: like([5, 0.9]) })).status, "loop");
  assertEquals((await detector.decide({ id: 41, bag: bag([5, 55]) })).status, "loop");
});

Deno.test("frames of an earlier session are candidates however new they are", async () => {
  const detector = new LoopDetector({ firstId: 30, consistency: "none" });
  assertEquals([30, 35, 44, 45, 60].map((id) => detector.newestCandidate(id)), [29, 29, 29, 30, 45]);
  assertEquals(new LoopDetector().newestCandidate(14), -1);
  const result = await detector.decide({ id: 30, neighbours: like([29, 0.95]) });
  assertEquals([result.status, result.match], ["loop", 29]);
  const recent = await detector.decide({ id: 40, neighbours: like([35, 0.95]) });
  assertEquals(recent.status, "too_recent");
});

Deno.test("decide() searches the words of an earlier session to its end, and of this one up to the gap", async () => {
  const database = new BagDatabase({ wordCount: 100, scoring: "l1" });
  for (let id = 0; id < 40; id++) database.add(bag([id % 20]));
  const detector = new LoopDetector({ database, method: "bow", firstId: 25, consistency: "none" });
  // Word 4 is in frames 4 and 24, word 6 in 6 and 26: frame 26 is of this session and 15 frames old from frame 41 on.
  const seen: number[][] = [];
  for (const [id, word] of [[40, 4], [42, 6], [44, 10], [46, 11]] as const) {
    const { status, candidates } = await detector.decide({ id, bag: bag([word]) });
    assertEquals(status, "loop");
    seen.push(candidates.map((candidate) => candidate.id));
  }
  assertEquals(seen, [[4, 24], [6, 26], [10], [11, 31]]);
});

Deno.test("decide() puts candidates together with the frames that see the same, if asked", async () => {
  const pairs = Uint32Array.from({ length: 40 }, (_, i) => i >> 1);
  const covisibility = new CovisibilityGraph();
  for (let id = 0; id < 80; id++) covisibility.addFrame(id, 20, id > 10 && id <= 14 ? pairs : undefined);
  const neighbours = like([40, 0.9], [10, 0.85], [14, 0.84]);
  const decide = (options: LoopDetectorOptions): Promise<LoopResult> =>
    new LoopDetector({ covisibility, consistency: "none", ...options }).decide({ id: 79, neighbours });
  assertEquals((await decide({})).match, 40);
  // Frames 10 and 14 are 4 apart, too far for an island, and see the same.
  assertEquals((await decide({ groupScore: "sum" })).match, 40);
  assertEquals((await decide({ grouping: "covisibility" })).match, 10);
});

Deno.test("decide() does not use the frame before across a gap in the numbers, or after reset()", async () => {
  const database = new BagDatabase({ wordCount: 10, scoring: "l1" });
  for (let id = 0; id < 30; id++) database.add(bag([id % 10]));
  const options: LoopDetectorOptions = { database, method: "bow", previousFrames: 1 };
  // Nothing in common with frame 40: by its likeness to the frame before, frame 41 cannot be judged.
  for (
    const [second, reset, status] of [
      [41, false, "low_score"],
      [42, false, "loop"],
      [43, false, "not_consistent"],
      [41, true, "not_consistent"],
      [1, true, "too_recent"],
    ] as const
  ) {
    const detector = new LoopDetector(options);
    assertEquals((await detector.decide({ id: 40, bag: bag([3]) })).status, "not_consistent");
    if (reset) detector.reset();
    assertEquals((await detector.decide({ id: second, bag: bag([4]) })).status, status, `frame ${second}`);
  }
});

Deno.test("the same evidence gives the same results", async () => {
  const tour = [...places(0, 39), ...places(20, 39), ...places(0, 19)];
  const evidence = globalEvidence(tour, { seed: 13, noise: 0.6 });
  const options: LoopDetectorOptions = { minSimilarity: 0.6 };
  assertEquals(await decideAll(evidence, options), await decideAll(evidence, options));
});

Deno.test("the order of neighbours with equal scores does not matter", async () => {
  const scores = fc.array(fc.constantFrom(0.5, 0.8, 0.85, 0.9), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(
      scores.chain((list) => {
        const pairs = list.map((score, i): [number, number] => [i * 7 % 60, score]);
        return fc.tuple(
          fc.constant(pairs),
          fc.shuffledSubarray(pairs, { minLength: pairs.length, maxLength: pairs.length }),
        );
      }),
      fc.constantFrom("sum", "best"),
      async ([pairs, shuffled], groupScore) => {
        const decide = (order: [number, number][]): Promise<LoopResult> =>
          new LoopDetector({ groupScore, previousFrames: 0 }).decide({ id: 100, neighbours: like(...order) });
        assertEquals(await decide(shuffled), await decide(pairs));
      },
    ),
    { numRuns: 300, seed: 51 },
  );
});

Deno.test("a higher threshold never makes a loop of what was none", async () => {
  const tour = [...places(0, 29), ...places(5, 29)];
  const evidence = globalEvidence(tour, { seed: 14, noise: 0.7 });
  const least = fc.double({ min: 0, max: 1, noNaN: true });
  const frames = bags(tour, { seed: 14 });
  const words = evidence.map(({ id }): LoopEvidence => ({ id, bag: frames[id]! }));
  for (const name of ["minSimilarity", "similarityRatio", "minBow", "bowRatio", "minPrevious"] as const) {
    const byWords = !name.includes("imilarity");
    await fc.assert(
      fc.asyncProperty(least, least, async (a, b) => {
        const found = async (value: number): Promise<number[]> =>
          (await decideAll(byWords ? words : evidence, {
            minSimilarity: 0,
            previousFrames: 0,
            ...(byWords
              ? { database: new BagDatabase({ wordCount: wordCount(tour), scoring: "l1" }), method: "bow" }
              : {}),
            [name]: value,
          })).filter(({ status }) => status === "loop").map(({ id }) => id);
        const [many, few] = [await found(Math.min(a, b)), await found(Math.max(a, b))];
        assert(few.every((id) => many.includes(id)), `${name}: ${few} of ${many}`);
      }),
      { numRuns: 20, seed: 52 },
    );
  }
  const whole = fc.integer({ min: 0, max: 60 });
  for (const name of ["minMatches", "minInliers", "support", "supportInliers"] as const) {
    await fc.assert(
      fc.asyncProperty(whole, whole, fc.integer({ min: 0, max: 40 }), async (a, b, inliers) => {
        const loop = async (value: number): Promise<boolean> => {
          const detector = new LoopDetector({ [name]: value });
          const verify = (ids: readonly number[]): GeometricMatch[] =>
            ids.map((id) => geometry(id, 40, id === 9 ? 30 : inliers));
          return (await detector.decide({ id: 50, neighbours: like([9, 0.9]) }, verify)).status === "loop";
        };
        const [low, high] = [await loop(Math.min(a, b)), await loop(Math.max(a, b))];
        assert(low || !high, name);
      }),
      { numRuns: 50, seed: 53 },
    );
  }
});

Deno.test("errors name what is wrong with options and evidence", async () => {
  const kl = new BagDatabase({ wordCount: 10, scoring: "kl" });
  const bad: [LoopDetectorOptions, string][] = [
    [{ gap: 0 }, "gap is 0"],
    [{ minSimilarity: NaN }, "minSimilarity is NaN"],
    [{ bowRatio: -1 }, "bowRatio is -1"],
    [{ entries: 1.5 }, "entries is 1.5"],
    [{ method: "bow" }, "give the database"],
    [{ method: "words" as "bow" }, "choose one of global, bow, both"],
    [{ database: kl }, "lower is better"],
    [{ excludeCovisible: true }, "give one as `covisibility`"],
    [{ grouping: "covisibility" }, "give one as `covisibility`"],
  ];
  for (const [options, message] of bad) {
    assertThrows(() => new LoopDetector(options), LoopDetectionError, message);
  }

  const detector = new LoopDetector({ consistency: "none" });
  const evidence = { id: 30, neighbours: like([3, 0.9]) };
  await assertRejects(() => detector.decide({ id: 30 }), LoopDetectionError, "needs `neighbours`");
  await assertRejects(() => detector.decide({ ...evidence, id: -1 }), LoopDetectionError, "whole number");
  await assertRejects(
    () => detector.decide(evidence, () => [geometry(4, 30, 30)]),
    LoopDetectionError,
    "asked about 3 and answered about 4",
  );
  await assertRejects(() => detector.decide(evidence), LoopDetectionError, "frame 30 came before");
  const first = detector.decide({ ...evidence, id: 31 });
  await assertRejects(() => detector.decide({ ...evidence, id: 32 }), LoopDetectionError, "await it first");
  assertEquals((await first).status, "loop");
  await assertRejects(
    () =>
      detector.decide({ ...evidence, id: 32 }, () => {
        throw new RangeError("lost");
      }),
    RangeError,
    "lost",
  );
  assertEquals((await detector.decide({ ...evidence, id: 33 })).status, "loop");
});
