import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { openSource, SourceError } from "../../src/video/mod.ts";
import { difference } from "./media.ts";

/** Reads stdin in a process of its own and prints what came, one JSON line. */
const READER = `
import { takeAll } from ${JSON.stringify(new URL("./media.ts", import.meta.url).href)};
const result = await takeAll("-", JSON.parse(Deno.args[0])).catch((error) => ({ frames: [], skipped: [], error }));
console.log(JSON.stringify({
  frames: result.frames.map(({ time, pixels }) => ({ time, pixels: [...pixels] })),
  skipped: result.skipped,
  error: result.error?.name + ": " + result.error?.message,
}));`;

interface ReadResult {
  frames: { time: number; pixels: number[] }[];
  skipped: { index: number; name: string; reason: string }[];
  error: string;
}

async function read(input: Uint8Array<ArrayBuffer>, options: unknown): Promise<ReadResult> {
  const program = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(program, READER);
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--config", config, program, JSON.stringify(options)],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(input);
    await writer.close();
    const { stdout } = await child.output();
    return JSON.parse(new TextDecoder().decode(stdout)) as ReadResult;
  } finally {
    await Deno.remove(program);
  }
}

Deno.test("openSource() takes raw frames from stdin and reports a partial last one", async () => {
  const input = Uint8Array.from({ length: 3 * 24 + 5 }, (_, i) => i);
  const options = { size: { width: 4, height: 2 }, format: "rgb24", frameRate: 10, buffers: 2 };
  const { frames, skipped } = await read(input, options);
  assertEquals(frames.map(({ time }) => time), [0, 0.1, 0.2]);
  const pixels = frames.flatMap((frame) => frame.pixels);
  assertEquals(difference(new Uint8Array(pixels), input.subarray(0, 72)), undefined);
  assertEquals(skipped.map(({ index, name }) => [index, name]), [[3, "stdin"]]);
  assertStringIncludes(skipped[0]?.reason ?? "", "stdin ended after 5 of the 24 bytes of this frame");
});

Deno.test("openSource() says why stdin gives no frame", async () => {
  const options = { size: { width: 5, height: 3 }, format: "i420" };
  const nothing = await read(new Uint8Array(0), options);
  assertStringIncludes(
    nothing.error,
    "SourceError: Cannot read stdin as frames of 5x3 i420 (27 bytes): it is empty",
  );
  const part = await read(new Uint8Array(20), options);
  assertStringIncludes(part.error, "stdin ended after 20 of the 27 bytes");
});

Deno.test("openSource() refuses raw frames of no known shape", async () => {
  const refused = async (options: Parameters<typeof openSource>[1], text: string) => {
    const error = await assertRejects(() => openSource("-", options), SourceError);
    assertStringIncludes(error.message, text);
  };
  await refused({}, "give --size WIDTHxHEIGHT");
  await refused({ size: { width: 0, height: 4 } }, "0x4");
  await refused({ size: { width: 4.5, height: 4 } }, "4.5x4");
  await refused({ size: { width: 4, height: 4 }, format: "yuyv" as "i420" }, `"yuyv"; give i420, nv12`);
  await refused({ size: { width: 4, height: 4 }, frameRate: 0 }, "0 frames per second");
  await refused({ size: { width: 4, height: 4 }, buffers: 1 }, "1 buffers");
});
