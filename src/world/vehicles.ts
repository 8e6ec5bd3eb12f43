/** Cars, vans, buses and bicycles, built of solids. Frames stand on the ground, x forward, z to the right. */
import type { Vector3 } from "./lens.ts";
import type { Random } from "../tensor/random.ts";
import { type Frame3, KIND } from "./solids.ts";
import { casterOf, type Things, type ThingStart } from "./things.ts";

const RUBBER: Vector3 = [0.03, 0.03, 0.033];
const RIM: Vector3 = [0.38, 0.39, 0.4];

const COATS: readonly [Vector3, ...Vector3[]] = [
  [0.6, 0.61, 0.62],
  [0.36, 0.37, 0.39],
  [0.035, 0.036, 0.04],
  [0.12, 0.125, 0.13],
  [0.42, 0.03, 0.025],
  [0.03, 0.1, 0.32],
  [0.05, 0.2, 0.34],
  [0.04, 0.16, 0.09],
  [0.45, 0.36, 0.2],
  [0.6, 0.4, 0.04],
  [0.3, 0.09, 0.05],
  [0.22, 0.3, 0.34],
];

/** What a vehicle looks like, the same in every frame. */
export interface VehicleLook {
  readonly type: "car" | "van" | "bus";
  readonly coat: Vector3;
  /** Body style of a car, 0 to 3: hatchback, saloon, estate, off-roader. */
  readonly style: number;
  /** 0.94 to 1.06 of the usual size. */
  readonly scale: number;
}

/** Some vehicle. */
export function someVehicle(random: Random, type?: VehicleLook["type"]): VehicleLook {
  const roll = random.next();
  const chosen = type ?? (roll < 0.8 ? "car" : roll < 0.95 ? "van" : "bus");
  const coat = chosen === "bus"
    ? random.pick<Vector3>([[0.55, 0.06, 0.03], [0.6, 0.42, 0.04], [0.05, 0.2, 0.4], [0.06, 0.3, 0.16]])
    : chosen === "van" && random.chance(0.6)
    ? ([0.62, 0.62, 0.6] as const)
    : random.pick(COATS);
  return { type: chosen, coat, style: random.below(4), scale: random.between(0.94, 1.06) };
}

/** Half the length and half the width that a vehicle takes. */
export function vehicleSize({ type, style, scale }: VehicleLook): readonly [number, number] {
  if (type === "bus") return [5.4, 1.27];
  if (type === "van") return [2.65, 1.0];
  return [[1.98, 2.25, 2.3, 2.2][style]! * scale, [0.86, 0.89, 0.89, 0.94][style]!];
}

function wheels(
  things: Things,
  frame: Frame3,
  front: number,
  back: number,
  radius: number,
  side: number,
): void {
  for (const x of [front, -back]) {
    for (const z of [side, -side]) {
      things.add(frame.at([x, radius, z]), [radius, radius, 0.11], {
        kind: KIND.tyre,
        colour: RIM,
        round: [1, 1, 0],
        look: [x, 0, 0, 0],
      });
    }
  }
}

/** Adds a vehicle. */
export function addVehicle(
  things: Things,
  frame: Frame3,
  look: VehicleLook,
  start: Omit<ThingStart, "label">,
): void {
  things.begin({ ...start, label: look.type });
  if (look.type === "bus") addBus(things, frame, look);
  else if (look.type === "van") addVan(things, frame, look);
  else addCar(things, frame, look);
  const [halfLength, halfWidth] = vehicleSize(look);
  const height = look.type === "bus" ? 3 : look.type === "van" ? 2.2 : 1.4;
  things.end({ caster: casterOf(frame, halfLength * 0.97, halfWidth * 0.97, height) });
}

function addCar(things: Things, frame: Frame3, look: VehicleLook): void {
  const { style, coat: colour } = look;
  const [long, wide] = vehicleSize(look);
  const off = style === 3;
  const radius = off ? 0.37 : 0.32;
  const [low, high, top] = off
    ? [0.32, 1.02, 1.72]
    : [0.2, style === 0 ? 0.9 : 0.86, style === 2 ? 1.47 : 1.44];
  const middle = (low + high) / 2;
  const axle = long * 0.63;
  things.add(frame.at([0, middle, 0]), [long, (high - low) / 2, wide], {
    kind: KIND.paint,
    colour,
    taper: [0.05, 0.035, 0.08],
    round: [0.6, 0.28, 0.5],
    look: [axle, axle, radius - middle, radius + 0.065],
  });
  // The cabin: where it begins and ends along the body, and how its ends lean.
  const [rear, nose, lean] = [[-1.82, 0.85, 0.22], [-1.5, 0.8, 0.42], [-2.08, 0.85, 0.16], [
    -2.02,
    0.75,
    0.1,
  ]][style]!;
  const half = (nose! - rear!) / 2 * look.scale;
  things.add(frame.at([(nose! + rear!) / 2 * look.scale, (high + top) / 2 - 0.02, 0]), [
    half,
    (top - high) / 2 + 0.02,
    wide * 0.9,
  ], {
    kind: KIND.cabin,
    colour,
    taper: [off ? 0.3 : 0.5, lean!, 0.17],
    round: [0.2, 0.3, 0.3],
    look: [half * 0.96, -0.86, 0.7, 1],
  });
  // Bumpers and mirrors.
  for (const x of [long * 0.96, -long * 0.96]) {
    things.add(frame.at([x, low + 0.16, 0]), [0.1, 0.11, wide * 0.8], {
      colour: RUBBER,
      round: [0.4, 0.3, 0.55],
    });
  }
  for (const z of [wide + 0.06, -wide - 0.06]) {
    things.add(frame.at([nose! * look.scale - 0.45, high + 0.08, z]), [0.06, 0.07, 0.09], {
      colour,
      round: [0.6, 0.5, 0.5],
    });
  }
  wheels(things, frame, axle, axle, radius, wide - 0.07);
}

function addVan(things: Things, frame: Frame3, { coat: colour }: VehicleLook): void {
  const radius = 0.34;
  things.add(frame.at([0, 0.68, 0]), [2.62, 0.46, 0.98], {
    kind: KIND.paint,
    colour,
    taper: [0.02, 0, 0.02],
    round: [0.36, 0.25, 0.33],
    look: [1.65, 1.6, radius - 0.68, radius + 0.07],
  });
  // Load space and cab.
  things.add(frame.at([-0.85, 1.62, 0]), [1.75, 0.56, 0.97], {
    kind: KIND.plain,
    colour,
    taper: [0, 0.03, 0.05],
    round: [0.2, 0.3, 0.3],
    look: [1, 0, 0, 0],
  });
  things.add(frame.at([1.36, 1.55, 0]), [0.68, 0.5, 0.95], {
    kind: KIND.cabin,
    colour,
    taper: [0.85, 0, 0.1],
    round: [0.15, 0.2, 0.25],
    look: [1.3, -0.72, 0.68, 0],
  });
  things.add(frame.at([2.6, 0.42, 0]), [0.08, 0.14, 0.9], { colour: RUBBER, round: [0.6, 0.3, 0.3] });
  for (const z of [1.06, -1.06]) {
    things.add(frame.at([1.5, 1.35, z]), [0.06, 0.15, 0.09], { colour: RUBBER, round: [0.6, 0.3, 0.5] });
  }
  wheels(things, frame, 1.65, 1.6, radius, 0.9);
}

function addBus(things: Things, frame: Frame3, { coat: colour }: VehicleLook): void {
  things.add(frame.at([0, 1.64, 0]), [5.35, 1.36, 1.25], {
    kind: KIND.bus,
    colour,
    taper: [0.012, 0.006, 0.03],
    round: [0.36, 0.3, 0.36],
    look: [1.45, -0.08, 0.62, 1],
  });
  things.add(frame.at([-0.6, 3.05, 0]), [2.2, 0.14, 0.8], {
    colour: [0.5, 0.5, 0.5],
    taper: [0.05, 0.05, 0.2],
  });
  for (const z of [1.4, -1.4]) {
    things.add(frame.at([5.2, 2.3, z]), [0.05, 0.2, 0.1], { colour: RUBBER, round: [0.6, 0.3, 0.5] });
  }
  wheels(things, frame, 3.1, 2.7, 0.48, 1.17);
}

/** What a bicycle looks like. */
export interface BicycleLook {
  readonly colour: Vector3;
  readonly basket: boolean;
}

/** Some bicycle. */
export function someBicycle(random: Random): BicycleLook {
  return { colour: random.pick(COATS), basket: random.chance(0.35) };
}

/** Adds a bicycle. `roll` is how far its wheels have turned, in radians. */
export function addBicycle(
  things: Things,
  frame: Frame3,
  { colour, basket }: BicycleLook,
  start: Omit<ThingStart, "label">,
  roll = 0,
): void {
  things.begin({ ...start, label: "bicycle" });
  const dark: Vector3 = [0.03, 0.03, 0.035];
  for (const x of [0.53, -0.53]) {
    things.add(frame.at([x, 0.35, 0]).tilted(-roll), [0.35, 0.35, 0.028], {
      kind: KIND.plain,
      colour: dark,
      round: [1, 1, 0],
      hollow: 0.86,
    });
  }
  const tube = { colour, kind: KIND.plain, round: [1, 0, 1] as const };
  const [crank, seat, head, rear, front]: Vector3[] = [
    [-0.06, 0.32, 0],
    [-0.22, 0.82, 0],
    [0.36, 0.85, 0],
    [-0.53, 0.35, 0],
    [0.53, 0.35, 0],
  ];
  things.rod(frame, crank!, seat!, 0.028, tube);
  things.rod(frame, crank!, head!, 0.03, tube);
  things.rod(frame, [-0.19, 0.74, 0], head!, 0.026, tube);
  things.rod(frame, rear!, [-0.2, 0.76, 0], 0.02, tube);
  things.rod(frame, rear!, crank!, 0.02, tube);
  things.rod(frame, front!, [0.32, 1.0, 0], 0.024, tube);
  things.add(frame.at([0.3, 1.02, 0]), [0.03, 0.025, 0.28], { colour: dark, round: [0.6, 0.6, 0] });
  things.add(frame.at([-0.25, 0.9, 0]), [0.14, 0.04, 0.08], { colour: dark, round: [1, 0.6, 1] });
  things.add(frame.at([-0.06, 0.32, 0]), [0.1, 0.1, 0.05], { colour: dark, round: [1, 1, 0] });
  if (basket) {
    things.add(frame.at([0.52, 0.9, 0]), [0.16, 0.13, 0.18], {
      colour: [0.32, 0.2, 0.09],
      taper: [-0.2, -0.1, -0.2],
    });
  }
  things.end({ caster: casterOf(frame, 0.8, 0.06, 0.9) });
}
