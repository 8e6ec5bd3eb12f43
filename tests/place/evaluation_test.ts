import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type EvaluatedFrame, evaluateLoops } from "../../src/place/evaluation.ts";

type Pair = readonly [number, number];

Deno.test("evaluateLoops() gives the curve that is computed by hand", () => {
  // Frames 4 to 7 have a true match two frames back at least; 3 has none, and its proposal is wrong.
  const truth: Pair[] = [[4, 0], [5, 1], [6, 2], [6, 1], [7, 3], [3, 2]];
  const frames: EvaluatedFrame[] = [
    { id: 0 },
    { id: 1 },
    { id: 2 },
    { id: 3, match: 0, score: 0.7, candidates: [0, 1], loop: true },
    { id: 4, match: 0, score: 0.9, candidates: [0, 1], loop: true },
    { id: 5, match: 2, score: 0.8, candidates: [2, 3, 1], loop: true },
    { id: 6, match: 1, score: 0.8, candidates: [1, 2], loop: true },
    { id: 7, candidates: [0, 1, 2] },
  ];
  const found = evaluateLoops(frames, truth, { gap: 2, at: [1, 2, 3] });
  assertEquals(found.frames, 8);
  assertEquals(found.framesWithMatch, 4);
  assertEquals([found.proposals, found.right], [4, 2]);
  assertEquals(found.curve, [
    { threshold: 0.9, proposals: 1, right: 1, precision: 1, recall: 0.25 },
    { threshold: 0.8, proposals: 3, right: 2, precision: 2 / 3, recall: 0.5 },
    { threshold: 0.7, proposals: 4, right: 2, precision: 0.5, recall: 0.5 },
  ]);
  assertAlmostEquals(found.averagePrecision, 0.25 + 0.25 * 2 / 3, 1e-12);
  assertEquals(found.atFullPrecision?.recall, 0.25);
  assertEquals(found.recallAt, [
    { k: 1, right: 2, recall: 0.5 },
    { k: 2, right: 2, recall: 0.5 },
    { k: 3, right: 3, recall: 0.75 },
  ]);
  assertEquals(found.mostCandidates, 3);
  assertEquals(found.decided, { loops: 4, right: 2 });
});

Deno.test("evaluateLoops() takes proposals with one score together: a wrong one among them spoils them all", () => {
  const frames = [
    { id: 2, match: 0, score: 1 },
    { id: 3, match: 0, score: 1 },
  ];
  const { curve, atFullPrecision, averagePrecision } = evaluateLoops([{ id: 0 }, { id: 1 }, ...frames], [
    [2, 0],
    [3, 1],
  ], { gap: 2 });
  assertEquals(curve, [{ threshold: 1, proposals: 2, right: 1, precision: 0.5, recall: 0.5 }]);
  assertEquals(atFullPrecision, undefined);
  assertEquals(averagePrecision, 0.25);
});

Deno.test("evaluateLoops() does not count frames whose true matches are too close or absent", () => {
  const frames = [{ id: 0 }, { id: 1, match: 0, score: 1, loop: true }, { id: 20, match: 0, score: 0.5 }];
  const close = evaluateLoops(frames, [[1, 0]]);
  assertEquals([close.framesWithMatch, close.proposals, close.right], [0, 1, 0]);
  assertEquals(close.decided, { loops: 0, right: 0 });
  assertEquals(close.averagePrecision, 0);
  const absent = evaluateLoops(frames, [[20, 3]]);
  assertEquals(absent.framesWithMatch, 0);
  assertEquals(evaluateLoops(frames, [[0, 20]]).averagePrecision, 0.5);
});

Deno.test("evaluateLoops() without frames or truth finds nothing", () => {
  const empty = evaluateLoops([], []);
  assertEquals([empty.frames, empty.curve.length, empty.averagePrecision], [0, 0, 0]);
  assertEquals(empty.recallAt.map(({ k, recall }) => [k, recall]), [[1, 0], [5, 0], [10, 0]]);
});

Deno.test("evaluateLoops() refuses what is no number, and frames that stand twice", () => {
  assertThrows(() => evaluateLoops([], [], { gap: 0 }), RangeError, "gap is 0");
  assertThrows(() => evaluateLoops([], [], { at: [1.5] }), RangeError, "recall at k is 1.5");
  assertThrows(() => evaluateLoops([{ id: 3 }, { id: 3 }], []), RangeError, "frame 3 stands twice");
  assertThrows(() => evaluateLoops([{ id: 3, match: 0, score: NaN }], []), RangeError, "frame 3 is NaN");
});

/** Precision and recall by their definition, at one threshold. */
function at(frames: readonly EvaluatedFrame[], truth: readonly Pair[], gap: number, threshold: number) {
  const same = (a: number, b: number): boolean =>
    truth.some(([i, j]) => (i === a && j === b) || (i === b && j === a));
  const counts = ({ id }: EvaluatedFrame): boolean =>
    frames.some((other) => id - other.id >= gap && same(id, other.id));
  let [right, wrong] = [0, 0];
  for (const frame of frames) {
    if (frame.match === undefined || frame.score === undefined || frame.score < threshold) continue;
    if (!same(frame.id, frame.match)) wrong++;
    else if (counts(frame)) right++;
  }
  const total = frames.filter(counts).length;
  return {
    precision: right + wrong === 0 ? 1 : right / (right + wrong),
    recall: total === 0 ? 0 : right / total,
  };
}

Deno.test("evaluateLoops() is what the definitions give, threshold by threshold", () => {
  const cases = fc.integer({ min: 1, max: 24 }).chain((count) =>
    fc.record({
      gap: fc.integer({ min: 1, max: 6 }),
      truth: fc.array(fc.tuple(fc.nat(count), fc.nat(count)), { maxLength: 40 }),
      frames: fc.array(
        fc.record({
          match: fc.option(fc.nat(count), { nil: undefined }),
          score: fc.option(fc.integer({ min: -3, max: 6 }), { nil: undefined }),
          candidates: fc.uniqueArray(fc.nat(count), { maxLength: 8 }),
          loop: fc.boolean(),
        }),
        { minLength: count, maxLength: count },
      ),
    })
  );
  fc.assert(
    fc.property(cases, ({ gap, truth, frames: list }) => {
      const frames = list.map(({ match, score, ...rest }, id): EvaluatedFrame => ({
        id,
        ...rest,
        ...(match !== undefined && { match }),
        ...(score !== undefined && { score }),
      }));
      const found = evaluateLoops(frames, truth, { gap });
      let before = 0, sum = 0, full = 0;
      for (const { threshold, precision, recall } of found.curve) {
        const wanted = at(frames, truth, gap, threshold);
        assertEquals({ precision, recall }, wanted);
        assert(recall >= before && recall <= 1);
        sum += precision * (recall - before);
        if (precision === 1) full = recall;
        before = recall;
      }
      assertEquals(found.atFullPrecision?.recall ?? 0, full);
      assertAlmostEquals(found.averagePrecision, sum, 1e-12);
      // Every threshold that there is, is a point; the last one has all proposals.
      const scores = new Set(found.curve.map(({ threshold }) => threshold));
      assertEquals(scores.size, found.curve.length);
      assertEquals(found.curve.at(-1)?.proposals ?? 0, found.proposals);
      for (const [i, { recall }] of found.recallAt.entries()) {
        assert(recall <= 1 && recall >= (found.recallAt[i - 1]?.recall ?? 0));
      }
    }),
    { seed: 5, numRuns: 400 },
  );
});
