import { assert } from "@std/assert";
import fc from "fast-check";
import { BagDatabase } from "../../../src/place/bags/bag_database.ts";
import { CovisibilityGraph } from "../../../src/place/loop/covisibility_graph.ts";
import { LoopDetector, type LoopEvidence } from "../../../src/place/loop/loop_detector.ts";
import type { LoopDetectorOptions } from "../../../src/place/loop/loop_options.ts";
import type { GeometricMatch } from "../../../src/place/loop/result.ts";
import { makeBag } from "../../../src/place/vocabulary/bag.ts";
import { Random } from "../../support/random.ts";
import { assertClean, geometry } from "./tour.ts";

const WORDS = 30;
const WEIGHTS = new Float64Array(WORDS).fill(1);

const anyOptions = fc.record({
  method: fc.constantFrom("global", "bow", "both"),
  gap: fc.integer({ min: 1, max: 20 }),
  firstId: fc.integer({ min: 0, max: 40 }),
  minSimilarity: fc.double({ min: -1, max: 1, noNaN: true }),
  agreement: fc.constantFrom("either", "both"),
  grouping: fc.constantFrom("islands", "covisibility"),
  groupScore: fc.constantFrom("sum", "best"),
  minGroupSize: fc.integer({ min: 1, max: 3 }),
  entries: fc.integer({ min: 1, max: 5 }),
  candidates: fc.integer({ min: 0, max: 12 }),
  consistency: fc.constantFrom("temporal", "covisible", "none"),
  support: fc.integer({ min: 0, max: 3 }),
  follow: fc.integer({ min: 0, max: 4 }),
  excludeCovisible: fc.boolean(),
}) as fc.Arbitrary<LoopDetectorOptions>;

/** Evidence of any kind: no neighbours, none that are rows, scores that are no numbers, empty bags. */
function anyEvidence(random: Random, id: number): LoopEvidence {
  const ids = Array.from({ length: id }, (_, i) => i).filter(() => random.next() < 0.2);
  const scores = ids.map(() => random.next() < 0.05 ? NaN : random.uniform(-1, 1));
  if (random.next() < 0.2) {
    ids.push(-1);
    scores.push(0);
  }
  const words = random.next() < 0.1 ? [] : Array.from({ length: 8 }, () => random.int(0, WORDS - 1));
  const previous = [undefined, NaN, 0, 0.9][random.int(0, 3)];
  return {
    id,
    neighbours: { ids: Int32Array.from(ids), scores: Float32Array.from(scores) },
    ...(previous === undefined ? {} : { previousSimilarity: previous }),
    bag: makeBag(Uint32Array.from(words), WEIGHTS, "tf-idf", "l1"),
  };
}

Deno.test("whatever the options and the evidence, results keep what they promise", async () => {
  await fc.assert(
    fc.asyncProperty(anyOptions, fc.boolean(), fc.nat(), async (options, verified, seed) => {
      const random = new Random(seed);
      const database = new BagDatabase({ wordCount: WORDS, scoring: "l1" });
      const covisibility = new CovisibilityGraph({ minWeight: 3 });
      const detector = new LoopDetector({ ...options, database, covisibility });
      for (let id = 0; id < 60; id++) {
        const pairs = Uint32Array.from({ length: 12 }, () => random.int(0, 9));
        covisibility.addFrame(id, 10, id > 0 ? pairs : undefined);
        const evidence = anyEvidence(random, id);
        const asked = new Set<number>();
        const verify = (ids: readonly number[]): GeometricMatch[] => {
          for (const other of ids) {
            assert(!asked.has(other), `asked twice about ${other}`);
            assert(other >= 0 && other <= detector.newestCandidate(id), `asked about ${other}`);
            asked.add(other);
          }
          return ids.filter(() => random.next() < 0.9)
            .map((other) => geometry(other, random.int(0, 60), random.int(0, 60)));
        };
        const result = await detector.decide(evidence, verified ? verify : undefined);
        const what = JSON.stringify({ seed, verified, id, options, result });
        assertClean(result, what);
        const { status, match, candidates, matches, inliers, geometry: found } = result;
        const newest = detector.newestCandidate(id);
        assert(candidates.length <= options.candidates!, what);
        assert(candidates.every((candidate) => candidate.id <= newest), what);
        assert(candidates.every(({ score }, i) => i === 0 || candidates[i - 1]!.score >= score), what);
        const without = status === "too_recent" || status === "no_candidates";
        assert((match === undefined) === without, what);
        assert(match === undefined || match <= newest, what);
        assert(
          (found?.id ?? match) === match && found?.inliers === inliers && found?.matches === matches,
          what,
        );
        if (verified && status === "loop") assert(matches! >= 20 && inliers! >= 20, what);
        if (status === "too_few_inliers") assert(matches! >= 20 && inliers! < 20, what);
        if (status === "too_few_matches" && matches !== undefined) assert(matches < 20, what);
        if (!verified) assert(asked.size === 0 && !status.startsWith("too_few"), what);
        if (options.consistency === "none" && options.minGroupSize === 1) {
          assert(status !== "not_consistent", what);
        }
        database.add(evidence.bag!);
        if (status === "loop" && found && random.next() < 0.5) {
          covisibility.join(id, match!, Uint32Array.from({ length: 12 }, () => random.int(0, 9)));
        }
      }
    }),
    { numRuns: 60, seed: 55 },
  );
});
