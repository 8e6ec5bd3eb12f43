/**
 * Checks of outputs, made before any frame is processed.
 *
 * @module
 */

import { SinkError } from "../frame/frame.ts";
import { type FfmpegPrograms, ProgramError, run } from "./ffmpeg.ts";

/** The folder part of a path; `.` if there is none. */
export function folderOf(path: string): string {
  const at = Math.max(path.lastIndexOf("/"), Deno.build.os === "windows" ? path.lastIndexOf("\\") : -1);
  return at < 0 ? "." : at === 0 ? "/" : path.slice(0, at);
}

/** The last part of a path. */
export function nameOf(path: string): string {
  return path.replace(/[/\\]+$/, "").split(Deno.build.os === "windows" ? /[/\\]/ : "/").at(-1) ?? "";
}

/** Why a path cannot be written, in words; rethrows what is no file system error. */
export function writeProblem(error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) return "Deno was not given the permission; add --allow-write";
  if (error instanceof Deno.errors.PermissionDenied) {
    return "permission denied; check the rights of its folder";
  }
  if (error instanceof Deno.errors.NotFound) return "its folder does not exist; make it first";
  if (error instanceof Error) {
    const message = error.message.replace(/ \(os error \d+\).*$/s, "");
    if (/read-only file system/i.test(message)) return "the file system is read-only; write elsewhere";
    if (/no space left/i.test(message)) return "the disk is full; make room";
    if (/not a directory/i.test(message)) return "a part of its path is no folder; check the path";
    return message;
  }
  throw error;
}

/**
 * Makes sure that a file can be written, without changing it.
 *
 * @throws {SinkError} If it is a folder, or cannot be written.
 */
export async function checkWritable(path: string): Promise<void> {
  if (path === "") throw new SinkError(`Cannot write to a file without a name; give a path`);
  const before = await Deno.stat(path).catch(() => undefined);
  if (before?.isDirectory) {
    throw new SinkError(`Cannot write "${path}": it is a folder; give the name of a file`);
  }
  try {
    (await Deno.open(path, { write: true, create: true })).close();
    if (before === undefined) await Deno.remove(path);
  } catch (error) {
    throw new SinkError(`Cannot write "${path}": ${writeProblem(error)}`, { cause: error });
  }
}

/** Whether two paths are the same existing file or folder. */
export async function isSameFile(a: string, b: string): Promise<boolean> {
  const [pathA, pathB] = await Promise.all([a, b].map((path) => Deno.realPath(path).catch(() => undefined)));
  return pathA !== undefined && pathA === pathB;
}

/** What an ffmpeg can write. */
export interface Encoders {
  /** Version of ffmpeg. */
  version: string;
  /** Names of its encoders. */
  names: ReadonlySet<string>;
}

/** Asks ffmpeg for its version and encoders; a missing ffmpeg is a {@linkcode SinkError}. */
export async function findEncoders(programs: FfmpegPrograms): Promise<Encoders> {
  try {
    const program = programs.ffmpeg ?? "ffmpeg";
    const [list, banner] = await Promise.all([
      run(program, ["-hide_banner", "-loglevel", "error", "-encoders"]),
      run(program, ["-version"]),
    ]);
    const names = [...list.stdout.matchAll(/^ [A-Z.]{6} (\S+)/gm)].map(([, name]) => name ?? "");
    const version = /^ffmpeg version (\S+)/.exec(banner.stdout)?.[1] ?? "unknown";
    return { version, names: new Set(names) };
  } catch (error) {
    if (error instanceof ProgramError) throw new SinkError(error.message, { cause: error });
    throw error;
  }
}
