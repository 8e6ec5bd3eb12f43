/** Pictures that have nothing to do with each other, or in groups that see one place: what networks are trained on. */
import { type Lens, lensOf, type Pose, poseOf } from "./lens.ts";
import { type LightName, lightOf, LIGHTS } from "./light.ts";
import { Random, seedOf } from "../tensor/random.ts";
import type { Moment } from "./scenario.ts";
import { Town } from "./town.ts";

/** How wide the randomisation is. */
export interface RandomViewOptions {
  /** Which pictures; 1 unless told. Other seeds have no town in common. */
  readonly seed?: number;
  /** Image size. */
  readonly width: number;
  readonly height: number;
  /** Pictures in a row that see the same place, from somewhat different poses, in any light, with other traffic; 1 unless told. */
  readonly group?: number;
  /**
   * Whether towns have two streets built after one drawing, and groups come in pairs that see the same stretch of
   * the one and of the other: places that are easily confused. False unless told.
   */
  readonly alike?: boolean;
  /** Pictures of one town; 24 unless told, rounded up to whole groups, or pairs of groups. */
  readonly perTown?: number;
  /** Lights to choose from; all unless told. */
  readonly lights?: readonly LightName[];
  /** How far the poses of a group differ: degrees of turn, metres to the side and along; 18 and 1.2 unless told. */
  readonly turnDegrees?: number;
  readonly shiftMetres?: number;
  /** Whether field of view and distortion vary; true unless told. */
  readonly lenses?: boolean;
  /** Whether exposure, noise and blur vary; true unless told. */
  readonly effects?: boolean;
}

/** One random picture, before it is drawn. */
export interface RandomMoment extends Moment {
  readonly lens: Lens;
  /** Which group it belongs to. */
  readonly group: number;
}

/** The streets that are built after one drawing, where some are to look alike. */
const TWINS: readonly [number, number] = [1, 2];

/** Makes random pictures, in order. Number `i` depends on the seed and `i` alone. */
export class RandomViews {
  readonly #options: RandomViewOptions;
  readonly #seed: number;
  readonly #group: number;
  readonly #alike: boolean;
  readonly #perTown: number;
  #town: { readonly number: number; readonly town: Town } | undefined;

  /** @throws {RangeError} if `group` or `perTown` is no whole number from 1 on, or there is no light. */
  constructor(options: RandomViewOptions) {
    this.#options = options;
    const { seed = 1, group = 1, alike = false, perTown = 24, lights = LIGHTS } = options;
    for (const [name, value] of Object.entries({ group, perTown, lights: lights.length })) {
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new RangeError(`Cannot make random views with ${name} ${value}: give a whole number from 1 on`);
      }
    }
    this.#seed = seed;
    this.#group = group;
    this.#alike = alike;
    const whole = alike ? 2 * group : group;
    this.#perTown = Math.ceil(perTown / whole) * whole;
  }

  /** What to draw as picture `index`, from 0. */
  moment(index: number): RandomMoment {
    const { width, height, lights = LIGHTS, turnDegrees = 18, shiftMetres = 1.2 } = this.#options;
    const town = this.#townOf(Math.floor(index / this.#perTown));
    const group = Math.floor(index / this.#group);
    // Alike places have everything in common but which of the two streets they are in.
    const shared = new Random(seedOf(this.#seed, 61, this.#alike ? group >> 1 : group));
    const own = new Random(seedOf(this.#seed, 62, index));
    const { streetsX, streetsZ } = town.plan;
    // Somewhere along a street, in a lane or on a pavement.
    const alongX = !this.#alike && shared.chance(0.5);
    const street = this.#alike
      ? streetsX[TWINS[group & 1]!]!
      : shared.pick((alongX ? streetsZ : streetsX) as [typeof streetsX[number]]);
    const others = alongX ? streetsX : streetsZ;
    const along = shared.between(others[0]!.middle - 2, others.at(-1)!.middle + 2);
    const walking = shared.chance(0.4);
    const side = shared.chance(0.5) ? 1 : -1;
    const lateral = side *
      (walking
        ? street.half + shared.between(0.9, 2)
        : shared.between(0.6, Math.max(1, street.half - (street.parking ? 2.9 : 0.9))));
    const look = shared.next();
    const turn = look < 0.6
      ? shared.between(-0.25, 0.25)
      : look < 0.85
      ? shared.between(-0.9, 0.9)
      : shared.between(-Math.PI, Math.PI);
    const heading = (alongX ? Math.PI / 2 : 0) + (shared.chance(0.5) ? Math.PI : 0) + turn;
    const tall = walking ? shared.between(1.5, 1.8) : shared.between(1.2, 2.3);
    const tilt = shared.between(-0.06, 0.09);
    const spread = this.#group > 1 ? 1 : 0;
    const yaw = heading + spread * own.between(-0.5, 0.5) * turnDegrees * Math.PI / 180;
    const shift = (): number => spread * own.between(-0.5, 0.5) * 2 * shiftMetres;
    const [a, b] = [along + shift(), street.middle + lateral + shift() * 0.5];
    const position = [alongX ? a : b, tall + spread * own.between(-0.1, 0.1), alongX ? b : a] as const;
    const [pitch, roll] = [tilt + spread * own.between(-0.03, 0.03), own.between(-0.03, 0.03)];
    const pose = poseOf(position, yaw, pitch, roll);
    const light = lightOf(own.pick(lights as [LightName]), seedOf(this.#seed, 63, index));
    return {
      town,
      pose,
      before: this.#moved(position, yaw, pitch, roll, own),
      light,
      time: own.between(0, 600),
      occasion: own.below(1 << 16),
      effects: this.#options.effects === false ? {} : {
        exposure: 2 ** own.between(-0.55, 0.6),
        noise: own.chance(0.5) ? own.between(0.002, 0.012) : own.between(0.01, 0.035),
        shutter: own.chance(0.3) ? own.between(0.2, 0.9) : 0,
        defocus: own.chance(0.25) ? own.between(0.3, 1.6) * width / 320 : 0,
        focus: own.between(5, 30),
        vignette: own.between(0, 0.3),
      },
      lens: this.#options.lenses === false ? lensOf(width, height) : someLens(width, height, own),
      group,
    };
  }

  /** The pose a frame before, for motion blur: up to 8 m/s at 15 frames a second, and a turn. */
  #moved(
    position: readonly [number, number, number],
    yaw: number,
    pitch: number,
    roll: number,
    own: Random,
  ): Pose {
    const back = own.between(0, 0.55);
    const [x, y, z] = position;
    return poseOf(
      [x - back * Math.sin(yaw), y, z + back * Math.cos(yaw)],
      yaw + own.between(-0.04, 0.04),
      pitch + own.between(-0.01, 0.01),
      roll,
    );
  }

  #townOf(number: number): Town {
    if (this.#town?.number === number) return this.#town.town;
    const random = new Random(seedOf(this.#seed, 64, number));
    const town = new Town({
      seed: seedOf(this.#seed, 65, number),
      columns: this.#alike ? 3 : 2 + random.below(2),
      rows: 2 + random.below(2),
      twins: this.#alike ? TWINS : undefined,
      density: random.between(0.7, 2.2),
    });
    this.#town = { number, town };
    return town;
  }
}

/** A lens between a narrow and a wide one, with up to as much barrel distortion as leaves the corners in order. */
function someLens(width: number, height: number, random: Random): Lens {
  const field = random.between(58, 88);
  const plain = lensOf(width, height, field);
  const corner = Math.hypot(width, height) / 2 / plain.focal;
  return lensOf(width, height, field, random.between(-0.11, 0.04) / (corner * corner));
}
