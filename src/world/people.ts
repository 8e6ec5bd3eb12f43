/** People and dogs, built of solids. Frames stand on the ground, x forward, z to the right. */
import type { Vector3 } from "./lens.ts";
import type { Random } from "../tensor/random.ts";
import { type Frame3, KIND } from "./solids.ts";
import { casterOf, type Things, type ThingStart } from "./things.ts";

const SKINS: readonly [Vector3, ...Vector3[]] = [
  [0.58, 0.36, 0.26],
  [0.5, 0.29, 0.19],
  [0.36, 0.2, 0.12],
  [0.2, 0.1, 0.06],
  [0.1, 0.05, 0.03],
  [0.62, 0.42, 0.32],
];
const HAIRS: readonly [Vector3, ...Vector3[]] = [
  [0.015, 0.012, 0.01],
  [0.05, 0.028, 0.015],
  [0.12, 0.065, 0.025],
  [0.36, 0.24, 0.09],
  [0.3, 0.29, 0.28],
  [0.2, 0.06, 0.02],
];
const CLOTHES: readonly [Vector3, ...Vector3[]] = [
  [0.55, 0.54, 0.52],
  [0.03, 0.035, 0.05],
  [0.04, 0.07, 0.2],
  [0.42, 0.035, 0.03],
  [0.5, 0.33, 0.04],
  [0.05, 0.22, 0.13],
  [0.06, 0.25, 0.33],
  [0.3, 0.1, 0.24],
  [0.17, 0.17, 0.18],
  [0.42, 0.24, 0.13],
  [0.5, 0.3, 0.32],
];
const TROUSERS: readonly [Vector3, ...Vector3[]] = [
  [0.03, 0.045, 0.1],
  [0.02, 0.02, 0.024],
  [0.12, 0.11, 0.1],
  [0.26, 0.21, 0.14],
  [0.07, 0.09, 0.15],
];

/** What somebody looks like, the same in every frame. */
export interface PersonLook {
  readonly height: number;
  readonly girth: number;
  readonly skin: Vector3;
  readonly hair: Vector3;
  readonly longHair: boolean;
  readonly hat: Vector3 | undefined;
  readonly top: Vector3;
  readonly legs: Vector3;
  readonly shoes: Vector3;
  readonly striped: boolean;
  /** A coat or skirt that reaches down so far, 0 to 1 of the thigh and shin; 0 for neither. */
  readonly skirt: number;
  readonly bag: "none" | "back" | "hand";
  readonly bagColour: Vector3;
}

/** Somebody. */
export function somebody(random: Random): PersonLook {
  const child = random.chance(0.12);
  const skirt = random.next();
  return {
    height: child ? random.between(1.1, 1.4) : random.between(1.56, 1.9),
    girth: random.between(0.88, 1.2),
    skin: random.pick(SKINS),
    hair: random.pick(HAIRS),
    longHair: random.chance(0.4),
    hat: random.chance(0.18) ? random.pick(CLOTHES) : undefined,
    top: random.pick(CLOTHES),
    legs: random.pick(TROUSERS),
    shoes: random.pick<Vector3>([[0.02, 0.02, 0.02], [0.5, 0.5, 0.5], [0.12, 0.06, 0.03]]),
    striped: random.chance(0.2),
    skirt: skirt < 0.6 ? 0 : skirt < 0.8 ? 0.45 : 0.7,
    bag: random.pick(["none", "none", "back", "hand"] as const),
    bagColour: random.pick(CLOTHES),
  };
}

/** How somebody holds themselves. */
export interface Stance {
  /** Phase of the step, in radians; standing if not told. */
  readonly step?: number | undefined;
  /** Sits on a bicycle; phase of the pedals. */
  readonly pedal?: number | undefined;
  /** Few solids, for who is far away. */
  readonly coarse?: boolean;
}

/** Adds somebody. */
export function addPerson(
  things: Things,
  frame: Frame3,
  look: PersonLook,
  start: Omit<ThingStart, "label">,
  { step, pedal, coarse = false }: Stance = {},
): void {
  things.begin({ ...start, label: "person" });
  const riding = pedal !== undefined;
  const h = look.height / 1.75, g = look.girth * h;
  const cloth = { kind: KIND.cloth, colour: look.top, look: [look.striped ? 1 : 0, 1, 0, 0] as const };
  const leg = { kind: KIND.cloth, colour: look.legs, round: [1, 0.12, 1] as const };
  const skin = { kind: KIND.skin, colour: look.skin };
  const bob = step === undefined ? 0 : 0.025 * Math.abs(Math.cos(step));
  const hip: Vector3 = riding ? [-0.24, 0.99, 0] : [0, (0.9 - 0.5 * bob) * h, 0];
  const lean = riding ? 0.5 : step === undefined ? 0.02 : 0.06;
  for (const side of [1, -1]) {
    const z = side * 0.095 * g;
    let knee: Vector3, ankle: Vector3;
    if (riding) {
      const turn = pedal + (side > 0 ? 0 : Math.PI);
      ankle = [-0.06 + 0.16 * Math.cos(turn), 0.36 - 0.16 * Math.sin(turn), z];
      knee = [0.16 + 0.07 * Math.cos(turn), 0.74 - 0.1 * Math.sin(turn), z * 1.15];
    } else {
      const swing = step === undefined ? 0.03 * side : 0.48 * Math.sin(step) * side;
      const bend = step === undefined ? 0.03 : 0.12 + 0.55 * Math.max(0, Math.cos(step) * side);
      knee = [hip[0] + 0.44 * h * Math.sin(swing), hip[1] - 0.44 * h * Math.cos(swing), z];
      ankle = [knee[0] + 0.42 * h * Math.sin(swing - bend), knee[1] - 0.42 * h * Math.cos(swing - bend), z];
    }
    if (coarse && !riding) {
      things.rod(frame, [hip[0], hip[1], z], ankle, 0.075 * g, leg);
    } else {
      things.rod(frame, [hip[0], hip[1] + 0.04, z], knee, 0.083 * g, leg);
      things.rod(frame, [knee[0], knee[1] + 0.04, knee[2]], ankle, 0.06 * g, leg);
    }
    things.add(frame.at([ankle[0] + 0.06, ankle[1] - 0.02, ankle[2]]), [0.13 * h, 0.05, 0.05], {
      colour: look.shoes,
      round: [1, 0.6, 1],
    });
  }
  const body = frame.at(hip).tilted(-lean);
  const shoulder = 0.52 * h;
  things.add(body.at([0, 0.28 * h, 0]), [0.125 * g, 0.31 * h, 0.19 * g], {
    ...cloth,
    taper: [-0.05, -0.1, -0.12],
    round: [0.75, 0.16, 0.45],
  });
  if (look.skirt > 0 && !riding) {
    const long = 0.86 * h * look.skirt;
    things.add(body.at([0, 0.08 * h - long / 2, 0]), [0.2 * g, long / 2 + 0.08, 0.24 * g], {
      ...cloth,
      taper: [0.35, 0.35, 0.3],
      round: [0.6, 0, 0.6],
    });
  }
  for (const side of [1, -1]) {
    const at: Vector3 = [0, shoulder, side * 0.225 * g];
    let elbow: Vector3, hand: Vector3;
    if (riding) {
      elbow = [0.2, shoulder - 0.24, side * 0.27];
      hand = [0.4, shoulder - 0.36, side * 0.24];
    } else {
      const swing = step === undefined ? 0.06 : -0.42 * Math.sin(step) * side;
      elbow = [0.28 * h * Math.sin(swing), shoulder - 0.28 * h * Math.cos(swing), side * 0.25 * g];
      hand = [
        elbow[0] + 0.25 * h * Math.sin(swing + 0.35),
        elbow[1] - 0.25 * h * Math.cos(swing + 0.35),
        elbow[2],
      ];
    }
    if (coarse) {
      things.rod(body, at, hand, 0.05 * g, { ...cloth, round: [1, 0.1, 1] });
    } else {
      things.rod(body, at, elbow, 0.056 * g, { ...cloth, round: [1, 0.12, 1] });
      things.rod(body, elbow, hand, 0.043 * g, { ...cloth, round: [1, 0.12, 1] });
      things.add(body.at(hand), [0.045, 0.06, 0.035], { ...skin, round: [1, 1, 1] });
    }
    if (look.bag === "hand" && side > 0 && !riding) {
      things.add(body.at([hand[0], hand[1] - 0.24, hand[2]]), [0.17, 0.16, 0.06], {
        colour: look.bagColour,
        taper: [0.2, 0.2, 0.3],
      });
    }
  }
  if (!coarse) {
    things.rod(body, [0, shoulder, 0], [0.02, 0.66 * h, 0], 0.055 * h, { ...skin, round: [1, 0, 1] });
  }
  const head = body.at([0.02, 0.73 * h, 0]).tilted(lean);
  things.add(head, [0.1 * h, 0.13 * h, 0.085 * h], { ...skin, round: [1, 1, 1] });
  if (look.hat) {
    things.add(head.at([0.01, 0.075 * h, 0]), [0.13 * h, 0.075 * h, 0.11 * h], {
      colour: look.hat,
      round: [1, 0.5, 1],
    });
  } else {
    things.add(head.at([-0.026 * h, 0.03 * h, 0]), [0.1 * h, 0.125 * h, 0.095 * h], {
      colour: look.hair,
      round: [1, 1, 1],
    });
  }
  if (look.longHair && !coarse) {
    things.add(head.at([-0.06 * h, -0.1 * h, 0]), [0.06 * h, 0.16 * h, 0.09 * h], {
      colour: look.hair,
      round: [0.8, 0.5, 0.8],
    });
  }
  if (look.bag === "back") {
    things.add(body.at([-0.19 * g, 0.34 * h, 0]), [0.09, 0.2 * h, 0.15], {
      colour: look.bagColour,
      round: [0.4, 0.4, 0.4],
    });
  }
  things.end({ caster: casterOf(frame, riding ? 0.35 : 0.16, 0.22, look.height) });
}

/** What a dog looks like. */
export interface DogLook {
  readonly size: number;
  readonly coat: Vector3;
  readonly patch: Vector3;
}

/** Some dog. */
export function someDog(random: Random): DogLook {
  const coats: readonly [Vector3, ...Vector3[]] = [
    [0.3, 0.17, 0.07],
    [0.02, 0.018, 0.016],
    [0.52, 0.48, 0.42],
    [0.14, 0.08, 0.04],
    [0.4, 0.3, 0.16],
  ];
  return { size: random.between(0.75, 1.25), coat: random.pick(coats), patch: random.pick(coats) };
}

/** Adds a dog. */
export function addDog(
  things: Things,
  frame: Frame3,
  { size, coat, patch }: DogLook,
  start: Omit<ThingStart, "label">,
  step = 0,
): void {
  things.begin({ ...start, label: "dog" });
  const fur = { kind: KIND.cloth, colour: coat };
  const s = size;
  things.add(frame.at([0, 0.46 * s, 0]), [0.34 * s, 0.14 * s, 0.12 * s], { ...fur, round: [0.7, 0.8, 0.8] });
  things.add(frame.at([0.2 * s, 0.47 * s, 0]), [0.17 * s, 0.18 * s, 0.135 * s], {
    kind: KIND.cloth,
    colour: patch,
    round: [1, 1, 1],
  });
  things.rod(frame, [0.28 * s, 0.52 * s, 0], [0.4 * s, 0.68 * s, 0], 0.075 * s, { ...fur, round: [1, 0, 1] });
  things.add(frame.at([0.43 * s, 0.71 * s, 0]), [0.12 * s, 0.1 * s, 0.09 * s], { ...fur, round: [1, 1, 1] });
  things.add(frame.at([0.56 * s, 0.68 * s, 0]), [0.09 * s, 0.05 * s, 0.05 * s], {
    kind: KIND.cloth,
    colour: patch,
    round: [0.8, 0.6, 0.6],
  });
  for (const z of [1, -1]) {
    things.add(frame.at([0.38 * s, 0.75 * s, z * 0.085 * s]), [0.04 * s, 0.08 * s, 0.02 * s], {
      kind: KIND.cloth,
      colour: patch,
      round: [1, 1, 1],
    });
    for (const x of [1, -1]) {
      const swing = 0.13 * s * Math.sin(step + (x * z > 0 ? 0 : Math.PI));
      things.rod(
        frame,
        [x * 0.24 * s, 0.42 * s, z * 0.08 * s],
        [x * 0.24 * s + swing, 0.02, z * 0.08 * s],
        0.045 * s,
        {
          ...fur,
          round: [1, 0, 1],
        },
      );
    }
  }
  things.rod(frame, [-0.32 * s, 0.52 * s, 0], [-0.52 * s, 0.72 * s, 0], 0.03 * s, {
    ...fur,
    round: [1, 0.3, 1],
  });
  things.end({ caster: casterOf(frame, 0.38 * s, 0.1 * s, 0.55 * s) });
}
