import { assertEquals, assertRejects } from "@std/assert";
import { MapError, MemoryFolder, mergeMaps, PlaceMap } from "../../../src/place/mod.ts";
import { NETWORKS, sampleFrame } from "./map_samples.ts";

async function filled(label: string, count: number, seed: number, networks = NETWORKS): Promise<PlaceMap> {
  const map = await PlaceMap.open(new MemoryFolder(label), { networks });
  for (let id = 0; id < count; id++) await map.append(sampleFrame(id, seed));
  return map;
}

Deno.test("two maps are merged: the frames of the second behind those of the first, its loops with them", async () => {
  await using a = await filled("morning", 30, 1);
  await using b = await filled("evening", 40, 2);
  const folder = new MemoryFolder("day");
  {
    await using map = await mergeMaps(a, b, { folder });
    assertEquals(map.size, 70);
    const edges = [...a.loops(), ...[...b.loops()].map(([id, match]) => [id + 30, match + 30])];
    assertEquals([...map.loops()].map((edge) => [...edge]), edges.map((edge) => [...edge]));
  }
  await using map = await PlaceMap.open(folder, { networks: NETWORKS });
  assertEquals(map.opened, { frames: 70, droppedFrames: 0, droppedBytes: 0 });
  for (let id = 0; id < 70; id++) {
    const [own, seed, label] = id < 30 ? [id, 1, "morning"] as const : [id - 30, 2, "evening"] as const;
    const expected = sampleFrame(own, seed);
    const entry = map.entry(id);
    assertEquals([entry.name, entry.timeSeconds, entry.label], [expected.name, expected.timeSeconds, label]);
    assertEquals(await map.features(id), expected.features);
    assertEquals(await map.descriptor(id), expected.descriptor as Float32Array<ArrayBuffer>);
    const { bag, result, covisibility } = await map.record(id), by = id - own;
    assertEquals(bag, expected.bag);
    assertEquals([result!.id, result!.match, result!.status], [
      id,
      expected.result!.match === undefined ? undefined : expected.result!.match + by,
      expected.result!.status,
    ]);
    assertEquals(result!.geometry?.id, result!.match);
    assertEquals(result!.geometry?.pairs, expected.result!.geometry?.pairs);
    assertEquals(
      result!.candidates.map(({ id }) => id),
      expected.result!.candidates.map(({ id }) => id + by),
    );
    assertEquals(covisibility!.ids, expected.covisibility!.ids.map((other) => other + by));
  }
  await using c = await filled("night", 3, 3);
  await using more = await mergeMaps(map, c, { labels: ["never", "late"] });
  assertEquals([0, 69, 70].map((id) => more.entry(id).label), ["morning", "evening", "late"]);
});

Deno.test("descriptors of 8-bit integers are merged bit for bit", async () => {
  const networks = { embedding: { ...NETWORKS.embedding!, type: "i8" as const } };
  const maps: PlaceMap[] = [];
  for (const seed of [1, 2]) {
    const map = await PlaceMap.inMemory({ networks });
    for (let id = 0; id < 20; id++) await map.append({ descriptor: sampleFrame(id, seed).descriptor });
    maps.push(map);
  }
  await using merged = await mergeMaps(maps[0]!, maps[1]!);
  for (let id = 0; id < 40; id++) {
    assertEquals(
      (await merged.frame(id)).descriptor,
      (await maps[id < 20 ? 0 : 1]!.frame(id % 20)).descriptor,
    );
  }
});

Deno.test("maps of other networks are not merged, nor into a folder that has a map", async () => {
  await using a = await filled("a", 2, 1);
  await using b = await filled("b", 2, 2, {
    ...NETWORKS,
    features: { ...NETWORKS.features!, fingerprint: "0", name: "orb-500" },
  });
  await assertRejects(() => mergeMaps(a, b), MapError, `"orb" (4455667788990011), and "orb-500" (0)`);
  const folder = new MemoryFolder("taken");
  await (await mergeMaps(a, a, { folder })).close();
  await assertRejects(() => mergeMaps(a, a, { folder }), MapError, "there is a map of 4 frames");
  await using taken = await PlaceMap.open(folder);
  assertEquals(taken.size, 4);
});
