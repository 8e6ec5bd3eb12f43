import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { demo } from "../../src/demo/demo.ts";
import { type DriveRecord, SHOWN_SCORE } from "../../src/demo/drive_record.ts";
import { LOOP_STATUSES } from "../../src/place/loop/result.ts";
import { KINDS } from "../../src/world/kinds.ts";
import { isOneMessage, type Outcome } from "../cli/command.ts";
import { ffprobe, inFolder } from "../video/media.ts";

const FRAMES = 40;
/** A sixth of the frames, as the demo has it. */
const GAP = Math.round(FRAMES / 6);

/** Runs the demo in a process of its own. */
async function runDemo(args: readonly string[], env: Record<string, string>): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "src/demo/main.ts", ...args],
    cwd: new URL("../../", import.meta.url),
    env,
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

Deno.test("the demo drives, detects and recognises, and leaves a video, JSON lines and a page", async () => {
  await inFolder(async (outer) => {
    const folder = `${outer}/not/there/yet`, lines: string[] = [];
    const args = ["--frames", String(FRAMES), "--seed", "3", "--output", folder];
    assertEquals(await demo(args, { print: (line) => lines.push(line) }), 0, lines.join("\n"));
    const printed = lines.join("\n");
    assertStringIncludes(printed, `${FRAMES} frames in `);
    assertStringIncludes(printed, "0 GPU objects made on the way");
    assertMatch(printed, /objects: mAP50 [01]\.\d{3} against the town's truth/);
    for (const name of ["demo.mp4", "demo.jsonl", "demo.html"]) {
      assertStringIncludes(printed, `${folder}/${name}`);
    }

    const text = await Deno.readTextFile(`${folder}/demo.jsonl`);
    const records = text.trim().split("\n").map((line) => JSON.parse(line) as DriveRecord);
    assertEquals(records.map(({ frame }) => frame), Array.from({ length: FRAMES }, (_, i) => i));
    for (const { frame, width, height, detections, place } of records) {
      assertEquals([width, height], [320, 240]);
      for (const { label, score, box: [x1, y1, x2, y2] } of detections) {
        const what = `frame ${frame}: ${label} ${score} at ${[x1, y1, x2, y2]}`;
        assert(KINDS.some((name) => name === label) && score >= SHOWN_SCORE && score <= 1, what);
        assert(x1 >= 0 && y1 >= 0 && x2 <= width && y2 <= height && x1 < x2 && y1 < y2, what);
      }
      assert(LOOP_STATUSES.includes(place.status), `frame ${frame}: ${place.status}`);
      for (const id of [place.match, ...place.candidates.map(([id]) => id)]) {
        if (id !== undefined) assert(frame - id >= GAP, `frame ${frame}: ${id} is too near`);
      }
    }
    const [, revisits, recognised, missed, wrong] = printed.match(
      /of (\d+) frames at a place seen before, (\d+) recognised, (\d+) not; (\d+) taken/,
    )!.map(Number);
    assertEquals(recognised! + missed!, revisits);
    // The whole second lap is a revisit, but for frames whose view something hides.
    assert(revisits! >= FRAMES / 2 - 4, printed);
    assertEquals(recognised! + wrong!, records.filter(({ place }) => place.status === "loop").length);

    const shape = ["-count_frames", "-show_entries", "stream=width,height,nb_read_frames", "-of", "csv=p=0"];
    assertEquals(await ffprobe(`${folder}/demo.mp4`, ...shape), [`1280,720,${FRAMES}`]);

    const page = await Deno.readTextFile(`${folder}/demo.html`);
    assert(page.startsWith("<!doctype html>") && page.trimEnd().endsWith("</html>"));
    assertLess(page.length, 5e6);
    const outside = [...page.matchAll(/\b(?:src|href)="([^"]*)"/g)].map(([, to]) => to!)
      .filter((to) => !to.startsWith("data:"));
    assertEquals(outside, ["demo.mp4", "demo.jsonl"], "all that it shows is in it");
    assert([...page.matchAll(/data:image\/jpeg/g)].length >= 6, "frames with objects are shown");
    assertStringIncludes(page, `<svg class="map"`);
    assertStringIncludes(page, `<svg class="matrix"`);
    assert(!/NaN|undefined|Infinity/.test(page.replace(/base64,[^"]*/g, "")), "every number is one");
  });
});

Deno.test("the demo refuses options that it does not know", async () => {
  for (
    const args of [["--network", "resnet"], ["--frames", "0"], ["--frames", "7"], ["--seed", "x"], [
      "clip.mp4",
    ]]
  ) {
    const errors: string[] = [];
    assertEquals(await demo(args, { printError: (line) => errors.push(line) }), 2, args.join(" "));
    assertStringIncludes(errors.join("\n"), "Usage:");
  }
});

Deno.test("the demo says so if its folder cannot be made", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const errors: string[] = [];
    const output = `${folder}/file/out`;
    assertEquals(await demo(["--output", output], { printError: (line) => errors.push(line) }), 1);
    assertEquals(errors, [
      `demo: Cannot make the folder "${output}": a part of its path is no folder; check the path; give another by --output`,
    ]);
  });
});

Deno.test("the demo says so if there is no ffmpeg, or no adapter, before it draws anything", async () => {
  await inFolder(async (folder) => {
    const args = ["--output", folder];
    const withoutFfmpeg = await runDemo(args, { PATH: folder });
    assertEquals(withoutFfmpeg.code, 1);
    assertStringIncludes(withoutFfmpeg.err, "ffmpeg");
    assert(isOneMessage(withoutFfmpeg.err, "demo"), withoutFfmpeg.err);
    // A backend that no machine but Windows has.
    const withoutAdapter = await runDemo(args, { DENO_WEBGPU_BACKEND: "dx12" });
    assertEquals(withoutAdapter.code, 1);
    assertStringIncludes(withoutAdapter.err, "adapter");
    assert(isOneMessage(withoutAdapter.err, "demo"), withoutAdapter.err);
  });
});
