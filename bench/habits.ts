/**
 * The experiment that sends people here: a loop-closure loop of 2,000 frames, written three ways. Each way runs in a
 * process of its own, so that its memory is its own; then the pictures and the page are drawn from what was recorded.
 *
 * `deno run -A bench/habits.ts [--frames 2000] [--out bench/results] [--pictures docs] [--habit anew|kept|framewise]`
 *
 * With `--habit` only that one runs; with `--habit none` nothing runs, and what was recorded before is drawn again.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { drawMemory, drawTimes } from "./habits/charts.ts";
import { runHabit } from "./habits/loops.ts";
import { page } from "./habits/page.ts";
import { type Habit, type HabitRun, HABITS, readRun, writeRun } from "./habits/record.ts";
import { markdownTable } from "./habits/summary.ts";

/** Where a loop counts as absurd and is stopped. */
const BOUNDS = { ms: 2000, bytes: 6 * 2 ** 30, minutes: 6 };

interface Options {
  frames: number;
  out: string;
  pictures: string;
  habits: readonly Habit[];
  /** This process is the one that runs the habit. */
  here: boolean;
}

function readOptions(args: string[]): Options {
  const given = parseArgs(args, { string: ["frames", "out", "pictures", "habit"], boolean: ["here"] });
  const frames = Number(given.frames ?? 2000);
  if (!Number.isSafeInteger(frames) || frames < 1) {
    throw new RangeError(`--frames is ${given.frames}; give a whole number from 1 on`);
  }
  const habit = given.habit;
  const known = habit === undefined || habit === "none" || HABITS.some((name) => name === habit);
  if (!known) throw new RangeError(`--habit is ${habit}; there are ${HABITS.join(", ")}, none`);
  return {
    frames,
    out: given.out ?? "bench/results",
    pictures: given.pictures ?? given.out ?? "docs",
    habits: habit === undefined ? HABITS : HABITS.filter((name) => name === habit),
    here: given.here,
  };
}

async function inOwnProcess(habit: Habit, { frames, out }: Options): Promise<void> {
  const args = [
    "run",
    "-A",
    import.meta.filename!,
    "--here",
    "--habit",
    habit,
    "--frames",
    `${frames}`,
    "--out",
    out,
  ];
  const { success } = await new Deno.Command(Deno.execPath(), { args }).spawn().status;
  if (!success) throw new Error(`The habit "${habit}" failed; see above`);
}

async function recorded(out: string): Promise<HabitRun[]> {
  const runs: HabitRun[] = [];
  for (const habit of HABITS) runs.push(await readRun(`${out}/habits-${habit}.jsonl`));
  return runs;
}

async function main(options: Options): Promise<void> {
  const { out, pictures, frames, habits } = options;
  for (const folder of [out, pictures]) await Deno.mkdir(folder, { recursive: true });
  if (options.here) {
    for (const habit of habits) {
      await writeRun(`${out}/habits-${habit}.jsonl`, await runHabit(habit, frames, BOUNDS));
    }
    return;
  }
  for (const habit of habits) {
    console.log(`${habit} ...`);
    await inOwnProcess(habit, options);
  }
  const runs = await recorded(out);
  const [times, memory] = [drawTimes(runs), drawMemory(runs)];
  const files = {
    [`${pictures}/habits-time.svg`]: times,
    [`${pictures}/habits-memory.svg`]: memory,
    [`${out}/habits.html`]: page(runs, { times, memory }, BOUNDS),
  };
  for (const [path, text] of Object.entries(files)) await Deno.writeTextFile(path, text);
  // What is committed is formatted as all other files are.
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", ...Object.keys(files)] }).output();
  console.log(markdownTable(runs));
  console.log(`\nlook at ${out}/habits.html`);
}

if (import.meta.main) await main(readOptions(Deno.args));
