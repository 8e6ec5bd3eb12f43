/** Houses: a row along each side of a piece of land. */
import type { Vector3 } from "./lens.ts";
import { type Land, type Plan, sideSeed } from "./plan.ts";
import { Random, seedOf } from "../tensor/random.ts";
import { type Frame3, frameAt, KIND } from "./solids.ts";
import { casterOf, type Things } from "./things.ts";

/** Height of the pavement above the road. */
export const KERB = 0.13;

/** A box on the ground that shades and hides, for the shade field. */
export interface Bulk {
  readonly x0: number;
  readonly x1: number;
  readonly z0: number;
  readonly z1: number;
  readonly height: number;
}

/** Walls: plaster, brick, stone, boards; each with the colours it comes in. */
const WALLS: readonly (readonly [wall: number, colour: Vector3])[] = [
  [0, [0.6, 0.53, 0.4]],
  [0, [0.62, 0.44, 0.3]],
  [0, [0.5, 0.56, 0.58]],
  [0, [0.64, 0.62, 0.56]],
  [0, [0.58, 0.36, 0.3]],
  [0, [0.46, 0.55, 0.42]],
  [0, [0.62, 0.55, 0.3]],
  [1, [0.36, 0.135, 0.085]],
  [1, [0.42, 0.2, 0.12]],
  [1, [0.28, 0.13, 0.1]],
  [1, [0.5, 0.4, 0.27]],
  [2, [0.5, 0.46, 0.38]],
  [2, [0.4, 0.4, 0.39]],
  [3, [0.5, 0.57, 0.62]],
  [3, [0.42, 0.2, 0.16]],
];
const ROOFS: readonly [Vector3, ...Vector3[]] = [
  [0.3, 0.12, 0.075],
  [0.36, 0.17, 0.1],
  [0.13, 0.135, 0.15],
  [0.2, 0.15, 0.12],
];
const AWNINGS: readonly [Vector3, ...Vector3[]] = [
  [0.45, 0.05, 0.04],
  [0.04, 0.2, 0.12],
  [0.05, 0.12, 0.33],
  [0.5, 0.33, 0.05],
  [0.3, 0.08, 0.2],
];

/** What the houses of a town have in common. */
export interface TownStyle {
  readonly walls: readonly (readonly [number, Vector3])[];
  readonly roofs: readonly [Vector3, ...Vector3[]];
  readonly flatRoofs: number;
  readonly shops: number;
  readonly floors: number;
}

/** The style of a town: some of the walls and roofs that there are. */
export function someStyle(random: Random): TownStyle {
  const left = [...WALLS];
  const walls = Array.from({ length: 7 }, () => left.splice(random.below(left.length), 1)[0]!);
  return {
    walls,
    roofs: [random.pick(ROOFS), random.pick(ROOFS)],
    flatRoofs: random.between(0.1, 0.6),
    shops: random.between(0.35, 0.6),
    floors: random.between(2.3, 3.8),
  };
}

interface Lot {
  readonly frame: Frame3;
  readonly width: number;
  readonly depth: number;
  readonly corner: boolean;
}

/** Adds the houses of one piece of land; what they fill is appended to `bulks`. */
export function addHouses(things: Things, plan: Plan, land: Land, style: TownStyle, bulks: Bulk[]): void {
  const base = KERB;
  const p = land.pavement;
  const [x0, x1, z0, z1] = [land.x0 + p, land.x1 - p, land.z0 + p, land.z1 - p];
  const depth = Math.min(10.5, (x1 - x0) * 0.36, (z1 - z0) * 0.36);
  for (const side of land.sides) {
    const northern = side === "north" || side === "south";
    const both = land.sides.length === 4;
    // Of streets that are to look alike the corners belong to them; else to those that run east to west.
    const inner = both && northern === (plan.twins !== undefined) ? depth : 0;
    const [low, high] = northern ? [x0 + inner, x1 - inner] : [z0 + inner, z1 - inner];
    // The front is the frame's +z; along x the lots follow each other.
    const yaw = side === "north"
      ? Math.PI
      : side === "south"
      ? 0
      : side === "east"
      ? -Math.PI / 2
      : Math.PI / 2;
    const line = side === "north"
      ? z0 + depth / 2
      : side === "south"
      ? z1 - depth / 2
      : side === "east"
      ? x1 - depth / 2
      : x0 + depth / 2;
    const random = new Random(sideSeed(plan, land, side));
    const detail = new Random(seedOf(land.seed, side.charCodeAt(0), 9));
    for (let at = low; at < high - 0.5;) {
      let width = random.between(7.2, 13.5);
      if (high - at - width < 6.5) width = high - at;
      if (width > 15) width /= 2;
      const middle = at + width / 2;
      const frame = northern ? frameAt(middle, base, line, yaw) : frameAt(line, base, middle, yaw);
      const corner = at === low || at + width > high - 0.5;
      at += width;
      addHouse(things, { frame, width, depth, corner }, style, random, detail, bulks);
    }
  }
}

function addHouse(
  things: Things,
  { frame, width, depth, corner }: Lot,
  style: TownStyle,
  random: Random,
  detail: Random,
  bulks: Bulk[],
): void {
  if (!corner && random.chance(0.07)) return addYard(things, frame, width, depth, random);
  const [wall, colour] = style.walls[random.below(style.walls.length)]!;
  const shade = random.between(0.82, 1.12);
  const tint = colour.map((value) => Math.min(0.8, value * shade)) as unknown as Vector3;
  const shop = random.chance(style.shops);
  const floorHeight = random.between(2.75, 3.3);
  const floors = Math.max(2, Math.round(style.floors + random.between(-1.1, 1.2)));
  const height = (shop ? 3.7 : floorHeight + 0.25) + (floors - 1) * floorHeight + 0.5;
  const code = wall + (shop ? 4 : 0) + (random.chance(0.35) && !shop ? 8 : 0) +
    (random.chance(0.3) ? 16 : 0) +
    (random.chance(0.5) ? 32 : 0) + (random.chance(0.65) ? 64 : 0);
  const look = [detail.below(1 << 20), code, floorHeight, random.between(2.1, 3.2)] as const;
  const set = random.between(0, 0.35);
  const half = [width / 2, height / 2, depth / 2 - set / 2] as const;
  const body = frame.at([0, height / 2, -set / 2]);
  things.begin();
  things.add(body, half, { kind: KIND.wall, colour: tint, look });
  const hidden = things.end({ hides: true });
  things.begin();
  const front = depth / 2 - set;
  const roof = random.pick(style.roofs);
  const roofLook = [random.below(1 << 16), 0, 0, 0] as const;
  let top = height;
  if (random.chance(style.flatRoofs)) {
    // A parapet.
    things.add(frame.at([0, height + 0.12, -set / 2]), [width / 2 + 0.02, 0.14, depth / 2 + 0.18], {
      colour: [tint[0] * 0.7 + 0.08, tint[1] * 0.7 + 0.08, tint[2] * 0.7 + 0.08],
    });
    if (random.chance(0.4)) {
      things.add(frame.at([random.between(-1, 1) * width * 0.2, height + 1.1, -1]), [1.3, 1, 1.4], {
        kind: KIND.wall,
        colour: tint,
        look: [0, 128, 3, 3],
      });
    }
  } else {
    const rise = random.between(1.8, 3.6);
    const gabled = random.chance(0.22);
    const along = gabled ? frame.turned(Math.PI / 2) : frame;
    const eaves = [width / 2 + (gabled ? 0.25 : 0.02), depth / 2 + (gabled ? 0.1 : 0.4)] as const;
    things.add(
      along.at([0, height + rise / 2, 0]),
      gabled ? [eaves[1], rise / 2, eaves[0]] : [eaves[0], rise / 2, eaves[1]],
      {
        kind: KIND.roof,
        colour: roof,
        look: roofLook,
        taper: [0, 0, random.chance(0.3) ? 0.72 : 0.96],
      },
    );
    if (!gabled && random.chance(0.5)) {
      const count = Math.max(1, Math.floor(width / 4));
      for (let i = 0; i < count; i++) {
        const x = ((i + 0.5) / count - 0.5) * width * 0.8;
        things.add(frame.at([x, height + 0.75, front - 1.1]), [0.65, 0.75, 1.0], {
          kind: KIND.wall,
          colour: [tint[0] * 0.9, tint[1] * 0.9, tint[2] * 0.9],
          look: [look[0] + i, 0, 1.4, 1.3],
        });
        things.add(frame.at([x, height + 1.62, front - 1.1]), [0.78, 0.14, 1.12], {
          kind: KIND.roof,
          colour: roof,
          look: roofLook,
        });
      }
    }
    top = height + rise * 0.75;
  }
  for (let i = random.below(3); i > 0; i--) {
    things.add(
      frame.at([random.between(-0.42, 0.42) * width, top + 0.5, random.between(-0.2, 0.1) * depth]),
      [0.35, 1.1, 0.3],
      {
        colour: [0.3, 0.14, 0.1],
      },
    );
  }
  if (shop && detail.chance(0.55)) {
    const shops = Math.max(1, Math.round(width / 6.5));
    const cloth = detail.pick(AWNINGS);
    for (let i = 0; i < shops; i++) {
      if (detail.chance(0.3)) continue;
      const wide = width / shops;
      things.add(frame.at([((i + 0.5) / shops - 0.5) * width, 2.72, front + 0.5]).rolled(0.42), [
        wide / 2 - 0.35,
        0.04,
        0.68,
      ], {
        kind: KIND.awning,
        colour: cloth,
      });
    }
  }
  if (shop && detail.chance(0.5)) {
    things.add(frame.at([detail.between(-0.4, 0.4) * width, 4.1, front + 0.5]), [0.05, 0.4, 0.4], {
      colour: detail.pick(AWNINGS),
    });
  }
  if (!shop && random.chance(0.35)) {
    // Balconies, or a bay that stands out.
    const bays = Math.max(1, Math.round(width / look[3]));
    const wide = width / bays;
    const x = (Math.floor(bays / 2) + 0.5) * wide - width / 2;
    if (random.chance(0.5)) {
      const tall = (floors - 1) * floorHeight;
      things.add(frame.at([x, floorHeight + 0.25 + tall / 2, front + 0.35]), [wide * 0.46, tall / 2, 0.36], {
        kind: KIND.wall,
        colour: tint,
        look: [look[0] + 3, code & ~4, floorHeight, wide * 0.95],
      });
    } else {
      for (let floor = 1; floor < floors; floor++) {
        const y = floorHeight * floor + 0.35;
        things.add(frame.at([x, y, front + 0.5]), [wide * 0.48, 0.07, 0.5], { colour: [0.42, 0.41, 0.39] });
        things.add(frame.at([x, y + 0.55, front + 0.97]), [wide * 0.48, 0.48, 0.025], {
          kind: KIND.glass,
          colour: [0.1, 0.11, 0.12],
        });
      }
    }
  }
  things.end();
  const { low, high } = hidden;
  bulks.push({ x0: low[0], x1: high[0], z0: low[2], z1: high[2], height: top + KERB });
}

/** A gap between houses: a wall with a gate, and grass behind. */
function addYard(things: Things, frame: Frame3, width: number, depth: number, random: Random): void {
  things.begin();
  things.add(frame.at([0, 0.02, 0]), [width / 2, 0.05, depth / 2], {
    kind: KIND.pavement,
    colour: [0.2, 0.2, 0.2],
    look: [1, 0, 0, 0],
  });
  const colour = random.pick<Vector3>([[0.36, 0.16, 0.1], [0.5, 0.48, 0.42], [0.55, 0.5, 0.4]]);
  const gate = 0.6;
  for (const side of [1, -1]) {
    things.add(frame.at([side * (width / 4 + gate / 2), 0.65, depth / 2 - 0.2]), [
      width / 4 - gate / 2,
      0.65,
      0.13,
    ], {
      kind: KIND.wall,
      colour,
      look: [random.below(999), 129, 3, 3],
    });
  }
  things.end({ caster: casterOf(frame.at([0, 0, depth / 2 - 0.2]), width / 2, 0.2, 1.3) });
}
