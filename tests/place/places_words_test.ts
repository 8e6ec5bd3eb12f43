import { assert, assertEquals, assertGreaterOrEqual, assertLess, assertRejects } from "@std/assert";
import { LoopError } from "../../src/frame/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { Session } from "../../src/graph/mod.ts";
import {
  FeatureExtractor,
  featureNodes,
  fingerprintVocabulary,
  type LocalFeatures,
  MapError,
  type MapNetworks,
  MemoryFolder,
  orbFeatures,
  PlaceMap,
  PlaceRecogniser,
  type PlaceRecogniserOptions,
  type PlaceResult,
  trainVocabulary,
  type Vocabulary,
} from "../../src/place/mod.ts";
import { runPlaces, timeless } from "../support/run_places.ts";
import { tinyEmbedding } from "../support/tiny_embedding.ts";
import { Walk, WALK_HEIGHT, WALK_LAP, WALK_WIDTH } from "../support/walk.ts";

const FRAME = { width: WALK_WIDTH, height: WALK_HEIGHT };
const ORB = orbFeatures({ size: FRAME, levels: 3, maxFeatures: 250, border: 20 });
const USUAL = { gap: 8, frame: FRAME, formats: ["gray8"], slots: 2, features: ORB, capacity: 100 } as const;

async function extract(device: Device, walk: Walk, frames: number): Promise<LocalFeatures[]> {
  using extractor = await FeatureExtractor.create(device, {
    features: ORB,
    frame: FRAME,
    formats: ["gray8"],
    slots: 1,
  });
  const all: LocalFeatures[] = [];
  for (const frame of walk.frames(frames)) all.push(await extractor.extract(frame));
  return all;
}

interface Parts {
  device: Device;
  embed: NonNullable<PlaceRecogniserOptions["embed"]>;
  /** Trained on another wall. */
  vocabulary: Vocabulary;
}

async function withParts(body: (parts: Parts) => Promise<void>): Promise<void> {
  using device = await Device.request();
  using session = await Session.load(device, tinyEmbedding(["layout"]));
  const images = (await extract(device, new Walk(99), 20)).map(({ descriptors }) => descriptors);
  const { vocabulary } = await trainVocabulary(device, images, { form: ORB.form, k: 6, levels: 3 });
  const embed = {
    session,
    treatment: { fit: "stretch", channels: "rgb", mean: 127.5, std: 64 },
  } as const;
  await body({ device, embed, vocabulary });
}

/** Frames one after the other overlap, so the one beside the right one is right, too. */
function assertRightLoops(results: readonly PlaceResult[], least: number, what: string): void {
  const loops = results.filter(({ status }) => status === "loop");
  const seen = results.map(({ id, status, match, inliers }) => `${id} ${status} ${match} ${inliers}`).join(
    "\n",
  );
  assertGreaterOrEqual(loops.length, least, `${what}\n${seen}`);
  for (const { id, match, inliers, geometry, features, matchFeatures } of loops) {
    const apart = (id - match!) % WALK_LAP;
    assert(apart <= 1 || apart === WALK_LAP - 1, `${what}\n${seen}`);
    assertGreaterOrEqual(inliers!, 20);
    assertEquals(geometry!.pairs.length, inliers! * 2);
    if (apart !== 0) continue;
    for (let i = 0; i < geometry!.pairs.length; i += 2) {
      const [now, then] = [geometry!.pairs[i]!, geometry!.pairs[i + 1]!];
      for (const axis of [0, 1]) {
        const moved = features!.points[2 * now + axis]! - matchFeatures!.points[2 * then + axis]!;
        assertLess(Math.abs(moved), 12, `${what}: pair ${i / 2} of frames ${id} and ${match}`);
      }
    }
  }
}

Deno.test("with words and features the second lap's frames close loops, in a strict loop, whatever the method", async () => {
  await withParts(async ({ device, embed, vocabulary }) => {
    const frames = new Walk(5).frames(2 * WALK_LAP - 4);
    for (const method of ["both", "bow", "global"] as const) {
      using places = await PlaceRecogniser.create(device, { ...USUAL, embed, vocabulary, method });
      const { results, report } = await runPlaces(device, places, frames);
      assertEquals(report.created, { buffers: 0, bindGroups: 0, pipelines: 0, modules: 0 }, method);
      assertEquals(report.memory.fallbacks, 0, method);
      assertRightLoops(results, WALK_LAP - 8, method);
      const { candidates } = results.at(-1)!;
      assertEquals(candidates[0]!.bow !== undefined, method !== "global", method);
      assertEquals(candidates.some(({ similarity }) => similarity !== undefined), method !== "bow", method);
    }
  });
});

Deno.test("without a vocabulary features are compared with each other; several slots say what one says", async () => {
  await withParts(async ({ device, embed, vocabulary }) => {
    const frames = new Walk(6).frames(WALK_LAP + 12);
    for (const words of [false, true]) {
      const run = async (slots: number): Promise<PlaceResult[]> => {
        const options = { ...USUAL, embed, slots, ...(words && { vocabulary }) };
        using places = await PlaceRecogniser.create(device, options);
        return (await runPlaces(device, places, frames)).results;
      };
      const one = await run(1);
      assertRightLoops(one, 6, words ? "words" : "no words");
      assertEquals(timeless(await run(4)), timeless(one), words ? "words" : "no words");
    }
  });
});

Deno.test("words are found on the GPU for the features that it found", async () => {
  await withParts(async ({ device, vocabulary }) => {
    const walk = new Walk(7);
    const expected = await extract(device, walk, 4);
    for (const levelsUp of [0, 1, 3]) {
      using places = await PlaceRecogniser.create(device, { ...USUAL, vocabulary, levelsUp });
      const { results } = await runPlaces(device, places, walk.frames(4));
      assertEquals(results.length, 4);
      const bags = places.bags!.bags();
      for (const [id, { descriptors, points }] of expected.entries()) {
        const { words, nodes } = vocabulary.find(descriptors, levelsUp);
        const { features } = results[id]!;
        assertEquals(features!.points, points);
        assertEquals(features!.nodes, featureNodes(nodes), `frame ${id}, ${levelsUp} levels up`);
        assertEquals(bags[id], vocabulary.bag(words), `frame ${id}`);
      }
    }
  });
});

Deno.test("frames without features are no loops, and stop nothing", async () => {
  await withParts(async ({ device, embed, vocabulary }) => {
    const frames = new Walk(8).frames(14);
    const grey = frames.map((frame) => ({ ...frame, data: new Uint8Array(frame.data.length).fill(90) }));
    const mixed = frames.flatMap((frame, i) => [frame, grey[i]!]);
    using places = await PlaceRecogniser.create(device, { ...USUAL, embed, vocabulary });
    const { results } = await runPlaces(device, places, mixed);
    assertEquals(results.length, mixed.length);
    for (const { id, status, features } of results) {
      if (id % 2 === 0) continue;
      assertEquals(features!.points.length, 0);
      assert(status !== "loop", `frame ${id}`);
    }
  });
});

async function networksOf({ embed, vocabulary }: Omit<Parts, "device">): Promise<MapNetworks> {
  const dimensions = Number(embed.session.outputs[0]!.dims![1]);
  return {
    embedding: {
      name: "tiny",
      fingerprint: "1",
      width: 32,
      height: 32,
      dimensions,
      type: "f16",
      metric: "inner_product",
    },
    features: { name: "orb", fingerprint: "2", kind: "binary", size: 32 },
    vocabulary: {
      name: "test",
      fingerprint: await fingerprintVocabulary(vocabulary),
      words: vocabulary.wordCount,
      scoring: vocabulary.scoring,
    },
  };
}

Deno.test("a second lap is found in the map of the first: only looked up, and added to it", async () => {
  await withParts(async ({ device, embed, vocabulary }) => {
    const walk = new Walk(9);
    const lap = walk.frames(WALK_LAP);
    const again = walk.frames(2 * WALK_LAP).slice(WALK_LAP);
    const folder = new MemoryFolder();
    const networks = await networksOf({ embed, vocabulary });
    const base = { ...USUAL, embed, vocabulary };
    {
      await using map = await PlaceMap.open(folder, { networks });
      using places = await PlaceRecogniser.create(device, { ...base, map });
      const { results } = await runPlaces(device, places, lap);
      assertEquals(map.size, WALK_LAP);
      assertEquals((await map.features(3)).points, results[3]!.features!.points);
    }
    {
      await using map = await PlaceMap.open(folder, { networks, readOnly: true });
      using places = await PlaceRecogniser.create(device, { ...base, map, relocaliseOnly: true });
      const { results } = await runPlaces(device, places, again);
      assertEquals([map.size, places.index!.rows], [WALK_LAP, WALK_LAP]);
      assertEquals(results[0]!.id, WALK_LAP);
      assertRightLoops(results, WALK_LAP - 6, "looked up");
      // What an earlier session saw is never too recent.
      assert(results.every(({ status }) => status !== "too_recent"));
      assertGreaterOrEqual(results.slice(0, 4).filter(({ status }) => status === "loop").length, 2);
      await assertRejects(
        () => PlaceRecogniser.create(device, { ...base, map }),
        RangeError,
        "was opened read-only",
      );
    }
    {
      await using map = await PlaceMap.open(folder, { networks });
      using places = await PlaceRecogniser.create(device, { ...base, map });
      const { results, report } = await runPlaces(device, places, again);
      assertEquals(report.created, { buffers: 0, bindGroups: 0, pipelines: 0, modules: 0 });
      assertEquals([map.size, places.index!.rows], [2 * WALK_LAP, 2 * WALK_LAP]);
      assertRightLoops(results, WALK_LAP - 6, "added");
      assertEquals(
        [...map.loops()],
        results.filter(({ status }) => status === "loop").map(({ id, match }) => [id, match]),
      );
    }
  });
});

Deno.test("a map of other parts is refused", async () => {
  await withParts(async ({ device, embed, vocabulary }) => {
    const networks = await networksOf({ embed, vocabulary });
    await using map = await PlaceMap.inMemory({ networks });
    const refused = async (options: PlaceRecogniserOptions, message: string): Promise<void> => {
      await assertRejects(
        () => PlaceRecogniser.create(device, { ...USUAL, ...options }),
        RangeError,
        message,
      );
    };
    await refused({ embed, map }, "have words; give what they are made with");
    await refused({ vocabulary, map }, "have global descriptors; give what");
    const { embedding: _, ...others } = networks;
    await using without = await PlaceMap.inMemory({ networks: others });
    await refused({ embed, vocabulary, map: without }, "have no global descriptors, and the new ones would");
    await refused({ embed, relocaliseOnly: true }, "give one as `map`");
    const embedding = { ...networks.embedding!, dimensions: 7 };
    await using narrow = await PlaceMap.inMemory({ networks: { ...networks, embedding } });
    await refused({ embed, vocabulary, map: narrow }, "have 7 elements, and the network gives 512");
  });
});

Deno.test("what the map has forgotten is recalled when the camera comes back", async () => {
  await withParts(async ({ device, embed, vocabulary }) => {
    const frames = new Walk(10).frames(2 * WALK_LAP);
    for (const parts of [{ embed, vocabulary }, { vocabulary }]) {
      const { embedding, ...others } = await networksOf({ embed, vocabulary });
      const networks = "embed" in parts ? { ...others, embedding } : others;
      const run = async (recollect: number): Promise<{ results: PlaceResult[]; old: number }> => {
        await using map = await PlaceMap.inMemory({ networks, remember: 14, gap: 8 });
        using places = await PlaceRecogniser.create(device, { ...USUAL, ...parts, map, recollect, slots: 1 });
        const { results } = await runPlaces(device, places, frames.slice(0, WALK_LAP));
        const gone = Array.from({ length: WALK_LAP }, (_, id) => id).filter((id) =>
          !map.entry(id).remembered
        );
        assertEquals(gone.length, WALK_LAP - 14);
        results.push(...(await runPlaces(device, places, frames.slice(WALK_LAP))).results);
        const loops = results.filter(({ status }) => status === "loop");
        assertEquals(map.remembered, 14);
        return { results, old: loops.filter(({ match }) => gone.includes(match!)).length };
      };
      const what = Object.keys(parts).join();
      const without = await run(0), recalled = await run(4);
      assertRightLoops(recalled.results, 8, what);
      assertGreaterOrEqual(recalled.old, 4, what);
      assertLess(without.old, recalled.old, what);
    }
  });
});

Deno.test("when the map can no longer be written to, the frames before are kept and none after", async () => {
  await withParts(async ({ device, embed, vocabulary }) => {
    const folder = new MemoryFolder();
    const networks = await networksOf({ embed, vocabulary });
    const map = await PlaceMap.open(folder, { networks });
    using places = await PlaceRecogniser.create(device, { ...USUAL, embed, vocabulary, map, slots: 3 });
    const frames = new Walk(11).frames(12);
    await runPlaces(device, places, frames.slice(0, 6));
    await map.close();
    const error = await assertRejects(
      () => runPlaces(device, places, frames.slice(6)),
      LoopError,
      "it is closed",
    );
    assertEquals(error.report.frames, 0);
    await assertRejects(() => places.recognise(frames[0]!), MapError, "it is closed");
    await using again = await PlaceMap.open(folder, { networks });
    assertEquals(again.size, 6);
  });
});
