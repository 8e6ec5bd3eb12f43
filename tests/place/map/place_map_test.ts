import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  MapError,
  type MapNetworks,
  MemoryFolder,
  PlaceMap,
  VocabularyError,
} from "../../../src/place/mod.ts";
import { Random } from "../../support/random.ts";
import { assertFrame, cutFolder, NETWORKS, sampleFrame } from "./map_samples.ts";

async function filled(folder: MemoryFolder, count: number, networks = NETWORKS): Promise<PlaceMap> {
  const map = await PlaceMap.open(folder, { networks });
  for (let id = map.size; id < count; id++) assertEquals((await map.append(sampleFrame(id))).id, id);
  return map;
}

Deno.test("a map gives back all that was put in, is closed, opened and continued", async () => {
  const folder = new MemoryFolder();
  {
    await using map = await filled(folder, 30);
    for (let id = 0; id < 30; id++) await assertFrame(map, id, sampleFrame(id));
    assertEquals([...map.loops()], [[21, 4], [28, 11]]);
  }
  {
    await using map = await PlaceMap.open(folder);
    assertEquals(map.opened, { frames: 30, droppedFrames: 0, droppedBytes: 0 });
    assertEquals(map.networks, NETWORKS);
  }
  await using map = await filled(folder, 40);
  for (let id = 0; id < 40; id++) await assertFrame(map, id, sampleFrame(id), "opened");
  assertEquals([...map.loops()], [[21, 4], [28, 11], [35, 18]]);
  assertEquals(map.entry(11).weight, 1);
  const graph = await map.covisibility();
  assertEquals([graph.size, graph.weight(39, 38), graph.weight(20, 18)], [40, 10, 11]);
  let id = 0;
  for await (const record of map.records()) assertEquals(record.name, `${id++}.jpg`);
  assertEquals(id, 40);
  const query = sampleFrame(7).bag!;
  assertEquals(map.bags!.query(query, { limit: 1 })[0]!.id, 7);
  assertEquals(map.bags!.size, 40);
  await assertRejects(() => map.features(40), RangeError, "frame 40");
  assertThrows(() => map.entry(-1), RangeError, "frame -1");
});

Deno.test("a map whose files were cut off anywhere opens with the frames that are whole in all, and goes on", async () => {
  const folder = new MemoryFolder(), count = 12;
  const sizes = new Map<string, number[]>();
  {
    await using map = await PlaceMap.open(folder, { networks: NETWORKS });
    for (let id = 0; id <= count; id++) {
      for (const [name, file] of folder.files) {
        const list = sizes.get(name) ?? [];
        sizes.set(name, [...list, await file.size()]);
      }
      if (id < count) await map.append(sampleFrame(id));
      if (id === 5) await map.flush();
    }
  }
  sizes.delete("map.json");
  const random = new Random(11);
  for (let trial = 0; trial < 150; trial++) {
    const lengths = new Map<string, number>();
    const cut = await cutFolder(folder, (name, size) => {
      const length = random.next() < 0.4 ? size : random.int(0, size);
      lengths.set(name, length);
      return length;
    });
    const what = `seed 11, trial ${trial}: ${JSON.stringify([...lengths])}`;
    const expected = Math.min(
      ...[...sizes].map(([name, ends]) =>
        Math.max(0, ends.findLastIndex((end) => end <= lengths.get(name)!))
      ),
    );
    for (const readOnly of [true, false]) {
      await using map = await PlaceMap.open(cut, { networks: NETWORKS, readOnly });
      assertEquals([map.size, map.opened.frames], [expected, expected], what);
      const headers = [...sizes].reduce(
        (sum, [name, ends]) => sum + Math.max(lengths.get(name)!, ends[0]!),
        0,
      );
      const kept = [...sizes].reduce((sum, [, ends]) => sum + ends[expected]!, 0);
      assert(map.opened.droppedBytes <= headers - kept, what);
      assert(map.opened.droppedFrames > 0 || [...lengths.values()].every((length) => length <= kept), what);
      for (let id = 0; id < expected; id++) await assertFrame(map, id, sampleFrame(id), what);
      if (readOnly) {
        await assertRejects(() => map.append(sampleFrame(expected)), MapError, "read-only");
        for (const [name, length] of lengths) assertEquals(await cut.size(name), length, what);
        continue;
      }
      for (let id = expected; id < count + 2; id++) await map.append(sampleFrame(id));
      for (let id = 0; id < count + 2; id++) await assertFrame(map, id, sampleFrame(id), what);
    }
    await using again = await PlaceMap.open(cut, { networks: NETWORKS });
    assertEquals(again.opened, { frames: count + 2, droppedFrames: 0, droppedBytes: 0 }, what);
  }
});

Deno.test("holes in what was not flushed cost the frames from there on, and damage in what was flushed is told", async () => {
  const folder = new MemoryFolder();
  {
    await using map = await PlaceMap.open(folder, {
      networks: NETWORKS,
      flushFrames: 1000,
      flushSeconds: 1000,
    });
    for (let id = 0; id < 20; id++) {
      await map.append(sampleFrame(id));
      if (id === 9) await map.flush();
    }
    assertEquals(map.flushed, 10);
  }
  const random = new Random(12);
  for (let trial = 0; trial < 120; trial++) {
    const holed = await cutFolder(folder, (_, size) => size);
    const name = random.pick(["descriptors.fwi", "features.fwr", "frames.fwr"]);
    const bytes = (await holed.read(name))!, start = random.int(32, bytes.length - 1);
    const length = random.int(1, 60);
    bytes.fill(0, start, start + length);
    await holed.replace(name, new Uint8Array(bytes));
    const what = `seed 12, trial ${trial}: ${length} zeros at ${start} of ${name}`;
    try {
      await using map = await PlaceMap.open(holed, { networks: NETWORKS });
      const { frames } = map.opened;
      // What was flushed is not read again on opening, but for the frames' own file.
      assert(frames >= 10, what);
      for (let id = 10; id < frames; id++) await assertFrame(map, id, sampleFrame(id), what);
      for (let id = 0; id < Math.min(10, frames); id++) {
        try {
          await assertFrame(map, id, sampleFrame(id), what);
        } catch (error) {
          assert(/checksum/.test(String(error)), `${what}: ${error}`);
        }
      }
    } catch (error) {
      assert(error instanceof MapError && /damaged, and record/.test(error.message), `${what}: ${error}`);
      assertEquals(name, "frames.fwr", what);
    }
  }
});

Deno.test("repair cuts a damaged map off at the first frame that does not check", async () => {
  const folder = new MemoryFolder();
  const ends = new Map<string, number[]>();
  {
    await using map = await PlaceMap.open(folder, { networks: NETWORKS });
    for (let id = 0; id < 20; id++) {
      for (const [name, file] of folder.files) ends.set(name, [...ends.get(name) ?? [], await file.size()]);
      await map.append(sampleFrame(id));
      if (id === 15) await map.flush();
    }
  }
  for (const name of ["descriptors.fwi", "features.fwr", "frames.fwr"]) {
    const damaged = await cutFolder(folder, (_, size) => size);
    const bytes = new Uint8Array((await damaged.read(name))!);
    bytes[ends.get(name)![7]! + 30]! ^= 4;
    await damaged.replace(name, bytes);
    if (name === "frames.fwr") {
      await assertRejects(() => PlaceMap.open(damaged), MapError, "with repair to keep the 7 records");
    } else {
      await using map = await PlaceMap.open(damaged, { readOnly: true });
      await assertRejects(() => assertFrame(map, 7, sampleFrame(7)), Error, "checksum");
    }
    await using map = await PlaceMap.open(damaged, { repair: true });
    assertEquals([map.opened.frames, map.opened.droppedFrames > 0], [7, true], name);
    for (let id = 7; id < 12; id++) await map.append(sampleFrame(id));
    for (let id = 0; id < 12; id++) await assertFrame(map, id, sampleFrame(id), name);
  }
});

Deno.test("a map of other networks is refused with both named, and all differences", async () => {
  const folder = new MemoryFolder("maps/home");
  await (await filled(folder, 1)).close();
  const { embedding, features, vocabulary } = NETWORKS;
  const refused = async (networks: MapNetworks, ...parts: string[]): Promise<void> => {
    for (const readOnly of [true, false]) {
      const error = await assertRejects(() => PlaceMap.open(folder, { networks, readOnly }), MapError);
      for (const part of ["maps/home", ...parts]) {
        assert(error.message.includes(part), `${part}: ${error.message}`);
      }
    }
  };
  await refused(
    { ...NETWORKS, embedding: { ...embedding!, name: "other.onnx", fingerprint: "ff", dimensions: 512 } },
    `"embed.onnx" (00112233aabbccdd)`,
    `"other.onnx" (ff)`,
    "dimensions 24 against 512",
  );
  await refused({ features, vocabulary }, `embedding network "embed.onnx"`, "none is given");
  await refused(
    { embedding, features: { ...features!, size: 64 }, vocabulary: { ...vocabulary!, words: 9 } },
    "size 32 against 64",
    "words 500 against 9",
  );
  await using map = await PlaceMap.open(folder, {
    networks: { ...NETWORKS, embedding: { ...embedding!, name: "renamed.onnx" } },
  });
  assertEquals(map.size, 1);
});

Deno.test("folders without a map, with a damaged manifest or with leftovers are refused", async () => {
  const empty = new MemoryFolder();
  await assertRejects(() => PlaceMap.open(empty), MapError, "there is no map.json");
  await assertRejects(
    () => PlaceMap.open(empty, { networks: NETWORKS, readOnly: true }),
    MapError,
    "no map.json",
  );
  const folder = new MemoryFolder();
  await (await filled(folder, 2)).close();
  const manifest = new Uint8Array((await folder.read("map.json"))!);
  for (
    const [text, message] of [["{", "damaged"], ["{}", "not that of a map"], [
      '{"format":"framewise map","version":9}',
      "version 9",
    ]]
  ) {
    await folder.replace("map.json", new TextEncoder().encode(text));
    await assertRejects(() => PlaceMap.open(folder), MapError, message);
  }
  await folder.remove("map.json");
  await assertRejects(
    () => PlaceMap.open(folder, { networks: NETWORKS }),
    MapError,
    "is there and map.json is not",
  );
  await folder.replace("map.json", manifest);
  await using map = await PlaceMap.open(folder);
  assertEquals(map.size, 2);
});

Deno.test("two that write to one map at once are refused, and readers are not", async () => {
  const folder = new MemoryFolder();
  await using map = await filled(folder, 3);
  await assertRejects(() => PlaceMap.open(folder), MapError, "open already");
  await using reader = await PlaceMap.open(folder, { readOnly: true });
  await map.append(sampleFrame(3));
  assertEquals([reader.size, map.size], [3, 4]);
  await assertFrame(reader, 2, sampleFrame(2));
  await map.close();
  await using next = await PlaceMap.open(folder);
  assertEquals(next.size, 4);
});

Deno.test("a frame that cannot be written is told, the map keeps those before it and opens again", async () => {
  for (const name of ["descriptors.fwi", "features.fwr", "frames.fwr"]) {
    for (let room = 0; room < 60; room += 13) {
      const folder = new MemoryFolder();
      await using map = await filled(folder, 3);
      const file = folder.files.get(name)!;
      const { append, truncate } = file;
      file.append = async (bytes) => {
        await append.call(file, bytes.subarray(0, room));
        throw new Error("no space left on device");
      };
      file.truncate = () => Promise.reject(new Error("no space left on device"));
      const error = await assertRejects(() => map.append(sampleFrame(3)), MapError, "no space left");
      assert(/frame 3 .* the 3 frames before it are kept/.test(error.message), error.message);
      await assertRejects(() => map.append(sampleFrame(3)), MapError, "frame 3");
      await assertRejects(() => map.flush(), MapError, "frame 3");
      await assertFrame(map, 2, sampleFrame(2));
      Object.assign(file, { append, truncate });
      await map.close();
      await using again = await filled(folder, 5);
      for (let id = 0; id < 5; id++) {
        await assertFrame(again, id, sampleFrame(id), `${name}, room for ${room}`);
      }
    }
  }
});

Deno.test("what a frame left that could not be written is cut off at once, where the file allows it", async () => {
  for (const name of ["descriptors.fwi", "features.fwr", "frames.fwr"]) {
    const folder = new MemoryFolder();
    const map = await filled(folder, 3);
    const sizes = [...folder.files.values()].map((file) => file.size());
    const before = await Promise.all(sizes);
    const file = folder.files.get(name)!, { append } = file;
    file.append = async (bytes) => {
      await append.call(file, bytes.subarray(0, 20));
      throw new Error("no space left on device");
    };
    await assertRejects(() => map.append(sampleFrame(3)), MapError, "no space left");
    file.append = append;
    assertEquals(await Promise.all([...folder.files.values()].map((file) => file.size())), before, name);
    await map.close();
    await using again = await PlaceMap.open(folder);
    assertEquals(again.opened, { frames: 3, droppedFrames: 0, droppedBytes: 0 }, name);
  }
});

Deno.test("a flush that fails in the background is told with the next frame", async () => {
  const folder = new MemoryFolder();
  const map = await PlaceMap.open(folder, { networks: NETWORKS, flushFrames: 4, flushSeconds: 1000 });
  for (let id = 0; id < 6; id++) await map.append(sampleFrame(id));
  assertEquals(map.flushed, 4);
  folder.files.get("features.fwr")!.flush = () => Promise.reject(new Error("input/output error"));
  await map.append(sampleFrame(6));
  await map.append(sampleFrame(7));
  await new Promise((resolve) => setTimeout(resolve));
  await assertRejects(() => map.append(sampleFrame(8)), MapError, "4 first frames are safe");
  await map.close();
});

Deno.test("frames that have not what the map's have are refused, and the map goes on", async () => {
  await using map = await PlaceMap.inMemory({ networks: NETWORKS });
  const frame = sampleFrame(0);
  const refused = (change: object, message: string): Promise<unknown> =>
    assertRejects(() => map.append({ ...frame, ...change }), MapError, message);
  await refused({ descriptor: undefined }, "has not a global descriptor");
  await refused({ descriptor: new Float32Array(23) }, "23 elements, and the map's have 24");
  await refused({ features: { ...frame.features!, size: 64 } }, "of 64");
  await refused({ features: { ...frame.features!, descriptors: new Int8Array(64) } }, "are float");
  await refused({ bag: undefined }, "has not a bag");
  await refused({ result: { id: 1, status: "low_score", candidates: [] } }, "result is that of frame 1");
  await refused({ result: { id: 0, status: "loop", match: 0, candidates: [] } }, "matches frame 0");
  await refused({ covisibility: { ids: Uint32Array.of(0), weights: Uint32Array.of(1) } }, "same as frame 0");
  await assertRejects(
    () => map.append({ ...frame, bag: { words: Uint32Array.of(900), values: Float64Array.of(1) } }),
    VocabularyError,
  );
  assertEquals((await map.append(frame)).id, 0);
  await using bare = await PlaceMap.inMemory({ networks: { vocabulary: NETWORKS.vocabulary } });
  await assertRejects(
    () => bare.append({ bag: frame.bag!, features: frame.features! }),
    MapError,
    "have none",
  );
  await bare.append({ bag: frame.bag });
  await assertRejects(() => bare.features(0), MapError, "has none");
  assertEquals(await bare.descriptor(0), undefined);
  assertThrows(() => bare.searchForgotten(frame.descriptor, 1), MapError, "without an embedding");
});

Deno.test("a map in memory is saved to a folder that has none, whole or not at all", async () => {
  await using map = await filled(new MemoryFolder(), 25);
  const folder = new MemoryFolder("saved");
  await map.save(folder);
  await map.append(sampleFrame(25));
  {
    await using saved = await PlaceMap.open(folder, { networks: NETWORKS });
    assertEquals(saved.opened, { frames: 25, droppedFrames: 0, droppedBytes: 0 });
    for (let id = 0; id < 25; id++) await assertFrame(saved, id, sampleFrame(id));
  }
  await assertRejects(() => map.save(folder), MapError, "there is one already");
  class FullFolder extends MemoryFolder {
    override async open(name: string): ReturnType<MemoryFolder["open"]> {
      const file = await super.open(name);
      if (name === "frames.fwr") file.append = () => Promise.reject(new Error("disk full"));
      return file;
    }
  }
  const full = new FullFolder("full");
  await assertRejects(() => map.save(full), MapError, "disk full");
  assertEquals([...full.files.keys()], []);
});

Deno.test("features come from a cache of bounded size", async () => {
  const folder = new MemoryFolder();
  await using map = await PlaceMap.open(folder, { networks: NETWORKS, cacheBytes: 3000 });
  for (let id = 0; id < 50; id++) await map.append(sampleFrame(id));
  const file = folder.files.get("features.fwr")!;
  let reads = 0;
  const { read } = file;
  file.read = (offset, length) => {
    reads++;
    return read.call(file, offset, length);
  };
  await map.features(3);
  await map.features(3);
  assertEquals(reads, 1);
  for (let id = 10; id < 40; id++) await map.features(id);
  await map.features(3);
  assertEquals(reads, 32);
});
