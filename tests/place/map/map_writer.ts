/**
 * Appends frames to a map until it is killed, and tells how many are in it: for map_kill_test.ts.
 *
 * @module
 */
import { PlaceMap } from "../../../src/place/mod.ts";
import { mapFolder } from "../../../src/video/map_folder.ts";
import { NETWORKS, sampleFrame } from "./map_samples.ts";

if (import.meta.main) {
  const map = await PlaceMap.open(mapFolder(Deno.args[0]!), { networks: NETWORKS, flushFrames: 16 });
  while (map.size < 1e6) {
    await map.append(sampleFrame(map.size));
    Deno.stdout.writeSync(new Uint8Array(Uint32Array.of(map.size, map.flushed).buffer));
  }
}
