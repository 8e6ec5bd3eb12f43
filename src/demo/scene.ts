/**
 * The demo's clip: a street drawn by the program, the same for the same seed, with the truth about what is where. It
 * needs no file and no GPU.
 */
import { type Canvas, type Corners, place, type Transform } from "./canvas.ts";
import {
  drawBall,
  drawClock,
  drawClockPost,
  drawLightPost,
  drawSignPost,
  drawStopSign,
  drawTrafficLight,
  type Signal,
} from "./furniture.ts";
import { ellipse } from "./shape.ts";
import { drawPerson, type PersonLook } from "./people.ts";
import { Random } from "../tensor/random.ts";
import { drawStreet, STREET } from "./street.ts";
import { type BodyStyle, drawVehicle, type VehicleLook, vehicleSize } from "./vehicles.ts";

/** Size and rate of the drawn clip. */
export const SCENE_WIDTH = 768;
/** Height in pixels. */
export const SCENE_HEIGHT = 432;
/** Frames per second. */
export const SCENE_FRAME_RATE = 25;

/** One object that can be seen in a frame. */
export interface TrueObject {
  /** The same for the same object in every frame. */
  readonly id: number;
  /** Its class by COCO's names. */
  readonly label: string;
  /** A narrower name where there is one (`taxi`, `red light`), else the label. */
  readonly kind: string;
  /** Its outline's bounds, clipped to the image: left, top, right, bottom in pixels. */
  readonly box: Corners;
  /** The part of it that is seen, 0 to 1: not outside the image and not behind something else. */
  readonly visible: number;
}

interface Vehicle {
  readonly id: number;
  readonly look: VehicleLook;
  /** Place in its lane, in pixels, when the clip starts. */
  readonly start: number;
}

interface Lane {
  readonly vehicles: readonly Vehicle[];
  readonly y: number;
  readonly scale: number;
  readonly leftwards: boolean;
  /** Pixels a second in free flow. */
  readonly speed: number;
  /** A vehicle that leaves at one end comes back at the other. */
  readonly length: number;
}

interface Walker {
  readonly id: number;
  readonly look: PersonLook;
  readonly start: number;
  /** Pixels a second, to the left if negative. */
  readonly speed: number;
  readonly y: number;
  readonly scale: number;
  /** Bounces a ball along. */
  readonly ball?: number;
}

interface Post {
  readonly id: number;
  readonly kind: "stop sign" | "traffic light" | "clock";
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

const PAINTS: readonly [VehicleLook["paint"], ...VehicleLook["paint"][]] = [
  [0xf2f2f0, 0xd4d6d8, 0x9a9ca0],
  [0xb8bec6, 0x8e959e, 0x5e646c],
  [0x4c5058, 0x2c2f36, 0x16181c],
  [0xc23a3c, 0x9c2428, 0x641418],
  [0x5c7ea0, 0x3e5c7c, 0x263c54],
  [0x6c8c78, 0x4a6a58, 0x2e463a],
  [0xa08c74, 0x7c6a56, 0x524638],
];
const TAXI_PAINT: VehicleLook["paint"] = [0xffc832, 0xf2b01c, 0xb07c0a];
const BUS_PAINT: VehicleLook["paint"] = [0x2a6ad8, 0x1c50b8, 0x123680];
const SKINS: readonly [number, ...number[]] = [0xe4b898, 0xc68e68, 0x8c5c40, 0xf0cab0];
const HAIRS: readonly [number, ...number[]] = [0x2a201a, 0x4a3422, 0x18161a, 0x806040];
const TOPS: readonly [number, ...number[]] = [0x40587c, 0x7c3c44, 0x3c6454, 0xdcd8d0, 0x5a5468, 0x9a7c5c];
const TROUSERS: readonly [number, ...number[]] = [0x2c3444, 0x3c3a38, 0x54504c, 0x283038];

const WORLD_WIDTH = SCENE_WIDTH + 256;
const BALL_RADIUS = 19;

/** Seconds of one cycle of the traffic lights, and within it: when amber begins, red begins, and traffic moves again. */
const CYCLE = { length: 15, amber: 6.6, red: 7.8, stopped: 9.4, go: 11.6, moving: 13.6 } as const;

/** A street at any moment. The same seed gives the same street; everything else follows from the frame's number. */
export class StreetScene {
  readonly seed: number;
  readonly #background: Canvas;
  readonly #lanes: readonly Lane[];
  readonly #walkers: readonly Walker[];
  readonly #posts: readonly Post[];
  readonly #clockMinutes: number;

  constructor(seed = 1) {
    this.seed = seed;
    const random = new Random(seed);
    this.#background = drawStreet(WORLD_WIDTH, SCENE_HEIGHT, random);
    let id = 1;
    const lane = (y: number, scale: number, leftwards: boolean, speed: number, busAt: number): Lane => {
      const vehicles: Vehicle[] = [];
      const taxiAt = leftwards ? -1 : Math.floor(random.between(0, 2));
      let x = random.between(-60, 40);
      for (let i = 0; i < 5; i++) {
        const taxi = i % 3 === taxiAt;
        const style: BodyStyle = i === busAt
          ? "bus"
          : taxi
          ? "saloon"
          : random.pick(["saloon", "hatchback", "hatchback", "van"] as const);
        const paint = style === "bus" ? BUS_PAINT : taxi ? TAXI_PAINT : random.pick(PAINTS);
        vehicles.push({ id: id++, look: { style, paint, taxi: taxi && style !== "bus" }, start: x });
        x += vehicleSize(style).length * scale + random.between(46, 150);
      }
      return { vehicles, y, scale, leftwards, speed, length: Math.max(x + 60, WORLD_WIDTH + 420) };
    };
    const farBus = 1 + Math.floor(random.between(0, 3));
    this.#lanes = [
      lane(STREET.farLane, 1.22, true, random.between(85, 115), farBus),
      lane(STREET.nearLane, 1.62, false, random.between(110, 150), -1),
    ];
    const walker = (y: number, scale: number, start: number, speed: number): Walker => ({
      id: id++,
      look: {
        skin: random.pick(SKINS),
        hair: random.pick(HAIRS),
        top: random.pick(TOPS),
        trousers: random.pick(TROUSERS),
        ...(random.next() < 0.3 ? { bag: random.pick([0x3a2c24, 0x5c4a38, 0x2c2c30] as const) } : {}),
      },
      start,
      speed,
      y,
      scale,
    });
    const posts = random.shuffle(["stop sign", "traffic light", "clock"] as const);
    this.#posts = posts.map((kind, i) => ({
      id: id++,
      kind,
      x: 110 + i * 270 + random.between(0, 120),
      y: kind === "stop sign"
        ? random.between(176, 206)
        : kind === "clock"
        ? random.between(118, 140)
        : random.between(128, 156),
      scale: kind === "stop sign" ? random.between(1.02, 1.2) : random.between(0.94, 1.1),
    }));
    const near = STREET.nearPavement, far = STREET.farPavement;
    this.#walkers = [
      ...Array.from(
        { length: 4 },
        (_, i) =>
          walker(
            far,
            0.56,
            i * 260 + random.between(0, 180),
            random.pick([-1, 1] as const) * random.between(18, 28),
          ),
      ),
      walker(near + 4, 1.28, random.between(560, 760), -random.between(30, 42)),
      { ...walker(near + 8, 1.34, random.between(120, 330), random.between(30, 44)), ball: id++ },
    ];
    this.#clockMinutes = random.between(0, 720);
  }

  /**
   * Draws frame `index` on a canvas of the scene's size and returns what can be seen in it.
   *
   * @throws {RangeError} if the canvas has another size
   */
  draw(canvas: Canvas, index: number): TrueObject[] {
    if (canvas.width !== SCENE_WIDTH || canvas.height !== SCENE_HEIGHT) {
      throw new RangeError(
        `Cannot draw the scene on ${canvas.width}x${canvas.height}: make a canvas of ${SCENE_WIDTH}x${SCENE_HEIGHT}`,
      );
    }
    const time = index / SCENE_FRAME_RATE;
    const camera = Math.round((WORLD_WIDTH - SCENE_WIDTH) * (0.5 - 0.5 * Math.cos(time * Math.PI / 12)));
    canvas.copyFrom(this.#background, camera);
    const seen: Sighting[] = [];
    const sight = (id: number, label: string, kind: string, draw: () => void): void => {
      canvas.begin(id);
      draw();
      const bounds = canvas.end();
      const box = clip(bounds);
      if (box) seen.push({ id, label, kind, bounds, box, drawn: countOwned(canvas, box, id) });
    };
    for (const walker of this.#walkers.slice(0, 4)) this.#drawWalker(canvas, walker, camera, time, sight);
    const { travelled, braking } = traffic(time);
    for (const lane of this.#lanes) {
      for (const vehicle of lane.vehicles) {
        const moved = modulo(vehicle.start + travelled * lane.speed, lane.length) - 400;
        const x = lane.leftwards ? WORLD_WIDTH - moved - camera : moved - camera;
        const { look } = vehicle;
        const kind = look.style === "bus" ? "bus" : look.taxi ? "taxi" : "car";
        const wheelAngle = travelled * lane.speed / lane.scale / 7.4;
        sight(vehicle.id, kind === "bus" ? "bus" : "car", kind, () => {
          drawVehicle(canvas, place(x, lane.y, lane.scale, lane.leftwards), look, { wheelAngle, braking });
        });
      }
    }
    const signal = lights(time);
    for (const post of this.#posts) this.#drawPost(canvas, post, camera, time, signal, sight);
    for (const walker of this.#walkers.slice(4)) this.#drawWalker(canvas, walker, camera, time, sight);
    return seen.map(({ id, label, kind, bounds, box, drawn }) => ({
      id,
      label,
      kind,
      box,
      visible: drawn === 0 ? 0 : countOwned(canvas, box, id) / drawn * area(box) / area(bounds),
    }));
  }

  #drawWalker(canvas: Canvas, walker: Walker, camera: number, time: number, sight: Sight): void {
    const { look, scale, speed, y } = walker;
    const x = walker.start + speed * time - camera;
    const phase = time * Math.abs(speed) / scale * 0.115 + walker.id;
    sight(
      walker.id,
      "person",
      "person",
      () => drawPerson(canvas, place(x, y, scale, speed < 0), look, phase),
    );
    if (walker.ball === undefined) return;
    // One bounce takes 0.84 s; between two the ball flies a parabola from the ground to the hand and back.
    const bounce = time / 0.84 % 1, lift = 4 * bounce * (1 - bounce);
    const at = place(x + 52, y - BALL_RADIUS - 62 * lift, BALL_RADIUS);
    canvas.transform = place(x + 52, y);
    canvas.fill(ellipse(0, 0, 17 - 6 * lift, 3.6 - lift), 0x14161c, 0.36 - 0.2 * lift);
    sight(walker.ball, "sports ball", "sports ball", () => drawBall(canvas, at, time * 2.4));
  }

  #drawPost(
    canvas: Canvas,
    post: Post,
    camera: number,
    time: number,
    signal: Signal,
    sight: Sight,
  ): void {
    const { x, y, scale } = post, foot: Transform = place(x - camera, STREET.nearKerb + 16);
    const head = place(x - camera, y, scale), height = STREET.nearKerb + 16 - y;
    if (post.kind === "stop sign") drawSignPost(canvas, foot, height);
    else if (post.kind === "clock") drawClockPost(canvas, foot, height);
    else drawLightPost(canvas, foot, height);
    const kind = post.kind === "traffic light" ? `${signal} light` : post.kind;
    sight(post.id, post.kind, kind, () => {
      if (post.kind === "stop sign") drawStopSign(canvas, head);
      else if (post.kind === "clock") drawClock(canvas, head, this.#clockMinutes + time / 3);
      else drawTrafficLight(canvas, head, signal);
    });
  }
}

type Sight = (id: number, label: string, kind: string, draw: () => void) => void;

interface Sighting {
  readonly id: number;
  readonly label: string;
  readonly kind: string;
  readonly bounds: Corners;
  readonly box: Corners;
  readonly drawn: number;
}

/** Which lamp is lit. */
function lights(time: number): Signal {
  const t = time % CYCLE.length;
  return t < CYCLE.amber ? "green" : t < CYCLE.red ? "amber" : t < CYCLE.go ? "red" : "green";
}

/** How far the traffic has come, in seconds of free flow, and whether it brakes or stands. */
function traffic(time: number): { travelled: number; braking: boolean } {
  const { length, amber, stopped, go, moving } = CYCLE;
  const whole = Math.floor(time / length), t = time - whole * length;
  // Speed falls linearly from amber to stopped, stands, and rises linearly from go to moving.
  const ramp = (from: number, to: number): number => {
    const part = Math.min(1, Math.max(0, (t - from) / (to - from)));
    return (to - from) * part * part / 2;
  };
  const braked = Math.min(t, amber) + Math.max(0, Math.min(t, stopped) - amber) - ramp(amber, stopped);
  const started = ramp(go, moving) + Math.max(0, t - moving);
  const perCycle = amber + (stopped - amber) / 2 + (moving - go) / 2 + length - moving;
  return { travelled: whole * perCycle + braked + started, braking: t >= amber && t < go };
}

function modulo(value: number, by: number): number {
  return value - Math.floor(value / by) * by;
}

function clip([x1, y1, x2, y2]: Corners): Corners | undefined {
  const box: Corners = [
    Math.max(0, x1),
    Math.max(0, y1),
    Math.min(SCENE_WIDTH, x2),
    Math.min(SCENE_HEIGHT, y2),
  ];
  return box[2] - box[0] >= 1 && box[3] - box[1] >= 1 ? box : undefined;
}

function area([x1, y1, x2, y2]: Corners): number {
  return (x2 - x1) * (y2 - y1);
}

function countOwned(canvas: Canvas, [x1, y1, x2, y2]: Corners, id: number): number {
  let count = 0;
  for (let y = Math.floor(y1); y < Math.ceil(y2); y++) {
    const row = y * canvas.width;
    for (let p = row + Math.floor(x1), end = row + Math.ceil(x2); p < end; p++) {
      if (canvas.owner[p] === id) count++;
    }
  }
  return count;
}
