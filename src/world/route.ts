/** Ways through the town: along lanes or pavements, round corners. */
import type { Plan } from "./plan.ts";

/** A crossing, by the numbers of its two streets. */
export type Crossing = readonly [x: number, z: number];

/** A place on a route. */
export interface RoutePoint {
  readonly x: number;
  readonly z: number;
  /** From north to the east, as {@linkcode poseOf} takes it; does not jump at full turns. */
  readonly yaw: number;
}

/** Metres between a route's points. */
const STEP = 0.2;

/** A way, in steps of equal length. */
export class Route {
  readonly length: number;
  readonly closed: boolean;
  readonly #xs: Float64Array;
  readonly #zs: Float64Array;
  readonly #yaws: Float64Array;

  /** @param corners its corners, each with the radius it is rounded by; a closed one returns to the first. */
  constructor(corners: readonly { x: number; z: number; radius: number }[], closed: boolean) {
    const rough: [number, number][] = [];
    const count = corners.length;
    for (let i = 0; i < count; i++) {
      const here = corners[i]!;
      const before = corners[(i + count - 1) % count]!, after = corners[(i + 1) % count]!;
      if (!closed && (i === 0 || i === count - 1)) {
        rough.push([here.x, here.z]);
        continue;
      }
      const [ax, az] = unit(before.x - here.x, before.z - here.z);
      const [bx, bz] = unit(after.x - here.x, after.z - here.z);
      const room = Math.min(
        here.radius,
        0.45 * Math.hypot(before.x - here.x, before.z - here.z),
        0.45 * Math.hypot(after.x - here.x, after.z - here.z),
      );
      if (ax * bx + az * bz < -0.9999 || room < 1e-3) {
        rough.push([here.x, here.z]);
        continue;
      }
      // The two tangents and a curve between them (a quadratic one is close to the arc, and starts more gently).
      for (let k = 0; k <= 12; k++) {
        const t = k / 12;
        const [p, q] = [(1 - t) * (1 - t) * room, t * t * room];
        rough.push([here.x + ax * p + bx * q, here.z + az * p + bz * q]);
      }
    }
    if (closed) rough.push(rough[0]!);
    let total = 0;
    const ends = rough.map(([x, z], i) => {
      if (i > 0) total += Math.hypot(x - rough[i - 1]![0], z - rough[i - 1]![1]);
      return total;
    });
    const steps = Math.max(2, Math.round(total / STEP));
    this.length = total;
    this.closed = closed;
    this.#xs = new Float64Array(steps + 1);
    this.#zs = new Float64Array(steps + 1);
    this.#yaws = new Float64Array(steps + 1);
    let piece = 0;
    for (let i = 0; i <= steps; i++) {
      const at = total * i / steps;
      while (piece < rough.length - 2 && ends[piece + 1]! < at) piece++;
      const [a, b] = [rough[piece]!, rough[piece + 1]!];
      const share = (at - ends[piece]!) / Math.max(ends[piece + 1]! - ends[piece]!, 1e-9);
      this.#xs[i] = a[0] + (b[0] - a[0]) * share;
      this.#zs[i] = a[1] + (b[1] - a[1]) * share;
    }
    // Looks a little ahead, as drivers do.
    const reach = Math.round(1.4 / STEP);
    for (let i = 0; i <= steps; i++) {
      const [p, q] = closed
        ? [(i + steps - reach) % steps, (i + reach) % steps]
        : [Math.max(0, i - reach), Math.min(steps, i + reach)];
      let yaw = Math.atan2(this.#xs[q]! - this.#xs[p]!, -(this.#zs[q]! - this.#zs[p]!));
      const last = i > 0 ? this.#yaws[i - 1]! : yaw;
      yaw += 2 * Math.PI * Math.round((last - yaw) / (2 * Math.PI));
      this.#yaws[i] = yaw;
    }
  }

  /** Where one is after `metres`; on a closed route it goes round and round, on an open one it ends. */
  at(metres: number): RoutePoint {
    const steps = this.#xs.length - 1;
    let position = metres / this.length * steps;
    let turns = 0;
    if (this.closed) {
      turns = Math.floor(position / steps);
      position -= turns * steps;
    }
    position = Math.min(steps, Math.max(0, position));
    const i = Math.min(steps - 1, Math.floor(position));
    const share = position - i;
    const lerp = (list: Float64Array): number => list[i]! + (list[i + 1]! - list[i]!) * share;
    const lap = this.#yaws[steps]! - this.#yaws[0]!;
    return { x: lerp(this.#xs), z: lerp(this.#zs), yaw: lerp(this.#yaws) + turns * lap };
  }
}

function unit(x: number, z: number): readonly [number, number] {
  const size = Math.max(Math.hypot(x, z), 1e-9);
  return [x / size, z / size];
}

/** How far from a street's middle one goes, to the right: of a street that is `half` wide and has parking or not. */
export type Offset = (half: number, parking: boolean) => number;

/** The middle of the right lane. */
export const LANE: Offset = (half, parking) => (half - (parking ? 2.1 : 0)) / 2;

/** Past the kerb, so many metres. */
export function pavementOffset(metres: number): Offset {
  return (half) => half + metres;
}

/**
 * A way from crossing to crossing along the streets between them, at an offset to the right (a negative one: to the left).
 *
 * @param start for open routes: how far before the first crossing's middle it begins and after the last it ends; negative: within.
 * @throws {RangeError} if two crossings that follow each other lie on no common street.
 */
export function routeAlong(
  plan: Plan,
  crossings: readonly Crossing[],
  offset: Offset,
  { closed = true, start = 0, radius }: { closed?: boolean; start?: number; radius?: number } = {},
): Route {
  const count = crossings.length;
  interface Leg {
    dx: number;
    dz: number;
    /** x of a leg north or south, z of one east or west. */
    line: number;
  }
  const legs: Leg[] = [];
  const place = (
    [x, z]: Crossing,
  ): readonly [number, number] => [plan.streetsX[x]!.middle, plan.streetsZ[z]!.middle];
  for (let i = 0; i < (closed ? count : count - 1); i++) {
    const [a, b] = [crossings[i]!, crossings[(i + 1) % count]!];
    const [dx, dz] = [Math.sign(b[0] - a[0]), Math.sign(b[1] - a[1])];
    if ((dx === 0) === (dz === 0)) {
      throw new RangeError(
        `Cannot go from crossing ${a} to ${b}: they must differ in one number, as one street joins them`,
      );
    }
    const street = dx === 0 ? plan.streetsX[a[0]]! : plan.streetsZ[a[1]]!;
    const right = offset(street.half, street.parking);
    // Right of (dx, dz) is (-dz, dx).
    legs.push({ dx, dz, line: dx === 0 ? street.middle - dz * right : street.middle + dx * right });
  }
  const corners: { x: number; z: number; radius: number }[] = [];
  const meet = (a: Leg, b: Leg, crossing: Crossing): void => {
    const [x, z] = place(crossing);
    if (a.dx === b.dx && a.dz === b.dz) {
      return void corners.push(a.dx === 0 ? { x: a.line, z, radius: 1 } : { x, z: a.line, radius: 1 });
    }
    if (a.dx === -b.dx && a.dz === -b.dz) {
      // Turns round at the crossing.
      corners.push(
        a.dx === 0 ? { x: a.line, z, radius: 3 } : { x, z: a.line, radius: 3 },
        b.dx === 0 ? { x: b.line, z, radius: 3 } : { x, z: b.line, radius: 3 },
      );
      return;
    }
    const rightTurn = -a.dz * b.dx + a.dx * b.dz > 0;
    corners.push({
      x: a.dx === 0 ? a.line : b.line,
      z: a.dx === 0 ? b.line : a.line,
      radius: radius ?? (rightTurn ? 5.5 : 8),
    });
  };
  if (closed) {
    for (let i = 0; i < count; i++) meet(legs[(i + count - 1) % count]!, legs[i]!, crossings[i]!);
  } else {
    const end = (leg: Leg, crossing: Crossing, sign: number): void => {
      const [x, z] = place(crossing);
      corners.push(
        leg.dx === 0
          ? { x: leg.line, z: z + sign * leg.dz * start, radius: 0 }
          : { x: x + sign * leg.dx * start, z: leg.line, radius: 0 },
      );
    };
    end(legs[0]!, crossings[0]!, -1);
    for (let i = 1; i < count - 1; i++) meet(legs[i - 1]!, legs[i]!, crossings[i]!);
    end(legs.at(-1)!, crossings.at(-1)!, 1);
  }
  return new Route(corners, closed);
}

/** Round a piece of land, with it on the right: what all traffic does. */
export function roundLand(column: number, row: number): readonly Crossing[] {
  return [[column, row], [column + 1, row], [column + 1, row + 1], [column, row + 1]];
}
