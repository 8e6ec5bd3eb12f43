/** The town from above, and the drive on it: where everything lies on a picture of a size. */
import type { Size } from "../vision/fit.ts";
import type { Land } from "../world/plan.ts";
import type { Drive } from "./drive.ts";

/** A place on the picture, in pixels. */
export type MapPoint = readonly [x: number, y: number];

/** A piece of land on the picture, cut off at its edges. */
export interface MapLand {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly use: Land["use"];
}

/** Metres that are shown around the way. */
const AROUND = 17;

/**
 * North is up. Both laps take the same lane, so that the second would hide the first: it is drawn `spread` pixels to the
 * left of where it was, which is outside, since the drive turns right.
 */
export class TownMap {
  readonly size: Size;
  readonly land: readonly MapLand[];
  /** Pixels a metre. */
  readonly scale: number;
  readonly #drive: Drive;
  readonly #spread: number;
  readonly #left: number;
  readonly #top: number;

  constructor(drive: Drive, size: Size, spread: number) {
    this.size = size;
    this.#drive = drive;
    this.#spread = spread;
    const xs = drive.poses.map(({ position }) => position[0]),
      zs = drive.poses.map(({ position }) => position[2]);
    const [x0, x1] = [Math.min(...xs) - AROUND, Math.max(...xs) + AROUND];
    const [z0, z1] = [Math.min(...zs) - AROUND, Math.max(...zs) + AROUND];
    this.scale = Math.min(size.width / (x1 - x0), size.height / (z1 - z0));
    this.#left = (x0 + x1) / 2 - size.width / 2 / this.scale;
    this.#top = (z0 + z1) / 2 - size.height / 2 / this.scale;
    this.land = drive.plan.land.map(({ x0, x1, z0, z1, use }) => {
      const [left, top] = this.#place(x0, z0), [right, bottom] = this.#place(x1, z1);
      return {
        left: Math.max(0, left),
        top: Math.max(0, top),
        right: Math.min(size.width, right),
        bottom: Math.min(size.height, bottom),
        use,
      };
    }).filter(({ left, top, right, bottom }) => right > left && bottom > top);
  }

  /** Where the camera is at a frame; on the second lap, where it is drawn. */
  at(frame: number): MapPoint {
    const { position } = this.#drive.poses[frame]!;
    const [x, y] = this.#place(position[0], position[2]);
    const [dx, dy] = this.heading(frame);
    const aside = this.#drive.laps[frame]! * this.#spread;
    return [x + dy * aside, y - dx * aside];
  }

  /** Which way it looks there: of length 1. */
  heading(frame: number): MapPoint {
    const { rotation } = this.#drive.poses[frame]!;
    const [x, z] = [rotation[6]!, rotation[8]!];
    const length = Math.hypot(x, z) || 1;
    return [x / length, z / length];
  }

  #place(x: number, z: number): MapPoint {
    return [(x - this.#left) * this.scale, (z - this.#top) * this.scale];
  }
}
