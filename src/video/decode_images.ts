/**
 * Images by ffmpeg, one process an image: every format that ffmpeg reads, orientation tags honoured. The pixels come
 * as PPM, whose head tells the size.
 *
 * @module
 */

import { defaultColour, frameBytes, SourceError } from "../frame/frame.ts";
import { ffmpegPath, isFailure, kill, type LogLine, parseLogLine } from "./ffmpeg.ts";
import { readLines, shortReason, spawn } from "./ffmpeg.ts";
import { Closed, fill, type Outlet } from "./outlet.ts";
import type { ImagesJob } from "./protocol.ts";

/** A decoded image, or why there is none. */
type Decoded = { width: number; height: number; buffer: ArrayBuffer; bytes: number } | { reason: string };

/** The arguments with which ffmpeg decodes one image to PPM. */
export function imageArguments(path: string): string[] {
  // A `%` in a name would be taken for a numbered series.
  const input = path.includes("%")
    ? ["-f", "image2", "-i", ffmpegPath(path.replaceAll("%", "%%"))]
    : ["-i", ffmpegPath(path)];
  return [
    ...["-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+error", ...input],
    // One thread: several images are decoded at a time anyway. The flags interpolate chroma instead of repeating it.
    ...["-map", "0:v:0", "-frames:v", "1", "-threads", "1"],
    ...["-vf", "scale=flags=bicubic+accurate_rnd+full_chroma_int,format=rgb24"],
    ...["-f", "image2pipe", "-c:v", "ppm", "pipe:1"],
  ];
}

/** Size and length of a binary PPM's head; undefined if it is not complete yet. */
export function parsePpmHead(
  bytes: Uint8Array,
): { width: number; height: number; length: number } | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, 64));
  const match = /^P6\s(\d+)\s(\d+)\s255\s/.exec(text);
  if (match === null) return undefined;
  return { width: Number(match[1]), height: Number(match[2]), length: match[0].length };
}

/** Whether a failure in the log spoils the picture; bad notes about the camera do not. */
function spoils(line: LogLine): boolean {
  return isFailure(line) && !/APP fields|EXIF|ICC|profile|metadata|orientation/i.test(line.text);
}

/** Decodes one image. The outlet's permit for it is held by the caller. */
async function decodeImage(path: string, program: string, outlet: Outlet): Promise<Decoded> {
  try {
    const file = await Deno.stat(path);
    if (file.isDirectory) return { reason: "it is a folder" };
    if (file.size === 0) return { reason: "the file is empty" };
  } catch (error) {
    return { reason: error instanceof Deno.errors.NotFound ? "there is no such file" : String(error) };
  }
  const child = spawn(program, imageArguments(path), { stdin: "null", stdout: "piped", stderr: "piped" });
  outlet.onClose(() => kill(child));
  const failures: LogLine[] = [];
  const log = readLines(child.stderr, (line) => {
    const parsed = parseLogLine(line);
    if (parsed !== undefined && spoils(parsed) && failures.length < 64) failures.push(parsed);
  });
  const reader = child.stdout.getReader({ mode: "byob" });
  let decoded: Decoded | undefined;
  try {
    let head = await fill(reader, new ArrayBuffer(64), 0, 16);
    let shape = parsePpmHead(new Uint8Array(head.buffer, 0, head.filled));
    while (shape === undefined && head.filled >= 16 && head.filled < 64) {
      const before = head.filled;
      head = await fill(reader, head.buffer, before, before + 1);
      if (head.filled === before) break;
      shape = parsePpmHead(new Uint8Array(head.buffer, 0, head.filled));
    }
    if (shape !== undefined) {
      const { width, height, length } = shape;
      const bytes = frameBytes("rgb24", width, height);
      const buffer = outlet.buffer(bytes);
      const already = Math.min(head.filled - length, bytes);
      new Uint8Array(buffer).set(new Uint8Array(head.buffer, length, already));
      const pixels = await fill(reader, buffer, already, bytes);
      if (pixels.filled === bytes) decoded = { width, height, buffer: pixels.buffer, bytes };
      else outlet.returnBuffer(pixels.buffer);
    }
  } finally {
    await reader.cancel().catch(() => {});
    await child.status;
    await log.catch(() => {});
  }
  if (decoded !== undefined && failures.length === 0) return decoded;
  if (decoded !== undefined && "buffer" in decoded) outlet.returnBuffer(decoded.buffer);
  return { reason: shortReason(failures, path) ?? "ffmpeg finds no picture in it" };
}

/** Decodes images, some ahead, and delivers them in order. The time of an image is its number. */
export async function decodeImages(job: ImagesJob, outlet: Outlet): Promise<void> {
  const results = job.paths.map(() => Promise.withResolvers<Decoded>());
  let done = 0;
  let wake = () => {};
  const launch = async () => {
    for (const [i, path] of job.paths.entries()) {
      await outlet.permit();
      while (i - done >= job.ahead && !outlet.closed) await new Promise<void>((resolve) => wake = resolve);
      if (outlet.closed) throw new Closed();
      results[i]?.resolve(decodeImage(path, job.ffmpeg, outlet));
    }
  };
  let delivered = 0;
  let lastReason = "";
  const deliver = async () => {
    for (const [i, path] of job.paths.entries()) {
      const decoded = await results[i]?.promise;
      if (decoded === undefined || outlet.closed) throw new Closed();
      if ("reason" in decoded) {
        lastReason = decoded.reason;
        outlet.returnPermit();
        if (job.single) {
          throw new SourceError(
            `Cannot read "${path}" as an image: ${lastReason}; check the file with an image viewer`,
          );
        }
        outlet.skip(path, lastReason);
      } else {
        const colour = { ...defaultColour(decoded.height), range: "full" as const };
        outlet.deliver({ timeSeconds: outlet.index, format: "rgb24", colour, name: path, ...decoded });
        delivered++;
      }
      done++;
      wake();
    }
  };
  const launched = launch().catch((error) => results.forEach(({ reject }) => reject(error)));
  for (const { promise } of results) promise.catch(() => {});
  outlet.onClose(() => wake());
  try {
    await deliver();
  } finally {
    if (done < job.paths.length) outlet.close();
    await launched;
    await Promise.allSettled(results.map(({ promise }) => promise));
  }
  if (delivered === 0) {
    const count = job.paths.length;
    throw new SourceError(
      `Cannot read any of the ${count} images (the last: ${lastReason}); check the files with an image viewer`,
    );
  }
}
