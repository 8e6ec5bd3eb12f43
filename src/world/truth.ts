/** What is true of a picture: camera, boxes, numbers of things, and which earlier pictures show the same place. */
import type { Lens, Pose } from "./lens.ts";
import type { LightName } from "./light.ts";
import type { Picture } from "./picture.ts";
import { CLASSES, type ClassName } from "./things.ts";

/** One thing that can be seen. */
export interface TrueBox {
  /** Its number in the scene, the same in every frame. */
  readonly id: number;
  /** Class number. */
  readonly class_id: number;
  readonly label: ClassName;
  /** The tight box around its visible pixels, `[x1, y1, x2, y2]` at the edges of pixels. */
  readonly box: readonly [x1: number, y1: number, x2: number, y2: number];
  /** Pixels that show it. */
  readonly pixels: number;
  /** Share of the pixels it covers within the picture that nothing else hides. */
  readonly visible: number;
  /** Share that something hides: `1 - visible`. */
  readonly occlusion: number;
  /** Whether its visible part touches the picture's edge, so that it may go on outside. */
  readonly cut: boolean;
  /** Least depth along the camera's axis in metres. */
  readonly depth: number;
}

/** An earlier frame that shows the same place. */
export interface SamePlace {
  readonly frame: number;
  /** See {@linkcode PlaceMemory}. */
  readonly overlap: number;
}

/** All that is told of a frame. */
export interface FrameTruth {
  readonly frame: number;
  readonly time: number;
  readonly light: LightName;
  readonly pose: Pose;
  readonly lens: Lens;
  readonly boxes: readonly TrueBox[];
  /** Earlier frames, in their order. */
  readonly samePlace: readonly SamePlace[];
  /** Of random pictures: pictures with the same number see the same place. */
  readonly group?: number;
}

/** Things that fewer pixels show are left out. */
const FEWEST_PIXELS = 4;

/** The boxes of a picture, by the number of the thing. */
export function boxesOf(picture: Picture): TrueBox[] {
  const { hits, owners, things, width, height, depths } = picture;
  const count = things.length;
  const extents = new Int32Array(count * 5);
  const nearest = new Float64Array(count).fill(Infinity);
  for (let i = 0; i < count; i++) extents.set([width, height, -1, -1, 0], i * 5);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const hit = hits[i]!;
      if (hit < 2) continue;
      const thing = owners[hit - 2]!;
      if (things[thing]!.label < 0) continue;
      const at = thing * 5;
      if (x < extents[at]!) extents[at] = x;
      if (y < extents[at + 1]!) extents[at + 1] = y;
      if (x > extents[at + 2]!) extents[at + 2] = x;
      if (y > extents[at + 3]!) extents[at + 3] = y;
      extents[at + 4]!++;
      if (depths[i]! < nearest[thing]!) nearest[thing] = depths[i]!;
    }
  }
  const boxes: TrueBox[] = [];
  for (let i = 0; i < count; i++) {
    const [x1, y1, x2, y2, pixels] = extents.subarray(i * 5, i * 5 + 5) as unknown as [
      number,
      number,
      number,
      number,
      number,
    ];
    if (pixels < FEWEST_PIXELS) continue;
    const { id, label, covered } = things[i]!;
    const visible = Math.min(1, pixels / Math.max(covered, 1));
    boxes.push({
      id,
      class_id: label,
      label: CLASSES[label]!,
      box: [x1, y1, x2 + 1, y2 + 1],
      pixels,
      visible,
      occlusion: 1 - visible,
      cut: x1 === 0 || y1 === 0 || x2 === width - 1 || y2 === height - 1,
      depth: nearest[i]!,
    });
  }
  return boxes.sort((a, b) => a.id - b.id);
}

/** For each pixel the number of the thing it shows, whatever its class: 0 sky, ground and what has no number. */
export function idImage(
  { hits, owners, things }: Picture,
  to: Uint16Array = new Uint16Array(hits.length),
): Uint16Array {
  for (let i = 0; i < hits.length; i++) {
    const hit = hits[i]!;
    to[i] = hit < 2 ? 0 : things[owners[hit - 2]!]!.id;
  }
  return to;
}

/** Whether a pixel shows what stays where it is: not the sky, and nothing that moves. */
export function isLasting({ hits, owners, things }: Picture, pixel: number): boolean {
  const hit = hits[pixel]!;
  return hit === 1 || (hit >= 2 && !things[owners[hit - 2]!]!.moving);
}

/** The JSON line of a frame: positions with 4 decimals, rotations with 7, boxes in whole pixels. */
export function truthRecord(truth: FrameTruth): Record<string, unknown> {
  const { frame, time, light, pose, lens, boxes, samePlace, group } = truth;
  const list = (values: readonly number[], decimals: number): number[] =>
    values.map((value) => round(value, decimals));
  return {
    frame,
    time_s: round(time, 6),
    width: lens.width,
    height: lens.height,
    light,
    ...(group === undefined ? {} : { group }),
    camera: {
      position: list(pose.position, 4),
      rotation: list(pose.rotation, 7),
      focal: round(lens.focal, 4),
      centre: list(lens.centre, 3),
      distortion: list([lens.k1, lens.k2], 6),
    },
    objects: boxes.map(({ id, class_id, label, box, pixels, visible, occlusion, cut, depth }) => ({
      id,
      class_id,
      label,
      box,
      pixels,
      visible: round(visible, 3),
      occlusion: round(occlusion, 3),
      cut,
      depth: round(depth, 2),
    })),
    same_place: samePlace.map(({ frame, overlap }) => [frame, round(overlap, 3)]),
  };
}

function round(value: number, decimals: number): number {
  const scale = 10 ** decimals;
  return Math.round(value * scale) / scale + 0;
}
