/** People who walk, in side view, facing right: 100 units tall, standing on y = 0. */
import { type Canvas, type Transform, turn } from "./canvas.ts";
import { bar, ellipse, rectangle, type Shape, shape, union } from "./shape.ts";

/** Colours of one person. */
export interface PersonLook {
  readonly skin: number;
  readonly hair: number;
  readonly top: number;
  readonly trousers: number;
  readonly bag?: number;
}

const HEAD = ellipse(1, -91, 5.6, 7.2);
const HAIR: Shape = shape(
  "M-5.2 -89 C-6.5 -97 -2 -100 2 -99.6 C6.5 -99.4 7 -95.6 6.4 -94 C3 -95.4 -0.6 -94.6 -1.4 -89.6 C-2 -87 -4.6 -86 -5.2 -89 Z",
);
const NECK = rectangle(-2, -86, 5, 6);
const TORSO = shape("M-6 -82 C-8 -78 -8.4 -60 -7 -46 H7.4 C8.6 -60 8.4 -78 6 -82 C3 -84 -3 -84 -6 -82 Z");
const BAG = union(rectangle(-13, -60, 11, 13, 2), bar(-8, -60, 3, -82, 1.6));

/** Draws the person; `phase` is the step in radians (2 pi for two steps). */
export function drawPerson(canvas: Canvas, at: Transform, look: PersonLook, phase: number): void {
  const swing = Math.sin(phase);
  canvas.transform = at;
  canvas.fill(ellipse(2, -0.5, 17, 3), 0x14161c, 0.32);
  const bob: Transform = { ...at, f: at.f + at.d * (-1.4 + 1.2 * Math.abs(swing)) };
  const arm = (side: number): void => {
    const upper = turn(bob, 0.62 * swing * side, 0, -78);
    canvas.transform = upper;
    canvas.fill(bar(0, -80, -0.5, -63, 5.6, 5), shade(look.top, side < 0 ? 0.72 : 0.9));
    canvas.transform = turn(upper, -0.35 - 0.25 * swing * side, -0.5, -63);
    canvas.fill(bar(-0.5, -64, 0, -48, 4.6, 3.6), shade(look.top, side < 0 ? 0.7 : 0.88));
    canvas.fill(ellipse(0, -46, 2.6, 3), look.skin);
  };
  const leg = (side: number): void => {
    const thigh = turn(bob, -0.5 * swing * side, 0, -48);
    const bend = 0.12 + 0.5 * Math.max(0, Math.cos(phase) * side);
    canvas.transform = thigh;
    canvas.fill(bar(0.2, -50, 0, -25, 9, 7), shade(look.trousers, side < 0 ? 0.7 : 1));
    const shin = turn(thigh, bend, 0, -26);
    canvas.transform = shin;
    canvas.fill(bar(0, -28, 0, -4, 7, 5), shade(look.trousers, side < 0 ? 0.66 : 0.94));
    canvas.fill(shape("M-3.2 -5 H2.6 C5 -3.6 8 -3 8 -0.6 H-3.4 Z"), 0x26221f);
  };
  arm(-1);
  leg(-1);
  leg(1);
  canvas.transform = bob;
  canvas.fill(NECK, shade(look.skin, 0.86));
  canvas.fill(TORSO, { vertical: [-84, -46], colours: [look.top, look.top, shade(look.top, 0.8)] });
  canvas.fill(HEAD, { vertical: [-98, -84], colours: [look.skin, shade(look.skin, 0.88)] });
  canvas.fill(HAIR, look.hair);
  if (look.bag !== undefined) canvas.fill(BAG, look.bag);
  arm(1);
}

function shade(colour: number, by: number): number {
  const part = (shift: number): number => Math.min(255, Math.round((colour >> shift & 255) * by));
  return part(16) << 16 | part(8) << 8 | part(0);
}
