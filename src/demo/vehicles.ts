/**
 * Vehicles in side view, facing right. Local units: 100 to a saloon's length, wheels standing on y = 0, y downwards.
 */
import type { Canvas, Transform } from "./canvas.ts";
import { turn } from "./canvas.ts";
import { bar, ellipse, rectangle, type Shape, shape, union } from "./shape.ts";

/** Body styles that the street knows. */
export type BodyStyle = "saloon" | "hatchback" | "van" | "bus";

/** How one vehicle looks. */
export interface VehicleLook {
  readonly style: BodyStyle;
  /** Three shades of paint, from the roof to the sill: 0xRRGGBB. */
  readonly paint: readonly [number, number, number];
  /** Adds the roof sign and the chequered band of a taxi. */
  readonly taxi?: boolean;
}

/** What of a vehicle changes from frame to frame. */
export interface VehicleState {
  /** Rotation of the wheels in radians. */
  readonly wheelAngle: number;
  readonly braking: boolean;
}

interface Body {
  readonly length: number;
  readonly height: number;
  readonly outline: Shape;
  readonly sill: Shape;
  readonly glass: readonly Shape[];
  readonly seams: Shape;
  readonly handles: Shape;
  readonly headlight: Shape;
  readonly tailLight: Shape;
  readonly wheels: readonly number[];
  readonly wheelRadius: number;
}

const BODIES: Readonly<Record<BodyStyle, Body>> = {
  saloon: {
    length: 100,
    height: 32,
    outline: shape(
      "M1.5 -9 C0.5 -14 1 -19 4 -21 L16 -22.5 C22 -28 28 -31.6 37 -32 L51 -32 C60 -31.6 66 -27 72.5 -21.5 " +
        "C83 -20.5 92 -18.5 96.5 -15 C99.5 -12.5 99.5 -8.5 98.5 -6 L90 -4.2 H12 L3 -5.5 Z",
    ),
    sill: shape("M2 -8 L98.8 -7.6 L98 -5.6 L90 -4 H12 L3 -5.3 Z"),
    glass: [
      shape("M20.5 -22 C25.5 -27 30 -29.7 37 -30 H42.5 V-21.4 Z"),
      shape("M45 -30 H51 C57.5 -29.6 63 -26 68 -21 L45 -21.4 Z"),
    ],
    seams: union(
      bar(43.7, -21.5, 44.2, -6, 0.5),
      bar(69.5, -20.5, 67, -7, 0.5),
      bar(22.5, -21.8, 28, -10, 0.4),
      bar(3, -17.6, 95, -16.8, 0.4),
    ),
    handles: union(rectangle(35, -18.9, 5, 1.2, 0.6), rectangle(59.5, -18.7, 5, 1.2, 0.6)),
    headlight: shape("M89.5 -17.6 C93 -17.2 96 -15.6 97.6 -13.4 L90.5 -14.2 Z"),
    tailLight: shape("M1.6 -18.6 C2 -19.8 3 -20.6 4.4 -20.7 L9 -20.3 L8 -16.6 L1.4 -16.2 Z"),
    wheels: [20.5, 79.5],
    wheelRadius: 7.4,
  },
  hatchback: {
    length: 86,
    height: 33.5,
    outline: shape(
      "M1.5 -8 C0.5 -14 1.5 -20 4 -24 C6 -29 9 -32.6 15 -33.2 L40 -33.5 C49 -33 55 -28.5 61 -22.5 " +
        "C71 -21.5 79 -19.5 83 -15.5 C85.5 -12.5 85.5 -8.5 84.8 -6 L77 -4.2 H11 L2.6 -5.5 Z",
    ),
    sill: shape("M2 -8 L85.2 -7.6 L84.4 -5.6 L77 -4 H11 L2.6 -5.3 Z"),
    glass: [
      shape("M7.5 -23 C9.5 -28 11.5 -30.8 16 -31.2 L31 -31.5 V-22.6 Z"),
      shape("M33.4 -31.5 L40 -31.4 C47 -31 52 -27.4 57 -22 L33.4 -22.6 Z"),
    ],
    seams: union(
      bar(32.2, -22.5, 32.8, -6, 0.5),
      bar(58.5, -21.5, 56, -7, 0.5),
      bar(3, -18, 82, -17.2, 0.4),
    ),
    handles: rectangle(35, -19.8, 5, 1.2, 0.6),
    headlight: shape("M75 -18.6 C79 -18 82 -16.4 83.8 -14 L76.4 -14.8 Z"),
    tailLight: shape("M2.2 -19 L4.4 -24.4 L7 -24 L6.4 -17 L1.8 -16.6 Z"),
    wheels: [17.5, 68],
    wheelRadius: 7.4,
  },
  van: {
    length: 112,
    height: 46,
    outline: shape(
      "M1.5 -7 V-41 C1.5 -44.5 3.5 -46 7 -46 H70 C78 -46 82 -43 86 -37 L94 -24.5 C102 -23 108 -20 110 -16 " +
        "C111.5 -12.5 111.5 -8.5 110.6 -6 L102 -4.2 H12 L2.6 -5.5 Z",
    ),
    sill: shape("M1.6 -8 L111.3 -7.6 L110.4 -5.6 L102 -4 H12 L2.6 -5.3 Z"),
    glass: [shape("M66 -41 H74 C78 -41 80 -39 82.5 -35.5 L89.5 -25 H66 Z")],
    seams: union(
      bar(63.6, -43, 63.6, -6, 0.5),
      bar(91, -24.5, 88, -7, 0.5),
      bar(32, -43, 32, -6, 0.5),
      bar(3, -20, 106, -19, 0.4),
    ),
    handles: union(rectangle(67, -22.6, 5, 1.3, 0.6), rectangle(56, -22.6, 5, 1.3, 0.6)),
    headlight: shape("M100 -20.4 C104.6 -19.4 107.6 -17.4 109.4 -14.4 L101.6 -15.4 Z"),
    tailLight: rectangle(1.7, -28, 2.6, 10, 0.8),
    wheels: [23, 90],
    wheelRadius: 7.8,
  },
  bus: {
    length: 216,
    height: 66,
    outline: shape(
      "M2 -7 V-60 C2 -64.5 4 -66 8 -66 H204 C210 -66 212.6 -63.5 213.4 -58 L215.4 -30 V-9 C215.4 -7 214.4 -5.6 212 -5.4 " +
        "L205 -4.2 H10 L3.4 -5 Z",
    ),
    sill: shape("M2 -11 H215.4 V-8.6 C215.4 -7 214.4 -5.6 212 -5.4 L205 -4 H10 L3.4 -4.8 Z"),
    glass: [
      ...[8, 36, 64, 92, 120].map((x) => rectangle(x, -56, 25, 23, 2)),
      rectangle(148, -57, 12.4, 48, 1.4),
      rectangle(161.4, -57, 12.4, 48, 1.4),
      rectangle(178, -56, 20, 23, 2),
      shape("M202 -56 H211.2 L213.2 -30 H202 Z"),
    ],
    seams: union(bar(4, -30, 145, -30, 0.5), bar(177, -30, 214, -30, 0.5), bar(4, -61, 212, -61, 0.5)),
    handles: rectangle(159.9, -36, 2, 12, 0.5),
    headlight: rectangle(210, -20, 4.8, 6, 1.6),
    tailLight: rectangle(2.4, -27, 3.2, 11, 1),
    wheels: [46, 190],
    wheelRadius: 9.4,
  },
};

const SPOKES: Shape = union(
  ...[0, 1, 2, 3, 4].map((i) => {
    const angle = i * 2 * Math.PI / 5;
    return bar(0, 0, 0.62 * Math.cos(angle), 0.62 * Math.sin(angle), 0.2, 0.13);
  }),
);
const TYRE = ellipse(0, 0, 1),
  RIM = ellipse(0, 0, 0.66),
  HUB_WELL = ellipse(0, 0, 0.58),
  HUB = ellipse(0, 0, 0.15);
const TAXI_SIGN = rectangle(38, -36.4, 13, 4.8, 1.2);
const TAXI_LETTERS = rectangle(40, -35, 9, 1.8, 0.4);
const CHEQUERS: Shape = union(
  ...Array.from({ length: 22 }, (_, i) => rectangle(25 + 2 * i, -15.4 + 1.6 * (i % 2), 2, 1.6)),
);
const BUS_DISPLAY = rectangle(150, -64.4, 24, 4.6, 0.8);
const BUS_DISPLAY_TEXT: Shape = union(
  rectangle(153, -63.2, 4, 2.2),
  rectangle(159, -63.2, 12, 2.2),
);

/** Length and height of a style in local units, roof signs not counted. */
export function vehicleSize(style: BodyStyle): { readonly length: number; readonly height: number } {
  return { length: BODIES[style].length, height: BODIES[style].height };
}

/** Draws the vehicle with its rear end's foot at the transform's origin. */
export function drawVehicle(canvas: Canvas, at: Transform, look: VehicleLook, state: VehicleState): void {
  const body = BODIES[look.style];
  const [light, middle, dark] = look.paint;
  canvas.transform = at;
  canvas.fill(ellipse(body.length / 2, -0.6, body.length * 0.53, 3.4), 0x14161c, 0.3);
  canvas.fill(ellipse(body.length / 2, -1, body.length * 0.47, 2.2), 0x0c0d12, 0.4);
  canvas.fill(rectangle(body.wheels[0]!, -9, body.wheels.at(-1)! - body.wheels[0]!, 6), 0x15171c);
  if (look.taxi) {
    canvas.fill(TAXI_SIGN, { vertical: [-36.4, -31.6], colours: [0xfff8d8, 0xf0d890] });
    canvas.fill(TAXI_LETTERS, 0x2a2a2a);
  }
  canvas.fill(body.outline, {
    vertical: [-body.height, -4],
    colours: [light, light, middle, middle, light, middle, dark],
  });
  canvas.fill(body.sill, 0x22252b, 0.85);
  for (const pane of body.glass) {
    canvas.fill(pane, {
      vertical: [-body.height + 1, -body.height * 0.62],
      colours: [0x1d2833, 0x35485a, 0x5b7184],
    });
  }
  // A reflection of the sky, slanting over the panes.
  const slant = body.height * 0.16;
  for (const pane of body.glass) {
    const ring = pane.rings[0]!;
    let left = Infinity, right = -Infinity, top = Infinity, bottom = -Infinity;
    for (let i = 0; i < ring.length; i += 2) {
      left = Math.min(left, ring[i]!);
      right = Math.max(right, ring[i]!);
      top = Math.min(top, ring[i + 1]!);
      bottom = Math.max(bottom, ring[i + 1]!);
    }
    const centre = (left + right) / 2;
    canvas.fill(
      bar(centre + slant / 2, top + 1, centre - slant / 2, bottom - 1, (right - left) * 0.14),
      0xc4dcf0,
      0.28,
    );
  }
  canvas.fill(body.seams, dark, 0.9);
  canvas.fill(body.handles, 0xd8dce0, 0.8);
  if (look.taxi) canvas.fill(CHEQUERS, 0x1c1c1c);
  if (look.style === "bus") {
    canvas.fill(BUS_DISPLAY, 0x16181c);
    canvas.fill(BUS_DISPLAY_TEXT, 0xffc890);
  }
  canvas.fill(body.headlight, { vertical: [-20, -13], colours: [0xffffff, 0xd0d8e0] });
  canvas.fill(body.tailLight, state.braking ? 0xdc1a30 : 0x7c222a);
  for (const x of body.wheels) {
    const r = body.wheelRadius;
    canvas.transform = at;
    canvas.fill(ellipse(x, -r, r * 1.16), 0x101216);
    const wheel: Transform = { ...at, a: at.a * r, d: at.d * r, e: at.e + at.a * x, f: at.f - at.d * r };
    canvas.transform = wheel;
    canvas.fill(TYRE, 0x1e2024);
    canvas.fill(RIM, 0xaab0b8);
    canvas.fill(HUB_WELL, 0x4a4e56);
    canvas.transform = turn(wheel, state.wheelAngle);
    canvas.fill(SPOKES, 0xc8ced6);
    canvas.fill(HUB, 0xe0e4ea);
  }
}
