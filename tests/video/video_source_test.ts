import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { frameBytes, isSkipped, openSource, SourceError } from "../../src/video/mod.ts";
import { childFfmpegs, difference, ffmpeg, ffprobe, inFolder, makeClip, takeAll } from "./media.ts";

/** ffmpeg's own decode of a clip. */
function decode(path: string): Promise<Uint8Array> {
  return ffmpeg("-i", path, "-fps_mode", "passthrough", "-pix_fmt", "yuv420p", "-f", "rawvideo", "pipe:1");
}

for (const size of ["64x48", "66x50", "130x98"]) {
  Deno.test(`openSource() gives the pixels of ffmpeg's own decode (${size})`, () =>
    inFolder(async (folder) => {
      const path = `${folder}/clip.mp4`;
      await makeClip(path, size, 12);
      const [width = 0, height = 0] = size.split("x").map(Number);
      const { frames, skipped, error } = await takeAll(path, { buffers: 3 });
      assertEquals([frames.length, skipped.length, error], [12, 0, undefined]);
      const expected = await decode(path);
      const bytes = frameBytes("i420", width, height);
      frames.forEach((frame, k) => {
        assertEquals([frame.index, frame.width, frame.height], [k, width, height]);
        assertAlmostEquals(frame.time, k / 25, 1e-9);
        const reference = expected.subarray(k * bytes, (k + 1) * bytes);
        assertEquals(difference(frame.pixels, reference), undefined, `frame ${k} of ${size}`);
      });
    }));
}

Deno.test("openSource() rounds the chroma planes of odd sizes up", () =>
  inFolder(async (folder) => {
    const path = `${folder}/odd.mkv`;
    await makeClip(path, "64x48", 3, "-vf", "scale=37:21", "-pix_fmt", "yuv420p", "-c:v", "ffv1");
    const { frames } = await takeAll(path);
    const expected = await decode(path);
    assertEquals(frames.length, 3);
    for (const [k, { width, height, pixels }] of frames.entries()) {
      assertEquals([width, height, pixels.length], [37, 21, 37 * 21 + 2 * 19 * 11]);
      const reference = expected.subarray(k * pixels.length, (k + 1) * pixels.length);
      assertEquals(difference(pixels, reference), undefined, `frame ${k}`);
    }
  }));

Deno.test("openSource() keeps every frame of a variable frame rate, at its own time", () =>
  inFolder(async (folder) => {
    const path = `${folder}/variable.mp4`;
    // Frames 0 to 3 every 40 ms, then a gap of half a second, then every 10 ms.
    const times = "'if(lt(N,4),N*0.04,0.62+(N-4)*0.01)/TB'";
    await ffmpeg(
      ...[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=64x48:rate=25",
        "-frames:v",
        "10",
        "-vf",
        `settb=1/1000,setpts=${times}`,
      ],
      ...["-fps_mode", "passthrough", "-enc_time_base", "1:1000", "-pix_fmt", "yuv420p", "-c:v", "libx264"],
      ...["-video_track_timescale", "1000", path],
    );
    const { frames, error } = await takeAll(path);
    assertEquals(error, undefined);
    const expected = [0, 0.04, 0.08, 0.12, 0.62, 0.63, 0.64, 0.65, 0.66, 0.67];
    assertEquals(frames.map((frame) => Math.round(frame.time * 1000) / 1000), expected);
    const probed = await ffprobe(path, "-show_entries", "frame=pts_time");
    assertEquals(frames.map((frame) => frame.time.toFixed(6)), probed);
  }));

Deno.test("openSource() turns a rotated video upright", () =>
  inFolder(async (folder) => {
    await makeClip(`${folder}/flat.mp4`, "96x64", 4);
    const path = `${folder}/turned.mp4`;
    await ffmpeg("-i", `${folder}/flat.mp4`, "-c", "copy", "-metadata:s:v:0", "rotate=90", path);
    const source = await openSource(path);
    assertEquals([source.info.width, source.info.height], [64, 96]);
    await source.close();
    const { frames } = await takeAll(path);
    const expected = await decode(path);
    assertEquals(frames.map(({ width, height }) => `${width}x${height}`), Array(4).fill("64x96"));
    assertEquals(
      difference(frames[3]?.pixels as Uint8Array, expected.subarray(3 * 9216, 4 * 9216)),
      undefined,
    );
  }));

Deno.test("openSource() scales a stream that changes its size to that of its first frame", () =>
  inFolder(async (folder) => {
    const args = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-f", "mpegts"];
    await makeClip(`${folder}/a.ts`, "96x64", 3, ...args);
    await makeClip(`${folder}/b.ts`, "64x48", 3, ...args, "-output_ts_offset", "1");
    const path = `${folder}/both.ts`;
    const parts = await Promise.all(["a", "b"].map((name) => Deno.readFile(`${folder}/${name}.ts`)));
    await Deno.writeFile(path, new Uint8Array(parts.flatMap((part) => [...part])));
    const { frames, error } = await takeAll(path);
    assertEquals(error, undefined);
    assertEquals(frames.map(({ width, height }) => `${width}x${height}`), Array(6).fill("96x64"));
    assertEquals(frames.map(({ pixels }) => pixels.length), Array(6).fill(96 * 64 * 1.5));
  }));

Deno.test("openSource() tells the colour of a video: as tagged, else by its height", async (t) => {
  const cases: [string, string, string[], string, string][] = [
    ["untagged, small", "64x48", [], "bt601", "limited"],
    ["untagged, 720 lines", "64x720", [], "bt709", "limited"],
    ["tagged BT.709", "64x48", ["-colorspace", "bt709", "-color_range", "tv"], "bt709", "limited"],
    ["tagged BT.601", "64x720", ["-colorspace", "smpte170m", "-color_range", "tv"], "bt601", "limited"],
  ];
  for (const [name, size, tags, matrix, range] of cases) {
    await t.step(name, () =>
      inFolder(async (folder) => {
        const path = `${folder}/clip.mp4`;
        await makeClip(path, size, 1, "-pix_fmt", "yuv420p", "-c:v", "libx264", ...tags);
        const source = await openSource(path);
        for await (const frame of source) {
          assert(!isSkipped(frame));
          assertEquals(frame.colour, { matrix, range }, `${name}, ${size}`);
        }
      }));
  }
});

for (const format of ["yuvj420p", "yuv444p", "yuv420p10le", "gray"]) {
  Deno.test(`openSource() gives a white picture as white (${format})`, () =>
    inFolder(async (folder) => {
      const path = `${folder}/white.mkv`;
      const codec = format === "yuvj420p" ? ["-c:v", "mjpeg", "-q:v", "1"] : ["-c:v", "ffv1"];
      await ffmpeg(
        ...["-f", "lavfi", "-i", "color=white:size=32x32:rate=5", "-frames:v", "1", "-pix_fmt", format],
        ...[...codec, path],
      );
      const source = await openSource(path);
      let count = 0;
      for await (const frame of source) {
        assert(!isSkipped(frame));
        count++;
        const white = frame.colour.range === "full" ? 255 : 235;
        assertEquals(frame.colour.range, format === "yuvj420p" ? "full" : "limited");
        for (const at of [0, 500, 1023]) {
          assertAlmostEquals(frame.data[at] as number, white, 2, `luma ${at} of ${format}`);
        }
        assertAlmostEquals(frame.data[1100] as number, 128, 2, `chroma of ${format}`);
      }
      assertEquals(count, 1);
    }));
}

Deno.test("openSource() converts RGB video to BT.709", () =>
  inFolder(async (folder) => {
    const path = `${folder}/green.mkv`;
    await ffmpeg(
      ...["-f", "lavfi", "-i", "color=0x00ff00:size=32x32:rate=5", "-frames:v", "1", "-pix_fmt", "bgr0"],
      ...["-c:v", "ffv1", path],
    );
    const source = await openSource(path);
    for await (const frame of source) {
      assert(!isSkipped(frame));
      assertEquals(frame.colour, { matrix: "bt709", range: "limited" });
      // Green in BT.709: Y 173, U 42, V 26.
      const [y, u, v] = [frame.data[0], frame.data[1024], frame.data[1024 + 256]] as [number, number, number];
      assertAlmostEquals(y, 173, 2);
      assertAlmostEquals(u, 42, 2);
      assertAlmostEquals(v, 26, 2);
    }
  }));

Deno.test("openSource() delivers what a cut video holds, then says where it broke off", async (t) => {
  for (const name of ["clip.mp4", "clip.mkv"]) {
    await t.step(name, () =>
      inFolder(async (folder) => {
        const path = `${folder}/${name}`;
        const encode = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-g", "5", "-movflags", "+faststart"];
        await makeClip(path, "320x240", 40, ...encode);
        const { size } = await Deno.stat(path);
        await Deno.truncate(path, Math.floor(size * 0.6));
        const { frames, error } = await takeAll(path);
        assert(error instanceof SourceError, `${name}: ${error}`);
        assert(frames.length > 5 && frames.length < 40, `${frames.length} frames of a cut ${name}`);
        assertStringIncludes(error.message, path);
        assertStringIncludes(error.message, `it broke off after ${frames.length} frames`);
        assertStringIncludes(error.message, "ends in the middle of its data");
        assert(!error.message.includes("\n"), error.message);
      }));
  }
});

Deno.test("openSource() gives one clear error for what is no video", async (t) => {
  const failing = (name: string, make: (folder: string) => Promise<string>, ...expected: string[]) =>
    t.step(name, () =>
      inFolder(async (folder) => {
        const path = await make(folder);
        const error = await assertRejects(() => openSource(path), SourceError);
        for (const text of [path, ...expected]) assertStringIncludes(error.message, text);
        assert(!error.message.includes("\n") && error.message.length < 400, error.message);
      }));
  const write = async (path: string, content: string | Uint8Array) => {
    if (typeof content === "string") await Deno.writeTextFile(path, content);
    else await Deno.writeFile(path, content);
    return path;
  };
  await failing(
    "missing",
    (f) => Promise.resolve(`${f}/none.mp4`),
    "there is no such file",
    "check the path",
  );
  await failing("empty", (f) => write(`${f}/empty.mp4`, ""), "empty (0 bytes)");
  await failing(
    "text named mp4",
    (f) => write(`${f}/text.mp4`, "hello\n".repeat(99)),
    "is missing",
    "no mp4",
  );
  await failing("text", (f) => write(`${f}/notes.md`, "hello\n".repeat(99)), "no video that ffmpeg knows");
  await failing("long text", (f) => write(`${f}/notes.txt`, "hello\n".repeat(9999)), "as video");
  const noise = crypto.getRandomValues(new Uint8Array(5000)).map((v) => v & 0x7f | 0x80);
  await failing("noise", (f) => write(`${f}/noise.mkv`, noise), "as video");
  await failing("an mp4 without its index", async (f) => {
    await makeClip(`${f}/clip.mp4`, "64x48", 30);
    await Deno.truncate(`${f}/clip.mp4`, 3000);
    return `${f}/clip.mp4`;
  }, "the index of the mp4 (moov atom) is missing");
  await failing("audio only", async (f) => {
    await ffmpeg("-f", "lavfi", "-i", "sine=duration=0.2", `${f}/sound.wav`);
    return `${f}/sound.wav`;
  }, "no video stream (audio pcm_s16le)");
});

Deno.test("openSource() says how to install ffmpeg where there is none", () =>
  inFolder(async (folder) => {
    const path = `${folder}/clip.mp4`;
    await makeClip(path, "64x48", 2);
    for (const programs of [{ ffprobe: `${folder}/no-ffprobe` }, { ffmpeg: `${folder}/no-ffmpeg` }]) {
      const error = await assertRejects(() => openSource(path, programs), SourceError);
      for (
        const text of ["not installed", "apt-get install ffmpeg", "brew install ffmpeg", "winget install"]
      ) {
        assertStringIncludes(error.message, text);
      }
    }
  }));

Deno.test({
  name: "close() in the middle of a video leaves no process behind",
  fn: () =>
    inFolder(async (folder) => {
      const path = `${folder}/clip.mp4`;
      await makeClip(path, "320x240", 200);
      const source = await openSource(path, { buffers: 3 });
      let count = 0;
      for await (const frame of source) {
        assert(!isSkipped(frame));
        if (Deno.build.os === "linux") assertEquals((await childFfmpegs()).length, 1);
        frame.release();
        if (++count === 2) break;
      }
      if (Deno.build.os === "linux") assertEquals(await childFfmpegs(), []);
      await source.close();
      const again = await openSource(path);
      await again.close();
      if (Deno.build.os === "linux") assertEquals(await childFfmpegs(), []);
    }),
});

Deno.test("a released frame has no pixels, and its memory comes back in a later frame", () =>
  inFolder(async (folder) => {
    const path = `${folder}/clip.mp4`;
    await makeClip(path, "320x240", 300);
    const buffers = 4;
    const source = await openSource(path, { buffers });
    let count = 0, held = 0;
    const before = Deno.memoryUsage().rss;
    for await (const frame of source) {
      assert(!isSkipped(frame));
      count++;
      held = Math.max(held, frame.data.buffer.byteLength);
      frame.release();
      frame.release();
      assertEquals(frame.data.length, 0);
    }
    assertEquals([count, held], [300, frameBytes("i420", 320, 240)]);
    // 300 frames of 115 KB are 35 MB; the ring is 0.5 MB.
    const grown = (Deno.memoryUsage().rss - before) / 2 ** 20;
    assert(grown < 20, `resident memory grew by ${grown.toFixed(1)} MB over 300 frames`);
  }));

Deno.test("a source waits for a consumer that holds all its frames", () =>
  inFolder(async (folder) => {
    const path = `${folder}/clip.mp4`;
    await makeClip(path, "64x48", 20);
    const source = await openSource(path, { buffers: 3 });
    const frames = source[Symbol.asyncIterator]();
    const held = [await frames.next(), await frames.next(), await frames.next()].map(({ value }) => value);
    let arrived = false;
    const fourth = frames.next().then((result) => {
      arrived = true;
      return result.value;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    assertEquals(arrived, false);
    held[1].release();
    assertEquals((await fourth).index, 3);
    await source.close();
    assertEquals(await frames.next(), { value: undefined, done: true });
  }));

Deno.test("several next() at once get the frames in order", () =>
  inFolder(async (folder) => {
    const path = `${folder}/clip.mp4`;
    await makeClip(path, "64x48", 4);
    const frames = (await openSource(path))[Symbol.asyncIterator]();
    const results = await Promise.all([1, 2, 3, 4, 5].map(() => frames.next()));
    assertEquals(results.map(({ value, done }) => done ? "end" : value.index), [0, 1, 2, 3, "end"]);
  }));
