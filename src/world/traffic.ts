/** Who and what moves or stands about in the town: placed anew for each frame, the same numbers always. */
import { KERB } from "./buildings.ts";
import { pavementFrame } from "./furniture.ts";
import { addDog, addPerson, type DogLook, type PersonLook, somebody, someDog } from "./people.ts";
import { type Land, type Plan, streetAt } from "./plan.ts";
import { Random, seedOf } from "../tensor/random.ts";
import { LANE, pavementOffset, roundLand, type Route, routeAlong, type RoutePoint } from "./route.ts";
import { type Frame3, frameAt } from "./solids.ts";
import type { Things } from "./things.ts";
import {
  addBicycle,
  addVehicle,
  type BicycleLook,
  someBicycle,
  someVehicle,
  type VehicleLook,
  vehicleSize,
} from "./vehicles.ts";

/** Distance between parking places, as painted by shaders/world/shade.wgsl. */
const PARKING = 5.6;

/** One that moves along a route. */
interface Walker {
  readonly ids: readonly number[];
  readonly route: Route;
  readonly start: number;
  /** Metres a second; negative: the other way round. */
  readonly speed: number;
  readonly what:
    | { readonly kind: "vehicle"; readonly look: VehicleLook }
    | { readonly kind: "rider"; readonly look: BicycleLook; readonly person: PersonLook }
    | { readonly kind: "person"; readonly person: PersonLook; readonly dog: DogLook | undefined };
}

/** One that stays, unless it is another occasion. */
interface Stander {
  readonly id: number;
  readonly frame: Frame3;
  readonly spot: number;
  /** Two may share a spot: 0 and 1 take turns. */
  readonly turn: number;
  readonly what:
    | { readonly kind: "vehicle"; readonly look: VehicleLook }
    | { readonly kind: "bicycle"; readonly look: BicycleLook }
    | { readonly kind: "person"; readonly person: PersonLook };
}

/** How busy it is. */
export interface TrafficOptions {
  /** 1 is usual. */
  readonly density?: number;
  /** Pieces of land whose own lanes stay free, as `column,row`. */
  readonly free?: ReadonlySet<string>;
}

/** Decides whether something that stands on a frame, so long and so wide, is wanted in a picture, and how coarsely. */
export type Wanted = (frame: Frame3, halfLength: number, halfWidth: number) => "no" | "coarse" | "fine";

/** The traffic of one town. */
export class Traffic {
  readonly #walkers: Walker[] = [];
  readonly #standers: Stander[] = [];

  constructor(
    plan: Plan,
    things: Things,
    seed: number,
    { density = 1, free = new Set() }: TrafficOptions = {},
  ) {
    const columns = plan.streetsX.length - 1, rows = plan.streetsZ.length - 1;
    for (const land of plan.land) {
      const random = new Random(seedOf(seed, land.column, land.row, 31));
      this.#park(plan, land, things, random, density);
      const inner = land.column >= 0 && land.row >= 0 && land.column < columns && land.row < rows;
      if (!inner) continue;
      const crossings = roundLand(land.column, land.row);
      const lane = routeAlong(plan, crossings, (half, parking) => LANE(half, parking) * 0.9);
      const edge = routeAlong(plan, crossings, (half, parking) => half - (parking ? 2.1 : 0) - 0.45);
      const isFree = free.has(`${land.column},${land.row}`);
      const cars = isFree ? 0 : Math.round(random.between(0.8, 3.2) * density);
      const pace = random.between(5.5, 7.5);
      const first = random.between(0, lane.length);
      for (let i = 0; i < cars; i++) {
        const look = someVehicle(random, random.chance(0.16) ? "bus" : undefined);
        this.#walk(things, 1, lane, first + i * (lane.length / cars) + random.between(-5, 5), pace, {
          kind: "vehicle",
          look,
        });
      }
      const riders = isFree ? 0 : Math.round(random.between(0, 2.3) * density);
      for (let i = 0; i < riders; i++) {
        this.#walk(things, 2, edge, random.between(0, edge.length), random.between(3, 4.4), {
          kind: "rider",
          look: someBicycle(random),
          person: somebody(random),
        });
      }
      const people = Math.round(random.between(8, 16) * density);
      const paths = [0.1, 0.5, 0.9].map((share) => {
        const inset = 1.35 + share * Math.max(0.15, land.pavement - 1.9);
        return routeAlong(plan, crossings, pavementOffset(inset), { radius: 1.2 });
      });
      for (let i = 0; i < people; i++) {
        const path = paths[random.below(3)]!;
        const dog = random.chance(0.16) ? someDog(random) : undefined;
        const speed = random.between(1.05, 1.6) * (random.chance(0.5) ? 1 : -1);
        this.#walk(things, 2, path, random.between(0, path.length), speed, {
          kind: "person",
          person: somebody(random),
          dog,
        });
      }
    }
    // Around the whole town, the other way.
    const ring = routeAlong(plan, [[0, 0], [0, rows], [columns, rows], [columns, 0]], LANE);
    const random = new Random(seedOf(seed, 33));
    for (let i = 0; i < Math.round(4 * density); i++) {
      this.#walk(things, 1, ring, (i + 0.2 * random.next()) * ring.length / 4, 6.5, {
        kind: "vehicle",
        look: someVehicle(random),
      });
    }
  }

  #walk(things: Things, ids: number, route: Route, start: number, speed: number, what: Walker["what"]): void {
    this.#walkers.push({
      ids: Array.from({ length: ids }, () => things.reserveId()),
      route,
      start,
      speed,
      what,
    });
  }

  /** Adds one that goes along a route of its own, such as a car ahead of the camera. */
  lead(things: Things, route: Route, start: number, speed: number, look: VehicleLook): void {
    this.#walk(things, 1, route, start, speed, { kind: "vehicle", look });
  }

  #park(plan: Plan, land: Land, things: Things, random: Random, density: number): void {
    for (const side of land.sides) {
      const street = streetAt(plan, land, side);
      if (!street) continue;
      const northern = side === "north" || side === "south";
      const [low, high] = northern ? [land.x0, land.x1] : [land.z0, land.z1];
      const spot = seedOf(land.column, land.row, side.charCodeAt(0));
      if (street.parking) {
        for (let slot = Math.ceil((low + 9) / PARKING); (slot + 1) * PARKING < high - 9; slot++) {
          const along = (slot + 0.5) * PARKING - low;
          for (const turn of [0, 1]) {
            if (!random.chance(0.62 * density)) continue;
            let look = someVehicle(random);
            if (look.type === "bus") look = { ...look, type: "car" };
            const [, halfWidth] = vehicleSize(look);
            const frame = pavementFrame(land, side, along, -(halfWidth + 0.22)).turned(Math.PI).at([
              random.between(-0.25, 0.25),
              -KERB,
              0,
            ]).turned(random.between(-0.03, 0.03));
            this.#stand(things, frame, seedOf(spot, slot), turn, { kind: "vehicle", look });
          }
        }
      }
      for (let i = random.below(3); i > 0; i--) {
        const along = random.between(5, high - low - 5);
        const turn = random.between(-0.3, 0.3) + (random.chance(0.5) ? Math.PI : 0);
        const frame = pavementFrame(land, side, along, 0.55).turned(turn);
        this.#stand(things, frame, seedOf(spot, i, 1), random.below(2), {
          kind: "bicycle",
          look: someBicycle(random),
        });
      }
      // People who stand about, alone or in pairs.
      for (let i = Math.round(random.between(0, 1.8) * density); i > 0; i--) {
        const inset = random.between(1.2, Math.max(1.3, land.pavement - 0.5));
        const frame = pavementFrame(land, side, random.between(3, high - low - 3), inset)
          .turned(random.between(0, 2 * Math.PI));
        const key = seedOf(spot, i, 2), turn = random.below(2);
        this.#stand(things, frame, key, turn, { kind: "person", person: somebody(random) });
        if (random.chance(0.5)) {
          const other = frame.at([0.85, 0, 0.1]).turned(Math.PI + random.between(-0.3, 0.3));
          this.#stand(things, other, key, turn, { kind: "person", person: somebody(random) });
        }
      }
    }
  }

  #stand(things: Things, frame: Frame3, spot: number, turn: number, what: Stander["what"]): void {
    this.#standers.push({ id: things.reserveId(), frame, spot, turn, what });
  }

  /**
   * Adds all that is wanted at a time.
   *
   * @param time in seconds.
   * @param occasion which day it is: about half of what stands about is exchanged from one to the next.
   */
  add(things: Things, time: number, occasion: number, wanted: Wanted): void {
    for (const { id, frame, spot, turn, what } of this.#standers) {
      // Two share a spot, and a coin says on each occasion anew who is there.
      if (turn !== (seedOf(spot, occasion) >>> 9 & 1)) continue;
      const how = wanted(frame, ...sizeOf(what));
      if (how === "no") continue;
      if (what.kind === "vehicle") addVehicle(things, frame, what.look, { id });
      else if (what.kind === "bicycle") addBicycle(things, frame, what.look, { id });
      else addPerson(things, frame, what.person, { id }, { coarse: how === "coarse" });
    }
    for (const { ids, route, start, speed, what } of this.#walkers) {
      const gone = start + speed * time;
      const point = route.at(gone);
      const frame = frameOf(point, what.kind === "person" ? KERB : 0, speed < 0);
      const how = wanted(frame, ...sizeOf(what));
      if (how === "no") continue;
      const [first, second] = ids;
      if (what.kind === "vehicle") {
        addVehicle(things, frame, what.look, { id: first! });
      } else if (what.kind === "rider") {
        addBicycle(things, frame, what.look, { id: first! }, gone / 0.35);
        addPerson(things, frame, what.person, { id: second! }, {
          pedal: gone / 0.9,
          coarse: how === "coarse",
        });
      } else {
        const step = Math.abs(gone) / (0.42 * what.person.height / 1.75);
        addPerson(things, frame, what.person, { id: first! }, { step, coarse: how === "coarse" });
        if (what.dog) addDog(things, frame.at([0.5, 0, 0.55]), what.dog, { id: second! }, Math.abs(gone) * 7);
      }
    }
  }
}

/** Half the length and half the width that somebody or something takes. */
function sizeOf(what: Walker["what"] | Stander["what"]): readonly [number, number] {
  return what.kind === "vehicle" ? vehicleSize(what.look) : what.kind === "person" ? [0.8, 0.6] : [0.9, 0.4];
}

/** A frame at a point of a route, x along the way. */
export function frameOf({ x, z, yaw }: RoutePoint, height: number, backwards = false): Frame3 {
  // A frame's turn is counted from the east, a route's from the north.
  return frameAt(x, height, z, yaw - Math.PI / 2 + (backwards ? Math.PI : 0));
}
