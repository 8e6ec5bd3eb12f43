/** Which things a camera may see: those before the lens that no house hides. */
import { type Lens, type Pose, rayOf, toCamera, type Vector3 } from "./lens.ts";
import type { Thing } from "./things.ts";

/** Houses that are tried, the nearest first. */
const HIDERS = 14;

/** Finds what is in sight. Made once for a lens. */
export class Sight {
  /** Sines and cosines of the planes that bound the view. */
  readonly #wide: readonly [number, number];
  readonly #high: readonly [number, number];
  readonly #hiders: { thing: Thing; away: number }[] = [];

  constructor(lens: Lens) {
    let [gx, gy] = [0, 0];
    for (let i = 0; i <= 8; i++) {
      gx = Math.max(
        gx,
        Math.abs(rayOf(lens, 0, i / 8 * lens.height)[0]),
        Math.abs(rayOf(lens, lens.width, i / 8 * lens.height)[0]),
      );
      gy = Math.max(
        gy,
        Math.abs(rayOf(lens, i / 8 * lens.width, 0)[1]),
        Math.abs(rayOf(lens, i / 8 * lens.width, lens.height)[1]),
      );
    }
    const unit = (
      slope: number,
    ): readonly [number, number] => [slope / Math.hypot(1, slope), 1 / Math.hypot(1, slope)];
    this.#wide = unit(gx);
    this.#high = unit(gy);
  }

  /** Whether a sphere is before the lens. */
  meets(pose: Pose, centre: Vector3, radius: number): boolean {
    const [x, y, z] = toCamera(pose, centre);
    if (z < -radius) return false;
    const [ws, wc] = this.#wide, [hs, hc] = this.#high;
    return Math.abs(x) * wc - z * ws < radius && Math.abs(y) * hc - z * hs < radius;
  }

  /** Writes the indices of the things in sight; returns how many. */
  find(things: readonly Thing[], pose: Pose, found: Int32Array): number {
    const hiders = this.#hiders;
    hiders.length = 0;
    let count = 0;
    for (let i = 0; i < things.length; i++) {
      const thing = things[i]!;
      if (!this.meets(pose, thing.centre, thing.radius)) continue;
      found[count++] = i;
      if (thing.hides) {
        const [x, , z] = thing.centre;
        hiders.push({ thing, away: Math.hypot(x - pose.position[0], z - pose.position[2]) - thing.radius });
      }
    }
    hiders.sort((a, b) => a.away - b.away);
    if (hiders.length > HIDERS) hiders.length = HIDERS;
    let left = 0;
    for (let i = 0; i < count; i++) {
      const index = found[i]!;
      const thing = things[index]!;
      let hidden = false;
      for (const { thing: hider } of hiders) {
        if (hider !== thing && behind(pose.position, hider, thing)) {
          hidden = true;
          break;
        }
      }
      if (!hidden) found[left++] = index;
    }
    return left;
  }
}

/**
 * Whether a house hides all of a thing: what a convex body hides is convex too, so the thing's box is hidden where its eight
 * corners are.
 */
function behind(eye: Vector3, hider: Thing, thing: Thing): boolean {
  const { low, high } = thing;
  for (let corner = 0; corner < 8; corner++) {
    const x = corner & 1 ? high[0] : low[0],
      y = corner & 2 ? high[1] : low[1],
      z = corner & 4 ? high[2] : low[2];
    if (!crosses(eye, x, y, z, hider)) return false;
  }
  return true;
}

/** Whether the way from the eye to a point passes through a box well before the point. */
function crosses(eye: Vector3, x: number, y: number, z: number, { low, high }: Thing): boolean {
  let enter = 0, leave = 0.999;
  const to = [x - eye[0], y - eye[1], z - eye[2]];
  for (let axis = 0; axis < 3; axis++) {
    const d = to[axis]!, o = eye[axis]!;
    // A little within the walls, so that a glance along one is not hidden.
    const a = low[axis]! + 0.02 - o, b = high[axis]! - 0.02 - o;
    if (Math.abs(d) < 1e-9) {
      if (a > 0 || b < 0) return false;
      continue;
    }
    const p = a / d, q = b / d;
    enter = Math.max(enter, Math.min(p, q));
    leave = Math.min(leave, Math.max(p, q));
    if (enter > leave) return false;
  }
  return true;
}
