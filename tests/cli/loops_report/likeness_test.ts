import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { LikenessSample } from "../../../src/cli/loops_report/likeness.ts";
import { encodePng } from "../../../src/cli/loops_report/png.ts";
import { ffmpeg, inFolder } from "../../video/media.ts";

/** The pixels of a PNG as ffmpeg reads them: red, green and blue. */
async function decode(png: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  let pixels!: Uint8Array;
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/a.png`, png);
    pixels = await ffmpeg("-i", `${folder}/a.png`, "-f", "rawvideo", "-pix_fmt", "rgb24", "-");
  });
  return pixels;
}

Deno.test("encodePng() writes what others read", async () => {
  const palette = Array.from({ length: 256 }, (_, i): [number, number, number] => [i, 255 - i, i * 7 % 256]);
  const [width, height] = [37, 11];
  const pixels = Uint8Array.from({ length: width * height }, (_, i) => i * 31 % 256);
  const found = await decode(await encodePng({ width, height, pixels, palette }));
  assertEquals([...found], [...pixels].flatMap((pixel) => palette[pixel]!));
});

/** A descriptor of unit length that turns with the angle. */
function turned(degrees: number): { kind: "similarity"; descriptor: Float32Array } {
  const angle = degrees * Math.PI / 180;
  return { kind: "similarity", descriptor: Float32Array.of(Math.cos(angle), Math.sin(angle)) };
}

/** How light each pixel of a picture is. */
async function lightness(
  sample: LikenessSample,
): Promise<{ side: number; at: (row: number, column: number) => number }> {
  const picture = await sample.picture();
  const rgb = await decode(picture!.png);
  const { side } = picture!;
  assertEquals(rgb.length, 3 * side * side);
  return {
    side,
    at: (row, column) => {
      const [r, g, b] = rgb.subarray(3 * (row * side + column));
      return 0.3 * r! + 0.6 * g! + 0.1 * b!;
    },
  };
}

Deno.test("LikenessSample draws what is alike light, and the same from both sides", async () => {
  const sample = new LikenessSample();
  const angles = [0, 40, 80, 120, 0, 40, 80];
  for (const angle of angles) sample.add(turned(angle));
  const { side, at } = await lightness(sample);
  assertEquals(side, angles.length);
  for (let i = 0; i < side; i++) {
    for (let j = 0; j < side; j++) {
      assertEquals(at(i, j), at(j, i), `${i} ${j}`);
      for (let k = 0; k < side; k++) {
        const [near, far] = [Math.abs(angles[i]! - angles[j]!), Math.abs(angles[i]! - angles[k]!)];
        if (near < far) assert(at(i, j) > at(i, k), `${i}: ${j} is more alike than ${k}`);
      }
    }
  }
  const picture = (await sample.picture())!;
  assertEquals([picture.kind, picture.stride], ["similarity", 1]);
  assertAlmostEquals(picture.high, 1, 1e-6);
  assertAlmostEquals(picture.low, -0.5, 1e-6);
});

Deno.test("LikenessSample keeps every second frame, then every fourth, of a long run", async () => {
  const sample = new LikenessSample(8);
  assert(sample.empty);
  assertEquals(await sample.picture(), undefined);
  for (let i = 0; i < 30; i++) sample.add(turned(i));
  const picture = (await sample.picture())!;
  assertEquals([picture.side, picture.stride, sample.empty], [8, 4, false]);
  // Frames 0 and 28 are the least alike of those that are kept.
  assertAlmostEquals(picture.low, Math.cos(28 * Math.PI / 180), 1e-5);
});

Deno.test("LikenessSample compares bags of words where there are no descriptors", async () => {
  const sample = new LikenessSample();
  for (const words of [[1, 2], [3, 4], [1, 2], [1, 4]]) {
    const bag = { words: Uint32Array.from(words), values: Float64Array.of(0.5, 0.5) };
    sample.add({ kind: "bow", bag, scoring: "l1" });
  }
  const { at } = await lightness(sample);
  assert(at(2, 0) > at(3, 0) && at(3, 0) > at(1, 0));
  assertEquals((await sample.picture())!.kind, "bow");
});
