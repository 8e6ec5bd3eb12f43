import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { DETECT_USAGE, readDetectOptions } from "../../src/cli/detect_options.ts";
import { UsageError } from "../../src/cli/failure.ts";

const MODEL = ["--model", "net.onnx"];

Deno.test("readDetectOptions() fills in what is not told", () => {
  const options = readDetectOptions(["clip.mp4", ...MODEL])!;
  assertEquals(options.source, "clip.mp4");
  assertEquals(options.model, "net.onnx");
  assertEquals([options.scoreThreshold, options.iouThreshold, options.slots], [0.25, 0.45, 4]);
  assertEquals(options.limit, Infinity);
  assertEquals([options.agnostic, options.f16, options.strict, options.quiet], [false, false, false, false]);
  assertEquals([options.json, options.video, options.classes], [undefined, undefined, undefined]);
  assertEquals(options.raw, {});
});

Deno.test("readDetectOptions() needs no --model", () => {
  assertEquals(readDetectOptions(["clip.mp4"])!.model, undefined);
});

Deno.test("readDetectOptions() takes every option", () => {
  const options = readDetectOptions([
    ...["-", ...MODEL, "--json", "-", "--video", "out.mp4", "--conf", "0.5", "--iou", "0.6", "--agnostic"],
    ...["--classes", "person,car", "--slots", "8", "--limit", "10", "--strict", "--quiet", "--f16"],
    ...["--tune", "fast"],
    ...["--size", "640x480", "--format", "nv12", "--rate", "29.97"],
    ...["--family", "yolox", "--input", "416x416,bgr", "--labels", "names.txt"],
  ])!;
  assertEquals(options, {
    source: "-",
    model: "net.onnx",
    hints: { family: "yolox", input: "416x416,bgr", labels: "names.txt" },
    json: "-",
    video: "out.mp4",
    scoreThreshold: 0.5,
    iouThreshold: 0.6,
    agnostic: true,
    classes: "person,car",
    slots: 8,
    f16: true,
    limit: 10,
    tune: "fast",
    strict: true,
    quiet: true,
    raw: { size: { width: 640, height: 480 }, format: "nv12", frameRate: 29.97 },
  });
});

Deno.test("readDetectOptions() says what is wrong with the usage", () => {
  const cases: [string[], string][] = [
    [MODEL, "SOURCE is missing"],
    [["a.mp4", "--family", "yolox"], "--family goes with --model"],
    [["a.mp4", "--input", "64x64"], "--input goes with --model"],
    [["a.mp4", "--labels", "l.txt"], "--labels goes with --model"],
    [["a.mp4", "b.mp4", ...MODEL], `"b.mp4" is too much`],
    [["a.mp4", ...MODEL, "--slots", "0"], "--slots"],
    [["a.mp4", ...MODEL, "--slots", "65"], "--slots"],
    [["a.mp4", ...MODEL, "--limit", "1.5"], "--limit"],
    [["a.mp4", ...MODEL, "--iou", "-1"], "--iou"],
    [["a.mp4", ...MODEL, "--json", "o", "--video", "o"], "write to two files"],
    [["-", ...MODEL], "need --size"],
    [["-", ...MODEL, "--size", "640"], "write it as 640x480"],
    [["-", ...MODEL, "--size", "0x480"], "write it as 640x480"],
    [["-", ...MODEL, "--size", "4x4", "--format", "yuv"], "there are i420, nv12, rgb24"],
    [["-", ...MODEL, "--size", "4x4", "--rate", "0"], "--rate"],
  ];
  for (const [args, message] of cases) assertThrows(() => readDetectOptions(args), UsageError, message);
});

Deno.test("readDetectOptions() gives nothing when help is asked for; the help names every option", () => {
  assertEquals(readDetectOptions(["--help"]), undefined);
  const names =
    "json video conf iou agnostic classes slots limit strict quiet size format rate family input labels";
  for (const name of names.split(" ")) assertStringIncludes(DETECT_USAGE, `--${name}`);
});
