import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Device } from "../../../src/gpu/mod.ts";
import { DescriptorIndex, MapError, MemoryFolder, PlaceMap, scoreBags } from "../../../src/place/mod.ts";
import { Random } from "../../support/random.ts";
import { assertFrame, NETWORKS, sampleFrame } from "./map_samples.ts";

const BOUND = { networks: NETWORKS, remember: 40, gap: 5 };

async function filled(folder: MemoryFolder, count: number): Promise<PlaceMap> {
  const map = await PlaceMap.open(folder, BOUND);
  while (map.size < count) await map.append(sampleFrame(map.size));
  return map;
}

function remembered(map: PlaceMap): number[] {
  return Array.from({ length: map.size }, (_, id) => id).filter((id) => map.entry(id).remembered);
}

/** What is nearest by inner product among some frames. */
function nearest(query: Float32Array, ids: readonly number[], k: number): number[] {
  const score = (id: number): number =>
    sampleFrame(id).descriptor.reduce((sum, x, i) => sum + x * query[i]!, 0);
  return ids.map((id) => ({ id, score: score(id) })).sort((a, b) => b.score - a.score || a.id - b.id)
    .slice(0, k).map(({ id }) => id);
}

Deno.test("forgotten frames leave the bags and the mask, keep their features, and are the same after opening", async () => {
  const folder = new MemoryFolder();
  let ids: number[];
  {
    await using map = await filled(folder, 200);
    ids = remembered(map);
    assertEquals([map.remembered, ids.length], [40, 40]);
    assertEquals(ids.slice(-5), [195, 196, 197, 198, 199]);
    assertEquals([map.bags!.size, map.bags!.present], [200, 40]);
    for (let id = 0; id < 200; id++) {
      const bit = map.mask![id >>> 5]! >>> (id & 31) & 1;
      assertEquals([bit === 1, map.bags!.has(id)], [ids.includes(id), ids.includes(id)], `frame ${id}`);
      const best = map.bags!.query(sampleFrame(id).bag!, { limit: 1 })[0];
      if (ids.includes(id)) assert(Math.abs(best!.score - 1) < 1e-9, `frame ${id}`);
      await assertFrame(map, id, sampleFrame(id));
    }
    assert(map.mask!.length * 32 >= 200 + 2048);
  }
  await using map = await PlaceMap.open(folder, { ...BOUND, readOnly: true });
  assertEquals(remembered(map), ids);
  assertEquals(ids.map((id) => map.bags!.has(id)), ids.map(() => true));
  assertEquals(map.bags!.present, 40);
  await using all = await PlaceMap.open(folder, { networks: NETWORKS, readOnly: true });
  assertEquals([all.remembered, all.mask, all.bags!.present], [200, undefined, 200]);
});

Deno.test("what was forgotten is found through the file, in steps of bounded work, and recalled", async () => {
  for (const metric of ["inner_product", "l2"] as const) {
    const embedding = { ...NETWORKS.embedding!, metric };
    await using map = await PlaceMap.inMemory({ networks: { embedding }, remember: 40, gap: 5 });
    while (map.size < 300) {
      const { descriptor, result } = sampleFrame(map.size);
      await map.append({ descriptor, result });
    }
    const ids = remembered(map), gone = [...Array(300).keys()].filter((id) => !ids.includes(id));
    const random = new Random(31);
    for (let trial = 0; trial < 10; trial++) {
      const query = random.normals(24), k = random.int(1, 12);
      const search = map.searchForgotten(query, k);
      let steps = 1;
      while (!await search.step(32)) steps++;
      assert(steps >= 260 / 32, `${steps} steps`);
      const { ids: found, scores } = search.neighbours;
      const expected = metric === "l2"
        ? gone.map((id) => ({
          id,
          score: sampleFrame(id).descriptor.reduce((sum, x, i) => sum + (x - query[i]!) ** 2, 0),
        })).sort((a, b) => a.score - b.score).slice(0, k).map(({ id }) => id)
        : nearest(query, gone, k);
      assertEquals([...found], expected, `seed 31, trial ${trial}, k ${k}, ${metric}`);
      assertEquals(scores.length, k);
    }
    const wanted = gone.slice(10, 13);
    const forgotten = await map.recall(wanted);
    assertEquals([forgotten.length, map.remembered], [3, 40]);
    assert(wanted.every((id) => map.entry(id).remembered));
    assert(forgotten.every((id) => !map.entry(id).remembered && id < 295));
    await assertRejects(() => map.recall(gone), RangeError, "recall 260 frames");
  }
});

Deno.test("forgotten bags are found through the file", async () => {
  for (const scoring of ["l1", "kl"] as const) {
    const networks = { vocabulary: { ...NETWORKS.vocabulary!, scoring } };
    await using map = await PlaceMap.inMemory({ networks, remember: 40, gap: 5 });
    while (map.size < 200) await map.append({ bag: sampleFrame(map.size).bag });
    const ids = remembered(map), gone = [...Array(200).keys()].filter((id) => !ids.includes(id));
    const query = sampleFrame(500).bag!;
    const expected = gone.map((id) => ({ id, score: scoreBags(scoring, query, sampleFrame(id).bag!) }))
      .sort((a, b) => (scoring === "kl" ? a.score - b.score : b.score - a.score) || a.id - b.id);
    const { ids: found, scores } = await map.searchForgotten(query, 7).all();
    assertEquals([...found], expected.slice(0, 7).map(({ id }) => id), scoring);
    assertEquals([...scores], expected.slice(0, 7).map(({ score }) => Math.fround(score)), scoring);
    assertThrows(() => map.searchForgotten(query, 0), MapError, "the 0 nearest");
    assertThrows(() => map.searchForgotten(new Float32Array(24), 1), MapError, "without an embedding");
  }
});

Deno.test("the forgotten are compared by a function of the caller's, if there is one", async () => {
  await using map = await filled(new MemoryFolder(), 120);
  const query = sampleFrame(3).descriptor;
  let calls = 0, rows = 0;
  const found = await map.searchForgotten(query, 2, {
    compare: (query, candidates) => {
      calls++;
      rows += candidates.length / query.length;
      return Promise.resolve(new Float32Array(candidates.length / query.length).map((_, i) => -i));
    },
  }).all();
  assertEquals(rows, 80);
  assert(calls > 0);
  assertEquals(found.scores[0], 0);
});

Deno.test("retrieved frames are in the bags again", async () => {
  await using map = await filled(new MemoryFolder(), 150);
  const retrieved = new Set<number>();
  while (map.size < 400) {
    const change = await map.append(sampleFrame(map.size));
    for (const id of change.retrieved) {
      retrieved.add(id);
      assert(map.bags!.has(id), `frame ${id}`);
    }
    for (const id of change.forgotten) assert(!map.bags!.has(id), `frame ${id}`);
    assertEquals([map.remembered, map.bags!.present], [40, 40]);
  }
  assert(retrieved.size > 0);
});

Deno.test("an index is loaded from a map, whole and with what is remembered alone", async () => {
  using device = await Device.request({ pool: false });
  for (const type of ["f32", "f16", "i8"] as const) {
    const embedding = { ...NETWORKS.embedding!, type };
    await using map = await PlaceMap.inMemory({ networks: { embedding }, remember: 40, gap: 5 });
    while (map.size < 300) {
      const { descriptor, result } = sampleFrame(map.size);
      await map.append({ descriptor, result });
    }
    const options = { dimensions: 24, type, chunkRows: 256 };
    using index = new DescriptorIndex(device, options);
    await map.load(index);
    assertEquals(index.rows, 300);
    using few = new DescriptorIndex(device, options);
    const ids = await map.loadRemembered(few);
    assertEquals([...ids], remembered(map));
    for (const [row, id] of ids.entries()) assertEquals(await few.read(row, 1), await map.descriptor(id));
    const query = sampleFrame(1000).descriptor;
    const [masked] = await index.query(query, { k: 5, mask: map.mask! });
    const [compact] = await few.query(query, { k: 5 });
    assertEquals([...masked!.ids], [...compact!.ids].map((row) => ids[row]!), type);
    await assertRejects(() => map.loadRemembered(few), MapError, "index of 40 rows");
    await map.append({ descriptor: query });
    await map.load(index);
    assertEquals(index.rows, 301);
  }
});

Deno.test("memory for bags and features does not grow with the frames that were forgotten", async () => {
  const folder = new MemoryFolder();
  await using map = await filled(folder, 300);
  const words = (): number =>
    Array.from({ length: 500 }, (_, word) => map.bags!.imagesWith(word)).reduce((a, b) => a + b);
  let most = 0;
  while (map.size < 1500) {
    await map.append(sampleFrame(map.size));
    most = Math.max(most, words());
  }
  assert(most <= 40 * 20, `${most} words`);
});

Deno.test("frames that resemble the one before are rehearsals, also after opening", async () => {
  const folder = new MemoryFolder(), networks = { embedding: NETWORKS.embedding };
  const options = { networks, rehearsal: 0.9 };
  const place = (id: number): Float32Array => {
    const descriptor = sampleFrame(Math.floor(id / 4)).descriptor.slice();
    descriptor[0]! += id % 4 * 0.1;
    return descriptor;
  };
  const weights = (map: PlaceMap): number[] =>
    Array.from({ length: map.size }, (_, id) => map.entry(id).weight);
  const expected = Array.from({ length: 16 }, (_, id) => id % 4 === 3 ? 3 : 0);
  {
    await using map = await PlaceMap.open(folder, options);
    while (map.size < 16) await map.append({ descriptor: place(map.size) });
    assertEquals(weights(map), expected);
  }
  await using map = await PlaceMap.open(folder, { networks, readOnly: true });
  assertEquals(weights(map), expected);
});
