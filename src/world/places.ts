/** Which pictures show the same place, by what they see of it. */
import { type Lens, type Pose, rayOf, toWorld, type Vector3 } from "./lens.ts";
import type { Picture } from "./picture.ts";
import { isLasting, type SamePlace } from "./truth.ts";

/** Pixels between the points that are followed from one picture to the other. */
const POINTS = 16;
/** Pixels between the depths that are kept of each. */
const KEPT = 4;
/** Two cameras that are further apart than this are not compared. */
const FARTHEST = 90;

interface Seen {
  readonly frame: number;
  readonly pose: Pose;
  readonly lens: Lens;
  /** Points of the world that lasting surfaces show, three numbers each. */
  readonly points: Float64Array;
  readonly depths: Float32Array;
  readonly columns: number;
  readonly rows: number;
}

/**
 * Keeps what each picture saw and finds the earlier ones that saw the same.
 *
 * The overlap of two pictures is the smaller of two shares: how many of the points that one shows the other shows too, each
 * way round. A point counts as shown where it falls into the picture and lies no deeper than what the picture shows
 * there. Points are taken every 16 pixels from what lasts: no sky, nothing that moves.
 */
export class PlaceMemory {
  readonly #seen: Seen[] = [];
  readonly #least: number;

  /** @param least overlaps below this are not told. */
  constructor(least = 0.2) {
    this.#least = least;
  }

  /** Takes a picture in; returns the earlier ones that show the same place, in their order. */
  add(frame: number, pose: Pose, lens: Lens, picture: Picture): SamePlace[] {
    const { width, height, depths } = picture;
    const points: number[] = [];
    for (let y = POINTS / 2; y < height; y += POINTS) {
      for (let x = POINTS / 2; x < width; x += POINTS) {
        const depth = depths[y * width + x]!;
        if (!isLasting(picture, y * width + x)) continue;
        const [a, b] = rayOf(lens, x + 0.5, y + 0.5);
        points.push(...toWorld(pose, [a * depth, b * depth, depth]));
      }
    }
    const columns = Math.ceil(width / KEPT), rows = Math.ceil(height / KEPT);
    const kept = new Float32Array(columns * rows);
    for (let j = 0, i = 0; j < rows; j++) {
      for (let k = 0; k < columns; k++) kept[i++] = depths[j * KEPT * width + k * KEPT] || Infinity;
    }
    const now: Seen = { frame, pose, lens, points: Float64Array.from(points), depths: kept, columns, rows };
    const found: SamePlace[] = [];
    for (const earlier of this.#seen) {
      const [a, b] = [pose.position, earlier.pose.position];
      if (Math.hypot(a[0] - b[0], a[2] - b[2]) > FARTHEST) continue;
      const overlap = shareSeen(now, earlier, this.#least);
      if (overlap < this.#least) continue;
      const both = Math.min(overlap, shareSeen(earlier, now, this.#least));
      if (both >= this.#least) found.push({ frame: earlier.frame, overlap: both });
    }
    this.#seen.push(now);
    return found;
  }
}

/** How many of the points of one picture another shows; stops early with 0 where `least` is out of reach. */
function shareSeen({ points }: Seen, { pose, lens, depths, columns, rows }: Seen, least: number): number {
  const count = points.length / 3;
  if (count === 0) return 0;
  const { position: p, rotation: r } = pose;
  const { focal, centre, k1, k2, width, height } = lens;
  let seen = 0, left = count;
  for (let i = 0; i < points.length; i += 3) {
    left--;
    const a = points[i]! - p[0], b = points[i + 1]! - p[1], c = points[i + 2]! - p[2];
    const z = r[6]! * a + r[7]! * b + r[8]! * c;
    if (z > 0.1) {
      const x = (r[0]! * a + r[1]! * b + r[2]! * c) / z, y = (r[3]! * a + r[4]! * b + r[5]! * c) / z;
      const square = x * x + y * y;
      const scale = (1 + k1 * square + k2 * square * square) * focal;
      const u = x * scale + centre[0], v = y * scale + centre[1];
      if (square < 16 && u >= 0 && v >= 0 && u < width && v < height) {
        // The kept depths are of the pixels' centres; the four around decide, since surfaces slope between them.
        const k = Math.min(columns - 2, Math.floor((u - 0.5) / KEPT) || 0),
          j = Math.min(rows - 2, Math.floor((v - 0.5) / KEPT) || 0);
        const at = Math.max(0, j) * columns + Math.max(0, k);
        const deepest = Math.max(
          depths[at]!,
          depths[at + 1]!,
          depths[at + columns]!,
          depths[at + columns + 1]!,
        );
        if (z <= deepest * 1.02 + 0.1) seen++;
      }
    }
    if (seen + left < least * count) return 0;
  }
  return seen / count;
}

/** The point of the world at a pixel's centre. */
export function pointAt(pose: Pose, lens: Lens, picture: Picture, x: number, y: number): Vector3 {
  const depth = picture.depths[y * picture.width + x]!;
  const [a, b] = rayOf(lens, x + 0.5, y + 0.5);
  return toWorld(pose, [a * depth, b * depth, depth]);
}
