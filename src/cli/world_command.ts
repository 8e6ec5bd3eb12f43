/**
 * `framewise world`: frames of a town that Framewise draws, with their truth.
 *
 * @module
 */
import { type Frame, SinkError } from "../frame/frame.ts";
import { Device } from "../gpu/mod.ts";
import { ImageSink, VideoSink } from "../video/mod.ts";
import { idImage, truthRecord, WorldSource } from "../world/mod.ts";
import { reportFailure, UsageError } from "./failure.ts";
import { untilInterrupted } from "./interrupt.ts";
import { ProgressBar } from "./progress.ts";
import { readWorldOptions, WORLD_USAGE, type WorldCommandOptions } from "./world_options.ts";

const VIDEO_ENDINGS = ["mp4", "m4v", "mov", "mkv"];

/** Takes frames. */
interface Out {
  write(frame: Frame): Promise<void>;
  close(): Promise<void>;
}

/** Runs `framewise world ARGS`; returns the exit code. */
export async function worldCommand(args: readonly string[]): Promise<number> {
  try {
    const options = readWorldOptions(args);
    if (options) await draw(options);
    else console.log(WORLD_USAGE);
    return 0;
  } catch (error) {
    return reportFailure("framewise world", error, "see: framewise world --help");
  }
}

async function draw(options: WorldCommandOptions): Promise<void> {
  const { frames, quiet } = options;
  const warn = (message: string): void => void (quiet || console.error(`framewise world: ${message}`));
  await using stack = new AsyncDisposableStack();
  const adopt = <T extends { close(): Promise<void> }>(it: T): T => stack.adopt(it, (it) => it.close());
  const truthFile = options.truth === undefined ? undefined : adopt(await openBytes(options.truth));
  const depthFile = options.depths === undefined ? undefined : adopt(await openBytes(options.depths));
  const idFile = options.ids === undefined ? undefined : adopt(await openBytes(options.ids));
  const device = stack.use(await Device.request({ onWarning: warn }));
  const progress = new ProgressBar(frames, quiet);
  stack.defer(() => progress.clear());
  progress.say("preparing the town");
  const { width = 320, height = 240 } = options.world;
  const depths = new Float32Array(width * height), ids = new Uint16Array(width * height);
  const source = adopt(
    new WorldSource(device, {
      ...options.world,
      onPicture: (picture) => {
        if (depthFile) depths.set(picture.depths);
        if (idFile) idImage(picture, ids);
      },
    }),
  );
  const out = options.out === undefined
    ? undefined
    : adopt(await openOut(options.out, source.info.frameRate, frames));
  const encoder = new TextEncoder();
  const counts = new Map<string, number>();
  let [done, since] = [0, 0];
  await untilInterrupted(async (signal) => {
    for await (const frame of source) {
      const truth = source.truth(frame.index);
      for (const { label } of truth.boxes) counts.set(label, (counts.get(label) ?? 0) + 1);
      await truthFile?.write(encoder.encode(`${JSON.stringify(truthRecord(truth))}\n`));
      await depthFile?.write(new Uint8Array(depths.buffer));
      await idFile?.write(new Uint8Array(ids.buffer));
      await out?.write(frame);
      frame.release();
      // The first frame waits for the kernels.
      if (done++ === 0) since = performance.now();
      progress.update(done);
      if (signal.aborted) break;
    }
  });
  progress.clear();
  if (quiet) return;
  const rate = (done - 1) / (performance.now() - since) * 1000;
  const found = [...counts].sort(([, a], [, b]) => b - a).map(([label, count]) => `${label} ${count}`);
  const speed = done > 1 ? `, ${rate.toFixed(1)} a second` : "";
  console.log(`${source.info.name}: ${done} frames of ${width}x${height}${speed}`);
  console.log(`boxes in all frames: ${found.length > 0 ? found.join(", ") : "none"}`);
}

/** Where the frames go, by the name's ending. */
async function openOut(path: string, frameRate: number | undefined, frames: number): Promise<Out> {
  const isFolder = path.endsWith("/") || await Deno.stat(path).then((info) => info.isDirectory, () => false);
  const ending = isFolder ? undefined : /\.([^./\\]+)$/.exec(path)?.[1]?.toLowerCase();
  if (ending === "rgb") {
    const file = await openBytes(path);
    return { write: (frame) => file.write(frame.data), close: () => file.close() };
  }
  if (ending === undefined || (["png", "jpg", "jpeg"].includes(ending) && frames === 1)) {
    const sink = await ImageSink.open(path);
    return { write: (frame) => sink.write(frame, []), close: () => sink.close() };
  }
  if (!VIDEO_ENDINGS.includes(ending)) {
    throw new UsageError(
      `--out: "${path}" ends in no known kind; videos end in .${
        VIDEO_ENDINGS.join(", .")
      }, raw frames in .rgb, ` +
        `and a name without an ending is a folder of images`,
    );
  }
  const sink = await VideoSink.open(path, { frameRate });
  return { write: (frame) => sink.write(frame, []), close: () => sink.close() };
}

/** A file that bytes are appended to. */
async function openBytes(
  path: string,
): Promise<{ write(bytes: Uint8Array): Promise<void>; close(): Promise<void> }> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { write: true, create: true, truncate: true });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SinkError(`Cannot write "${path}": ${why}; does its folder exist, and may it be written?`, {
      cause,
    });
  }
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    },
    close() {
      file.close();
      return Promise.resolve();
    },
  };
}
