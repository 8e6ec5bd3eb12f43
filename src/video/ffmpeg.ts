/**
 * Running ffmpeg and ffprobe, and understanding what they say.
 *
 * Every child is started in a session of its own (`detached`), so that a Ctrl-C in the terminal reaches this process
 * only: it ends the children in order, and a file that is being written is finished first. If this process dies, the
 * children find their pipes closed and end by themselves.
 *
 * @module
 */

/** Which programs to run; by default those on the PATH. */
export interface FfmpegPrograms {
  /** The ffmpeg program. */
  ffmpeg?: string;
  /** The ffprobe program, which comes with ffmpeg. */
  ffprobe?: string;
}

/** The program is not there, or may not be run. The message says what to do. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
}

const INSTALL =
  "install it: on Debian or Ubuntu `apt-get install ffmpeg`, on macOS `brew install ffmpeg`, on Windows " +
  "`winget install Gyan.FFmpeg`";

/** Starts a program; throws a {@linkcode ProgramError} that says how to get it if it is not there. */
export function spawn(program: string, args: string[], options: Deno.CommandOptions): Deno.ChildProcess {
  try {
    return new Deno.Command(program, { ...options, args, detached: true }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new ProgramError(`Cannot run "${program}": it is not installed or not on the PATH; ${INSTALL}`);
    }
    if (error instanceof Deno.errors.NotCapable) {
      throw new ProgramError(
        `Cannot run "${program}": Deno was not given the permission; add --allow-run=ffmpeg,ffprobe`,
      );
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new ProgramError(`Cannot run "${program}": the file is not executable; check its permissions`);
    }
    throw error;
  }
}

/** Ends a child at once and waits until it is gone. */
export async function kill(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has already ended.
  }
  await child.status;
}

/** The path as ffmpeg must get it: never read as an option or as a protocol. URLs go through as they are. */
export function ffmpegPath(path: string): string {
  return isUrl(path) ? path : `file:${path}`;
}

/** Whether a source is a URL that ffmpeg opens by itself (`rtsp://`, `https://`, ...). */
export function isUrl(source: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(source);
}

/** How serious a line of ffmpeg's log is. */
export type LogLevel = "info" | "warning" | "error" | "fatal" | "panic";

/** One line of ffmpeg's log, as written under `-loglevel level+...`. */
export interface LogLine {
  /** Its level. */
  level: LogLevel;
  /** The part of ffmpeg that wrote it, for example `h264`; empty for the program itself. */
  component: string;
  /** What it says. */
  text: string;
}

const LOG_LINE = /^((?:\[[^\]]* @ [^\]]*\] ?)*)\[(info|warning|error|fatal|panic)\] (.*)$/;

/** Takes one line of the log apart; undefined for a continuation line. */
export function parseLogLine(line: string): LogLine | undefined {
  const match = LOG_LINE.exec(line);
  if (match === null) return undefined;
  const component = /\[([^\]]*?) @ [^\]]*\] ?$/.exec(match[1] ?? "")?.[1] ?? "";
  return { level: match[2] as LogLevel, component, text: (match[3] ?? "").trim() };
}

/** Whether a line reports a failure. */
export function isFailure(line: LogLine): boolean {
  return line.level === "error" || line.level === "fatal" || line.level === "panic";
}

/** What ffmpeg's own words mean to somebody who does not know it. */
const MEANINGS: [RegExp, string][] = [
  [
    /moov atom not found/i,
    "the index of the mp4 (moov atom) is missing: the recording or copy was cut off, or it is no mp4",
  ],
  [/overread \d+/i, "the JPEG ends in the middle of its data"],
  [/No JPEG data found/i, "there is no JPEG data in it"],
  [/chunk too big|PNG signature|inflate returned/i, "the PNG ends in the middle of its data or is damaged"],
  [/partial file/i, "the file ends in the middle of its data (partial file)"],
  [/File ended prematurely/i, "the file ends in the middle of its data"],
  [
    /^(.*: )?Invalid data found when processing input$/i,
    "it is no video that ffmpeg knows, or it is damaged",
  ],
];

/** Lines that only repeat that something failed before. */
const CONSEQUENCE =
  /^(Error while decoding|Cannot determine format|Error marking filters|Conversion failed|Nothing was written|Could not find codec parameters|Error opening input|Task finished|Terminating thread|Decode error rate|Decoding error|Error submitting)/i;

/** The failure lines of a log as one short reason, the most telling first; undefined if nothing failed. */
export function shortReason(lines: readonly LogLine[], path: string): string | undefined {
  const failures = lines.filter(isFailure);
  for (const [pattern, meaning] of MEANINGS) {
    if (failures.some(({ text }) => pattern.test(text) && !CONSEQUENCE.test(text))) return meaning;
  }
  const telling = failures.find((line) => !CONSEQUENCE.test(line.text)) ?? failures[0];
  if (telling === undefined) return undefined;
  const text = telling.text.replaceAll(ffmpegPath(path), "").replaceAll(path, "").replace(/^[:\s]+/, "");
  const reason = telling.component === "" ? text : `${telling.component}: ${text}`;
  return reason.length > 200 ? reason.slice(0, 197) + "..." : reason;
}

/** Reads a text stream line by line until it ends. Neither `\r` nor an endless line makes it grow. */
export async function readLines(
  stream: ReadableStream<Uint8Array>,
  online: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split(/\r?\n/);
    rest = lines.pop() ?? "";
    if (rest.length > 8192) rest = "";
    lines.forEach(online);
  }
  if (rest !== "") online(rest);
}

/** Runs a program to its end and returns its output; for short answers. */
export async function run(
  program: string,
  args: string[],
): Promise<{ code: number; stdout: string; log: LogLine[] }> {
  const child = spawn(program, args, { stdin: "null", stdout: "piped", stderr: "piped" });
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  const log = decoder.decode(stderr).split(/\r?\n/).map(parseLogLine).filter((line) => line !== undefined);
  return { code, stdout: decoder.decode(stdout), log };
}
