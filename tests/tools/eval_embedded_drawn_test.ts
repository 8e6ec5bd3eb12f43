import { assert, assertGreater } from "@std/assert";
import { Device } from "../../src/gpu/mod.ts";
import { type FrameTruth, WorldSource } from "../../src/world/mod.ts";
import { signedDepths } from "../../tools/eval_embedded/draw.ts";
import { truePlace } from "../../tools/eval_embedded/warp.ts";

/** How bright a place of a picture is, bilinear. */
function brightness({ data, width, height }: Drawn, x: number, y: number): number {
  const at = (column: number, row: number): number => {
    const i = 3 * (Math.min(Math.max(row, 0), height - 1) * width + Math.min(Math.max(column, 0), width - 1));
    return data[i]! + data[i + 1]! + data[i + 2]!;
  };
  const [u, v] = [Math.floor(x), Math.floor(y)], [fx, fy] = [x - u, y - v];
  return (at(u, v) * (1 - fx) + at(u + 1, v) * fx) * (1 - fy) +
    (at(u, v + 1) * (1 - fx) + at(u + 1, v + 1) * fx) * fy;
}

interface Drawn {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
  readonly truth: FrameTruth;
  readonly depths: Float32Array;
}

/** How well two lists of numbers go together, -1 to 1. */
function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
  const [ma, mb] = [mean(a), mean(b)];
  const of = (x: readonly number[], mx: number, y: readonly number[], my: number): number =>
    x.reduce((sum, value, i) => sum + (value - mx) * (y[i]! - my), 0);
  return of(a, ma, b, mb) / Math.sqrt(of(a, ma, a, ma) * of(b, mb, b, mb));
}

Deno.test("where the truth says that a point is, the other picture shows the same, and beside it less so", async () => {
  using device = await Device.request();
  let depths = new Float32Array(0);
  // One light and one exposure, so that a point has one colour; some metres apart.
  const source = new WorldSource(device, {
    scenario: "two-laps",
    seed: 77,
    frames: 300,
    width: 240,
    height: 180,
    k1: -0.05,
    fieldDegrees: 70,
    onPicture: (picture) => depths = signedDepths(picture),
  });
  const pictures: Drawn[] = [];
  for await (const frame of source) {
    const { width, height } = frame;
    pictures.push({ width, height, data: frame.data.slice(), truth: source.truth(frame.index), depths });
    frame.release();
    if (pictures.length === 6) break;
  }
  await source.close();
  const here: number[] = [], there: number[] = [], beside: number[] = [];
  for (const first of pictures) {
    for (const second of pictures) {
      if (first === second) continue;
      for (let y = 4; y < 180; y += 6) {
        for (let x = 4; x < 240; x += 6) {
          const place = truePlace(first, second, x, y);
          if (!place || place.x < 8 || place.x > 232) continue;
          here.push(brightness(first, x, y));
          there.push(brightness(second, place.x, place.y));
          beside.push(brightness(second, place.x + (place.x > 120 ? -6 : 6), place.y));
        }
      }
    }
  }
  assertGreater(here.length, 3000);
  const [same, other] = [correlation(here, there), correlation(here, beside)];
  const told = `${here.length} points: ${same.toFixed(3)} at their places, ${
    other.toFixed(3)
  } 6 pixels beside`;
  assertGreater(same, 0.8, told);
  assert(same > other + 0.1, told);
});
