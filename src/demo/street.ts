/** The street itself, which does not move: sky, houses, pavements and the road. Drawn once. */
import { Canvas, place } from "./canvas.ts";
import { bar, ellipse, polygon, rectangle, shape } from "./shape.ts";
import type { Random } from "../tensor/random.ts";

/** Heights of the street's parts in pixels from the top. */
export const STREET = {
  /** Feet of people on the far pavement. */
  farPavement: 276,
  /** Foot of the houses. */
  houses: 264,
  farKerb: 286,
  /** Wheels in the far lane and in the near one. */
  farLane: 318,
  nearLane: 363,
  nearKerb: 374,
  /** Feet on the near pavement. */
  nearPavement: 408,
} as const;

const WALLS: readonly [number, ...number[]] = [
  0xb08d74,
  0xa97e6c,
  0xc9b79c,
  0x9aa0a4,
  0xbfae9f,
  0x8f9a98,
  0xd0c4b0,
  0x9c8578,
];
const AWNINGS: readonly [number, ...number[]] = [0x35605a, 0x4a5470, 0x6b4a5c, 0x8a4a3a, 0x5d6a44];

/** Draws the street of the given size. */
export function drawStreet(width: number, height: number, random: Random): Canvas {
  const canvas = new Canvas(width, height);
  canvas.fill(rectangle(0, 0, width, height), {
    vertical: [0, 240],
    colours: [0x6fa3d8, 0xa8c9e6, 0xe4e6e2],
  });
  drawClouds(canvas, random);
  drawSkyline(canvas, random);
  for (let x = -random.between(10, 60); x < width;) {
    const wide = random.between(120, 205);
    drawHouse(canvas, random, x, wide);
    x += wide;
  }
  drawGround(canvas, random);
  for (let x = random.between(30, 120); x < width; x += random.between(190, 330)) drawTree(canvas, random, x);
  addGrain(canvas, random);
  return canvas;
}

function drawClouds(canvas: Canvas, random: Random): void {
  for (let i = 0; i < 7; i++) {
    const x = random.between(0, canvas.width), y = random.between(12, 70);
    for (let puff = 0; puff < 9; puff++) {
      const rx = random.between(20, 48);
      canvas.fill(
        ellipse(x + random.between(-60, 60), y + random.between(-7, 7), rx, rx * 0.3),
        0xffffff,
        0.16,
      );
    }
  }
}

function drawSkyline(canvas: Canvas, random: Random): void {
  for (let x = -20; x < canvas.width; x += random.between(24, 60)) {
    const top = random.between(50, 130), wide = random.between(30, 74);
    canvas.fill(rectangle(x, top, wide, 200), { vertical: [40, 230], colours: [0x9fb4c8, 0xc4ced6] });
  }
}

function drawHouse(canvas: Canvas, random: Random, x: number, wide: number): void {
  const foot = STREET.houses, top = random.between(26, 104), wall = random.pick(WALLS);
  canvas.fill(rectangle(x, top, wide, foot - top), {
    vertical: [top, foot],
    colours: [tint(wall, 1.06), wall, tint(wall, 0.9)],
  });
  canvas.fill(rectangle(x + wide - 4, top, 4, foot - top), tint(wall, 0.7), 0.6);
  canvas.fill(rectangle(x - 2, top - 5, wide + 4, 7, 1), tint(wall, 0.78));
  canvas.fill(rectangle(x, top + 2, wide, 3), tint(wall, 0.62), 0.7);
  const shopTop = foot - 54, columns = Math.round((wide - 20) / 34), step = (wide - 16) / columns;
  const paneHeight = random.between(22, 28), glass = random.pick([0x3d5166, 0x45525c, 0x52606e] as const);
  const arched = random.next() < 0.35;
  for (let y = top + 18; y + paneHeight + 8 < shopTop; y += paneHeight + 16) {
    for (let i = 0; i < columns; i++) {
      const left = x + 8 + i * step + (step - 17) / 2;
      canvas.fill(rectangle(left - 2.5, y - 2.5, 22, paneHeight + 5, arched ? 6 : 0), tint(wall, 1.2));
      canvas.fill(rectangle(left, y, 17, paneHeight, arched ? 5 : 0), {
        vertical: [y, y + paneHeight],
        colours: [tint(glass, 1.5), glass],
      });
      if (random.next() < 0.4) {
        canvas.fill(rectangle(left, y, 17, paneHeight * random.between(0.25, 0.7)), 0xe6dfd0, 0.55);
      }
      canvas.fill(rectangle(left + 8, y, 1.2, paneHeight), tint(wall, 1.2));
      canvas.fill(rectangle(left, y + paneHeight * 0.5, 17, 1.2), tint(wall, 1.2));
      canvas.fill(rectangle(left - 4, y + paneHeight + 2, 25, 3), tint(wall, 0.74));
    }
  }
  drawShop(canvas, random, x, wide, shopTop, wall);
}

function drawShop(
  canvas: Canvas,
  random: Random,
  x: number,
  wide: number,
  top: number,
  wall: number,
): void {
  const foot = STREET.houses;
  canvas.fill(rectangle(x, top, wide, foot - top), tint(wall, 0.62));
  const door = x + wide * random.between(0.15, 0.75);
  canvas.fill(rectangle(x + 7, top + 16, wide - 14, foot - top - 22), {
    vertical: [top, foot],
    colours: [0x2c3640, 0x4f5d68, 0x6a6258],
  });
  for (let i = 0; i < 8; i++) {
    const w = random.between(5, 16), h = random.between(5, 16);
    const goods = random.pick([0x8d7d6a, 0x6a7880, 0xa09078, 0x7c6a70, 0xb8a888] as const);
    canvas.fill(rectangle(random.between(x + 10, x + wide - 26), foot - 7 - h, w, h, 1), goods, 0.7);
  }
  canvas.fill(
    shape(`M${x + 14} ${top + 16} L${x + 34} ${top + 16} L${x + 18} ${foot - 6} L${x + 7} ${foot - 6} Z`),
    0xffffff,
    0.1,
  );
  canvas.fill(rectangle(door, top + 14, 22, foot - top - 14), tint(wall, 0.42));
  canvas.fill(rectangle(door + 3, top + 19, 16, 22), 0x74838e);
  canvas.fill(ellipse(door + 18.5, foot - 16, 1.3), 0xd8c890);
  const awning = random.pick(AWNINGS),
    left = x + 5,
    right = x + wide - 5,
    stripes = Math.floor((right - left) / 9);
  canvas.fill(rectangle(left, top + 15, right - left, 9), 0x101216, 0.25);
  for (let i = 0; i < stripes; i++) {
    const a = left + (right - left) * i / stripes, b = left + (right - left) * (i + 1) / stripes;
    const colour = i % 2 === 0 ? awning : 0xdcd6ca;
    canvas.fill(
      shape(
        `M${a + 1} ${top} L${b + 1} ${top} L${b} ${top + 14} Q${(a + b) / 2} ${top + 19} ${a} ${top + 14} Z`,
      ),
      { vertical: [top, top + 17], colours: [tint(colour, 1.08), tint(colour, 0.8)] },
    );
  }
}

function drawGround(canvas: Canvas, random: Random): void {
  const { width, height } = canvas, { houses, farKerb, nearKerb } = STREET;
  canvas.fill(rectangle(0, houses, width, farKerb - houses), {
    vertical: [houses, farKerb],
    colours: [0x9a968e, 0xb4b0a8],
  });
  for (let x = 0; x < width; x += 26) canvas.fill(bar(x, houses, x - 5, farKerb, 0.8), 0x77736c, 0.6);
  canvas.fill(rectangle(0, farKerb - 3, width, 5), 0xcac6be);
  canvas.fill(rectangle(0, farKerb + 2, width, 3), 0x55534f);
  canvas.fill(rectangle(0, farKerb + 3, width, nearKerb - farKerb - 3), {
    vertical: [farKerb, nearKerb],
    colours: [0x55575b, 0x4c4e53, 0x5d5f63],
  });
  for (let i = 0; i < 60; i++) {
    const x = random.between(0, width), y = random.between(farKerb + 8, nearKerb - 6);
    canvas.fill(
      ellipse(x, y, random.between(10, 60), random.between(0.6, 2)),
      random.next() < 0.5 ? 0x3c3e42 : 0x74767a,
      0.2,
    );
  }
  const middle = STREET.farLane + 9;
  for (let x = -10; x < width; x += 74) {
    canvas.fill(
      shape(`M${x} ${middle} L${x + 40} ${middle} L${x + 38} ${middle + 4} L${x - 2} ${middle + 4} Z`),
      0xe2e0d6,
      0.85,
    );
  }
  canvas.fill(rectangle(0, nearKerb - 2, width, 3), 0x3e3f42);
  canvas.fill(rectangle(0, nearKerb, width, 7), 0xd0ccc4);
  canvas.fill(rectangle(0, nearKerb + 7, width, height - nearKerb - 7), {
    vertical: [nearKerb, height],
    colours: [0xaaa59c, 0xc0bbb2],
  });
  for (let x = -60; x < width + 60; x += 46) {
    canvas.fill(bar(x, nearKerb + 7, x - 22, height, 1), 0x88837b, 0.7);
  }
  canvas.fill(bar(0, nearKerb + 28, width, nearKerb + 28, 1), 0x88837b, 0.7);
}

function drawTree(canvas: Canvas, random: Random, x: number): void {
  const foot = STREET.farPavement - 2, crown = foot - random.between(84, 112);
  canvas.fill(ellipse(x, foot, 16, 3), 0x14161c, 0.3);
  canvas.fill(shape(`M${x - 4} ${foot} L${x - 2.4} ${crown} H${x + 2.4} L${x + 4} ${foot} Z`), 0x5c4a3c);
  for (let i = 0; i < 34; i++) {
    const angle = random.between(0, 2 * Math.PI), r = Math.sqrt(random.next());
    const y = crown + 28 * r * Math.sin(angle), light = 1.1 - 0.4 * (y - crown + 28) / 56;
    const leaf = polygon(x + 32 * r * Math.cos(angle), y, random.between(6, 13), 7, angle);
    canvas.fill(leaf, tint(random.pick([0x5c7a45, 0x4f6e42, 0x6a8650] as const), light), 0.9);
  }
}

/** Fine grain over everything, so that nothing is flatter than a camera would see it. */
function addGrain(canvas: Canvas, random: Random): void {
  const { pixels } = canvas;
  for (let p = 0; p < pixels.length; p += 3) {
    const grain = Math.floor(random.next() * 7) - 3;
    for (let c = p; c < p + 3; c++) pixels[c] = Math.min(255, Math.max(0, pixels[c]! + grain));
  }
  canvas.transform = place(0, 0);
}

function tint(colour: number, by: number): number {
  const part = (shift: number): number => Math.min(255, Math.round((colour >> shift & 255) * by));
  return part(16) << 16 | part(8) << 8 | part(0);
}
