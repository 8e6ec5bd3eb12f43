import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { CatalogueError } from "../../src/cli/catalogue.ts";
import { classIds, openDetectionModel, parseInputOption } from "../../src/cli/detection_model.ts";
import { UsageError } from "../../src/cli/failure.ts";
import { HeadError } from "../../src/detect/heads/mod.ts";
import { GraphError } from "../../src/ops/error.ts";
import { node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";
import { tinyDetector } from "../support/tiny_detector.ts";
import { inFolder } from "../video/media.ts";

async function withModel(
  bytes: Uint8Array,
  test: (path: string, folder: string) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const path = `${folder}/net.onnx`;
    await Deno.writeFile(path, bytes);
    await test(path, folder);
  });
}

Deno.test("openDetectionModel() recognises an unknown file by its outputs, and feeds it as its family is", async () => {
  await withModel(tinyDetector(), async (path) => {
    const model = await openDetectionModel(path, {});
    assertEquals(model.head, { family: "yolox", output: "output", classes: 1 });
    assertEquals(model.input, { width: 32, height: 32 });
    assertEquals(model.treatment, { fit: "letterbox-top-left", fill: 114, channels: "bgr" });
    assertEquals(model.labels, ["class 0"]);
  });
});

Deno.test("openDetectionModel() takes what it is told over what it guesses", async () => {
  await withModel(tinyDetector(), async (path, folder) => {
    await Deno.writeTextFile(`${folder}/names.txt`, "square\n");
    const hints = { family: "yolox", input: "32x32,stretch,rgb,mean=1:2:3", labels: `${folder}/names.txt` };
    const model = await openDetectionModel(path, hints);
    assertEquals(model.treatment, { fit: "stretch", fill: 114, channels: "rgb", mean: [1, 2, 3] });
    assertEquals(model.labels, ["square"]);
  });
});

Deno.test("openDetectionModel() opens the network that comes with Framewise by its name", async () => {
  const model = await openDetectionModel("town-detector", {});
  assertEquals([model.head.family, model.input.width, model.labels.length], ["yolox", 320, 5]);
});

Deno.test("openDetectionModel() says which hint is wrong", async () => {
  await withModel(tinyDetector(), async (path, folder) => {
    await Deno.writeTextFile(`${folder}/two.txt`, "a\nb\n");
    await Deno.writeTextFile(`${folder}/none.txt`, "\n");
    const cases: [Parameters<typeof openDetectionModel>[1], new (message: string) => Error, string][] = [
      [{ family: "frob" }, UsageError, `--family is "frob"; there are yolox, fastestdet`],
      [{ family: "yunet" }, HeadError, `"cls_8" is missing; leave --family out`],
      [{ input: "frob" }, UsageError, `--input: "frob" is unknown; give WxH`],
      [{ input: "mean=a" }, UsageError, `--input: "mean=a" must be a number`],
      [{ input: "64x64" }, GraphError, `input "images" takes [1, 3, 32, 32], but [1, 3, 64, 64] was given`],
      [{ labels: `${folder}/two.txt` }, UsageError, "has 2 labels, the network 1 classes"],
      [{ labels: `${folder}/none.txt` }, CatalogueError, "has no label in it"],
      [{ labels: `${folder}/missing.txt` }, CatalogueError, "there is no such file"],
    ];
    for (const [hints, kind, message] of cases) {
      await assertRejects(() => openDetectionModel(path, hints), kind, message, JSON.stringify(hints));
    }
  });
});

Deno.test("openDetectionModel() refuses a network that is no detector", async () => {
  const bytes = onnxModel({
    inputs: [tensorInfo("x", "f32", [1, 3, 8, 8])],
    outputs: [tensorInfo("y", "f32", [1, 3, 8, 8])],
    nodes: [node("Relu", ["x"], ["y"])],
  });
  await withModel(bytes, async (path) => {
    const error = await assertRejects(() => openDetectionModel(path, {}), HeadError);
    assertStringIncludes(error.message, "no head fits the outputs y [1, 3, 8, 8] of an input of 8x8");
    assertStringIncludes(error.message, "--family");
  });
});

Deno.test("openDetectionModel() lists everything that is unsupported at once", async () => {
  const bytes = onnxModel({
    inputs: [tensorInfo("x", "f32", [1, 3, 8, 8])],
    outputs: [tensorInfo("y", "f32", [1, 3, 8, 8])],
    nodes: [
      node("Frobnicate", ["x"], ["a"], {}, { name: "first" }),
      node("Frobnicate", ["a"], ["b"]),
      node("Quux", ["b"], ["y"], {}, { name: "other", domain: "com.example" }),
    ],
    opsets: { "com.example": 1 },
  });
  await withModel(bytes, async (path) => {
    const error = await assertRejects(() => openDetectionModel(path, {}), GraphError);
    assertStringIncludes(error.message, "2 operators are unsupported");
    assertStringIncludes(
      error.message,
      `Frobnicate (operator set 13): no such operator here; 2 nodes, first "first"`,
    );
    assertStringIncludes(error.message, `com.example.Quux`);
  });
});

Deno.test("openDetectionModel() wants one image, of a size that is known or told", async () => {
  const model = (dims: (number | string)[][]): Uint8Array<ArrayBuffer> =>
    onnxModel({
      inputs: dims.map((one, i) => tensorInfo(`x${i}`, "f32", one)),
      outputs: [tensorInfo("y", "f32")],
      nodes: [node("Relu", ["x0"], ["y"])],
    });
  await withModel(model([[1, 3, 8, 8], [1, 3, 8, 8]]), async (path) => {
    await assertRejects(
      () => openDetectionModel(path, {}),
      UsageError,
      "this network takes x0 [1, 3, 8, 8], x1",
    );
  });
  await withModel(model([[1, 3, "height", "width"]]), async (path) => {
    await assertRejects(() => openDetectionModel(path, {}), UsageError, "give its size by --input WxH");
  });
});

Deno.test("classIds() takes names and numbers", () => {
  const labels = ["person", "traffic light", "car"];
  assertEquals(classIds("car, traffic light,0", labels), [2, 1, 0]);
  for (const names of ["Car", "3", "-1", "car,", ""]) {
    assertThrows(() => classIds(names, labels), UsageError, "there are person, traffic light, car");
  }
});

Deno.test("parseInputOption() reads size and treatment", () => {
  assertEquals(parseInputOption("640x480, center-crop, rgb, scale=0.5, std=1:2:3"), {
    size: { width: 640, height: 480 },
    treatment: { fit: "center-crop", channels: "rgb", scale: 0.5, std: [1, 2, 3] },
  });
  assertEquals(parseInputOption("bgr"), { size: undefined, treatment: { channels: "bgr" } });
  for (
    const text of [
      "",
      "640",
      "640x",
      "mean=",
      "mean=1:2",
      "gain=1",
      "std=0x",
      "std=0",
      "0x0",
      "mean=Infinity",
    ]
  ) {
    assertThrows(() => parseInputOption(text), UsageError, "--input", text);
  }
});
