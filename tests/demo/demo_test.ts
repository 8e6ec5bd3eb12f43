import { assertEquals, assertGreaterOrEqual, assertMatch, assertStringIncludes } from "@std/assert";
import { demo } from "../../src/demo/demo.ts";
import { StreetScene } from "../../src/demo/scene.ts";
import { SceneScore } from "../../src/demo/score.ts";
import { Canvas } from "../../src/demo/canvas.ts";
import type { DetectionRecord } from "../../src/vision/detection.ts";

Deno.test("the demo finds what its scene shows, on the GPU, and writes video and JSON lines", async () => {
  const folder = await Deno.makeTempDir({ prefix: "framewise-demo-" });
  try {
    const lines: string[] = [];
    const args = ["--network", "signals", "--frames", "6", "--seed", "3", "--output", folder];
    assertEquals(await demo(args, { print: (line) => lines.push(line) }), 0);
    const printed = lines.join("\n");
    assertStringIncludes(printed, "network: signals (as asked)");
    assertStringIncludes(printed, "6 frames");
    assertStringIncludes(printed, "created in loop: 0 buffers, 0 bind groups, 0 pipelines, 0 modules");
    assertMatch(printed, /recall \d\.\d+, precision \d\.\d+/);
    assertStringIncludes(printed, `${folder}/demo.mp4`);

    const text = await Deno.readTextFile(`${folder}/demo.jsonl`);
    const records = text.trim().split("\n").map((line) => JSON.parse(line) as DetectionRecord);
    assertEquals(records.map(({ frame }) => frame), [0, 1, 2, 3, 4, 5]);
    const labels = (await Deno.readTextFile("models/signals/labels.txt")).trim().split("\n");
    const scene = new StreetScene(3), canvas = new Canvas(768, 432), score = new SceneScore(labels);
    for (const { frame, detections } of records) score.add(scene.draw(canvas, frame), detections);
    const { recall, precision } = score.total();
    assertGreaterOrEqual(recall, 0.9, JSON.stringify(score.classes()));
    assertGreaterOrEqual(precision, 0.95, JSON.stringify(score.classes()));

    const probe = await new Deno.Command("ffprobe", {
      args: [
        "-v",
        "error",
        "-count_frames",
        "-show_entries",
        "stream=width,height,nb_read_frames",
        "-of",
        "csv=p=0",
      ]
        .concat(`${folder}/demo.mp4`),
    }).output();
    assertEquals(new TextDecoder().decode(probe.stdout).trim(), "768,432,6");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the demo refuses options that it does not know", async () => {
  assertEquals(await demo(["--network", "resnet"]), 2);
  assertEquals(await demo(["--frames", "0"]), 2);
  assertEquals(await demo(["--colour", "red"]), 2);
  assertEquals(await demo(["clip.mp4"]), 2);
});
