import { assert, assertEquals, assertRejects } from "@std/assert";
import { describeLoss, MapError, PlaceMap } from "../../src/place/mod.ts";
import { mapFolder } from "../../src/video/map_folder.ts";
import { assertFrame, NETWORKS, sampleFrame } from "../place/map/map_samples.ts";

async function names(path: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort();
}

Deno.test("a map on disk is begun in a folder that is not there, by path or URL, and saved to another", async () => {
  const base = await Deno.makeTempDir();
  try {
    const path = `${base}/deep/map with spaces`;
    {
      await using map = await PlaceMap.open(mapFolder(path), { networks: NETWORKS });
      for (let id = 0; id < 5; id++) await map.append(sampleFrame(id));
      await map.save(mapFolder(`${base}/copy/`));
      await assertRejects(() => PlaceMap.open(mapFolder(path)), MapError, `process ${Deno.pid} is writing`);
    }
    const files = ["descriptors.fwi", "features.fwr", "frames.fwr", "lock", "map.json"];
    for (const folder of [path, `${base}/copy`]) assertEquals(await names(folder), files);
    const url = new URL(`file://${base}/deep/map%20with%20spaces`);
    for (const folder of [mapFolder(url), mapFolder(`${path}/`), mapFolder(`${base}/copy`)]) {
      await using map = await PlaceMap.open(folder, { readOnly: true });
      assertEquals(map.opened, { frames: 5, droppedFrames: 0, droppedBytes: 0 });
      assertEquals(describeLoss(map), undefined);
      for (let id = 0; id < 5; id++) await assertFrame(map, id, sampleFrame(id), folder.label);
    }
  } finally {
    await Deno.remove(base, { recursive: true });
  }
});

Deno.test("a folder that is only read is not made, and its files are not changed", async () => {
  const base = await Deno.makeTempDir();
  try {
    const missing = mapFolder(`${base}/none`);
    await assertRejects(() => PlaceMap.open(missing, { readOnly: true }), MapError, "there is no map.json");
    await assertRejects(() => PlaceMap.open(missing), MapError, `${base}/none`);
    assertEquals(await names(base), []);
    const folder = mapFolder(`${base}/map`);
    {
      await using map = await PlaceMap.open(folder, { networks: NETWORKS });
      for (let id = 0; id < 3; id++) await map.append(sampleFrame(id));
    }
    await Deno.writeFile(`${base}/map/frames.fwr`, new Uint8Array(9), { append: true });
    const before = await Deno.readFile(`${base}/map/frames.fwr`);
    {
      await using map = await PlaceMap.open(folder, { readOnly: true });
      assertEquals(map.opened, { frames: 3, droppedFrames: 1, droppedBytes: 9 });
      assertEquals(
        describeLoss(map),
        `the map "${map.label}" was not closed: the last 1 frame (9 bytes) were not whole and are dropped; 3 frames before ` +
          "are kept",
      );
    }
    assertEquals(await Deno.readFile(`${base}/map/frames.fwr`), before);
    await using map = await PlaceMap.open(folder);
    assertEquals(map.opened, { frames: 3, droppedFrames: 1, droppedBytes: 9 });
    assertEquals(await folder.size("frames.fwr"), before.length - 9);
  } finally {
    await Deno.remove(base, { recursive: true });
  }
});

Deno.test("replace() leaves the old file or the new one, and no other", async () => {
  const base = await Deno.makeTempDir();
  try {
    const folder = mapFolder(base);
    await folder.replace("map.json", new TextEncoder().encode("old"));
    await folder.replace("map.json", new TextEncoder().encode("the new one"));
    assertEquals(new TextDecoder().decode(await folder.read("map.json")), "the new one");
    assertEquals(await names(base), ["map.json"]);
    await folder.remove("map.json");
    await folder.remove("map.json");
    assertEquals([await folder.read("map.json"), await folder.size("map.json")], [undefined, undefined]);
  } finally {
    await Deno.remove(base, { recursive: true });
  }
});

Deno.test("features are read while frames are appended and flushed", async () => {
  const base = await Deno.makeTempDir();
  try {
    await using map = await PlaceMap.open(mapFolder(base), {
      networks: NETWORKS,
      flushFrames: 3,
      cacheBytes: 0,
    });
    const reads: Promise<void>[] = [];
    while (map.size < 120) {
      await map.append(sampleFrame(map.size));
      const { size } = map;
      for (const id of [0, size >> 1, size - 1]) reads.push(assertFrame(map, id, sampleFrame(id)));
    }
    await Promise.all(reads);
    await map.flush();
    assert(map.flushed === 120);
  } finally {
    await Deno.remove(base, { recursive: true });
  }
});
