/** What stands on the pavement: signs, lights, the clock, the ball, people. Local units are pixels at scale 1. */
import { type Canvas, type Transform, turn } from "./canvas.ts";
import { annulus, bar, ellipse, polygon, rectangle, type Shape, shape, union } from "./shape.ts";

/** State of a traffic light. */
export type Signal = "red" | "amber" | "green";

const OCTAGON_OUTER = polygon(0, 0, 33, 8, Math.PI / 8);
const OCTAGON_BORDER = polygon(0, 0, 31.8, 8, Math.PI / 8);
const OCTAGON_RED = polygon(0, 0, 29, 8, Math.PI / 8);
// The word STOP, 11 units a letter, in strokes 3 wide.
const STOP: Shape = shape(
  "M-21.5 6.5 H-13 V-1.5 H-18.2 V-4.3 H-13 V-7.2 H-21.5 V1.3 H-16.3 V3.7 H-21.5 Z " +
    "M-10.7 -7.2 H-1.3 V-4.2 H-4.4 V6.5 H-7.6 V-4.2 H-10.7 Z " +
    "M1 -7.2 H10 V6.5 H1 Z M4.1 -4.3 V3.6 H6.9 V-4.3 Z " +
    "M12.3 -7.2 H21.3 V1.6 H15.4 V6.5 H12.3 Z M15.4 -4.4 V-1.2 H18.2 V-4.4 Z",
);

/** A post from the origin up to `height`. */
function drawPost(canvas: Canvas, height: number, width: number): void {
  canvas.fill(ellipse(4, 0, width * 2.4, width * 0.7), 0x14161c, 0.3);
  canvas.fill(rectangle(-width / 2, -height, width, height), 0x848c94);
  canvas.fill(rectangle(-width / 2, -height, width * 0.35, height), 0xb4bac0);
  canvas.fill(rectangle(width * 0.2, -height, width * 0.3, height), 0x5c646c);
}

/** A stop sign: an octagon of 61 pixels across, its centre at the origin; the post is drawn apart. */
export function drawStopSign(canvas: Canvas, at: Transform): void {
  canvas.transform = at;
  canvas.fill(OCTAGON_OUTER, 0x9a9a9a);
  canvas.fill(OCTAGON_BORDER, 0xf6f4f0);
  canvas.fill(OCTAGON_RED, { vertical: [-27, 27], colours: [0xdc2030, 0xb4121e] });
  canvas.fill(STOP, 0xf8f6f2);
}

/** The post of a sign, its foot at the origin. */
export function drawSignPost(canvas: Canvas, at: Transform, height: number): void {
  canvas.transform = at;
  drawPost(canvas, height, 5);
}

const LAMPS = [["red", -22, 0xff3b30, 0x54120f], ["amber", 0, 0xffd83a, 0x4f3a0c], [
  "green",
  22,
  0x36f078,
  0x0e4524,
]] as const;
const HOUSING = rectangle(-13, -36, 26, 72, 5);
const PLATE = rectangle(-16, -39, 32, 78, 6);

/** A traffic light: 32x78 pixels, its centre at the origin. */
export function drawTrafficLight(canvas: Canvas, at: Transform, lit: Signal): void {
  canvas.transform = at;
  canvas.fill(PLATE, 0x0e1012);
  canvas.fill(HOUSING, { vertical: [-36, 36], colours: [0x2e3236, 0x1e2124] });
  for (const [name, y, bright, dim] of LAMPS) {
    canvas.fill(ellipse(0, y, 9.6), 0x0a0b0c);
    canvas.fill(ellipse(0, y, 8.4), {
      radial: [0, y, 9],
      colours: name === lit ? [mixWhite(bright), bright] : [dim, dim],
    });
    canvas.fill(
      shape(
        `M-10.4 ${y - 2} C-9 ${y - 13} 9 ${y - 13} 10.4 ${y - 2} C8 ${y - 9} -8 ${y - 9} -10.4 ${y - 2} Z`,
      ),
      0x101214,
    );
    if (name === lit) canvas.fill(ellipse(0, y, 15), bright, 0.16);
  }
}

function mixWhite(colour: number): number {
  const half = (
    shift: number,
  ): number => ((colour >> shift & 255) + 80 > 255 ? 255 : (colour >> shift & 255) + 80);
  return half(16) << 16 | half(8) << 8 | half(0);
}

/** The post and arm of a traffic light, its foot at the origin. */
export function drawLightPost(canvas: Canvas, at: Transform, height: number): void {
  canvas.transform = at;
  drawPost(canvas, height, 7);
  canvas.fill(rectangle(-8, -14, 16, 14, 2), 0x565c64);
}

const CLOCK_MARKS: Shape = union(
  ...Array.from({ length: 12 }, (_, i) => {
    const angle = i * Math.PI / 6, inner = i % 3 === 0 ? 21 : 23;
    return bar(
      inner * Math.cos(angle),
      inner * Math.sin(angle),
      27 * Math.cos(angle),
      27 * Math.sin(angle),
      i % 3 === 0 ? 3.4 : 2,
    );
  }),
);

/** A round clock of 72 pixels across, its centre at the origin; `minutes` since midnight. */
export function drawClock(canvas: Canvas, at: Transform, minutes: number): void {
  canvas.transform = at;
  canvas.fill(ellipse(0, 0, 36), { vertical: [-36, 36], colours: [0x3e4a46, 0x1a2220] });
  canvas.fill(annulus(0, 0, 34.5, 2), 0xb8a060);
  canvas.fill(ellipse(0, 0, 31), { vertical: [-31, 31], colours: [0xfffdf4, 0xece6d4] });
  canvas.fill(CLOCK_MARKS, 0x1c1e22);
  canvas.transform = turn(at, minutes / 720 * 2 * Math.PI);
  canvas.fill(bar(0, 4, 0, -15, 4, 3), 0x14161a);
  canvas.transform = turn(at, minutes / 60 * 2 * Math.PI);
  canvas.fill(bar(0, 5, 0, -23, 3, 2), 0x14161a);
  canvas.transform = at;
  canvas.fill(ellipse(0, 0, 2.6), 0x14161a);
}

/** The clock's cast-iron post, its foot at the origin. */
export function drawClockPost(canvas: Canvas, at: Transform, height: number): void {
  canvas.transform = at;
  canvas.fill(ellipse(6, 0, 20, 4), 0x14161c, 0.3);
  canvas.fill(shape(`M-5 ${-height} H5 L7 -46 L13 -38 V0 H-13 V-38 L-7 -46 Z`), 0x26332f);
  canvas.fill(shape(`M-5 ${-height} H-2 L-3 -46 L-8 -38 V0 H-13 V-38 L-7 -46 Z`), 0x3f5049);
  canvas.fill(rectangle(-15, -6, 30, 6, 1), 0x1d2724);
}

const DISC = ellipse(0, 0, 1);
const SEAM: Shape = shape(
  "M-0.56 -0.82 C-0.02 -0.5 -0.02 0.5 -0.56 0.82 L-0.47 0.87 C0.12 0.52 0.12 -0.52 -0.47 -0.87 Z " +
    "M0.93 -0.34 C0.6 -0.2 0.6 0.2 0.93 0.34 L0.9 0.42 C0.46 0.26 0.46 -0.26 0.9 -0.42 Z",
);

/** A ball like a tennis ball, of radius 1 about the origin, turned by `angle`. */
export function drawBall(canvas: Canvas, at: Transform, angle: number): void {
  canvas.transform = at;
  canvas.fill(DISC, { radial: [-0.35, -0.4, 1.5], colours: [0xe8f85a, 0x98b020] });
  canvas.transform = turn(at, angle);
  canvas.fill(SEAM, 0xf4f6e4, 0.8);
}
