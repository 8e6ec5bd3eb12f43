/** Ray casting on the host in 64 bits, by other means than the shader's: the reference for what a pixel shows. */
import { type Lens, type Pose, rayOf, toWorld, type Vector3 } from "../../src/world/lens.ts";
import { SOLID_FLOATS, type Solids } from "../../src/world/solids.ts";

/** Where a ray ends. */
export interface HostHit {
  /** 0 sky, 1 ground, 2 + solid. */
  hit: number;
  depth: number;
}

/** The ray through a pixel's centre, with a direction whose length along the camera's axis is 1. */
export function pixelRay(pose: Pose, lens: Lens, x: number, y: number): { eye: Vector3; way: Vector3 } {
  const at = toWorld(pose, rayOf(lens, x + 0.5, y + 0.5));
  const eye = pose.position;
  return { eye, way: [at[0] - eye[0], at[1] - eye[1], at[2] - eye[2]] };
}

/** How far along a ray a solid is entered, its torn rim whole; undefined if it is missed or begins behind the eye. */
export function enter(solids: Solids, solid: number, eye: Vector3, way: Vector3): number | undefined {
  const t = solids.table.subarray(solid * SOLID_FLOATS, (solid + 1) * SOLID_FLOATS);
  const map = (v: Vector3, shift: number): number[] =>
    [0, 1, 2].map((row) =>
      t[row * 4]! * v[0] + t[row * 4 + 1]! * v[1] + t[row * 4 + 2]! * v[2] + shift * t[row * 4 + 3]!
    );
  const o = map(eye, 1), d = map(way, 0);
  const [front, back, sides, hollow] = [t[12]!, t[13]!, t[14]!, t[15]!];
  // Functions that are at most 0 inside; linear ones by their values at the eye and the rate of change.
  const rise = (p: number[]): number => (p[1]! + 1) / 2;
  const walls = [
    (p: number[]): number => p[1]! - 1,
    (p: number[]): number => -p[1]! - 1,
    (p: number[]): number => p[0]! - 1 + front * rise(p),
    (p: number[]): number => -p[0]! - 1 + back * rise(p),
    (p: number[]): number => p[2]! - 1 + sides * rise(p),
    (p: number[]): number => -p[2]! - 1 + sides * rise(p),
  ];
  let first = -Infinity, last = Infinity;
  const ahead = o.map((value, i) => value + d[i]!);
  for (const wall of walls) {
    const [a, b] = [wall(o), wall(ahead)];
    const rate = b - a;
    if (Math.abs(rate) < 1e-12) {
      if (a > 0) return undefined;
      continue;
    }
    const crossing = -a / rate;
    if (rate > 0) last = Math.min(last, crossing);
    else first = Math.max(first, crossing);
  }
  const q = [t[16]!, t[17]!, t[18]!];
  const [a, b, c] = [0, 0, 0].map((_, power) =>
    q.reduce((sum, weight, i) => sum + weight * [d[i]! * d[i]!, 2 * o[i]! * d[i]!, o[i]! * o[i]!][power]!, 0)
  ) as [number, number, number];
  if (a > 1e-12) {
    const inside = b * b - 4 * a * (c - 1);
    if (inside < 0) return undefined;
    first = Math.max(first, (-b - Math.sqrt(inside)) / (2 * a));
    last = Math.min(last, (-b + Math.sqrt(inside)) / (2 * a));
  }
  if (first > last || first <= 0.05) return undefined;
  if (hollow > 0) {
    const [x, y] = [o[0]! + first * d[0]!, o[1]! + first * d[1]!];
    const square = x * x + y * y;
    const across = Math.min(Math.abs(x), Math.abs(y), Math.abs(x - y) * 0.7071, Math.abs(x + y) * 0.7071);
    if (square < hollow && square > 0.02 && across > 0.045) return undefined;
  }
  return first;
}

/** Casts a ray at the ground and at all solids that are whole. */
export function cast(solids: Solids, eye: Vector3, way: Vector3): HostHit {
  let best: HostHit = { hit: 0, depth: 0 };
  let nearest = Infinity;
  if (way[1] < 0) {
    nearest = -eye[1] / way[1];
    best = { hit: 1, depth: nearest };
  }
  for (let solid = 0; solid < solids.count; solid++) {
    if (solids.torn[solid]) continue;
    const depth = enter(solids, solid, eye, way);
    if (depth !== undefined && depth < nearest) {
      nearest = depth;
      best = { hit: 2 + solid, depth };
    }
  }
  return best;
}
