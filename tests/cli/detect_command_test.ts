import { assert, assertAlmostEquals, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/mod.ts";
import type { DetectionRecord } from "../../src/vision/detection.ts";
import { tinyDetector } from "../support/tiny_detector.ts";
import { ffmpeg, ffprobe, inFolder } from "../video/media.ts";
import { framewise, inProcess, isOneMessage, runFramewise } from "./command.ts";

/** What the tiny network needs to be told; one square of 32 pixels is one of its cells of 8. */
const TOLD = ["--input", "32x32,stretch,bgr"];
const [SIDE, SQUARE, TOP] = [128, 32, 64];

/** Four frames, over and over: a white square on black that goes a square to the right with each. */
async function encodeScene(
  folder: string,
  frames: number,
  ...output: string[]
): Promise<Uint8Array<ArrayBuffer>> {
  const pixels = new Uint8Array(4 * SIDE * SIDE);
  for (let frame = 0; frame < 4; frame++) {
    for (let y = TOP; y < TOP + SQUARE; y++) {
      const from = (frame * SIDE + y) * SIDE + frame * SQUARE;
      pixels.fill(255, from, from + SQUARE);
    }
  }
  await Deno.writeFile(`${folder}/scene.gray`, pixels);
  const input = [
    "-stream_loop",
    "-1",
    "-f",
    "rawvideo",
    "-pix_fmt",
    "gray",
    "-s",
    `${SIDE}x${SIDE}`,
    "-r",
    "25",
  ];
  return await ffmpeg(...input, "-i", `${folder}/scene.gray`, "-frames:v", String(frames), ...output);
}

/** The scene as an H.264 clip. */
async function makeScene(folder: string, frames: number, ...options: string[]): Promise<string> {
  const path = `${folder}/in.mp4`;
  const codec = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast"];
  await encodeScene(folder, frames, ...codec, ...options, path);
  return path;
}

/** A folder with the network and what the test makes. */
async function withNetwork(test: (folder: string, model: string[]) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/tiny.onnx`, tinyDetector());
    await Deno.writeTextFile(`${folder}/names.txt`, "square\n");
    await test(folder, ["--model", `${folder}/tiny.onnx`, ...TOLD, "--labels", `${folder}/names.txt`]);
  });
}

/** Where Deno keeps what it downloaded. */
async function denoFolder(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

function parseLines(text: string): DetectionRecord[] {
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** Every frame has the one square where it was drawn. */
function checkScene(records: readonly DetectionRecord[], frames: number): void {
  assertEquals(records.map(({ frame }) => frame), Array.from({ length: frames }, (_, i) => i));
  for (const { frame, time_s, width, height, detections } of records) {
    assertEquals([width, height], [SIDE, SIDE]);
    assertAlmostEquals(time_s, frame / 25, 1e-6);
    assertEquals(detections.length, 1, JSON.stringify(detections));
    const { class_id, label, score, box } = detections[0]!;
    const x = SQUARE * (frame % 4);
    assertEquals([class_id, label], [0, "square"]);
    assertEquals(box.map(Math.round), [x, TOP, x + SQUARE, TOP + SQUARE], `frame ${frame}`);
    assert(score > 0.9 && score <= 1, `frame ${frame}: ${score}`);
  }
}

Deno.test("framewise detect, from a video to JSON lines and an annotated video, with its task's permissions", async () => {
  await withNetwork(async (folder, model) => {
    await makeScene(folder, 30);
    const env = { ...Deno.env.toObject(), DENO_DIR: await denoFolder(), XDG_CACHE_HOME: `${folder}/cache` };
    Reflect.deleteProperty(env, "XDG_RUNTIME_DIR");
    const { code, out, err } = await runFramewise(
      [
        "detect",
        `${folder}/in.mp4`,
        ...model,
        "--json",
        `${folder}/o.jsonl`,
        "--video",
        `${folder}/o.mp4`,
        "--strict",
      ],
      { env, clearEnv: true },
    );
    assertEquals([code, err], [0, ""], "nothing on stderr: no prompt, no warning, no word of Mesa's");
    checkScene(parseLines(await Deno.readTextFile(`${folder}/o.jsonl`)), 30);
    if (Deno.build.os === "linux") {
      const { mode, isDirectory } = await Deno.stat(`${folder}/cache/framewise/runtime`);
      assertEquals([isDirectory, mode! & 0o777], [true, 0o700], "what Mesa is given is private");
    }
    assertEquals((await ffprobe(`${folder}/o.mp4`, "-show_entries", "frame=pts_time")).length, 30);
    assertMatch(
      out,
      /^network: .*tiny\.onnx, yolox head, input 32x32\nadapter: .+\n30 frames in \d+\.\d\d s, /,
    );
    for (const stage of ["decode", "upload", "readback", "post", "total"]) {
      assertMatch(out, new RegExp(`\\n${stage}( +[0-9.]+){3}  \\w`), out);
    }
    assertMatch(out, /\ngpu +/);
    assertMatch(out, /\nstack 3: high water .* of .*\n(.*\n)*fallbacks: 0\n/);
    assertStringIncludes(out, "\ncreated in loop: 0 buffers, 0 bind groups, 0 pipelines, 0 modules\n");
    assertStringIncludes(out, "\nfound in all frames: square 30\n");
  });
});

Deno.test("framewise detect takes raw frames on stdin and gives JSON lines on stdout, and nothing else", async () => {
  await withNetwork(async (folder, model) => {
    const raw = await encodeScene(folder, 6, "-f", "rawvideo", "-pix_fmt", "nv12", "pipe:1");
    const child = framewise(
      [
        "detect",
        "-",
        "--size",
        `${SIDE}x${SIDE}`,
        "--format",
        "nv12",
        ...model,
        "--json",
        "-",
        "--strict",
        "--quiet",
      ],
      { stdin: "piped" },
    ).spawn();
    const writer = child.stdin.getWriter();
    // The last frame is cut: told, and skipped.
    await writer.write(raw.subarray(0, raw.length - 100));
    await writer.close();
    const { code, stdout, stderr } = await child.output();
    assertEquals(code, 0);
    checkScene(parseLines(new TextDecoder().decode(stdout)), 5);
    assertMatch(new TextDecoder().decode(stderr), /^framewise detect: frame 5 \(stdin\) skipped: .*\n$/);
  });
});

Deno.test("framewise detect ends quietly when nobody reads its JSON lines any more", async () => {
  await withNetwork(async (folder, model) => {
    await makeScene(folder, 4000);
    const child = framewise(["detect", `${folder}/in.mp4`, ...model, "--json", "-", "--quiet"]).spawn();
    const reader = child.stdout.getReader();
    assertEquals((await reader.read()).done, false);
    await reader.cancel();
    const [{ code }, err] = await Promise.all([child.status, new Response(child.stderr).text()]);
    assertEquals([code, err], [0, ""]);
  });
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test({
    name: `framewise detect finishes its files at ${signal}`,
    ignore: Deno.build.os === "windows",
    fn: () =>
      withNetwork(async (folder, model) => {
        await makeScene(folder, 4000);
        const outputs = ["--json", `${folder}/o.jsonl`, "--video", `${folder}/o.mp4`];
        const child = framewise(["detect", `${folder}/in.mp4`, ...model, ...outputs]).spawn();
        const ended = child.output();
        const isThere = async (): Promise<boolean> => {
          const { size } = await Deno.stat(`${folder}/o.jsonl`).catch(() => ({ size: 0 }));
          return size > 0;
        };
        while (!await isThere()) await new Promise((resolve) => setTimeout(resolve, 20));
        child.kill(signal);
        const { code, stdout } = await ended;
        assertEquals(code, 0);
        const summary = new TextDecoder().decode(stdout);
        assertStringIncludes(summary, "stopped by a signal; what was written is complete");
        const records = parseLines(await Deno.readTextFile(`${folder}/o.jsonl`));
        assert(records.length > 0 && records.length < 4000, `${records.length} frames`);
        checkScene(records, records.length);
        const frames = await ffprobe(`${folder}/o.mp4`, "-show_entries", "frame=pts_time");
        assertEquals(frames.length, records.length);
        assertStringIncludes(summary, `\n${records.length} frame`);
      }),
  });
}

Deno.test("framewise detect goes on after a broken image, and takes images of any size under --strict", async () => {
  await withNetwork(async (folder, model) => {
    await Deno.mkdir(`${folder}/images`);
    const sizes = ["1x1", "300x200", "64x64", "1280x720"];
    for (const [i, size] of sizes.entries()) {
      await ffmpeg(
        "-f",
        "lavfi",
        "-i",
        `testsrc2=s=${size === "1x1" ? "2x2" : size}`,
        "-frames:v",
        "1",
        "-vf",
        size === "1x1" ? "format=gray,scale=1:1" : "null",
        `${folder}/images/${i}.png`,
      );
    }
    const whole = await Deno.readFile(`${folder}/images/3.png`);
    await Deno.writeFile(`${folder}/images/2.png`, whole.subarray(0, 5000));
    const { code, out, err } = await inProcess(() =>
      main(["detect", `${folder}/images`, ...model, "--json", `${folder}/o.jsonl`, "--strict"])
    );
    assertEquals(code, 0, err);
    assertMatch(err, /^framewise detect: frame 2 \(.*2\.png\) skipped: .+$/);
    assertStringIncludes(out, "\n1 frame skipped:\n  frame 2 (");
    const records = parseLines(await Deno.readTextFile(`${folder}/o.jsonl`));
    assertEquals(records.map(({ frame, width, height }) => [frame, `${width}x${height}`]), [
      ...[[0, "1x1"], [1, "300x200"], [3, "1280x720"]],
    ]);
  });
});

Deno.test("framewise detect --strict says how to prepare for large images", async () => {
  await withNetwork(async (folder, model) => {
    await Deno.mkdir(`${folder}/images`);
    for (const [i, size] of ["64x64", "2000x1500"].entries()) {
      await ffmpeg("-f", "lavfi", "-i", `testsrc2=s=${size}`, "-frames:v", "1", `${folder}/images/${i}.png`);
    }
    const strict = ["detect", `${folder}/images`, ...model, "--strict", "--quiet"];
    const failed = await inProcess(() => main(strict));
    assertEquals(failed.code, 1);
    assertMatch(
      failed.err,
      /^framewise detect: Frame 1 created GPU objects in a strict loop: \d buffers, .*--size WxH$/,
    );
    assertEquals(await inProcess(() => main([...strict, "--size", "2000x1500"])), {
      code: 0,
      out: "",
      err: "",
    });
  });
});

Deno.test("framewise detect keeps what came before a video broke off, and says so", async () => {
  await withNetwork(async (folder, model) => {
    const whole = await Deno.readFile(await makeScene(folder, 40, "-movflags", "faststart"));
    await Deno.writeFile(`${folder}/cut.mp4`, whole.subarray(0, Math.round(whole.length * 0.7)));
    const { code, out, err } = await inProcess(() =>
      main(["detect", `${folder}/cut.mp4`, ...model, "--json", `${folder}/o.jsonl`])
    );
    assertEquals(code, 1);
    assertMatch(
      err,
      /Cannot read ".*cut\.mp4" to its end: it broke off after \d+ frames of 40: .*what came before is kept/,
    );
    const { length } = parseLines(await Deno.readTextFile(`${folder}/o.jsonl`));
    assert(length > 0 && length < 40, `${length} frames`);
    assertStringIncludes(out, `\n${length} frame`);
  });
});

Deno.test("framewise detect says in one message what is wrong, before it needs a GPU", async () => {
  await withNetwork(async (folder, model) => {
    const at = (name: string): string => `${folder}/${name}`;
    const network = tinyDetector();
    await Deno.writeFile(at("truncated.onnx"), network.subarray(0, network.length >> 1));
    await Deno.writeFile(at("empty.onnx"), new Uint8Array(0));
    await Deno.writeFile(at("random.onnx"), crypto.getRandomValues(new Uint8Array(5000)));
    await ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64", "-frames:v", "1", at("image.jpg"));
    await Deno.writeTextFile(at("text.mp4"), "this is no video\n");
    await Deno.writeFile(at("empty.mp4"), new Uint8Array(0));
    await Deno.mkdir(at("empty"));
    const image = at("image.jpg");
    const cases: [string[], number, RegExp][] = [
      [[image, "--model", at("truncated.onnx")], 1, /"\S*truncated\.onnx": .*(damaged|incomplete)/],
      [[image, "--model", at("empty.onnx")], 1, /the file is empty \(0 bytes\)/],
      [[image, "--model", at("random.onnx")], 1, /"\S*random\.onnx"/],
      [[image, "--model", image], 1, /this is no ONNX model: it is a JPEG image/],
      [[image, "--model", at("missing.onnx")], 1, /there is no model file "\S*missing\.onnx"/],
      [[image, "--model", folder], 1, /is a folder, not a model file/],
      [[image, "--model", "yolox-nan"], 1, /did you mean "yolox-nano"/],
      [[at("text.mp4"), ...model], 1, /Cannot read "\S*text\.mp4" as video/],
      [[at("empty.mp4"), ...model], 1, /the file is empty \(0 bytes\)/],
      [[at("missing.mp4"), ...model], 1, /there is no such file or folder/],
      [[at("empty"), ...model], 1, /it holds no images/],
      [[at("*.webp"), ...model], 1, /nothing matches it/],
      [[image, ...model, "--classes", "square,circle"], 2, /no class "circle"; there are square/],
      [[image, ...model, "--json", at("missing/o.jsonl")], 1, /its folder does not exist/],
      [[image, ...model, "--json", folder], 1, /it is a folder/],
      [[image, ...model, "--video", at("missing/o.mp4")], 1, /its folder does not exist/],
      [[image, ...model, "--video", image], 2, /is the source itself/],
      [[image, ...model, "--json", image], 2, /is the source itself/],
      [[image, ...model, "--video", at("o.avi")], 2, /videos end in \.mp4.*images in \.png/],
      [[folder, ...model, "--video", folder], 2, /is the source itself/],
    ];
    for (const [args, expected, message] of cases) {
      const { code, out, err } = await inProcess(() => main(["detect", ...args]));
      const what = `${args.join(" ")}: ${err}`;
      assertEquals([code, out], [expected, ""], what);
      assertMatch(err, message, what);
      assert(isOneMessage(err, "framewise detect"), what);
    }
    assert((await Deno.stat(image)).size > 0, "the source is as it was");
  });
});

Deno.test("framewise detect refuses one image for many frames", async () => {
  await withNetwork(async (folder, model) => {
    await makeScene(folder, 3);
    const one = ["detect", `${folder}/in.mp4`, ...model, "--video", `${folder}/o.png`];
    const { code, err } = await inProcess(() => main(one));
    assertEquals(code, 2);
    assertStringIncludes(err, "has 3 frames; give a video or a folder");
    const limited = await inProcess(() => main([...one, "--limit", "1", "--quiet"]));
    assertEquals(limited, { code: 0, out: "", err: "" });
    assert((await Deno.stat(`${folder}/o.png`)).size > 0);
  });
});
