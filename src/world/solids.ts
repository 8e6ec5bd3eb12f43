/**
 * What everything in the town is made of: convex solids, each a tapered box cut by an ellipsoid or a cylinder.
 *
 * In a solid's own axes it fills |y| <= 1 (y up), -1 + b s <= x <= 1 - a s and |z| <= 1 - c s with s = (y + 1) / 2, and
 * qx x^2 + qy y^2 + qz z^2 <= 1. With q = 0 it is the box alone, with q = 1 1 1 an ellipsoid, with q = 1 1 0 a cylinder along
 * z, with small q a box with soft corners.
 */
import type { Vector3 } from "./lens.ts";

/** Numbers that one solid takes in the GPU's table. */
export const SOLID_FLOATS = 32;

/** What a solid's surface looks like; the numbers are those of shaders/world/shade.wgsl. */
export const KIND = {
  plain: 0,
  pavement: 1,
  wall: 2,
  roof: 3,
  paint: 4,
  cabin: 5,
  tyre: 6,
  leaves: 7,
  bark: 8,
  sign: 9,
  lamp: 10,
  awning: 11,
  cloth: 12,
  bus: 13,
  skin: 14,
  glass: 15,
} as const;

/** A rigid place in the world: an origin and three axes at right angles to each other. */
export class Frame3 {
  /** Built by {@linkcode frameAt} and from other frames. */
  constructor(readonly origin: Vector3, readonly x: Vector3, readonly y: Vector3, readonly z: Vector3) {}

  /** A point of this frame in the world. */
  point([a, b, c]: Vector3): Vector3 {
    const { origin: o, x, y, z } = this;
    return [
      o[0] + a * x[0] + b * y[0] + c * z[0],
      o[1] + a * x[1] + b * y[1] + c * z[1],
      o[2] + a * x[2] + b * y[2] + c * z[2],
    ];
  }

  /** A frame at a point of this one, with the same axes. */
  at(point: Vector3): Frame3 {
    return new Frame3(this.point(point), this.x, this.y, this.z);
  }

  /** This frame turned about its z axis: x towards y. */
  tilted(angle: number): Frame3 {
    const [s, c] = [Math.sin(angle), Math.cos(angle)];
    return new Frame3(this.origin, mix(this.x, c, this.y, s), mix(this.y, c, this.x, -s), this.z);
  }

  /** This frame turned about its y axis: x towards z. */
  turned(angle: number): Frame3 {
    const [s, c] = [Math.sin(angle), Math.cos(angle)];
    return new Frame3(this.origin, mix(this.x, c, this.z, s), this.y, mix(this.z, c, this.x, -s));
  }

  /** This frame turned about its x axis: y towards z. */
  rolled(angle: number): Frame3 {
    const [s, c] = [Math.sin(angle), Math.cos(angle)];
    return new Frame3(this.origin, this.x, mix(this.y, c, this.z, s), mix(this.z, c, this.y, -s));
  }
}

function mix(a: Vector3, p: number, b: Vector3, q: number): Vector3 {
  return [a[0] * p + b[0] * q, a[1] * p + b[1] * q, a[2] * p + b[2] * q];
}

/** A frame on the ground whose x axis points where `yaw` does: 0 is east, a quarter turn is south. */
export function frameAt(x: number, y: number, z: number, yaw = 0): Frame3 {
  const [s, c] = [Math.sin(yaw), Math.cos(yaw)];
  return new Frame3([x, y, z], [c, 0, s], [0, 1, 0], [-s, 0, c]);
}

/** Everything but place and size. */
export interface SolidLook {
  /** One of {@linkcode KIND}. */
  readonly kind?: number;
  /** Linear red, green, blue, 0 to 1. */
  readonly colour: Vector3;
  /** Four numbers whose meaning depends on the kind. */
  readonly look?: readonly [number, number, number, number];
  /** How much narrower it is at the top: front (+x), back (-x), both sides (z). */
  readonly taper?: readonly [front: number, back: number, sides: number];
  /** The quadric that cuts it. */
  readonly round?: readonly [number, number, number];
  /** Around its z axis it is hollow up to this radius (of 1), but for spokes. */
  readonly hollow?: number;
  /** Foliage: how much of its rim is torn away, 0 to 1. */
  readonly torn?: number;
}

/** Solids in the GPU's layout, with what the host needs to know of each. Solids are appended; `truncate` drops the newest. */
export class Solids {
  /** {@linkcode SOLID_FLOATS} a solid, as shaders/world/trace.wgsl lays them out. */
  readonly table: Float32Array<ArrayBuffer>;
  /** The eight corners of each, 24 numbers. */
  readonly corners: Float64Array;
  /** Whether it is torn foliage, which is traced apart. */
  readonly torn: Uint8Array;
  /** The thing that each belongs to. */
  readonly owner: Int32Array;
  #count = 0;

  /** Makes room for `capacity` solids. */
  constructor(readonly capacity: number) {
    this.table = new Float32Array(capacity * SOLID_FLOATS);
    this.corners = new Float64Array(capacity * 24);
    this.torn = new Uint8Array(capacity);
    this.owner = new Int32Array(capacity);
  }

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** Forgets all but the first `count`. */
  truncate(count: number): void {
    this.#count = Math.min(this.#count, count);
  }

  /**
   * Adds one.
   *
   * @param centre of the box it is cut from.
   * @param half its half sizes along the frame's axes, in metres.
   * @throws {RangeError} if there is no room.
   */
  add(owner: number, centre: Frame3, half: Vector3, given: SolidLook): number {
    const index = this.#count;
    if (index >= this.capacity) {
      throw new RangeError(`Cannot add a solid: ${this.capacity} are all there is room for`);
    }
    this.#count++;
    const { origin: o, x, y, z } = centre;
    const at = index * SOLID_FLOATS;
    const { table } = this;
    const axes = [x, y, z];
    for (let row = 0; row < 3; row++) {
      const axis = axes[row]!, scale = 1 / half[row]!;
      table[at + row * 4] = axis[0] * scale;
      table[at + row * 4 + 1] = axis[1] * scale;
      table[at + row * 4 + 2] = axis[2] * scale;
      table[at + row * 4 + 3] = -(axis[0] * o[0] + axis[1] * o[1] + axis[2] * o[2]) * scale;
    }
    const [front, back, sides] = given.taper ?? NONE;
    const round = given.round ?? NONE, look = given.look ?? NO_LOOK;
    const hollow = given.hollow ?? 0;
    table[at + 12] = front;
    table[at + 13] = back;
    table[at + 14] = sides;
    table[at + 15] = hollow * hollow;
    table[at + 16] = round[0];
    table[at + 17] = round[1];
    table[at + 18] = round[2];
    table[at + 19] = given.torn ?? 0;
    table[at + 20] = given.colour[0];
    table[at + 21] = given.colour[1];
    table[at + 22] = given.colour[2];
    table[at + 23] = given.kind ?? KIND.plain;
    for (let i = 0; i < 4; i++) table[at + 24 + i] = look[i]!;
    table[at + 28] = half[0];
    table[at + 29] = half[1];
    table[at + 30] = half[2];
    table[at + 31] = owner;
    this.torn[index] = (given.torn ?? 0) > 0 ? 1 : 0;
    this.owner[index] = owner;
    let to = index * 24;
    for (let corner = 0; corner < 8; corner++) {
      const top = (corner & 4) !== 0;
      const a = (corner & 1 ? 1 - (top ? front : 0) : -1 + (top ? back : 0)) * half[0];
      const b = (top ? 1 : -1) * half[1];
      const c = (corner & 2 ? 1 : -1) * (1 - (top ? sides : 0)) * half[2];
      this.corners[to++] = o[0] + a * x[0] + b * y[0] + c * z[0];
      this.corners[to++] = o[1] + a * x[1] + b * y[1] + c * z[1];
      this.corners[to++] = o[2] + a * x[2] + b * y[2] + c * z[2];
    }
    return index;
  }
}

const NONE = [0, 0, 0] as const;
const NO_LOOK = [0, 0, 0, 0] as const;
