import { assert, assertEquals } from "@std/assert";
import { FramePictures, PICTURE_SIDE } from "../../src/cli/frame_pictures.ts";
import { LoopView } from "../../src/cli/loops_view.ts";
import { encodeJpeg } from "../../src/video/encode_jpeg.ts";
import { ffmpeg, inFolder } from "../video/media.ts";
import { Random } from "../support/random.ts";

/** A frame of one colour. */
function plain(width: number, height: number, rgb: readonly number[]) {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) data[i] = rgb[i % 3]!;
  return { width, height, format: "rgb24" as const, data };
}

Deno.test("FramePictures gives back what it kept, in any order, small", async () => {
  await using pictures = await FramePictures.open();
  const random = new Random(1);
  const colours = Array.from(
    { length: 20 },
    () => [random.int(0, 255), random.int(0, 255), random.int(0, 255)],
  );
  for (const [id, rgb] of colours.entries()) {
    const kept = await pictures.keep(id, plain(1600, 1200 - id, rgb));
    assertEquals([kept.width, kept.scale], [PICTURE_SIDE, PICTURE_SIDE / 1600]);
  }
  for (const id of [7, 0, 19, 7]) {
    const { pixels, width, height } = (await pictures.get(id))!;
    assertEquals([width, height], [PICTURE_SIDE, Math.round((1200 - id) / 4)]);
    assert(pixels.every((value, i) => value === colours[id]![i % 3]), `picture ${id}`);
  }
  assertEquals(await pictures.get(20), undefined);
});

Deno.test("FramePictures keeps no more than it may, and says that a picture is not there", async () => {
  await using pictures = await FramePictures.open(2 * 40 * 30 * 3);
  for (let id = 0; id < 3; id++) await pictures.keep(id, plain(40, 30, [id, 0, 0]));
  assertEquals(pictures.bytes, 2 * 40 * 30 * 3);
  assertEquals([(await pictures.get(1))?.width, await pictures.get(2)], [40, undefined]);
});

Deno.test("encodeJpeg() writes what others read", async () => {
  const { data, width, height } = plain(61, 47, [200, 80, 30]);
  const jpeg = await encodeJpeg(data, { width, height });
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/a.jpg`, jpeg);
    const pixels = await ffmpeg("-i", `${folder}/a.jpg`, "-f", "rawvideo", "-pix_fmt", "rgb24", "-");
    assertEquals(pixels.length, data.length);
    assert(pixels.every((value, i) => Math.abs(value - data[i]!) <= 6));
  });
});

Deno.test("LoopView puts the two frames side by side, and a line between what both show", () => {
  const picture = {
    ...plain(200, 100, [10, 10, 10]),
    pixels: plain(200, 100, [10, 10, 10]).data,
    scale: 0.5,
  };
  const view = new LoopView(picture);
  const { width, height } = view.size;
  assertEquals([width % 2, height % 2], [0, 0]);
  const at = (
    pixels: Uint8Array,
    x: number,
    y: number,
  ): number[] => [...pixels.subarray(3 * (y * width + x)).slice(0, 3)];
  const shown = { picture, status: "loop" as const, caption: "frame 9" };
  const right = width - 200;
  const lines = Float32Array.of(100, 50, 300, 150);
  const drawn = view.draw({ ...shown, match: { picture, caption: "frame 1", lines } }).slice();
  const alone = view.draw({ ...shown, status: "low_score" }).slice();
  assertEquals(at(alone, 100, 50), [10, 10, 10]);
  assertEquals(at(alone, right + 100, 50), [24, 24, 24], "nothing is shown beside it");
  assertEquals(at(drawn, right + 100, 80), [10, 10, 10]);
  // The line goes from (50, 25) of the left picture to (150, 75) of the right one, and is green.
  for (const [x, y] of [[51, 25], [right + 149, 75], [Math.round((50 + right + 150) / 2), 50]] as const) {
    const [r, g, b] = at(drawn, x, y);
    assert(g! > 60 && g! > r! + 20 && g! > b! + 10, `${x} ${y}: ${[r, g, b]}`);
  }
  const text = drawn.subarray(3 * width * 100);
  assert(text.some((value) => value > 120), "the captions are written");
});
