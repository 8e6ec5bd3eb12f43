import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { worldCommand } from "../../src/cli/world_command.ts";
import { readWorldOptions } from "../../src/cli/world_options.ts";
import { inProcess, isOneMessage } from "./command.ts";

Deno.test("readWorldOptions() reads what a drive, a lens and a camera need", () => {
  const options = readWorldOptions(
    "--scenario wrong-way --seed 7 --frames 30 --size 160x96 --light rain --out a.mp4 --fov 90 --distortion -0.1,0.01 --shutter 0.5 --fast"
      .split(" "),
  )!;
  assertEquals(options.out, "a.mp4");
  assertEquals(options.frames, 30);
  assertEquals(options.world, {
    scenario: "wrong-way",
    seed: 7,
    frames: 30,
    width: 160,
    height: 96,
    density: 1,
    smooth: false,
    light: "rain",
    fieldDegrees: 90,
    k1: -0.1,
    k2: 0.01,
    effects: { shutter: 0.5 },
    random: { group: 1, alike: false },
  });
});

Deno.test("wrong options of world are told in one line, with exit code 2", async () => {
  for (
    const [args, expected] of [
      ["", /nothing to write/],
      ["--out a.mp4 --scenario moon", /--scenario is "moon"; there are two-laps/],
      ["--out a.mp4 --light noon", /day, dusk, rain/],
      ["--out a.mp4 --size 320", /write it as 320x240/],
      ["--out a.mp4 --distortion a,b", /-0.1,0/],
      ["--out a.mp4 --frames 0", /--frames/],
      ["--out a --truth a", /two outputs/],
      ["--out a.mp4 --group 2", /--group is for --scenario random/],
      ["--out a.mp4 --alike", /--alike is for --scenario random/],
      ["--out a.mp4 --scenario random --camera walk", /--camera/],
      ["in.mp4 --out a.mp4", /nothing to read/],
    ] as const
  ) {
    const { code, err } = await inProcess(() => worldCommand(args.split(" ").filter(Boolean)));
    assertEquals(code, 2, args);
    assertMatch(err, expected);
    assert(isOneMessage(err, "framewise world"), err);
  }
});

Deno.test("world writes raw frames, truth, depths and numbers that fit together", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = (name: string): string => `${folder}/${name}`;
    const args = [
      "--scenario",
      "random",
      "--seed",
      "5",
      "--frames",
      "3",
      "--size",
      "64x48",
      "--fast",
      "--quiet",
    ];
    const outputs = [
      "--out",
      file("f.rgb"),
      "--truth",
      file("t.jsonl"),
      "--depths",
      file("d.f32"),
      "--ids",
      file("i.u16"),
    ];
    const { code, err } = await inProcess(() => worldCommand([...args, ...outputs]));
    assertEquals([code, err], [0, ""]);
    assertEquals((await Deno.readFile(file("f.rgb"))).length, 3 * 64 * 48 * 3);
    const depths = new Float32Array((await Deno.readFile(file("d.f32"))).buffer);
    const ids = new Uint16Array((await Deno.readFile(file("i.u16"))).buffer);
    assertEquals([depths.length, ids.length], [3 * 64 * 48, 3 * 64 * 48]);
    const lines = (await Deno.readTextFile(file("t.jsonl"))).trim().split("\n").map((line) =>
      JSON.parse(line)
    );
    assertEquals(lines.map(({ frame }) => frame), [0, 1, 2]);
    let boxes = 0;
    for (const { frame, objects } of lines) {
      for (const { id, box: [x1, y1, x2, y2], pixels } of objects) {
        boxes++;
        let inside = 0;
        for (let y = y1; y < y2; y++) {
          for (let x = x1; x < x2; x++) if (ids[frame * 64 * 48 + y * 64 + x] === id) inside++;
        }
        assertEquals(inside, pixels, `frame ${frame}, thing ${id}`);
      }
    }
    assertGreater(boxes, 3);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("world writes a folder of images and a video", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const args = ["--frames", "2", "--size", "64x48", "--fast", "--out"];
    const images = await inProcess(() => worldCommand([...args, `${folder}/images`]));
    assertEquals(images.code, 0, images.err);
    assertMatch(images.out, /2 frames of 64x48/);
    assertEquals([...Deno.readDirSync(`${folder}/images`)].map(({ name }) => name).sort(), [
      "frame-000000.png",
      "frame-000001.png",
    ]);
    const video = await inProcess(() => worldCommand([...args, `${folder}/v.mp4`, "--quiet"]));
    assertEquals([video.code, video.out, video.err], [0, "", ""]);
    assertGreater((await Deno.stat(`${folder}/v.mp4`)).size, 500);
    const other = await inProcess(() => worldCommand([...args, `${folder}/v.gif`]));
    assertEquals(other.code, 2);
    const missing = await inProcess(() =>
      worldCommand([...args, `${folder}/v.mp4`, "--truth", `${folder}/no/t.jsonl`])
    );
    assertEquals(missing.code, 1);
    assertMatch(missing.err, /Cannot write/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
