import type { MapFrame } from "./map_frame.ts";
import { MapError } from "./errors.ts";
import { type MapFolder, MemoryFolder } from "./map_folder.ts";
import { refuseOtherNetworks } from "./map_networks.ts";
import { PlaceMap } from "./place_map.ts";
import type { PlaceMapOptions } from "./place_map_options.ts";
import type { LoopResult } from "../loop/result.ts";

/** How two maps are merged. */
export interface MergeOptions extends Omit<PlaceMapOptions, "networks" | "readOnly"> {
  /** Where the new map is written; it has none yet. Default: in memory. */
  folder?: MapFolder;
  /** What the frames of each are told apart by; frames that have a label keep it. Default: what messages call the maps. */
  labels?: readonly [string, string];
}

/**
 * Makes a map of two: the frames of the second are numbered behind those of the first, and so are their loops. Loops between
 * the two are not looked for: look the frames of one up in the other for that.
 *
 * @returns the new map, open.
 * @throws {MapError} if they were made with other networks, or the folder has a map already.
 */
export async function mergeMaps(a: PlaceMap, b: PlaceMap, options: MergeOptions = {}): Promise<PlaceMap> {
  const { folder = new MemoryFolder(), labels = [a.label, b.label], ...rest } = options;
  refuseOtherNetworks(a.label, a.networks, b.networks);
  const map = await PlaceMap.open(folder, { ...rest, networks: a.networks });
  try {
    if (map.size > 0) {
      throw new MapError(
        `Cannot merge into "${folder.label}": there is a map of ${map.size} frames; use another folder`,
      );
    }
    for (const [i, part] of [a, b].entries()) {
      const first = map.size;
      for await (const frame of part.frames()) {
        await map.append({ ...renumbered(frame, first), label: frame.label ?? labels[i] });
      }
    }
    await map.flush();
    return map;
  } catch (error) {
    await map.close();
    throw error;
  }
}

/** A frame with all numbers of frames moved. */
function renumbered(frame: MapFrame, by: number): MapFrame {
  const { result, covisibility } = frame;
  return {
    ...frame,
    ...(result && { result: movedResult(result, by) }),
    ...(covisibility &&
      { covisibility: { ids: covisibility.ids.map((other) => other + by), weights: covisibility.weights } }),
  };
}

function movedResult(result: LoopResult, by: number): LoopResult {
  const { id, match, candidates, geometry } = result;
  return {
    ...result,
    id: id + by,
    ...(match !== undefined && { match: match + by }),
    candidates: candidates.map((candidate) => ({ ...candidate, id: candidate.id + by })),
    ...(geometry && { geometry: { ...geometry, id: geometry.id + by } }),
  };
}
