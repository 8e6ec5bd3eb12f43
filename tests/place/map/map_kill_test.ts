import { assert, assertEquals, assertRejects } from "@std/assert";
import { MapError, PlaceMap } from "../../../src/place/mod.ts";
import { mapFolder } from "../../../src/video/map_folder.ts";
import { Random } from "../../support/random.ts";
import { assertFrame, NETWORKS, sampleFrame } from "./map_samples.ts";

const KILLS = Number(Deno.env.get("FRAMEWISE_KILLS") ?? 10);
const WRITER = new URL("./map_writer.ts", import.meta.url);

function startWriter(path: string): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", WRITER.href, path],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

/** Runs a writer, kills it, and gives the frames that it told of last. */
async function killedAfter(path: string, random: Random): Promise<number> {
  const child = startWriter(path);
  // Some are killed while they open the map, the others while they write.
  const early = random.next() < 0.3;
  let timer = early ? setTimeout(() => child.kill("SIGKILL"), random.uniform(0, 300)) : undefined;
  let told = 0, left = new Uint8Array();
  for await (const bytes of child.stdout) {
    timer ??= setTimeout(() => child.kill("SIGKILL"), random.uniform(0, 60));
    const all = new Uint8Array([...left, ...bytes]), whole = all.length - all.length % 8;
    if (whole > 0) told = new DataView(all.buffer).getUint32(whole - 8, true);
    left = all.slice(whole);
  }
  const { signal } = await child.status;
  assertEquals(signal, "SIGKILL");
  return told;
}

Deno.test(`a map whose writer is killed at any moment, ${KILLS} times, opens with every frame that was told of`, async () => {
  const path = await Deno.makeTempDir(), random = new Random(77);
  const folder = mapFolder(path);
  let frames = 0, torn = 0, dropped = 0, droppedBytes = 0;
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const told = await killedAfter(path, random);
      const what = `seed 77, kill ${kill}`;
      if (await folder.size("map.json") === undefined) {
        assertEquals(told, 0, what);
        continue;
      }
      // Every other time the reader finds the tear, and the next writer cuts it off.
      await using map = await PlaceMap.open(folder, { networks: NETWORKS, readOnly: kill % 2 === 0 });
      assert(
        map.size >= told && map.size >= frames,
        `${what}: ${map.size} frames, ${told} told, ${frames} before`,
      );
      assert(
        map.size <= Math.max(told, frames) + 1 || told === 0,
        `${what}: ${map.size} frames, ${told} told`,
      );
      assert(map.opened.droppedFrames <= 1, `${what}: ${JSON.stringify(map.opened)}`);
      if (map.opened.droppedFrames > 0) torn++;
      dropped += map.opened.droppedFrames;
      droppedBytes += map.opened.droppedBytes;
      for (let i = 0; i < 10 && map.size > 0; i++) {
        const id = i < 3 ? Math.max(0, map.size - 1 - i) : random.int(0, map.size - 1);
        await assertFrame(map, id, sampleFrame(id), what);
      }
      frames = map.size;
    }
    await using map = await PlaceMap.open(folder, { networks: NETWORKS, readOnly: true });
    for (let id = 0; id < map.size; id++) await assertFrame(map, id, sampleFrame(id), "in the end");
    assert(KILLS < 5 || map.size > 0, `${map.size} frames after ${KILLS} kills`);
    if (KILLS > 10) {
      console.log(
        `${KILLS} kills: ${map.size} frames, ${torn} torn ends, ${dropped} frames and ${droppedBytes} bytes dropped`,
      );
    }
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});

Deno.test("a map that another process writes to is refused with its number, and free once that was killed", async () => {
  const path = await Deno.makeTempDir();
  const child = startWriter(path);
  try {
    const reader = child.stdout.getReader();
    await reader.read();
    const error = await assertRejects(() => PlaceMap.open(mapFolder(path)), MapError);
    assert(error.message.includes(`process ${child.pid} is writing`), error.message);
    {
      await using seen = await PlaceMap.open(mapFolder(path), { readOnly: true });
      assert(seen.size > 0);
      await assertFrame(seen, seen.size - 1, sampleFrame(seen.size - 1));
    }
    await reader.cancel();
    child.kill("SIGKILL");
    await child.status;
    await using map = await PlaceMap.open(mapFolder(path));
    const { size } = map;
    await map.append(sampleFrame(size));
    await assertFrame(map, size, sampleFrame(size));
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});
