import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { CovisibilityGraph } from "../../../src/place/loop/covisibility_graph.ts";
import { LoopDetector } from "../../../src/place/loop/loop_detector.ts";
import type { LoopDetectorOptions } from "../../../src/place/loop/loop_options.ts";
import type { GeometricMatch, LoopResult, LoopStatus } from "../../../src/place/loop/result.ts";
import { assertClean, decideAll, geometry, globalEvidence, knowingVerify, like, places } from "./tour.ts";

Deno.test("decide() with verification finds the first frame of a revisit, and has every right frame", async () => {
  const tour = [...places(0, 39), ...places(0, 39)];
  for (const seed of [10, 11]) {
    const results = await decideAll(globalEvidence(tour, { seed }), {}, knowingVerify(tour));
    for (const { id, status, match, matches, inliers, geometry } of results.slice(40)) {
      assertEquals(
        [status, match, matches, inliers],
        ["loop", id - 40, 120, 60],
        `seed ${seed}, frame ${id}`,
      );
      assertEquals(geometry!.pairs.length, 120);
    }
    assert(results.slice(0, 40).every(({ status }) => status !== "loop"));
  }
});

Deno.test("decide() verifies the best candidates, takes the one with most inliers, and says how far the others came", async () => {
  const neighbours = like([3, 0.95], [20, 0.9], [4, 0.85], [40, 0.8], [60, 0.7]);
  const asked: number[][] = [];
  const decide = async (
    answers: GeometricMatch[],
    options: LoopDetectorOptions = {},
  ): Promise<LoopResult> => {
    asked.length = 0;
    const detector = new LoopDetector({ consistency: "none", ...options });
    const result = await detector.decide({ id: 100, neighbours }, (ids) => {
      asked.push([...ids]);
      return answers.filter(({ id }) => ids.includes(id));
    });
    assertClean(result, JSON.stringify(options));
    return result;
  };
  // The best of each of the best islands first; the island of 3 and 4 counts once.
  let result = await decide([geometry(3, 50, 25), geometry(20, 60, 40), geometry(40, 90, 19)]);
  assertEquals(asked, [[3, 20, 40]]);
  assertEquals([result.status, result.match, result.matches, result.inliers], ["loop", 20, 60, 40]);
  assertAlmostEquals(result.similarity!, 0.9, 1e-6);
  await decide([], { entries: 5 });
  assertEquals(asked, [[3, 20, 40, 60, 4]]);

  result = await decide([geometry(3, 19, 19), geometry(20, 30, 12), geometry(40, 90, 11)]);
  assertEquals([result.status, result.match, result.inliers], ["too_few_inliers", 20, 12]);
  result = await decide([geometry(3, 10, 0), geometry(40, 19, 19)]);
  assertEquals([result.status, result.match, result.matches], ["too_few_matches", 40, 19]);
  result = await decide([]);
  assertEquals([result.status, result.match, result.matches], ["too_few_matches", 3, undefined]);
  result = await decide([geometry(3, 10, 8)], { minMatches: 10, minInliers: 8 });
  assertEquals([result.status, result.match], ["loop", 3]);
});

Deno.test("decide() asks the frames that see the same as the match to confirm it", async () => {
  const pairs = Uint32Array.from({ length: 80 }, (_, i) => i >> 1);
  const covisibility = new CovisibilityGraph();
  for (let id = 0; id < 100; id++) {
    // Frames 8 to 13 see the same; frame 50 sees what no other sees.
    covisibility.addFrame(id, 50, id > 8 && id < 14 ? pairs : undefined);
  }
  const decide = async (
    match: number,
    inliers: (id: number) => number | undefined,
    options: LoopDetectorOptions = {},
  ): Promise<{ status: LoopStatus; asked: number[][] }> => {
    const asked: number[][] = [];
    const detector = new LoopDetector({ covisibility, ...options });
    const evidence = { id: 100, neighbours: like([match, 0.9]) };
    const { status } = await detector.decide(evidence, (ids) => {
      asked.push([...ids]);
      return ids.flatMap((id) => inliers(id) === undefined ? [] : geometry(id, 50, inliers(id)!));
    });
    return { status, asked };
  };
  assertEquals([...covisibility.neighbours(10).ids].sort((a, b) => a - b), [8, 9, 11, 12, 13]);
  const [first, second, third, ...others] = covisibility.neighbours(10).ids;

  let seen = await decide(10, (id) => id === 10 ? 30 : 12);
  assertEquals(seen, { status: "loop", asked: [[10], [first!, second!]] });
  seen = await decide(10, (id) => id === 10 ? 30 : id === first ? 0 : 12);
  assertEquals(seen, { status: "loop", asked: [[10], [first!, second!], [third!]] });
  seen = await decide(10, (id) => id === 10 ? 30 : id === first ? 12 : 11);
  assertEquals(seen, {
    status: "not_consistent",
    asked: [[10], [first!, second!], [third!], [others[0]!], [others[1]!]],
  });
  // With so many inliers nobody is asked; nor where there is nobody to ask.
  assertEquals(await decide(10, () => 80), { status: "loop", asked: [[10]] });
  assertEquals(await decide(50, () => 30), { status: "loop", asked: [[50]] });
  // Frames whose features are gone can not be asked for.
  seen = await decide(10, (id) => id === 10 ? 30 : id === third ? 12 : undefined);
  assertEquals(seen.status, "loop");
  seen = await decide(10, (id) => id === 10 ? 30 : id === third ? 11 : undefined);
  assertEquals(seen.status, "not_consistent");
  assertEquals((await decide(10, (id) => id === 10 ? 30 : 0, { support: 0 })).status, "loop");
});

Deno.test("decide() counts the verified frames before instead of frames that do not confirm", async () => {
  const detector = new LoopDetector();
  const seen: LoopStatus[] = [];
  for (let id = 100; id < 104; id++) {
    const neighbours = like([id - 80, 0.9]);
    const verify = (ids: readonly number[]): GeometricMatch[] =>
      ids.map((other) => geometry(other, 50, other === id - 80 ? 30 : 0));
    seen.push((await detector.decide({ id, neighbours, previousSimilarity: 0.9 }, verify)).status);
  }
  assertEquals(seen, ["not_consistent", "not_consistent", "loop", "loop"]);
});

Deno.test("decide() with temporal consistency verifies only once the frames before agree, and only their island", async () => {
  const detector = new LoopDetector({ consistency: "temporal" });
  const asked: number[][] = [];
  const seen: LoopStatus[] = [];
  for (let id = 100; id < 104; id++) {
    const neighbours = like([id - 80, 0.9], [id - 79, 0.85], [id - 40, 0.8]);
    const verify = (ids: readonly number[]): GeometricMatch[] => {
      asked.push([...ids]);
      return ids.map((other) => geometry(other, 50, 30));
    };
    seen.push((await detector.decide({ id, neighbours, previousSimilarity: 0.9 }, verify)).status);
  }
  assertEquals(seen, ["not_consistent", "not_consistent", "not_consistent", "loop"]);
  assertEquals(asked, [[23, 24]]);
});

Deno.test("decide() looks around the match of the frame before where the searches lead nowhere", async () => {
  const run = async (options: LoopDetectorOptions, ...found: [id: number, score: number][][]) => {
    const detector = new LoopDetector({ support: 0, ...options });
    const asked: number[][] = [];
    const results: [LoopStatus, number | undefined][] = [];
    for (const [i, neighbours] of found.entries()) {
      const id = 100 + i;
      const { status, match } = await detector.decide({ id, neighbours: like(...neighbours) }, (ids) => {
        asked.push([...ids]);
        // Frame 100 + i shows what frame 20 + i shows.
        return ids.map((other) => geometry(other, 50, Math.abs(other - 20 - i) <= 1 ? 40 : 3));
      });
      results.push([status, match]);
    }
    return { asked, results };
  };
  const first: [number, number][] = [[20, 0.9]];
  for (
    const [what, second, asked] of [
      ["nothing", [], []],
      ["nothing like", [[70, 0.1]], []],
      ["a mistake", [[70, 0.9]], [[70]]],
    ] as [string, [number, number][], number[][]][]
  ) {
    const { asked: all, results } = await run({}, first, second);
    assertEquals(results, [["loop", 20], ["loop", 20]], what);
    assertEquals(all, [[20], ...asked, [20, 19, 21]], what);
  }
  // Without it, or too long after, the searches alone decide.
  const off = await run({ follow: 0 }, first, [[70, 0.9]], [[70, 0.1]], []);
  assertEquals(off.results.slice(1), [["too_few_inliers", 70], ["low_score", 70], [
    "no_candidates",
    undefined,
  ]]);
  const detector = new LoopDetector({ support: 0 });
  const verify = (ids: readonly number[]): GeometricMatch[] => ids.map((id) => geometry(id, 50, 40));
  assertEquals((await detector.decide({ id: 100, neighbours: like([20, 0.9]) }, verify)).status, "loop");
  assertEquals((await detector.decide({ id: 103, neighbours: like() }, verify)).status, "no_candidates");
  assertEquals((await detector.decide({ id: 104, neighbours: like([20, 0.9]) }, verify)).status, "loop");
  detector.reset();
  assertEquals((await detector.decide({ id: 105, neighbours: like() }, verify)).status, "no_candidates");
});
