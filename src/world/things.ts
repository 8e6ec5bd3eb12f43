/**
 * What stands and moves in the town: each thing a run of solids with a name, a class and bounds.
 */
import type { Vector3 } from "./lens.ts";
import { Frame3, type SolidLook, Solids } from "./solids.ts";

/** The classes that boxes are told for, in the order of their numbers. */
export const CLASSES = ["person", "bicycle", "car", "van", "bus", "dog", "sign"] as const;

/** One of {@linkcode CLASSES}. */
export type ClassName = (typeof CLASSES)[number];

/** A box on the ground that casts a shadow. */
export interface Caster {
  readonly x: number;
  readonly z: number;
  /** Direction of its length, as cosine and sine. */
  readonly cos: number;
  readonly sin: number;
  readonly halfLength: number;
  readonly halfWidth: number;
  readonly height: number;
  /** Height of the ground that it stands on. */
  readonly ground: number;
}

/** One thing. */
export interface Thing {
  /** Its number in the scene, the same in every frame: what tracking goes by. */
  readonly id: number;
  /** Class number, or -1 for scenery. */
  readonly label: number;
  /** Whether it may be elsewhere in another frame, so that it says nothing of the place. */
  readonly moving: boolean;
  /** First of its solids. */
  readonly first: number;
  /** How many solids. */
  readonly count: number;
  /** Centre of its bounding sphere. */
  readonly centre: Vector3;
  readonly radius: number;
  /** Its shadow on the ground, if it has one of its own. */
  readonly caster?: Caster | undefined;
  /** Least and largest x, y, z of its solids' boxes. */
  readonly low: Vector3;
  readonly high: Vector3;
  /** It fills that box, so that it hides what is behind. */
  readonly hides: boolean;
}

/** How a thing is begun. */
export interface ThingStart {
  readonly id?: number;
  readonly label?: ClassName | undefined;
  readonly moving?: boolean;
}

/** Collects things. What is added after {@linkcode Things.keep} is forgotten at {@linkcode Things.rewind}. */
export class Things {
  readonly solids: Solids;
  readonly list: Thing[] = [];
  #kept: readonly [things: number, solids: number] = [0, 0];
  #nextId = 1;
  #open: { start: ThingStart; first: number; id: number } | undefined;

  /** @param capacity how many solids there is room for. */
  constructor(capacity: number) {
    this.solids = new Solids(capacity);
  }

  /** Begins a thing; its number is a new one unless told. */
  begin(start: ThingStart = {}): number {
    const id = start.id ?? this.#nextId++;
    this.#open = { start, first: this.solids.count, id };
    return id;
  }

  /** Numbers that were not given to anything yet, for things that are added frame by frame. */
  reserveId(): number {
    return this.#nextId++;
  }

  /** Adds a solid to the thing that was begun. */
  add(frame: Frame3, half: Vector3, look: SolidLook): void {
    this.solids.add(this.list.length, frame, half, look);
  }

  /**
   * A rod between two points of a frame, round or square.
   *
   * @param thickness half its width.
   */
  rod(frame: Frame3, a: Vector3, b: Vector3, thickness: number, look: SolidLook): void {
    const [p, q] = [frame.point(a), frame.point(b)];
    const way = [q[0] - p[0], q[1] - p[1], q[2] - p[2]] as const;
    const length = Math.max(Math.hypot(...way), 1e-4);
    const y = [way[0] / length, way[1] / length, way[2] / length] as const;
    const hint = Math.abs(dot(y, frame.x)) < 0.8 ? frame.x : frame.z;
    const along = dot(hint, y);
    const raw = [hint[0] - along * y[0], hint[1] - along * y[1], hint[2] - along * y[2]] as const;
    const size = Math.hypot(...raw);
    const x = [raw[0] / size, raw[1] / size, raw[2] / size] as const;
    const z = cross(x, y);
    const middle = [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2, (p[2] + q[2]) / 2] as const;
    this.add(new Frame3(middle, x, y, z), [thickness, length / 2, thickness], look);
  }

  /** Ends the thing: its bounds come from its solids. */
  end(more: { caster?: Caster; hides?: boolean } = {}): Thing {
    const open = this.#open;
    if (!open) throw new Error("Cannot end a thing: none was begun");
    this.#open = undefined;
    const { start, first, id } = open;
    const { corners, count } = this.solids;
    const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
    for (let i = first * 24; i < count * 24; i++) {
      const axis = i % 3, value = corners[i]!;
      if (value < low[axis]!) low[axis] = value;
      if (value > high[axis]!) high[axis] = value;
    }
    const centre = low.map((value, i) => (value + high[i]!) / 2) as unknown as Vector3;
    const thing: Thing = {
      id,
      label: start.label === undefined ? -1 : CLASSES.indexOf(start.label),
      moving: start.moving ?? start.label !== undefined,
      first,
      count: count - first,
      centre,
      radius: Math.hypot(high[0]! - low[0]!, high[1]! - low[1]!, high[2]! - low[2]!) / 2,
      caster: more.caster,
      low: low as unknown as Vector3,
      high: high as unknown as Vector3,
      hides: more.hides ?? false,
    };
    this.list.push(thing);
    return thing;
  }

  /** All that was added so far stays. */
  keep(): void {
    this.#kept = [this.list.length, this.solids.count];
  }

  /** Forgets what was added since {@linkcode Things.keep}. */
  rewind(): void {
    this.list.length = this.#kept[0];
    this.solids.truncate(this.#kept[1]);
  }

  /** How many solids stay from frame to frame. */
  get keptSolids(): number {
    return this.#kept[1];
  }
}

/** The shadow of something that stands on a frame. */
export function casterOf(frame: Frame3, halfLength: number, halfWidth: number, height: number): Caster {
  const { origin, x } = frame;
  return {
    x: origin[0],
    z: origin[2],
    cos: x[0],
    sin: x[2],
    halfLength,
    halfWidth,
    height,
    ground: origin[1],
  };
}

function dot(a: Vector3, b: Vector3): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

function cross(a: Vector3, b: Vector3): Vector3 {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}
