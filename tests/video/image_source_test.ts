import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { isSkipped, openSource, SourceError } from "../../src/video/mod.ts";
import { childFfmpegs, difference, ffmpeg, inFolder, takeAll } from "./media.ts";

/** A picture whose colour in the left upper corner tells its number, as PNG, written without ffmpeg's test sources. */
async function writePicture(path: string, width: number, height: number, value: number): Promise<Uint8Array> {
  const pixels = new Uint8Array(width * height * 3);
  for (let i = 0; i < pixels.length; i++) pixels[i] = (value + i * 7) % 256;
  const head = new TextEncoder().encode(`P6\n${width} ${height}\n255\n`);
  const ppm = `${path}.ppm-source`;
  await Deno.writeFile(ppm, new Uint8Array([...head, ...pixels]));
  await ffmpeg("-f", "image2", "-c:v", "ppm", "-i", ppm.replaceAll("%", "%%"), "-update", "1", path);
  await Deno.remove(ppm);
  return pixels;
}

Deno.test("openSource() gives a folder's images in natural order, with exact pixels", () =>
  inFolder(async (folder) => {
    const sizes: [string, number, number][] = [["f1.png", 5, 3], ["f2.bmp", 64, 48], ["f10.png", 1, 1], [
      "f9.ppm",
      7,
      7,
    ]];
    const expected = new Map<string, Uint8Array>();
    for (const [i, [name, width, height]] of sizes.entries()) {
      expected.set(`${folder}/${name}`, await writePicture(`${folder}/${name}`, width, height, i * 50));
    }
    await Deno.writeTextFile(`${folder}/labels.txt`, "no image");
    await Deno.writeTextFile(`${folder}/.hidden.png`, "no image");
    const { frames, skipped, error } = await takeAll(folder);
    assertEquals([skipped.length, error], [0, undefined]);
    assertEquals(
      frames.map(({ name }) => name),
      ["f1.png", "f2.bmp", "f9.ppm", "f10.png"].map((name) => `${folder}/${name}`),
    );
    for (const { name = "", pixels } of frames) {
      assertEquals(difference(pixels, expected.get(name) as Uint8Array), undefined, name);
    }
  }));

Deno.test("openSource() reports broken images in their place and goes on", () =>
  inFolder(async (folder) => {
    await writePicture(`${folder}/1.png`, 8, 8, 0);
    await ffmpeg(
      "-f",
      "lavfi",
      "-i",
      "testsrc2=size=320x240",
      "-frames:v",
      "1",
      "-update",
      "1",
      `${folder}/2.jpg`,
    );
    await Deno.truncate(`${folder}/2.jpg`, 6000);
    await Deno.writeTextFile(`${folder}/3.jpg`, "this is text");
    await Deno.writeTextFile(`${folder}/4.jpg`, "");
    await writePicture(`${folder}/5.png`, 8, 8, 9);
    await writePicture(`${folder}/6.png`, 99, 88, 9);
    await Deno.truncate(`${folder}/6.png`, 1000);
    await Deno.symlink(`${folder}/nowhere.png`, `${folder}/7.png`);
    await writePicture(`${folder}/8.png`, 8, 8, 20);
    const { frames, skipped, error } = await takeAll(folder, { buffers: 2 });
    assertEquals(error, undefined);
    assertEquals(frames.map(({ index }) => index), [0, 4, 7]);
    assertEquals(skipped.map(({ index, name }) => `${index} ${name.slice(folder.length)}`), [
      "1 /2.jpg",
      "2 /3.jpg",
      "3 /4.jpg",
      "5 /6.png",
      "6 /7.png",
    ]);
    const reasons = skipped.map(({ reason }) => reason);
    const parts = ["the JPEG ends in the middle", "no JPEG data", "empty", "the PNG ends", "no such file"];
    parts.forEach((part, i) => assertStringIncludes(reasons[i] ?? "", part));
  }));

Deno.test("openSource() gives one clear error for images that cannot be read", async (t) => {
  await t.step("a single broken image", () =>
    inFolder(async (folder) => {
      const path = `${folder}/broken.jpg`;
      await Deno.writeTextFile(path, "this is text");
      const error = await assertRejects(() => openSource(path), SourceError);
      assertStringIncludes(error.message, `Cannot read "${path}" as an image: there is no JPEG data in it`);
    }));
  await t.step("a folder of broken images", () =>
    inFolder(async (folder) => {
      for (const name of ["a.png", "b.png"]) await Deno.writeTextFile(`${folder}/${name}`, "this is text");
      const { frames, skipped, error } = await takeAll(folder);
      assertEquals([frames.length, skipped.length], [0, 2]);
      assert(error instanceof SourceError);
      assertStringIncludes(error.message, "any of the 2 images");
    }));
  await t.step("a folder without images", () =>
    inFolder(async (folder) => {
      const error = await assertRejects(() => openSource(folder), SourceError);
      assertStringIncludes(error.message, `folder "${folder}": it holds no images`);
    }));
  await t.step("a glob without matches", async () => {
    const error = await assertRejects(() => openSource("/nowhere/*.png"), SourceError);
    assertStringIncludes(error.message, "nothing matches");
  });
  await t.step("no ffmpeg", () =>
    inFolder(async (folder) => {
      await writePicture(`${folder}/1.png`, 8, 8, 0);
      const error = await assertRejects(() => openSource(folder, { ffmpeg: `${folder}/none` }), SourceError);
      assertStringIncludes(error.message, "apt-get install ffmpeg");
    }));
});

Deno.test("openSource() takes globs, and names with characters that are special to ffmpeg", () =>
  inFolder(async (folder) => {
    const names = ["x%03d.png", "x[1],a:b.png", "x2.png", "y.png"];
    for (const [i, name] of names.entries()) await writePicture(`${folder}/${name}`, 4, 4, i);
    for (const [i, name] of names.entries()) {
      const { frames } = await takeAll(`${folder}/${name}`);
      assertEquals(frames.map(({ pixels }) => pixels[0]), [i], name);
    }
    const { frames } = await takeAll(`${folder}/x*.png`);
    assertEquals(frames.length, 3);
    const either = await takeAll(`${folder}/{x2,y}.{png,jpg}`);
    assertEquals(either.frames.map(({ pixels }) => pixels[0]), [2, 3]);
  }));

Deno.test("openSource() decodes 8000x6000 pixels", () =>
  inFolder(async (folder) => {
    const path = `${folder}/large.jpg`;
    await ffmpeg(
      "-f",
      "lavfi",
      "-i",
      "color=0x3070b0:size=8000x6000",
      "-frames:v",
      "1",
      "-update",
      "1",
      path,
    );
    const source = await openSource(path);
    for await (const frame of source) {
      assert(!isSkipped(frame));
      assertEquals([frame.width, frame.height, frame.data.length], [8000, 6000, 144_000_000]);
      for (const at of [0, 72_000_000, 143_999_997]) {
        const [r = 0, g = 0, b = 0] = frame.data.subarray(at, at + 3);
        assert(
          Math.abs(r - 48) < 4 && Math.abs(g - 112) < 4 && Math.abs(b - 176) < 4,
          `${at}: ${r} ${g} ${b}`,
        );
      }
      frame.release();
    }
  }));

for (const buffers of [2, 3, 20]) {
  Deno.test(`close() among images leaves no process behind (${buffers} buffers)`, () =>
    inFolder(async (folder) => {
      await writePicture(`${folder}/0.png`, 64, 64, 0);
      for (let i = 1; i < 30; i++) await Deno.copyFile(`${folder}/0.png`, `${folder}/${i}.png`);
      for (const count of [1, 4]) {
        const source = await openSource(folder, { buffers });
        let taken = 0;
        for await (const frame of source) {
          assert(!isSkipped(frame));
          frame.release();
          if (++taken === count) break;
        }
        if (Deno.build.os === "linux") assertEquals(await childFfmpegs(), []);
      }
    }));
}
