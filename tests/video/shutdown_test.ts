import { assert, assertEquals } from "@std/assert";
import { ffprobe, inFolder, makeClip } from "./media.ts";

const mod = new URL("../../src/video/mod.ts", import.meta.url).href;
const config = new URL("../../deno.json", import.meta.url).pathname;

/** Annotates a clip slowly, and ends in order after a Ctrl-C. Prints one line a frame. */
const ANNOTATE = `
import { isSkipped, JsonLinesSink, openSource, VideoSink } from ${JSON.stringify(mod)};
const [input, video, json] = Deno.args;
let stop = false;
Deno.addSignalListener("SIGINT", () => stop = true);
const source = await openSource(input, { buffers: 3 });
const sinks = [await VideoSink.open(video, { frameRate: 25 }), await JsonLinesSink.open(json)];
for await (const frame of source) {
  if (isSkipped(frame)) throw new Error(frame.reason);
  for (const sink of sinks) await sink.write(frame, []);
  frame.release();
  console.log(frame.index);
  if (stop) break;
  await new Promise((resolve) => setTimeout(resolve, 20));
}
for (const sink of sinks) await sink.close();
Deno.exit(0);`;

Deno.test("a Ctrl-C, which reaches the whole process group, leaves playable files with all frames", {
  ignore: Deno.build.os === "windows",
}, () =>
  inFolder(async (folder) => {
    await makeClip(`${folder}/in.mp4`, "160x120", 1000);
    await Deno.writeTextFile(`${folder}/annotate.ts`, ANNOTATE);
    const [video, json] = [`${folder}/out.mp4`, `${folder}/out.jsonl`];
    // Detached, so that the child leads a process group that can be signalled as a terminal does it.
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        "--config",
        config,
        `${folder}/annotate.ts`,
        `${folder}/in.mp4`,
        video,
        json,
      ],
      stdout: "piped",
      detached: true,
    }).spawn();
    const reader = child.stdout.getReader();
    let printed = "";
    const decoder = new TextDecoder();
    let signalled = false;
    while (true) {
      const { value, done } = await reader.read();
      if (done) break;
      printed += decoder.decode(value);
      if (!signalled && printed.split("\n").length > 10) {
        signalled = true;
        Deno.kill(-child.pid, "SIGINT");
      }
    }
    const { code } = await child.status;
    assertEquals(code, 0, printed);
    const frames = printed.trim().split("\n").length;
    assert(signalled && frames >= 10 && frames < 1000, `${frames} frames`);
    assertEquals(await ffprobe(video, "-count_frames", "-show_entries", "stream=nb_read_frames"), [
      String(frames),
    ]);
    assertEquals((await Deno.readTextFile(json)).trim().split("\n").length, frames);
  }));

Deno.test("JsonLinesSink ends quietly when nobody reads its standard output", {
  ignore: Deno.build.os === "windows",
}, () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/print.ts`,
      `import { JsonLinesSink } from ${JSON.stringify(mod)};
const sink = await JsonLinesSink.open("-");
let index = 0;
while (!sink.ended && index < 1e6) {
  await sink.write({ index, timeSeconds: index / 25, width: 8, height: 8 }, []);
  index++;
}
await sink.close();
console.error(sink.ended && index < 1e6 ? "ended early" : "wrote all");`,
    );
    const command =
      `"${Deno.execPath()}" run -A --no-check --config "${config}" "${folder}/print.ts" | head -n 2`;
    const { stdout, stderr } = await new Deno.Command("sh", { args: ["-c", command] }).output();
    const decoder = new TextDecoder();
    assertEquals(decoder.decode(stdout).split("\n").length, 3);
    assertEquals(decoder.decode(stderr).trim(), "ended early");
  }));
