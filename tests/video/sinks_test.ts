import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  type Detection,
  type Frame,
  frameBytes,
  ImageSink,
  isSkipped,
  JsonLinesSink,
  openSource,
  PIXEL_FORMATS,
  type PixelFormat,
  SinkError,
  VideoSink,
} from "../../src/video/mod.ts";
import { childFfmpegs, ffmpeg, ffprobe, inFolder, makeClip, takeAll } from "./media.ts";

const CAR: Detection = { class_id: 2, label: "car", score: 0.914, box: [10, 30, 70, 60] };

/** A frame of one grey value. */
function greyFrame(index: number, size: [number, number], format: PixelFormat, time = index / 25): Frame {
  const [width, height] = size;
  const data = new Uint8Array(frameBytes(format, width, height)).fill(128);
  if (format === "i420" || format === "nv12") data.fill(60 + index * 10, 0, width * height);
  const colour = { matrix: "bt601" as const, range: "limited" as const };
  return { index, timeSeconds: time, width, height, format, colour, data, release: () => {} };
}

Deno.test("VideoSink keeps number, times, size and colour of the frames", () =>
  inFolder(async (folder) => {
    await makeClip(`${folder}/in.mp4`, "128x96", 30);
    const source = await openSource(`${folder}/in.mp4`);
    const sink = await VideoSink.open(`${folder}/out.mp4`, {
      frameRate: source.info.frameRate,
      status: true,
    });
    for await (const frame of source) {
      assert(!isSkipped(frame));
      await sink.write(frame, [CAR]);
      frame.release();
    }
    await sink.close();
    await sink.close();
    const entries = "stream=width,height,color_space,avg_frame_rate,duration,nb_frames";
    const [line = ""] = await ffprobe(`${folder}/out.mp4`, "-show_entries", entries);
    assertEquals(line.split(","), ["128", "96", "smpte170m", "25/1", "1.200000", "30"]);
    const before = await takeAll(`${folder}/in.mp4`), after = await takeAll(`${folder}/out.mp4`);
    assertEquals(after.frames.map(({ time }) => time), before.frames.map(({ time }) => time));
    // Away from what was drawn, the picture is the same but for the loss of coding.
    for (const [k, { pixels }] of after.frames.entries()) {
      const original = before.frames[k]?.pixels as Uint8Array;
      let sum = 0;
      for (let x = 80; x < 128; x++) {
        for (let y = 0; y < 70; y++) {
          sum += Math.abs((pixels[y * 128 + x] as number) - (original[y * 128 + x] as number));
        }
      }
      assert(sum / (48 * 70) < 6, `frame ${k} differs by ${sum / (48 * 70)} a pixel`);
    }
    const moov = new TextDecoder("latin1").decode(await Deno.readFile(`${folder}/out.mp4`));
    assert(moov.indexOf("moov") < moov.indexOf("mdat"), "the index stands in front (faststart)");
  }));

Deno.test("VideoSink keeps a variable frame rate", () =>
  inFolder(async (folder) => {
    const times = [0, 0.04, 0.08, 0.5, 0.51, 2];
    const sink = await VideoSink.open(`${folder}/out.mp4`);
    for (const [k, time] of times.entries()) await sink.write(greyFrame(k, [64, 48], "i420", time), []);
    await sink.close();
    const { frames } = await takeAll(`${folder}/out.mp4`);
    assertEquals(frames.map(({ time }) => Math.round(time * 1e4) / 1e4), times);
  }));

for (const format of PIXEL_FORMATS) {
  Deno.test(`VideoSink and ImageSink write ${format} of odd size`, () =>
    inFolder(async (folder) => {
      const frame = greyFrame(1, [33, 27], format);
      const luma = format === "i420" || format === "nv12" ? 70 : 16 + Math.round(128 * 219 / 255);
      const video = await VideoSink.open(`${folder}/out.mkv`);
      const image = await ImageSink.open(`${folder}/out.png`);
      await video.write(frame, []);
      await image.write(frame, []);
      await video.close();
      await image.close();
      const [shown] = (await takeAll(`${folder}/out.mkv`)).frames;
      assertEquals([shown?.width, shown?.height], [34, 28]);
      for (const at of [0, 33, 34 * 28 - 1]) {
        assertAlmostEquals(shown?.pixels[at] as number, luma, 2, `luma ${at}`);
      }
      const [picture] = (await takeAll(`${folder}/out.png`)).frames;
      assertEquals([picture?.width, picture?.height], [33, 27]);
      const grey = Math.round((luma - 16) * 255 / 219);
      for (const at of [0, 1, 2, 33 * 27 * 3 - 1]) {
        assertAlmostEquals(picture?.pixels[at] as number, grey, 2, `sample ${at}`);
      }
    }));
}

Deno.test("a closed VideoSink leaves no process behind, written or not", () =>
  inFolder(async (folder) => {
    const unused = await VideoSink.open(`${folder}/unused.mp4`);
    await unused.close();
    const used = await VideoSink.open(`${folder}/used.mp4`);
    await used.write(greyFrame(0, [64, 48], "i420"), []);
    await used.close();
    if (Deno.build.os === "linux") assertEquals(await childFfmpegs(), []);
    const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
    assertEquals(names, ["used.mp4"]);
    const error = await assertRejects(() => used.write(greyFrame(1, [64, 48], "i420"), []), SinkError);
    assertStringIncludes(error.message, "closed");
  }));

Deno.test("VideoSink refuses a frame of another size, and keeps what came before", () =>
  inFolder(async (folder) => {
    const sink = await VideoSink.open(`${folder}/out.mp4`);
    await sink.write(greyFrame(0, [64, 48], "i420"), []);
    await sink.write(greyFrame(1, [32, 48], "i420"), []);
    const error = await assertRejects(() => sink.close(), SinkError);
    assertStringIncludes(error.message, "frame 1 of 32x48 i420");
    assertStringIncludes(error.message, "a video of 64x48 i420");
    if (Deno.build.os === "linux") assertEquals(await childFfmpegs(), []);
    assertEquals((await takeAll(`${folder}/out.mp4`)).frames.length, 1);
  }));

Deno.test("sinks refuse outputs that cannot be written, before any frame", async (t) => {
  const refused = (name: string, open: (folder: string) => Promise<unknown>, ...texts: string[]) =>
    t.step(name, () =>
      inFolder(async (folder) => {
        const error = await assertRejects(() => open(folder), SinkError);
        for (const text of texts) assertStringIncludes(error.message, text);
        assert(!error.message.includes("\n"), error.message);
      }));
  await refused("video: a folder", (f) => VideoSink.open(f), "it is a folder");
  await refused(
    "video: unknown extension",
    (f) => VideoSink.open(`${f}/x.avo`),
    `".avo" is no known kind`,
    ".mp4",
  );
  await refused("video: no extension", (f) => VideoSink.open(`${f}/x`), "no extension");
  await refused("video: no such folder", (f) => VideoSink.open(`${f}/no/x.mp4`), "its folder does not exist");
  await refused("video: read-only", () => VideoSink.open("/proc/x.mp4"), `"/proc/x.mp4"`);
  await refused(
    "video: no ffmpeg",
    (f) => VideoSink.open(`${f}/x.mp4`, { ffmpeg: `${f}/none` }),
    "apt-get install ffmpeg",
  );
  await refused("json: a folder", (f) => JsonLinesSink.open(f), "it is a folder");
  await refused(
    "json: no such folder",
    (f) => JsonLinesSink.open(`${f}/no/x.jsonl`),
    "its folder does not exist",
  );
  await refused("json: no name", () => JsonLinesSink.open(""), "without a name");
  await refused("images: unknown extension", (f) => ImageSink.open(`${f}/x.svg`), `".svg" is no known kind`);
  await refused("images: below a file", async (f) => {
    await Deno.writeTextFile(`${f}/file`, "");
    return ImageSink.open(`${f}/file/folder`);
  }, "Cannot write into folder");
});

Deno.test("VideoSink says that the encoder failed, once", () =>
  inFolder(async (folder) => {
    // A program that takes the place of ffmpeg and gives up when it is to encode.
    const program = `${folder}/ffmpeg`;
    await Deno.writeTextFile(
      program,
      `#!/bin/sh\ncase "$*" in *encoders*|*version*) exec ffmpeg "$@";; esac\n` +
        `echo "[error] av_interleaved_write_frame(): No space left on device" >&2; exit 1\n`,
      { mode: 0o755 },
    );
    const sink = await VideoSink.open(`${folder}/out.mp4`, { ffmpeg: program });
    const error = await assertRejects(async () => {
      for (let k = 0; k < 20; k++) await sink.write(greyFrame(k, [320, 240], "i420"), []);
    }, SinkError);
    assertStringIncludes(error.message, "No space left on device");
    await sink.close();
  }));

Deno.test("ImageSink writes into a folder, under the images' own names", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/in/more`, { recursive: true });
    const picture = (path: string) =>
      ffmpeg("-f", "lavfi", "-i", "testsrc2=size=160x120", "-frames:v", "1", "-update", "1", path);
    for (const name of ["a.jpg", "b.png", "more/a.jpg"]) await picture(`${folder}/in/${name}`);
    await Deno.rename(`${folder}/in/b.png`, `${folder}/in/b.qoi`); // a kind that is read, not written
    const source = await openSource(`${folder}/in/**/*.*`);
    const sink = await ImageSink.open(`${folder}/out/deep`);
    for await (const frame of source) {
      assert(!isSkipped(frame));
      await sink.write(frame, [CAR]);
      frame.release();
    }
    await sink.close();
    const names = (await Array.fromAsync(Deno.readDir(`${folder}/out/deep`))).map(({ name }) => name);
    assertEquals(names.sort(), ["a-2.jpg", "a.jpg", "b.png"]);
    assertEquals((await takeAll(`${folder}/out/deep`)).frames.map(({ width }) => width), [160, 160, 160]);
  }));

Deno.test("ImageSink never overwrites a source image, and one file holds one image", () =>
  inFolder(async (folder) => {
    const name = `${folder}/a.png`;
    await Deno.writeTextFile(name, "source");
    const same = await ImageSink.open(folder);
    const frame = { ...greyFrame(0, [8, 8], "rgb24"), name };
    const error = await assertRejects(() => same.write(frame, []), SinkError);
    assertStringIncludes(error.message, "it is the source image");
    await same.close();
    assertEquals(await Deno.readTextFile(name), "source");
    const one = await ImageSink.open(`${folder}/b.png`);
    await one.write(frame, []);
    const second = await assertRejects(() => one.write(frame, []), SinkError);
    assertStringIncludes(second.message, "give a folder");
    await one.close();
  }));

Deno.test("JsonLinesSink writes one line a frame", () =>
  inFolder(async (folder) => {
    const path = `${folder}/out.jsonl`;
    await Deno.writeTextFile(path, "old");
    const sink = await JsonLinesSink.open(path);
    const face: Detection = {
      class_id: 0,
      label: 'fa"ce',
      score: 1 / 3,
      box: [-0.001, 1, 2.345678, 3],
      keypoints: [[1.005, 2]],
    };
    for (let k = 0; k < 1000; k++) {
      await sink.write(greyFrame(k, [8, 8], "gray8"), k === 1 ? [CAR, face] : []);
    }
    await sink.close();
    await sink.close();
    const lines = (await Deno.readTextFile(path)).split("\n");
    assertEquals([lines.length, lines[1000]], [1001, ""]);
    assertEquals(lines[0], '{"frame":0,"time_s":0,"width":8,"height":8,"detections":[]}');
    assertEquals(
      lines[1],
      '{"frame":1,"time_s":0.04,"width":8,"height":8,"detections":[' +
        '{"class_id":2,"label":"car","score":0.914,"box":[10,30,70,60]},' +
        '{"class_id":0,"label":"fa\\"ce","score":0.3333,"box":[0,1,2.35,3],"keypoints":[[1,2]]}]}',
    );
    assertEquals(JSON.parse(lines[999] ?? "").frame, 999);
  }));

Deno.test("JsonLinesSink says that the disk is full", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const sink = await JsonLinesSink.open("/dev/full");
  await sink.write(greyFrame(0, [8, 8], "gray8"), [CAR]);
  const error = await assertRejects(() => sink.close(), SinkError);
  assertStringIncludes(error.message, `Cannot write "/dev/full": the disk is full`);
});
