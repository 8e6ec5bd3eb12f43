/**
 * The figures of a run that are told in words.
 *
 * @module
 */
import { type FrameRecord, type Habit, HABIT_TITLES, type HabitRun } from "./record.ts";

/** Frames over which times are averaged for a picture: results of frames in flight arrive in bunches. */
export const WINDOW = 20;

/** One row of the table. */
export interface Summary {
  habit: Habit;
  title: string;
  frames: number;
  asked: number;
  seconds: number;
  /** Mean time of frames 11 to 110, and of the last hundred. */
  firstMs: number;
  lastMs: number;
  /** The part of `lastMs` that the search took, on the GPU's clock; in `framewise` only. */
  lastSearchMs: number | undefined;
  gpuBytes: number;
  residentBytes: number;
  created: number;
  stopped: string | undefined;
}

/** Sums a run up. The first frames, which compile the kernels in the two habits, are not in its means. */
export function summarise({ run, frames, end }: HabitRun): Summary {
  const last = frames.at(-1);
  if (!last) throw new Error(`Cannot sum up "${run.habit}": it has no frames`);
  const tail = frames.slice(-100);
  const search = tail.map(({ searchMs }) => searchMs).filter((ms) => ms !== undefined);
  return {
    habit: run.habit,
    title: HABIT_TITLES[run.habit],
    frames: end.frames,
    asked: run.frames,
    seconds: end.seconds,
    firstMs: mean(frames.slice(10, 110).map(({ ms }) => ms)),
    lastMs: mean(tail.map(({ ms }) => ms)),
    lastSearchMs: run.habit === "framewise" && search.length > 0 ? mean(search) : undefined,
    gpuBytes: last.gpuBytes,
    residentBytes: last.residentBytes,
    created: end.created,
    stopped: end.stopped,
  };
}

/** Means over windows of frames, at the windows' ends. */
export function windows(
  frames: readonly FrameRecord[],
  value: (frame: FrameRecord) => number,
  length = WINDOW,
): [frame: number, mean: number][] {
  const points: [number, number][] = [];
  for (let from = 0; from + length <= frames.length; from += length) {
    points.push([from + length, mean(frames.slice(from, from + length).map(value))]);
  }
  return points;
}

/** The cells of the table, a row a habit after the row of headings. */
export function tableRows(runs: readonly HabitRun[]): string[][] {
  const head = [
    "",
    "frames",
    "total",
    "a frame at first",
    "a frame at last",
    "GPU memory",
    "resident",
    "GPU objects made",
  ];
  return [
    head,
    ...runs.map(summarise).map((row, i) => [
      `${i + 1}. ${row.title}`,
      row.frames === row.asked ? `${row.frames}` : `${row.frames}, then stopped: ${row.stopped}`,
      `${row.seconds.toFixed(0)} s`,
      `${row.firstMs.toFixed(0)} ms`,
      `${row.lastMs.toFixed(0)} ms` +
      (row.lastSearchMs === undefined ? "" : ` (search ${row.lastSearchMs.toFixed(1)} ms)`),
      mebibytes(row.gpuBytes),
      mebibytes(row.residentBytes),
      row.created.toLocaleString("en"),
    ]),
  ];
}

/** The table in Markdown. */
export function markdownTable(runs: readonly HabitRun[]): string {
  const [head, ...rows] = tableRows(runs);
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const rule = head!.map((_, i) => i === 0 ? "---" : "--:");
  return [line(head!), line(rule), ...rows.map(line)].join("\n");
}

/** For how many of the frames that all runs have seen, and compared with others, all found the same earlier frame. */
export function agreement(runs: readonly HabitRun[]): { compared: number; same: number } {
  const common = Math.min(...runs.map(({ frames }) => frames.length));
  let compared = 0, same = 0;
  for (let i = 0; i < common; i++) {
    const matches = runs.map(({ frames }) => frames[i]!.match);
    if (matches[0] === undefined) continue;
    compared++;
    if (matches.every((match) => match === matches[0])) same++;
  }
  return { compared, same };
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20).toLocaleString("en")} MiB`;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
