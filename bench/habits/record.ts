/**
 * What the habits experiment writes down: a line about the run, a line a frame, a line about the end.
 *
 * @module
 */

/** The three ways to write the loop. */
export const HABITS = ["anew", "kept", "framewise"] as const;
/** One of the three ways. */
export type Habit = typeof HABITS[number];

/** What each way is, in a few words. */
export const HABIT_TITLES: Readonly<Record<Habit, string>> = {
  anew: "sessions made in the loop",
  kept: "sessions made once, nothing released",
  framewise: "Framewise: slots, stacks, strict",
};

/** The first line. */
export interface RunRecord {
  habit: Habit;
  frames: number;
  adapter: string;
  processor: string;
  processors: number;
  system: string;
  deno: string;
  date: string;
}

/** A frame. */
export interface FrameRecord {
  frame: number;
  /** Wall time since the result before (or the start). */
  ms: number;
  /** The search among the earlier descriptors: on the GPU's clock in `framewise`, else the host's part of it. */
  searchMs?: number;
  /** Bytes of GPU buffers and textures alive. */
  gpuBytes: number;
  /** Resident memory of the process. */
  residentBytes: number;
  /** The earlier frame most like this one, and how much, if there was one to compare with. */
  match?: number;
  score?: number;
}

/** The last line. */
export interface EndRecord {
  frames: number;
  seconds: number;
  /** GPU objects created during the loop. */
  created: number;
  /** Times that Framewise warned: of memory that no stack had room for, of buffers that were never destroyed. */
  warnings: number;
  /** Why it ended early. */
  stopped?: string;
}

/** All that one process wrote. */
export interface HabitRun {
  run: RunRecord;
  frames: FrameRecord[];
  end: EndRecord;
}

/** Writes a run as JSON lines. */
export async function writeRun(path: string, { run, frames, end }: HabitRun): Promise<void> {
  const rounded = frames.map((frame) => ({
    ...frame,
    ms: round(frame.ms, 3),
    ...(frame.searchMs !== undefined && { searchMs: round(frame.searchMs, 3) }),
    ...(frame.score !== undefined && { score: round(frame.score, 5) }),
  }));
  const lines = [run, ...rounded, { ...end, seconds: round(end.seconds, 2) }].map((line) =>
    JSON.stringify(line)
  );
  await Deno.writeTextFile(path, lines.join("\n") + "\n");
}

/** Reads what {@linkcode writeRun} wrote. @throws {Error} if the file is no whole run. */
export async function readRun(path: string): Promise<HabitRun> {
  const lines = (await Deno.readTextFile(path)).trim().split("\n").map((line) => JSON.parse(line));
  const [run, end] = [lines.at(0), lines.at(-1)];
  if (run?.habit === undefined || end?.seconds === undefined) {
    throw new Error(`Cannot read ${path}: it is not a whole run; run the habit again`);
  }
  return { run, frames: lines.slice(1, -1), end };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
