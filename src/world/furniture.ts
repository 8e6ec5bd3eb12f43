/** What stands along the streets: trees, lamps, signs, benches, bins, bollards. */
import type { Vector3 } from "./lens.ts";
import { KERB } from "./buildings.ts";
import { type Land, type Plan, type Side, sideSeed, streetAt } from "./plan.ts";
import { Random, seedOf } from "../tensor/random.ts";
import { type Frame3, frameAt, KIND } from "./solids.ts";
import { casterOf, type Things } from "./things.ts";

/** A tree's crown, for the shade field. */
export interface Crown {
  readonly x: number;
  readonly z: number;
  readonly radius: number;
  readonly top: number;
}

/** A street lamp. */
export interface Lamp {
  readonly x: number;
  readonly z: number;
}

/** What the shade field needs to know of the furniture. */
export interface Furniture {
  readonly crowns: Crown[];
  readonly lamps: Lamp[];
}

const GREENS: readonly [Vector3, ...Vector3[]] = [
  [0.1, 0.2, 0.045],
  [0.075, 0.16, 0.05],
  [0.15, 0.22, 0.05],
  [0.2, 0.2, 0.04],
  [0.05, 0.12, 0.05],
];
const METAL: Vector3 = [0.07, 0.08, 0.085];
const STEEL: Vector3 = [0.3, 0.31, 0.32];

/** What kind of trees stand along a street. */
export type TreeKind = "round" | "tall" | "fir" | "wide";

/** Adds a tree. */
export function addTree(things: Things, frame: Frame3, kind: TreeKind, size: number, random: Random): Crown {
  things.begin();
  const green = random.pick(GREENS).map((value) => value * random.between(0.85, 1.2)) as unknown as Vector3;
  const bark: Vector3 = [0.15, 0.115, 0.08];
  const stem = (kind === "fir" ? 1.1 : kind === "tall" ? 1.6 : 2.3) * size;
  const girth = 0.15 * size;
  things.add(frame.at([0, stem * 0.65, 0]), [girth, stem * 0.65, girth], {
    kind: KIND.bark,
    colour: bark,
    round: [1, 0, 1],
    taper: [0.3, 0.3, 0.3],
  });
  let radius = 1.6 * size, top = stem + 3.2 * size;
  const puff = (at: Vector3, half: Vector3, tone: number): void =>
    things.add(frame.turned(random.between(0, 6)).at(at), half, {
      kind: KIND.leaves,
      colour: [green[0] * tone, green[1] * tone, green[2] * tone],
      round: [1, 1, 1],
      torn: 0.95,
      look: [random.below(900), 0, 0, 0],
    });
  if (kind === "tall") {
    radius = 1.0 * size;
    top = stem + 5.6 * size;
    puff([0, stem + 2.3 * size, 0], [1.0 * size, 3.1 * size, 1.0 * size], 1);
    puff([0.2, stem + 3.7 * size, 0.1], [0.7 * size, 2.1 * size, 0.7 * size], 1.15);
  } else if (kind === "fir") {
    radius = 1.5 * size;
    top = stem + 5.2 * size;
    for (let i = 0; i < 4; i++) {
      const wide = (1.6 - 0.38 * i) * size;
      puff([0, stem + (0.5 + 1.2 * i) * size, 0], [wide, 1.05 * size, wide], 0.8 + 0.12 * i);
    }
  } else {
    const wide = kind === "wide" ? 1.35 : 1;
    radius = 1.75 * wide * size;
    puff([0, stem + 1.35 * size, 0], [1.45 * wide * size, 1.45 * size, 1.45 * wide * size], 0.92);
    for (let i = 0; i < 5; i++) {
      const turn = i * 1.257 + random.between(-0.4, 0.4);
      const out = random.between(0.75, 1.1) * wide * size;
      const r = random.between(0.75, 1.05) * size;
      puff([Math.cos(turn) * out, stem + random.between(0.6, 2.1) * size, Math.sin(turn) * out], [
        r * 1.1,
        r * 0.9,
        r * 1.1,
      ], random.between(0.82, 1.12));
    }
    puff([0.1, stem + 2.4 * size, -0.1], [0.95 * wide * size, 0.85 * size, 0.95 * wide * size], 1.15);
  }
  things.end({ caster: casterOf(frame, girth, girth, stem) });
  const [x, , z] = frame.origin;
  return { x, z, radius, top: top + frame.origin[1] };
}

function addLamp(things: Things, frame: Frame3): void {
  things.begin();
  things.add(frame.at([0, 2.6, 0]), [0.07, 2.6, 0.07], {
    colour: METAL,
    round: [1, 0, 1],
    taper: [0.4, 0.4, 0.4],
  });
  things.add(frame.at([0, 0.35, 0]), [0.12, 0.35, 0.12], { colour: METAL, round: [1, 0, 1] });
  things.add(frame.at([0.45, 5.2, 0]), [0.55, 0.035, 0.035], { colour: METAL });
  things.add(frame.at([0.95, 5.14, 0]), [0.3, 0.07, 0.12], { colour: METAL, taper: [0.3, 0.3, 0.4] });
  things.add(frame.at([0.95, 5.06, 0]), [0.24, 0.04, 0.1], { kind: KIND.lamp, colour: [1, 0.74, 0.42] });
  things.end({ caster: casterOf(frame, 0.08, 0.08, 4) });
}

/** Adds a traffic sign on its pole, the plate facing the frame's +z. The plate is the thing that has a class. */
export function addSign(things: Things, frame: Frame3, face: number): void {
  things.begin();
  const high = 2.35;
  things.add(frame.at([0, 1.45, -0.05]), [0.032, 1.45, 0.032], { colour: STEEL, round: [1, 0, 1] });
  things.end({ caster: casterOf(frame, 0.05, 0.05, 2.9) });
  things.begin({ label: "sign", moving: false });
  const look = [face, 0, 0, 0] as const;
  const plate = { kind: KIND.sign, colour: [1, 1, 1] as const, look };
  const at = frame.at([0, high, 0.02]);
  if (face === 3) things.add(at, [0.43, 0.38, 0.016], { ...plate, taper: [0.96, 0.96, 0] });
  else if (face === 5 || face === 6) things.add(at, [0.34, 0.34, 0.016], plate);
  else if (face === 7) things.add(at.tilted(Math.PI / 4), [0.31, 0.31, 0.016], plate);
  else things.add(at, [0.36, 0.36, 0.016], { ...plate, round: [1, 1, 0] });
  things.end();
}

function addBench(things: Things, frame: Frame3): void {
  things.begin();
  const wood: Vector3 = [0.25, 0.14, 0.06];
  things.add(frame.at([0, 0.45, 0]), [0.8, 0.035, 0.22], { colour: wood });
  things.add(frame.at([0, 0.75, -0.22]), [0.8, 0.18, 0.03], { colour: wood });
  for (const x of [0.65, -0.65]) things.add(frame.at([x, 0.22, 0]), [0.04, 0.22, 0.2], { colour: METAL });
  things.end({ caster: casterOf(frame, 0.8, 0.25, 0.6) });
}

function addBin(things: Things, frame: Frame3, colour: Vector3): void {
  things.begin();
  things.add(frame.at([0, 0.45, 0]), [0.25, 0.45, 0.25], {
    colour,
    round: [1, 0, 1],
    taper: [-0.1, -0.1, -0.1],
  });
  things.add(frame.at([0, 0.93, 0]), [0.29, 0.05, 0.29], { colour: METAL, round: [1, 0, 1] });
  things.end({ caster: casterOf(frame, 0.25, 0.25, 0.9) });
}

function addPlanter(things: Things, frame: Frame3, random: Random): void {
  things.begin();
  things.add(frame.at([0, 0.25, 0]), [0.55, 0.25, 0.3], {
    colour: [0.4, 0.38, 0.35],
    taper: [-0.08, -0.08, -0.08],
  });
  things.add(frame.at([0, 0.62, 0]), [0.52, 0.3, 0.3], {
    kind: KIND.leaves,
    colour: [0.09, 0.17, 0.05],
    round: [0.8, 0.8, 0.8],
    torn: 0.6,
    look: [random.below(99), 0, 0, 0],
  });
  things.end({ caster: casterOf(frame, 0.55, 0.3, 0.7) });
}

function addShelter(things: Things, frame: Frame3): void {
  things.begin();
  things.add(frame.at([0, 2.4, 0]), [1.9, 0.06, 0.58], { colour: METAL });
  things.add(frame.at([0, 1.2, -0.52]), [1.85, 1.15, 0.03], { kind: KIND.glass, colour: [0.16, 0.2, 0.21] });
  things.add(frame.at([1.87, 1.2, 0]), [0.03, 1.15, 0.5], { kind: KIND.awning, colour: [0.5, 0.2, 0.06] });
  for (const x of [1.87, -1.87]) things.add(frame.at([x, 1.2, 0.5]), [0.04, 1.2, 0.04], { colour: METAL });
  things.add(frame.at([0, 0.48, -0.3]), [1.2, 0.04, 0.18], { colour: [0.25, 0.14, 0.06] });
  things.end({ caster: casterOf(frame, 1.9, 0.7, 0.5) });
}

/** A frame on a side's pavement: x along the street, z towards it; `along` from the side's low end, `inset` from the kerb. */
export function pavementFrame(land: Land, side: Side, along: number, inset: number): Frame3 {
  switch (side) {
    case "north":
      return frameAt(land.x0 + along, KERB, land.z0 + inset, Math.PI);
    case "south":
      return frameAt(land.x0 + along, KERB, land.z1 - inset, 0);
    case "east":
      return frameAt(land.x1 - inset, KERB, land.z0 + along, -Math.PI / 2);
    case "west":
      return frameAt(land.x0 + inset, KERB, land.z0 + along, Math.PI / 2);
  }
}

/** Adds what stands along the sides of one piece of land. */
export function addFurniture(things: Things, plan: Plan, land: Land, { crowns, lamps }: Furniture): void {
  for (const side of land.sides) {
    const street = streetAt(plan, land, side);
    if (!street) continue;
    const northern = side === "north" || side === "south";
    const length = northern ? land.x1 - land.x0 : land.z1 - land.z0;
    const random = new Random(seedOf(sideSeed(plan, land, side), 3));
    const detail = new Random(seedOf(land.seed, side.charCodeAt(0), 11));
    const trees = random.chance(0.62)
      ? random.pick<TreeKind>(["round", "wide", "tall", "round", "fir"])
      : undefined;
    const spacing = random.between(9, 14);
    const offset = random.between(5.5, 8);
    for (let at = offset, i = 0; at < length - 5; at += spacing, i++) {
      if (trees && !random.chance(0.12)) {
        const size = random.between(0.95, 1.35) * (trees === "wide" ? 0.9 : 1);
        crowns.push(
          addTree(
            things,
            pavementFrame(land, side, at + detail.between(-0.4, 0.4), 0.75),
            trees,
            size,
            random,
          ),
        );
      }
    }
    for (let at = offset + spacing / 2; at < length - 4; at += spacing * 2) {
      const frame = pavementFrame(land, side, at, 0.45);
      addLamp(things, frame.turned(Math.PI / 2));
      const arm = frame.point([0, 0, 0.9]);
      lamps.push({ x: arm[0], z: arm[2] });
    }
    // Signs: one for those who come to the crossing, some along the way. Plates face who drives on this side.
    const facing = (frame: Frame3): Frame3 => frame.turned(-Math.PI / 2);
    const before = (metres: number): number => side === "north" || side === "east" ? length - metres : metres;
    const sign = (metres: number, face: number): void =>
      addSign(things, facing(pavementFrame(land, side, before(metres), 0.35)), face);
    sign(1.6, detail.pick([4, 0, 3, 7] as const));
    if (detail.chance(0.75)) sign(length - detail.between(3, 7), detail.pick([1, 2, 6, 5] as const));
    if (detail.chance(0.6)) sign(length * detail.between(0.35, 0.65), detail.pick([5, 1, 3, 6, 2] as const));
    const bench = detail.below(3);
    for (let i = 0; i < bench; i++) {
      const frame = pavementFrame(land, side, detail.between(4, length - 4), land.pavement - 0.32);
      const what = detail.below(3);
      if (what === 0) addBench(things, frame);
      else if (what === 1) {
        addBin(
          things,
          frame,
          detail.pick<Vector3>([[0.06, 0.16, 0.09], [0.12, 0.12, 0.13], [0.3, 0.2, 0.03]]),
        );
      } else addPlanter(things, frame, detail);
    }
    if (detail.chance(0.18)) addShelter(things, pavementFrame(land, side, length * 0.7, 0.9));
  }
}

/** Fills a park: grass, paths, trees, benches. */
export function addPark(things: Things, land: Land, { crowns, lamps }: Furniture): void {
  const random = new Random(seedOf(land.seed, 21));
  const p = land.pavement;
  const [x0, x1, z0, z1] = [land.x0 + p, land.x1 - p, land.z0 + p, land.z1 - p];
  const [cx, cz] = [(x0 + x1) / 2, (z0 + z1) / 2];
  things.begin();
  for (const [sx, sz] of [[-1, -1], [1, -1], [-1, 1], [1, 1]] as const) {
    const [hx, hz] = [(x1 - x0) / 4 - 1, (z1 - z0) / 4 - 1];
    things.add(frameAt(cx + sx * (hx + 2), KERB + 0.02, cz + sz * (hz + 2)), [hx, 0.05, hz], {
      kind: KIND.pavement,
      colour: [0.2, 0.2, 0.2],
      look: [1, 0, 0, 0],
    });
  }
  things.add(frameAt(cx, KERB + 0.35, cz), [2.2, 0.35, 2.2], {
    colour: [0.45, 0.43, 0.39],
    round: [1, 0, 1],
  });
  things.add(frameAt(cx, KERB + 1.3, cz), [0.3, 1.3, 0.3], { colour: [0.45, 0.43, 0.39], round: [1, 0, 1] });
  things.add(frameAt(cx, KERB + 2.3, cz), [0.9, 0.2, 0.9], {
    colour: [0.45, 0.43, 0.39],
    round: [1, 0.5, 1],
  });
  things.end();
  for (let i = 0; i < 22; i++) {
    const [x, z] = [random.between(x0 + 2, x1 - 2), random.between(z0 + 2, z1 - 2)];
    if (Math.min(Math.abs(x - cx), Math.abs(z - cz)) < 3 || Math.hypot(x - cx, z - cz) < 6) continue;
    const kind = random.pick<TreeKind>(["round", "wide", "fir", "tall", "round"]);
    crowns.push(
      addTree(things, frameAt(x, KERB, z, random.between(0, 6)), kind, random.between(0.9, 1.6), random),
    );
  }
  for (const turn of [0, 1, 2, 3]) {
    addBench(things, frameAt(cx, KERB, cz, turn * Math.PI / 2 + 0.78).at([0, 0, 4.6]).turned(Math.PI));
  }
  lamps.push({ x: cx + 4, z: cz }, { x: cx - 4, z: cz });
  // A low hedge around, open at the paths.
  for (const side of ["north", "south", "east", "west"] as const) {
    const length = side === "north" || side === "south" ? land.x1 - land.x0 : land.z1 - land.z0;
    const half = (length - 2 * p) / 4 - 1;
    for (const end of [0, 1]) {
      const frame = pavementFrame(land, side, end ? length - p - half : p + half, p + 0.3);
      things.begin();
      things.add(frame.at([0, 0.45, 0]), [half, 0.5, 0.35], {
        kind: KIND.leaves,
        colour: [0.07, 0.14, 0.04],
        look: [5, 0, 0, 0],
        round: [0.05, 0.3, 0.3],
      });
      things.end({ caster: casterOf(frame, half, 0.35, 0.9) });
    }
  }
}

/** Fills a square: paving, a church with its tower, trees. */
export function addSquare(
  things: Things,
  land: Land,
  { crowns }: Furniture,
  bulks: { x0: number; x1: number; z0: number; z1: number; height: number }[],
): void {
  const random = new Random(seedOf(land.seed, 22));
  const [cx, cz] = [(land.x0 + land.x1) / 2, (land.z0 + land.z1) / 2];
  const stone: Vector3 = random.pick<Vector3>([[0.5, 0.46, 0.38], [0.42, 0.2, 0.13], [0.55, 0.53, 0.48]]);
  const frame = frameAt(cx, KERB, cz, random.chance(0.5) ? 0 : Math.PI / 2);
  const look = [random.below(999), 2 + 32, 8.5, 4.5] as const;
  things.begin();
  things.add(frame.at([2, 5, 0]), [11, 5, 5.5], { kind: KIND.wall, colour: stone, look });
  const nave = things.end({ hides: true });
  things.begin();
  things.add(frame.at([-11.5, 9.5, 0]), [3, 9.5, 3], {
    kind: KIND.wall,
    colour: stone,
    look: [look[0] + 1, 2 + 32 + 16, 5.5, 3.4],
  });
  const tower = things.end({ hides: true });
  things.begin();
  things.add(frame.at([2, 12.2, 0]), [11.3, 2.2, 6], {
    kind: KIND.roof,
    colour: [0.2, 0.12, 0.09],
    taper: [0, 0, 0.97],
  });
  things.add(frame.at([-11.5, 23, 0]), [3.2, 4, 3.2], {
    kind: KIND.roof,
    colour: [0.13, 0.2, 0.17],
    taper: [0.96, 0.96, 0.96],
  });
  things.end();
  for (const { low, high } of [nave, tower]) {
    bulks.push({ x0: low[0], x1: high[0], z0: low[2], z1: high[2], height: high[1] + 1.5 });
  }
  const [hx, hz] = [(land.x1 - land.x0) / 2 - 5, (land.z1 - land.z0) / 2 - 5];
  for (const [sx, sz] of [[-1, -1], [1, -1], [-1, 1], [1, 1]] as const) {
    for (const k of [0.35, 0.75]) {
      crowns.push(
        addTree(
          things,
          frameAt(cx + sx * hx, KERB, cz + sz * hz * k, random.next()),
          "round",
          random.between(0.9, 1.3),
          random,
        ),
      );
    }
  }
}
