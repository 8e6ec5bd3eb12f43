import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { CATALOGUE } from "../../src/cli/catalogue.ts";
import type { ModelInfo } from "../../src/cli/info_command.ts";
import { main } from "../../src/cli/mod.ts";
import type { DetectionRecord } from "../../src/vision/detection.ts";
import { inProcess, isOneMessage } from "../cli/command.ts";
import { sharedPath, testWithShared } from "../support/shared.ts";
import { ffprobe, inFolder } from "../video/media.ts";

async function infoOf(path: string): Promise<ModelInfo> {
  const { code, out, err } = await inProcess(() => main(["info", path, "--json"]));
  assertEquals([code, err], [0, ""], path);
  return JSON.parse(out);
}

testWithShared(
  "framewise info describes every network of the catalogue, all supported",
  "models",
  async (folder) => {
    for (const { name, file, bytes, embedded } of CATALOGUE) {
      const info = await infoOf(embedded ? name : `${folder}/${file}`);
      assertEquals(info.name, name);
      assertEquals(info.unsupported, [], name);
      assert(info.plan !== undefined && info.plan.multiplyAdds > 1e6, name);
      // Nearly all of a file is its weights, four bytes each.
      assert(
        info.weightBytes <= bytes && info.weightBytes > bytes * 0.75,
        `${name}: ${info.weightBytes} of ${bytes}`,
      );
      assertEquals(info.weightBytes, info.parameters * 4, name);
    }
  },
);

/** MobileNet v1's pairs of a depthwise and a 1x1 convolution: channels in, channels out, stride (Howard et al., 2017, table 1). */
const MOBILENET = [
  ...[[32, 64, 1], [64, 128, 2], [128, 128, 1], [128, 256, 2], [256, 256, 1], [256, 512, 2]],
  ...Array.from({ length: 5 }, () => [512, 512, 1]),
  ...[[512, 1024, 2], [1024, 1024, 1]],
] as [number, number, number][];

testWithShared(
  "framewise info counts MobileNet's multiply-adds as its paper does",
  "models/mobilenet-v1-1.0-224-embed.onnx",
  async (path) => {
    let size = 112;
    let expected = size * size * 27 * 32;
    for (const [inputs, outputs, stride] of MOBILENET) {
      size /= stride;
      expected += size * size * (9 * inputs + inputs * outputs);
    }
    assertEquals(expected, 567_716_352);
    assertEquals((await infoOf(path)).plan!.multiplyAdds, expected);
  },
);

testWithShared(
  "framewise detect refuses a network that is no detector, by name",
  "models",
  async (folder) => {
    for (const file of ["mobilenet-v1-0.25-128.onnx", "xfeat-640.onnx"]) {
      const { code, err } = await inProcess(() =>
        main(["detect", "any.jpg", "--model", `${folder}/${file}`])
      );
      assertEquals(code, 1);
      assertMatch(
        err,
        /"(mobilenet-v1-0.25|xfeat)" is no detector: .*; choose one that "framewise models" lists/,
      );
      assert(isOneMessage(err, "framewise detect"), err);
    }
  },
);

testWithShared("framewise detect refuses a truncated network", "models/yunet-n-320.onnx", async (path) => {
  await inFolder(async (folder) => {
    const whole = await Deno.readFile(path);
    for (const length of [1, 100, 5000, whole.length - 1]) {
      await Deno.writeFile(`${folder}/cut.onnx`, whole.subarray(0, length));
      const { code, err } = await inProcess(() =>
        main(["detect", "any.jpg", "--model", `${folder}/cut.onnx`])
      );
      assertEquals(code, 1, err);
      assertMatch(err, /^framewise detect: Cannot read the ONNX model "\S*cut\.onnx": /, `${length} bytes`);
      assert(isOneMessage(err, "framewise detect"), err);
    }
  });
});

testWithShared("framewise detect finds the cars of a real video", "clips/highway.mp4", async (clip) => {
  const model = sharedPath("models/yolox-nano-416.onnx");
  assert(model !== undefined, "the clip is there, the network is not");
  await inFolder(async (folder) => {
    const outputs = ["--json", `${folder}/o.jsonl`, "--video", `${folder}/o.mp4`];
    const { code, out, err } = await inProcess(() =>
      main([
        "detect",
        clip,
        "--model",
        model,
        ...outputs,
        "--limit",
        "4",
        "--strict",
        "--classes",
        "car,truck",
      ])
    );
    assertEquals([code, err], [0, ""]);
    assertStringIncludes(out, "created in loop: 0 buffers, 0 bind groups, 0 pipelines, 0 modules");
    const lines = (await Deno.readTextFile(`${folder}/o.jsonl`)).trimEnd().split("\n");
    const records: DetectionRecord[] = lines.map((line) => JSON.parse(line));
    assertEquals(records.map(({ frame, width, height }) => [frame, width, height]), [
      ...[0, 1, 2, 3].map((frame) => [frame, 1280, 720]),
    ]);
    for (const { frame, detections } of records) {
      assert(
        detections.some(({ label, score }) => label === "car" && score > 0.5),
        `no car in frame ${frame}`,
      );
      for (const { label, box: [x1, y1, x2, y2] } of detections) {
        assert(["car", "truck"].includes(label), label);
        assert(0 <= x1 && x1 < x2 && x2 <= 1280 && 0 <= y1 && y1 < y2 && y2 <= 720, `${[x1, y1, x2, y2]}`);
      }
    }
    assertEquals(
      await ffprobe(`${folder}/o.mp4`, "-show_entries", "frame=width,height"),
      Array(4).fill("1280,720"),
    );
  });
});

testWithShared(
  "framewise detect takes a network with free dimensions in a size that it is told",
  "images/voc85",
  async (images) => {
    const model = sharedPath("models/yunet-n-dynamic.onnx");
    assert(model !== undefined, "the images are there, the network is not");
    const run = (...input: string[]) =>
      inProcess(() =>
        main(["detect", images, "--model", model, "--limit", "2", "--quiet", "--strict", ...input])
      );
    assertEquals(await run("--input", "320x256"), { code: 0, out: "", err: "" });
    const { code, err } = await run("--input", "100x130");
    assertEquals(code, 1);
    assertMatch(err, /input of 100x130/);
  },
);
