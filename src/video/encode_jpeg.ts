import { SinkError } from "../frame/frame.ts";
import type { Size } from "../vision/fit.ts";
import { type FfmpegPrograms, type LogLine, parseLogLine, readLines, shortReason, spawn } from "./ffmpeg.ts";

/**
 * Encodes one picture as JPEG, by ffmpeg.
 *
 * @param pixels red, green and blue of each pixel, row by row.
 * @throws {SinkError} if ffmpeg cannot.
 * @throws {ProgramError} if it is not there.
 */
export async function encodeJpeg(
  pixels: Uint8Array<ArrayBuffer>,
  { width, height }: Size,
  programs: FfmpegPrograms = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const child = spawn(programs.ffmpeg ?? "ffmpeg", [
    ...["-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+error", "-f", "rawvideo"],
    ...["-pixel_format", "rgb24", "-video_size", `${width}x${height}`, "-i", "pipe:0"],
    ...["-frames:v", "1", "-threads", "1", "-q:v", "3", "-c:v", "mjpeg", "-f", "image2pipe", "pipe:1"],
  ], { stdin: "piped", stdout: "piped", stderr: "piped" });
  const log: LogLine[] = [];
  const logged = readLines(child.stderr, (line) => {
    const parsed = parseLogLine(line);
    if (parsed !== undefined) log.push(parsed);
  });
  const output = new Response(child.stdout).arrayBuffer();
  const writer = child.stdin.getWriter();
  // A failed write shows in the status.
  await writer.write(pixels).catch(() => {});
  await writer.close().catch(() => {});
  const [bytes, status] = await Promise.all([output, child.status, logged]);
  if (!status.success || bytes.byteLength === 0) {
    const reason = shortReason(log, "picture") ?? `ffmpeg ended with code ${status.code}`;
    throw new SinkError(`Cannot encode a picture of ${width}x${height}: ${reason}`);
  }
  return new Uint8Array(bytes);
}
