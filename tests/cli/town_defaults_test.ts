import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/mod.ts";
import type { DetectionRecord } from "../../src/vision/detection.ts";
import { inFolder } from "../video/media.ts";
import { inProcess, runFramewise } from "./command.ts";
import { writeWalk } from "./walk_images.ts";

function linesOf<T>(text: string): T[] {
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("framewise detect without --model takes town-detector, with its task's permissions, and says so in one line", async () => {
  await inFolder(async (folder) => {
    await writeWalk(`${folder}/walk`, 2);
    const { code, out, err } = await runFramewise([
      "detect",
      `${folder}/walk`,
      "--json",
      `${folder}/o.jsonl`,
    ]);
    assertEquals(code, 0, err);
    assertMatch(
      err,
      /^framewise detect: --model is not given: taking town-detector, which comes with Framewise and was trained on drawn scenes alone; --model names another\n$/,
    );
    assertMatch(out, /^network: \S*town-detector\.onnx, yolox head, input 320x256$/m);
    assertEquals(linesOf<DetectionRecord>(await Deno.readTextFile(`${folder}/o.jsonl`)).length, 2);
    const named = await inProcess(() => main(["detect", `${folder}/walk`, "--model", "town-detector"]));
    assertEquals([named.code, named.err], [0, ""]);
    const quiet = await inProcess(() =>
      main(["detect", `${folder}/walk`, "--quiet", "--classes", "car,sign"])
    );
    assertEquals(quiet, { code: 0, out: "", err: "" });
  });
});

Deno.test("framewise loops without networks takes those that come with Framewise, and says so in one line", async () => {
  await inFolder(async (folder) => {
    await writeWalk(`${folder}/walk`, 4);
    const map = ["--map", `${folder}/map`];
    const first = await runFramewise(["loops", `${folder}/walk`, ...map, "--strict"]);
    assertEquals(first.code, 0, first.err);
    assertMatch(
      first.err,
      /^framewise loops: --embed, --features and --vocabulary are not given: taking town-place, town-features and town-words, which come with [^\n]*\n$/,
    );
    for (
      const part of ["town-place.onnx, input 160x120", "town-features.onnx, ", "vocabulary: town-words, "]
    ) {
      assertStringIncludes(first.out, part);
    }
    // Named, they are the same: the map knows them.
    const named = ["--embed", "town-place", "--features", "town-features", "--vocabulary", "town-words"];
    const again = await inProcess(() => main(["loops", `${folder}/walk`, ...map, ...named, "--quiet"]));
    assertEquals(again, { code: 0, out: "", err: "" });
    // With one of them named, the others are not there.
    const alone = await inProcess(() => main(["loops", `${folder}/walk`, "--embed", "town-place"]));
    assertEquals([alone.code, alone.err], [0, ""]);
    assertEquals(alone.out.includes("town-features"), false);
  });
});

Deno.test("framewise info and vocabulary info know what comes with Framewise by name", async () => {
  for (const name of ["town-detector", "town-place", "town-features"]) {
    const { code, out } = await inProcess(() => main(["info", name]));
    assertEquals(code, 0, out);
    assertStringIncludes(out, `${name}.onnx (${name} of the catalogue)`);
    assertStringIncludes(out, "unsupported: nothing");
  }
  const words = await inProcess(() => main(["vocabulary", "info", "town-words"]));
  assertEquals([words.code, words.err], [0, ""]);
  assertStringIncludes(words.out, "descriptors of 32 floats");
});
