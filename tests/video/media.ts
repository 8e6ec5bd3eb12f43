/** Small clips and images for tests, made by ffmpeg when they are needed, and ffmpeg's own decode as the reference. */

import { isSkipped, openSource, type SkippedFrame, type SourceOptions } from "../../src/video/mod.ts";

/** Runs ffmpeg; throws what it said if it failed. Returns its standard output. */
export async function ffmpeg(...args: string[]): Promise<Uint8Array<ArrayBuffer>> {
  const command = new Deno.Command("ffmpeg", {
    args: ["-hide_banner", "-nostdin", "-loglevel", "error", "-y", ...args],
    stdout: "piped",
    stderr: "piped",
  });
  const { success, stdout, stderr } = await command.output();
  if (!success) throw new Error(`ffmpeg ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return stdout;
}

/** Asks ffprobe about the video stream of a file; one line a value or frame. */
export async function ffprobe(path: string, ...args: string[]): Promise<string[]> {
  const command = new Deno.Command("ffprobe", {
    args: ["-v", "error", "-select_streams", "v:0", ...args, "-of", "csv=p=0", path],
  });
  const { stdout } = await command.output();
  const lines = new TextDecoder().decode(stdout).split("\n");
  return lines.map((line) => line.replace(/,+$/, "").trim()).filter((line) => line !== "");
}

/** Makes a clip of a moving test picture. */
export async function makeClip(path: string, size: string, frames: number, ...args: string[]): Promise<void> {
  await ffmpeg(
    ...["-f", "lavfi", "-i", `testsrc2=size=${size}:rate=25`, "-frames:v", String(frames)],
    ...(args.length > 0 ? args : ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast"]),
    path,
  );
}

/** Runs a test in a folder of its own, which is removed afterwards. */
export async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "framewise-test-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What came out of a source. */
export interface Taken {
  /** Times, sizes and copies of the pixels of all frames. */
  frames: { index: number; time: number; width: number; height: number; name?: string; pixels: Uint8Array }[];
  /** Frames that were skipped. */
  skipped: SkippedFrame[];
  /** The error in which the stream ended. */
  error?: Error;
}

/** Reads a source to its end. An error while opening is thrown, one on the way is returned. */
export async function takeAll(spec: string, options: SourceOptions = {}): Promise<Taken> {
  const source = await openSource(spec, options);
  const taken: Taken = { frames: [], skipped: [] };
  try {
    for await (const item of source) {
      if (isSkipped(item)) {
        taken.skipped.push(item);
        continue;
      }
      const { index, timeSeconds: time, width, height, name } = item;
      const pixels = item.data.slice();
      taken.frames.push({ index, time, width, height, pixels, ...(name === undefined ? {} : { name }) });
      item.release();
    }
  } catch (error) {
    taken.error = error as Error;
  }
  return taken;
}

/** Where two byte arrays differ first, in words; undefined if they are the same. */
export function difference(a: Uint8Array, b: Uint8Array): string | undefined {
  if (a.length !== b.length) return `${a.length} bytes and ${b.length} bytes`;
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? undefined : `byte ${at} is ${a[at]} and ${b[at]}`;
}

/** Ids of the ffmpeg processes that this process has started and that still run; Linux only. */
export async function childFfmpegs(): Promise<number[]> {
  const found: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await Deno.readTextFile(`/proc/${name}/stat`).catch(() => "");
    const [, program, parent] = /^\d+ \((.*)\) \S+ (\d+)/.exec(stat) ?? [];
    if (program === "ffmpeg" && Number(parent) === Deno.pid) found.push(Number(name));
  }
  return found;
}
