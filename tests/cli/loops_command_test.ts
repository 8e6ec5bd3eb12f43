import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { LoopRecord } from "../../src/cli/loop_record.ts";
import { main } from "../../src/cli/mod.ts";
import { tinyDetector } from "../support/tiny_detector.ts";
import { tinyEmbedding } from "../support/tiny_embedding.ts";
import { Random } from "../support/random.ts";
import { Walk, WALK_HEIGHT, WALK_LAP, WALK_WIDTH } from "../support/walk.ts";
import { ffprobe, inFolder } from "../video/media.ts";
import { framewise, inProcess, isOneMessage, type Outcome, runFramewise } from "./command.ts";
import { writeWalk } from "./walk_images.ts";

const loops = (...args: string[]): Promise<Outcome> => inProcess(() => main(["loops", ...args]));
const EMBED = ["--output", "layout", "--input", "stretch,rgb,std=255"];
/** A lap and a half: from frame 24 on the camera sees again what it saw. */
const FRAMES = 36;

/** Images `1.pgm` to `count.pgm`, and a network. */
async function setUp(folder: string, count = FRAMES): Promise<{ images: string; net: string[] }> {
  await writeWalk(`${folder}/walk`, count);
  await Deno.writeFile(`${folder}/net.onnx`, tinyEmbedding(["layout"]));
  return { images: `${folder}/walk`, net: ["--embed", `${folder}/net.onnx`, ...EMBED] };
}

function records(text: string): LoopRecord[] {
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

/** Of the frames that were there before, how many were taken for the frame of the lap before or one beside it. */
function rightOnes(found: readonly LoopRecord[]): number {
  return found.filter(({ frame, match }) => match !== undefined && Math.abs(frame - WALK_LAP - match) <= 1)
    .length;
}

Deno.test("framewise loops, from images to JSON lines, a map, a video and a page, with its task's permissions", async () => {
  await inFolder(async (folder) => {
    const { images, net } = await setUp(folder);
    await Deno.writeTextFile(
      `${folder}/truth.json`,
      JSON.stringify({
        pairs: Array.from({ length: FRAMES - WALK_LAP }, (_, i) => [WALK_LAP + 1 + i, 1 + i]),
      }),
    );
    const { code, out, err } = await runFramewise([
      ...["loops", images, ...net, "--features", "orb", "--max-features", "300", "--slots", "3", "--strict"],
      ...["--json", `${folder}/a.jsonl`, "--video", `${folder}/a.mp4`, "--report", `${folder}/a.html`],
      ...["--truth", `${folder}/truth.json`, "--map", `${folder}/map`],
    ]);
    assertEquals([code, err], [0, ""], err);
    assertStringIncludes(out, `${FRAMES} frames in `);
    assertStringIncludes(out, "created in loop: 0 buffers, 0 bind groups, 0 pipelines, 0 modules");
    assertStringIncludes(out, `map: ${folder}/map, ${FRAMES} frames (${FRAMES} of them new)`);
    const found = records(await Deno.readTextFile(`${folder}/a.jsonl`));
    assertEquals(found.map(({ frame, name }) => [frame, name]), found.map((_, i) => [i, `${i + 1}.pgm`]));
    assertEquals(found.length, FRAMES);
    for (const { frame, status, candidates, match, id, time_s } of found) {
      assertEquals([id, time_s], [undefined, undefined]);
      assertEquals(status === "too_recent", frame < 15, `frame ${frame}: ${status}`);
      assert(candidates.every(([other]) => other <= frame - 15) && candidates.length <= 10);
      assert(match === undefined || match <= frame - 15);
    }
    const lap = found.slice(WALK_LAP);
    const closed = lap.filter(({ status }) => status === "loop");
    assert(closed.length >= 6 && rightOnes(closed) === closed.length, JSON.stringify(lap));
    assert(
      closed.every(({ inliers, matches, similarity }) =>
        inliers! >= 20 && matches! >= inliers! && similarity! > 0.5
      ),
    );
    assertStringIncludes(
      out,
      `loops: ${found.filter(({ status }) => status === "loop").length} of ${FRAMES} frames`,
    );
    // Two panes side by side, a frame each second, as images have no times.
    const [size] = await ffprobe(`${folder}/a.mp4`, "-show_entries", "stream=width,height,nb_frames");
    assertEquals(size, `392,170,${FRAMES}`);
    const page = await Deno.readTextFile(`${folder}/a.html`);
    for (
      const part of [
        "data:image/png;base64,",
        "data:image/jpeg;base64,",
        `class="inliers"`,
        "average precision",
      ]
    ) {
      assertStringIncludes(page, part);
    }
    const own = page.replaceAll(/base64,[A-Za-z0-9+/=]+/g, "");
    assertEquals(
      /NaN|undefined|\[object|https?:\/\/(?!www\.w3\.org).*/.exec(own)?.[0],
      undefined,
      "it needs nothing else",
    );
  });
});

Deno.test("framewise loops goes on with a map, and looks frames up in it without adding any", async () => {
  await inFolder(async (folder) => {
    const { images, net } = await setUp(folder);
    const run = async (...args: string[]): Promise<{ out: string; err: string; found: LoopRecord[] }> => {
      const json = `${folder}/${crypto.randomUUID()}.jsonl`;
      const { code, out, err } = await loops(...net, "--map", `${folder}/map`, "--json", json, ...args);
      assertEquals(code, 0, err);
      return { out, err, found: records(await Deno.readTextFile(json)) };
    };
    const first = await run(images, "--limit", "24");
    assertStringIncludes(first.out, "24 frames (24 of them new)");
    // The second lap in a run of its own; the gap does not apply to what was there before.
    const second = [25, 26, 27, 28, 29, 30].map((number) => `${number}`).join(",");
    const again = await run(`${images}/{${second}}.pgm`, "--relocalise");
    assertStringIncludes(again.out, `map: ${folder}/map, 24 frames\n`);
    assertEquals(
      again.found.map(({ frame, id, match, match_name }) => [frame, id, match, match_name]).slice(0, 4),
      [
        [0, 24, 0, "1.pgm"],
        [1, 25, 1, "2.pgm"],
        [2, 26, 2, "3.pgm"],
        [3, 27, 3, "4.pgm"],
      ],
    );
    const added = await run(`${images}/{${second}}.pgm`);
    assertStringIncludes(added.out, "30 frames (6 of them new)");
    assertEquals(added.found[0]?.match, 0);
    // A run that was killed leaves the end of a file behind.
    await Deno.writeFile(`${folder}/map/frames.fwr`, new Uint8Array(70).fill(7), { append: true });
    const after = await run(`${images}/31.pgm`);
    assertStringIncludes(after.err, `the map "${folder}/map" was not closed: the last 1 frame (`);
    assertStringIncludes(after.err, "30 frames before are kept");
    assertStringIncludes(after.out, "31 frames (1 of them new)");
    // The page of a run that goes on shows it, and that a truth of other frames is none of it.
    await Deno.writeTextFile(`${folder}/few.json`, `{"pairs": [[25, 1]]}`);
    const html = `${folder}/a.html`;
    const both = ["--report", html, "--truth", `${folder}/few.json`, "--relocalise"];
    const shown = await loops(`${images}/{${second}}.pgm`, ...net, "--map", `${folder}/map`, ...both);
    assertEquals(shown.code, 1);
    assertStringIncludes(shown.err, "results against a map that was there before");
    assertStringIncludes(await Deno.readTextFile(html), "it is from an earlier run of the map");
    const results = `${folder}/results.jsonl`;
    await Deno.writeTextFile(results, again.found.map((record) => JSON.stringify(record)).join("\n"));
    await Deno.writeTextFile(`${folder}/truth.json`, `{"pairs": [[25, 1]]}`);
    const judged = await inProcess(() => main(["eval", "loops", results, "--truth", `${folder}/truth.json`]));
    assertEquals(judged.code, 1);
    assertStringIncludes(judged.err, "results against a map that was there before");
    await Deno.writeFile(`${folder}/other.onnx`, tinyEmbedding(["layout"], 6));
    const other = ["--embed", `${folder}/other.onnx`, ...EMBED];
    const refused = await loops(images, ...other, "--map", `${folder}/map`, "--json", `${folder}/x.jsonl`);
    assertEquals([refused.code, refused.out], [1, ""]);
    assertStringIncludes(refused.err, "it was made with the embedding network");
    assertEquals(refused.err.split("\n").length, 1);
  });
});

Deno.test("framewise loops remembers as many frames as it is told", async () => {
  await inFolder(async (folder) => {
    const { images, net } = await setUp(folder);
    const map = ["--map", `${folder}/map`];
    const { code, out, err } = await loops(images, ...net, ...map, "--remember", "30", "--quiet");
    assertEquals([code, out, err], [0, "", ""]);
    const told = await loops(`${images}/1.pgm`, ...net, ...map, "--remember", "30");
    assertStringIncludes(told.out, `${FRAMES + 1} frames (1 of them new), ${FRAMES + 1 - 30} forgotten`);
    const few = await loops(`${images}/1.pgm`, ...net, ...map, "--remember", "5");
    assertEquals(few.code, 1);
    assertStringIncludes(few.err, "Cannot remember 5 frames");
  });
});

Deno.test("framewise loops takes raw frames on stdin and gives JSON lines on stdout, and nothing else", async () => {
  await inFolder(async (folder) => {
    const { net } = await setUp(folder, 1);
    const walk = new Walk();
    const child = framewise(
      [
        ...[
          "loops",
          "-",
          "--size",
          `${WALK_WIDTH}x${WALK_HEIGHT}`,
          "--format",
          "gray8",
          "--rate",
          "10",
          ...net,
        ],
        ...["--json", "-", "--gap", "5", "--top", "3"],
      ],
      { stdin: "piped" },
    ).spawn();
    const writer = child.stdin.getWriter();
    for (let i = 0; i < 30; i++) await writer.write(walk.frame(i).data);
    await writer.close();
    const { code, stdout, stderr } = await child.output();
    const err = new TextDecoder().decode(stderr);
    assertEquals(code, 0, err);
    assertStringIncludes(err, "30 frames in ");
    const found = records(new TextDecoder().decode(stdout));
    assertEquals(
      found.map(({ frame, name, time_s }) => [frame, name, time_s]),
      found.map((_, i) => [i, undefined, i / 10]),
    );
    assert(found.every(({ frame, candidates }) => candidates.length === Math.max(0, Math.min(3, frame - 4))));
    assert(rightOnes(found.slice(WALK_LAP)) >= 5, JSON.stringify(found.slice(WALK_LAP)));
  });
});

Deno.test("framewise loops ends quietly when nobody reads its JSON lines any more", async () => {
  await inFolder(async (folder) => {
    const { net } = await setUp(folder, 1);
    const child = framewise(
      [
        "loops",
        "-",
        "--size",
        `${WALK_WIDTH}x${WALK_HEIGHT}`,
        "--format",
        "gray8",
        ...net,
        "--json",
        "-",
        "--quiet",
      ],
      { stdin: "piped" },
    ).spawn();
    const frame = new Walk().frame(0).data;
    const writer = child.stdin.getWriter();
    const writing = (async () => {
      for (;;) await writer.write(frame);
    })().catch(() => {});
    const reader = child.stdout.getReader();
    await reader.read();
    await reader.cancel();
    const { code } = await child.status;
    await writing;
    await writer.abort().catch(() => {});
    const err = await new Response(child.stderr).text();
    assertEquals([code, err], [0, ""]);
  });
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`framewise loops closes its map and its files at ${signal}`, async () => {
    await inFolder(async (folder) => {
      const { net } = await setUp(folder, 1);
      const map = ["--map", `${folder}/map`];
      const child = framewise(
        [
          ...["loops", "-", "--size", `${WALK_WIDTH}x${WALK_HEIGHT}`, "--format", "gray8", ...net, ...map],
          ...["--json", `${folder}/a.jsonl`, "--report", `${folder}/a.html`],
        ],
        { stdin: "piped" },
      ).spawn();
      const walk = new Walk();
      const writer = child.stdin.getWriter();
      const frames = walk.frames(30);
      // Until nobody reads any more.
      const writing = (async () => {
        for (let i = 0;; i++) await writer.write(frames[i % frames.length]!.data);
      })().catch(() => {});
      const lines = async (): Promise<number> =>
        (await Deno.readTextFile(`${folder}/a.jsonl`).catch(() => "")).split("\n").length - 1;
      for (let tries = 0; await lines() < 10; tries++) {
        assert(tries < 600, "no lines came");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      child.kill(signal);
      const [out, err, { code }] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
        child.status,
      ]);
      await writing;
      await writer.abort().catch(() => {});
      assertEquals([code, err], [0, ""]);
      assertStringIncludes(out, "stopped by a signal; what was written is complete");
      const done = await lines();
      assertStringIncludes(out, `map: ${folder}/map, ${done} frames (${done} of them new)`);
      assertStringIncludes(await Deno.readTextFile(`${folder}/a.html`), "</html>");
      assertEquals(records(await Deno.readTextFile(`${folder}/a.jsonl`)).length, done);
      const again = await loops(`${folder}/walk/1.pgm`, ...net, ...map);
      assertEquals([again.code, again.err], [0, ""], "the map was closed");
      assertStringIncludes(again.out, `${done + 1} frames (1 of them new)`);
    });
  });
}

Deno.test("framewise loops goes on with a map whose runs were killed, and loses no frame that was told of", async () => {
  await inFolder(async (folder) => {
    const { net } = await setUp(folder, 1);
    const map = ["--map", `${folder}/map`];
    const random = new Random(1);
    const frames = new Walk().frames(30);
    let least = 0;
    for (let round = 0; round < 4; round++) {
      const json = `${folder}/${round}.jsonl`;
      const child = framewise(
        [
          ...["loops", "-", "--size", `${WALK_WIDTH}x${WALK_HEIGHT}`, "--format", "gray8", ...net, ...map],
          ...["--json", json, "--quiet"],
        ],
        { stdin: "piped" },
      ).spawn();
      const writer = child.stdin.getWriter();
      const writing = (async () => {
        for (let i = 0;; i++) await writer.write(frames[i % frames.length]!.data);
      })().catch(() => {});
      const told = async (): Promise<LoopRecord[]> => {
        const text = await Deno.readTextFile(json).catch(() => "");
        return text === "" ? [] : records(text.slice(0, text.lastIndexOf("\n") + 1));
      };
      for (let tries = 0; (await told()).length === 0; tries++) {
        assert(tries < 600, "no lines came");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await new Promise((resolve) => setTimeout(resolve, random.int(0, 400)));
      child.kill("SIGKILL");
      const [, err] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      await child.status;
      await writing;
      await writer.abort().catch(() => {});
      // It may say that the run before was cut short, and nothing else.
      assert(err === "" || /^framewise loops: the map .* was not closed: .*\n$/.test(err), err);
      const lines = await told();
      const { id = 0 } = lines[0]!;
      assert(id >= least, `round ${round} begins with frame ${id}, and ${least} were told of`);
      least = id + lines.length;
    }
    const { code, out } = await loops(`${folder}/walk/1.pgm`, ...net, ...map);
    assertEquals(code, 0);
    const [, frameCount] = /map, ([\d,]+) frames \(1 of them new\)/.exec(out)!;
    assert(
      Number(frameCount!.replaceAll(",", "")) > least,
      `${frameCount} frames, and ${least} were told of`,
    );
  });
});

Deno.test("framewise loops goes on after a broken image, and counts it", async () => {
  await inFolder(async (folder) => {
    const { images, net } = await setUp(folder, 30);
    await Deno.writeTextFile(`${images}/3.pgm`, "this is no image");
    const { code, out, err } = await loops(images, ...net, "--json", `${folder}/a.jsonl`);
    assertEquals(code, 0, err);
    assertStringIncludes(err, `frame 2 (${images}/3.pgm) skipped: `);
    assertStringIncludes(out, "29 frames in ");
    const found = records(await Deno.readTextFile(`${folder}/a.jsonl`));
    // The map has one frame less from there on; `id` says so.
    assertEquals(found.slice(0, 4).map(({ frame, id }) => [frame, id]), [[0, undefined], [1, undefined], [
      3,
      2,
    ], [4, 3]]);
  });
});

Deno.test("framewise loops says in one message what is wrong", async () => {
  await inFolder(async (folder) => {
    const { images, net } = await setUp(folder, 2);
    await Deno.writeFile(`${folder}/detector.onnx`, tinyDetector());
    await Deno.writeFile(`${folder}/two.onnx`, tinyEmbedding(["embedding", "tokens"]));
    await Deno.writeTextFile(`${folder}/text.txt`, "Lorem ipsum");
    await Deno.writeTextFile(`${folder}/before.jsonl`, "before");
    await Deno.mkdir(`${folder}/nomap`);
    const features = ["--features", "orb"];
    const cases: [string[], number, string][] = [
      [["/nowhere/a.mp4", ...net], 1, "there is no such file or folder"],
      [[images, "--embed", "/nowhere/net.onnx"], 1, "there is no model file"],
      [[images, "--embed", "yunet"], 1, `the network "yunet" `],
      [[images, "--embed", `${folder}/two.onnx`], 1, "which of the network's outputs is the descriptor"],
      [[images, "--embed", `${folder}/two.onnx`, "--output", "x"], 1, `Cannot find the output "x"`],
      [[images, ...net, "--features", `${folder}/net.onnx`], 2, "finds no local features"],
      [[images, ...net, "--features", `${folder}/detector.onnx`], 2, "finds no local features"],
      [[images, ...net, "--whitening", `${folder}/text.txt`], 2, "Cannot load a whitening"],
      [[images, ...net, ...features, "--features-input", "big"], 2, "write the size it works in"],
      [[images, ...net, ...features, "--vocabulary", `${folder}/text.txt`], 1, "Cannot read vocabulary"],
      [[images, ...net, ...features, "--vocabulary", "/nowhere/v.fwv"], 1, "there is no such file"],
      [[images, ...net, "--map", `${folder}/nomap`, "--relocalise"], 1, "there is no map.json in it"],
      [[images, ...net, "--report", `${folder}/a.txt`], 2, "does not end in .html"],
      [[images, ...net, "--report", "/nowhere/a.html"], 1, "its folder does not exist"],
      [[images, ...net, "--report", `${folder}/a.html`, "--truth", `${folder}/text.txt`], 1, "it is no JSON"],
      [[images, ...net, "--video", `${folder}/a.xyz`], 2, "ends in no known kind"],
      [[images, ...net, "--decide", "support=-1"], 1, "support is -1"],
      [[images, ...net, "--pooling", "max"], 1, "a descriptor already"],
    ];
    for (const [args, expected, message] of cases) {
      const { code, out, err } = await loops(...args, "--json", `${folder}/before.jsonl`);
      assertEquals([code, out], [expected, ""], `${args.join(" ")}: ${err}`);
      assertStringIncludes(err, message);
      assert(isOneMessage(err, "framewise loops"), err);
      assertEquals(err.split("\n").length, expected, err);
    }
  });
});
