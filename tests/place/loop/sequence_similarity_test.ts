import { assertAlmostEquals, assertEquals, assertGreater, assertLess, assertThrows } from "@std/assert";
import { type Neighbours, type SequenceOptions, SequenceSimilarity } from "../../../src/place/mod.ts";
import { Random } from "../../support/random.ts";

const SIZE = 24;

function unit(values: Float32Array): Float32Array {
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}

/** Descriptors of `count` frames that have nothing to do with each other. */
function strangers(random: Random, count: number): Float32Array[] {
  return Array.from({ length: count }, () => unit(random.normals(SIZE, 0, 1)));
}

/** A descriptor like another one: the more noise, the less. */
function like(random: Random, other: Float32Array, noise: number): Float32Array {
  const change = random.normals(SIZE, 0, noise / Math.sqrt(SIZE));
  return unit(other.map((value, i) => value + change[i]!));
}

function product(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

/** The `most` frames that are most like frame `id` of those at least `gap` before it. */
function search(frames: readonly Float32Array[], id: number, gap: number, most = 10): Neighbours {
  const found = frames.slice(0, Math.max(id - gap + 1, 0))
    .map((other, i) => ({ i, score: product(frames[id]!, other) }))
    .toSorted((a, b) => b.score - a.score).slice(0, most);
  return {
    ids: Int32Array.from(found, ({ i }) => i),
    scores: Float32Array.from(found, ({ score }) => score),
  };
}

/** What every frame is told after all those before it. */
async function rescoreAll(
  frames: readonly Float32Array[],
  { firstId = 0, ...options }: Omit<SequenceOptions, "firstId"> & { firstId?: number },
): Promise<Neighbours[]> {
  const sequence = new SequenceSimilarity({ ...options, firstId });
  const told: Neighbours[] = [];
  for (const [id, frame] of frames.entries()) {
    told.push(await sequence.rescore(id, frame, search(frames, id, options.gap), (other) => frames[other]));
  }
  return told;
}

function scoreOf({ ids, scores }: Neighbours, id: number): number {
  return scores[ids.indexOf(id)]!;
}

Deno.test("the score is the mean along the way, or against it, whichever is more", async () => {
  const random = new Random(11), length = 4, gap = 5;
  const lap = strangers(random, 30);
  const again = lap.slice(5, 20).map((frame) => like(random, frame, 0.7));
  const back = lap.slice(5, 20).toReversed().map((frame) => like(random, frame, 0.7));
  const frames = [...lap, ...again, ...back];
  const told = await rescoreAll(frames, { length, gap });
  for (let id = 33; id < 45; id++) {
    const match = id - 25;
    const mean = [0, 1, 2, 3].reduce((sum, k) => sum + product(frames[id - k]!, frames[match - k]!), 0) / 4;
    assertEquals(told[id]!.ids[0], match, `frame ${id}`);
    assertAlmostEquals(told[id]!.scores[0]!, mean, 1e-6, `frame ${id}, along`);
  }
  for (let id = 48; id < 60; id++) {
    const match = 64 - id;
    const mean = [0, 1, 2, 3].reduce((sum, k) => sum + product(frames[id - k]!, frames[match + k]!), 0) / 4;
    assertAlmostEquals(scoreOf(told[id]!, match), mean, 1e-6, `frame ${id}, against`);
  }
});

Deno.test("one frame that looks like another by chance scores less than a way that is taken again", async () => {
  const random = new Random(12), gap = 5;
  const lap = strangers(random, 30);
  const again = lap.slice(5, 20).map((frame) => like(random, frame, 0.8));
  // A poster of frame 25 hangs at the place of frame 12.
  again[7] = like(random, lap[25]!, 0.3);
  const frames = [...lap, ...again];
  const id = 37;
  const alone = search(frames, id, gap);
  assertEquals(alone.ids[0], 25);
  assertGreater(scoreOf(alone, 25), 0.9);
  const told = (await rescoreAll(frames, { length: 5, gap }))[id]!;
  assertLess(scoreOf(told, 25), 0.5);
});

Deno.test("scores come best first, with the frames that were found and no others", async () => {
  const random = new Random(13);
  const frames = strangers(random, 40);
  const told = await rescoreAll(frames, { length: 3, gap: 6 });
  for (const [id, { ids, scores }] of told.entries()) {
    assertEquals(
      [...ids].toSorted((a, b) => a - b),
      [...search(frames, id, 6).ids].toSorted((a, b) => a - b),
    );
    for (let i = 1; i < scores.length; i++) assertEquals(scores[i]! <= scores[i - 1]!, true, `frame ${id}`);
  }
  const sequence = new SequenceSimilarity({ length: 3, gap: 6, firstId: 0 });
  const none = { ids: Int32Array.of(2, -1, 1), scores: Float32Array.of(0.5, 0.4, NaN) };
  const kept = await sequence.rescore(9, frames[9]!, none, (other) => frames[other]);
  assertEquals([...kept.ids], [2]);
});

Deno.test("frames of one moment do not stand for each other: what is nearer than the gap is not compared", async () => {
  const frames = strangers(new Random(14), 13), gap = 8;
  const sequence = new SequenceSimilarity({ length: 5, gap, firstId: 0 });
  const pair = (id: number, match: number): number => product(frames[id]!, frames[match]!);
  let told: Neighbours | undefined;
  for (const [id, frame] of frames.entries()) {
    const found = { ids: Int32Array.of(0), scores: Float32Array.of(pair(id, 0)) };
    told = await sequence.rescore(id, frame, found, (other) => frames[other]);
  }
  // Frame 9 with frame 3 would be next.
  assertAlmostEquals(told!.scores[0]!, (pair(12, 0) + pair(11, 1) + pair(10, 2)) / 3, 1e-6);
});

Deno.test("a way ends where a session ends, where a number is left out, and where a descriptor is gone", async () => {
  const random = new Random(15), gap = 4, length = 4;
  const earlier = strangers(random, 12), now = earlier.map((frame) => like(random, frame, 0.5));
  const frames = [...earlier, ...now];
  const pair = (id: number, match: number): number => product(frames[id]!, frames[match]!);
  const mean = (...values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const ask = async (numbers: readonly number[], gone: readonly number[] = []): Promise<Neighbours> => {
    const sequence = new SequenceSimilarity({ length, gap, firstId: 12 });
    let told: Neighbours | undefined;
    for (const id of numbers) {
      const found = { ids: Int32Array.of(id - 12), scores: Float32Array.of(pair(id, id - 12)) };
      told = await sequence.rescore(
        id,
        frames[id]!,
        found,
        (other) => gone.includes(other) ? undefined : frames[other],
      );
    }
    return told!;
  };
  const near = async (told: Promise<Neighbours>, expected: number, what: string): Promise<void> =>
    assertAlmostEquals((await told).scores[0]!, expected, 1e-6, what);
  await near(ask([15, 16, 17, 18]), mean(pair(18, 6), pair(17, 5), pair(16, 4), pair(15, 3)), "whole");
  await near(ask([15, 16, 18]), pair(18, 6), "17 is left out");
  await near(
    ask([16, 17, 18], [4]),
    mean(pair(18, 6), pair(17, 7), pair(16, 8)),
    "4 is gone: against is longer",
  );
  // Frame 0 has none before it, and those after it are asked instead.
  await near(ask([12]), pair(12, 0), "the first of the session");
  // Promises are awaited.
  const sequence = new SequenceSimilarity({ length: 2, gap, firstId: 12 });
  const empty = { ids: new Int32Array(0), scores: new Float32Array(0) };
  const later = (other: number): Promise<Float32Array> => Promise.resolve(frames[other]!);
  await sequence.rescore(15, frames[15]!, empty, later);
  const found = { ids: Int32Array.of(4), scores: Float32Array.of(pair(16, 4)) };
  await near(sequence.rescore(16, frames[16]!, found, later), mean(pair(16, 4), pair(15, 3)), "promised");
  // From frame 11 on against the way is the session of frame 12: only along counts.
  const last = { ids: Int32Array.of(11), scores: Float32Array.of(pair(17, 11)) };
  await near(
    sequence.rescore(17, frames[17]!, last, later),
    mean(pair(17, 11), pair(16, 10)),
    "session's end",
  );
});

Deno.test("with a least number of frames, candidates with a shorter way are left out", async () => {
  const random = new Random(16), length = 4, least = 3, gap = 5;
  const lap = strangers(random, 20);
  const frames = [...lap, ...lap.map((frame) => like(random, frame, 0.7))];
  const told = await rescoreAll(frames, { length, least, gap });
  const all = await rescoreAll(frames, { length, gap });
  // These have too few frames before them for any way that is long enough.
  for (const id of [5, 6]) assertEquals([...told[id]!.ids], [], `frame ${id}`);
  for (let id = 20; id < 40; id++) {
    const match = id - 20;
    // Along it ends at frame 0, against it where the frames are too near to each other.
    const along = Math.min(length, match + 1), against = Math.min(length, id - gap - match + 1);
    assertEquals(told[id]!.ids.includes(match), Math.max(along, against) >= least, `frame ${id}`);
    assertEquals(new Set(all[id]!.ids), new Set(search(frames, id, gap).ids), `frame ${id}, none left out`);
  }
  const way = (id: number, match: number, count: number, step: number): number =>
    Array.from({ length: count }, (_, k) => product(frames[id - k]!, frames[match + step * k]!))
      .reduce((sum, value) => sum + value, 0) / count;
  // Of two ways that are long enough the better one counts, not the longer one.
  assertAlmostEquals(
    scoreOf(told[22]!, 2),
    Math.max(way(22, 2, 3, -1), way(22, 2, 4, 1)),
    1e-6,
    "three frames along, four against",
  );
  assertAlmostEquals(scoreOf(all[22]!, 2), way(22, 2, 4, 1), 1e-6, "the longer way, without a least number");
});

Deno.test("a sequence has a whole number of frames, and its least number fits it", () => {
  for (const least of [0, 1.5, NaN, 5]) {
    assertThrows(
      () => new SequenceSimilarity({ length: 4, least, gap: 15, firstId: 0 }),
      RangeError,
      `at least ${least}`,
    );
  }
  for (const length of [0, -1, 1.5, NaN]) {
    assertThrows(
      () => new SequenceSimilarity({ length, gap: 15, firstId: 0 }),
      RangeError,
      `${length} frames`,
    );
  }
});

Deno.test("what is allowed for the light goes by the mean difference over the way, up to its bound", async () => {
  const seed = 17, random = new Random(seed), gap = 5, length = 6;
  const light = { numbers: 2, distance: 0.1, allowance: 0.25 };
  /** The descriptor with its last two numbers put to those of a light. */
  const lit = (descriptor: Float32Array, a: number, b: number): Float32Array => {
    const copy = descriptor.slice();
    copy.set([a, b], SIZE - 2);
    return copy;
  };
  const lap = strangers(random, 20).map((frame) => lit(frame, 0.02, -0.01));
  // One shadow of many changes single frames and hardly the mean.
  const cases = [
    { name: "the same light", light: () => [0.02, -0.01], share: 0 },
    { name: "a little other", light: () => [0.02, 0.03], share: 0.4 },
    { name: "quite another", light: () => [0.32, -0.01], share: 1 },
    {
      name: "now lighter, now darker",
      light: (i: number) => [0.02, -0.01 + (i % 2 ? 0.05 : -0.05)],
      share: 0,
    },
  ] as const;
  for (const { name, light: of, share } of cases) {
    const again = lap.map((frame, i) => lit(frame, of(i)[0]!, of(i)[1]!));
    const frames = [...lap, ...again];
    const plain = await rescoreAll(frames, { length, gap });
    const told = await rescoreAll(frames, { length, gap, light });
    for (let id = 26; id < 40; id++) {
      const lacking = 1 - scoreOf(plain[id]!, id - 20);
      const corrected = 1 - lacking * (1 - 0.25 * share);
      assertAlmostEquals(scoreOf(told[id]!, id - 20), corrected, 1e-5, `${name}, frame ${id}, seed ${seed}`);
    }
  }
});

Deno.test("without a frame's descriptor nothing is allowed for its light, and settings are checked", async () => {
  const light = { numbers: 2, distance: 0.1, allowance: 0.25 };
  const sequence = new SequenceSimilarity({ length: 3, gap: 1, firstId: 0, light });
  const neighbours = { ids: Int32Array.of(2), scores: Float32Array.of(0.75) };
  const told = await sequence.rescore(9, new Float32Array(SIZE).fill(0.2), neighbours, () => undefined);
  assertEquals([...told.scores], [0.75]);
  for (const wrong of [{ numbers: 0 }, { distance: NaN }, { allowance: 3 }]) {
    const options = { length: 3, gap: 1, firstId: 0, light: { ...light, ...wrong } };
    assertThrows(() => new SequenceSimilarity(options), RangeError, "Cannot tell the light");
  }
});
