/**
 * Draws the pictures of a set, and keeps what the measures need of each.
 *
 * @module
 */
import type { Frame } from "../../src/frame/mod.ts";
import type { Device } from "../../src/gpu/mod.ts";
import { type FrameTruth, isLasting, type Picture, WorldSource } from "../../src/world/mod.ts";
import { CHUNK, GROUP, type PictureSet } from "./sets.ts";

/** Side of what is drawn; the embedded networks are made for it. */
export const PICTURE = { width: 320, height: 240 } as const;

/** Overlaps from here on are told, so that it is seen how wrong a wrong match is. */
const LEAST_OVERLAP = 0.05;

/** A picture with its truth. */
export interface DrawnPicture {
  readonly frame: Omit<Frame, "release">;
  readonly truth: FrameTruth;
  /**
   * Of random pictures, for each pixel the depth along the camera's axis in metres: 0 for the sky, negative where
   * something shows that may be elsewhere in another picture.
   */
  readonly depths: Float32Array<ArrayBuffer> | undefined;
}

/** Some or all pictures of a set. */
export interface DrawnSet {
  readonly set: PictureSet;
  readonly pictures: readonly DrawnPicture[];
}

/** Draws a set; large ones of random pictures in pieces of whole groups. Pieces are numbered through. */
export async function* drawSet(device: Device, set: PictureSet): AsyncGenerator<DrawnSet> {
  const { scenario, seed, frames, light } = set;
  const random = scenario === "random";
  let depths: Float32Array<ArrayBuffer> | undefined;
  const source = new WorldSource(device, {
    scenario,
    seed,
    frames,
    ...PICTURE,
    ...(light && { light }),
    ...(random && { random: { group: GROUP }, onPicture: (picture) => depths = signedDepths(picture) }),
    leastOverlap: LEAST_OVERLAP,
  });
  let pictures: DrawnPicture[] = [];
  try {
    for await (const frame of source) {
      const { index, timeSeconds, width, height, format, colour } = frame;
      pictures.push({
        frame: { index, timeSeconds, width, height, format, colour, data: frame.data.slice() },
        truth: source.truth(index),
        depths,
      });
      frame.release();
      if (!random || pictures.length < CHUNK) continue;
      yield { set, pictures };
      pictures = [];
    }
    if (pictures.length > 0) yield { set, pictures };
  } finally {
    await source.close();
  }
}

/** The depths of a picture with the sign that {@linkcode DrawnPicture} tells of. */
export function signedDepths(picture: Picture): Float32Array<ArrayBuffer> {
  const depths = new Float32Array(picture.depths.length);
  for (let i = 0; i < depths.length; i++) {
    const depth = picture.depths[i]!;
    depths[i] = depth === 0 || isLasting(picture, i) ? depth : -depth;
  }
  return depths;
}
