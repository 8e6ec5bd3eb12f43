import { assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { drawMemory, drawTimes } from "../../bench/habits/charts.ts";
import { RECENT, runHabit } from "../../bench/habits/loops.ts";
import { page } from "../../bench/habits/page.ts";
import { type HabitRun, HABITS, readRun, writeRun } from "../../bench/habits/record.ts";
import { agreement, summarise, tableRows, windows } from "../../bench/habits/summary.ts";

const BOUNDS = { ms: Infinity, bytes: Infinity, minutes: Infinity };

Deno.test("the three habits find the same frames; two of them leave more on the GPU with every frame", async () => {
  const frames = 40;
  const runs: HabitRun[] = [];
  for (const habit of HABITS) runs.push(await runHabit(habit, frames, BOUNDS));
  const compared = frames - RECENT - 1;
  assertEquals(agreement(runs), { compared, same: compared });
  for (const { run, frames: records, end } of runs) {
    assertEquals(records.map(({ frame }) => frame), Array.from({ length: frames }, (_, i) => i), run.habit);
    const bytes = records.map(({ gpuBytes }) => gpuBytes);
    if (run.habit === "framewise") {
      assertEquals([new Set(bytes).size, end.created, end.warnings], [1, 0, 0]);
    } else {
      // The first five frames take a whole stack each; from then on each takes what its networks take.
      const steps = bytes.slice(6).map((after, i) => after - bytes[i + 5]!);
      assertGreater(Math.min(...steps), 1e6, run.habit);
      assertGreater(end.created, frames * 20, run.habit);
      assertGreater(end.warnings, 0, run.habit);
    }
  }
});

Deno.test("a habit that passes a bound is stopped, and says why", async () => {
  const { frames, end } = await runHabit("framewise", 40, { ...BOUNDS, bytes: 1 });
  assertGreater(40, frames.length);
  assertStringIncludes(end.stopped ?? "", "it holds more than");
});

Deno.test("a run is read as it was written, summed up, and drawn", async () => {
  const runs: HabitRun[] = HABITS.map((habit, h) => ({
    run: {
      habit,
      frames: 400,
      adapter: "adapter <1>",
      processor: "p",
      processors: 2,
      system: "s",
      deno: "2",
      date: "2026-01-01",
    },
    frames: Array.from({ length: h === 0 ? 200 : 400 }, (_, frame) => ({
      frame,
      ms: 10 + frame * (2 - h),
      searchMs: frame / 100,
      gpuBytes: 1e6,
      residentBytes: 2e6,
      ...(frame >= 30 && { match: frame - 30, score: 1 }),
    })),
    end: {
      frames: h === 0 ? 200 : 400,
      seconds: 1,
      created: 0,
      warnings: 0,
      ...(h === 0 && { stopped: "it was enough" }),
    },
  }));
  const path = await Deno.makeTempFile({ suffix: ".jsonl" });
  try {
    await writeRun(path, runs[0]!);
    assertEquals(await readRun(path), runs[0]);
  } finally {
    await Deno.remove(path);
  }
  assertEquals(agreement(runs), { compared: 170, same: 170 });
  assertEquals(summarise(runs[2]!).lastMs, 10);
  assertEquals(windows(runs[1]!.frames, ({ ms }) => ms, 100).map(([frame]) => frame), [100, 200, 300, 400]);
  assertStringIncludes(tableRows(runs)[1]!.join(), "200, then stopped: it was enough");
  const pictures = { times: drawTimes(runs), memory: drawMemory(runs) };
  for (const picture of Object.values(pictures)) {
    assertStringIncludes(picture, "<svg");
    assertStringIncludes(picture, "nothing released");
    assertStringIncludes(picture, "stopped");
  }
  const html = page(runs, pictures, { ms: 1, bytes: 2 ** 30, minutes: 1 });
  assertStringIncludes(html, "adapter &lt;1&gt;");
  assertStringIncludes(html, "of the 170 frames");
});
