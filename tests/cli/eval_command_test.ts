import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { LoopRecord } from "../../src/cli/loop_record.ts";
import { main } from "../../src/cli/mod.ts";
import { inFolder } from "../video/media.ts";
import { inProcess, isOneMessage, type Outcome, runFramewise } from "./command.ts";

/** Two laps of three places, the second from frame 3 on; frame 5 is taken for a wrong place. */
function laps(change: (record: LoopRecord) => LoopRecord = (record) => record): LoopRecord[] {
  const first = [0, 1, 2].map((frame): LoopRecord => ({ frame, status: "too_recent", candidates: [] }));
  const second: LoopRecord[] = [
    { frame: 3, status: "loop", match: 0, similarity: 0.9, bow: 0.2, candidates: [[0, 0.9]] },
    { frame: 4, status: "loop", match: 1, similarity: 0.8, bow: 0.3, candidates: [[1, 0.8], [0, 0.1]] },
    {
      frame: 5,
      status: "too_few_inliers",
      match: 0,
      similarity: 0.7,
      bow: 0.4,
      inliers: 6,
      candidates: [[0, 0.7], [2, 0.6]],
    },
  ];
  return [...first, ...second].map(change);
}

/** Evaluates records against a truth, as files. */
async function evaluate(
  records: readonly LoopRecord[] | string,
  truth: unknown,
  ...args: string[]
): Promise<Outcome> {
  let outcome!: Outcome;
  await inFolder(async (folder) => {
    const results = `${folder}/results.jsonl`, path = `${folder}/truth.json`;
    const lines = typeof records === "string"
      ? records
      : records.map((record) => JSON.stringify(record)).join("\n");
    await Deno.writeTextFile(results, lines);
    await Deno.writeTextFile(path, typeof truth === "string" ? truth : JSON.stringify(truth));
    outcome = await inProcess(() => main(["eval", "loops", results, "--truth", path, ...args]));
  });
  return outcome;
}

const byFrame = { pairs: [[3, 0], [4, 1], [5, 2]] };
const byName = { pairs: [[103, 100], [104, 101], [105, 102]] };

Deno.test("framewise eval loops tells precision, recall and how the truth was read", async () => {
  const { code, out, err } = await evaluate(laps(), byFrame, "--gap", "3", "--by", "similarity");
  assertEquals([code, err], [0, ""]);
  assertEquals(out.split("\n").map((line) => line.replace(/ {2,}/, ": ")), [
    "6 frames, 3 with an earlier view at least 3 frames back; the truth counts frames from 0",
    "3 proposals ordered by similarity, equal ones together, 2 of them right",
    "average precision: 0.6667",
    "recall at 100 % precision: 0.6667 (2 of 3), similarity of at least 0.8",
    "recall at 1: 0.6667 (2 of 3)",
    "recall at 5: 1.0000 (3 of 3), no frame has more than 2 candidates",
    "recall at 10: 1.0000 (3 of 3), no frame has more than 2 candidates",
    "as decided: 2 loops, 2 right: precision 1.0000, recall 0.6667 (2 of 3)",
  ]);
});

Deno.test("framewise eval loops --json tells the same, with the curve", async () => {
  const { code, out } = await evaluate(laps(), byFrame, "--gap", "3", "--by", "bow", "--json");
  assertEquals(code, 0);
  const found = JSON.parse(out);
  assertEquals([found.by, found.numbering, found.unranked, found.absent, found.gap], [
    "bow",
    "frames",
    0,
    0,
    3,
  ]);
  assertEquals(found.curve, [
    { threshold: 0.4, proposals: 1, right: 0, precision: 0, recall: 0 },
    { threshold: 0.3, proposals: 2, right: 1, precision: 1 / 2, recall: 1 / 3 },
    { threshold: 0.2, proposals: 3, right: 2, precision: 2 / 3, recall: 2 / 3 },
  ]);
  assertEquals(found.atFullPrecision, undefined);
});

Deno.test("framewise eval loops orders by inliers where there are some, else by similarity, else by bow", async () => {
  const by = async (records: LoopRecord[]): Promise<unknown> => {
    const { out } = await evaluate(records, byFrame, "--gap", "3", "--json");
    const { by, unranked } = JSON.parse(out);
    return [by, unranked];
  };
  assertEquals(await by(laps()), ["inliers", 2]);
  assertEquals(await by(laps(({ inliers: _, ...record }) => record)), ["similarity", 0]);
  assertEquals(await by(laps(({ inliers: _, similarity: __, ...record }) => record)), ["bow", 0]);
});

Deno.test("framewise eval loops takes the truth's numbers from file names where all are numbers", async () => {
  const named = laps((record) => ({ ...record, name: `${100 + record.frame}.jpg` }));
  const { out } = await evaluate(named, byName, "--gap", "3");
  assertStringIncludes(out, "the truth counts by file names");
  assertStringIncludes(out, "3 with an earlier view");
  // One name that is no number, and frames are counted.
  const mixed = named.map((record) => record.frame === 2 ? { ...record, name: "corner.jpg" } : record);
  const { code, err } = await evaluate(mixed, byName, "--gap", "3");
  assertEquals(code, 1);
  assertStringIncludes(err, "none of the 6 frames in");
  assertStringIncludes((await evaluate(mixed, byFrame, "--gap", "3")).out, "counts frames from 0");
});

Deno.test("framewise eval loops follows ids where frames were skipped, and tells of frames that are absent", async () => {
  // Frame 1 of the source was broken, so that the map counts one less from there on.
  const skipped = laps().map(({ frame, ...rest }) => ({
    frame: frame + Number(frame > 0),
    id: frame,
    ...rest,
  }));
  const truth = { pairs: [[4, 0], [5, 2], [6, 3], [6, 1]] };
  const { out } = await evaluate(skipped, truth, "--gap", "3", "--by", "similarity");
  assertStringIncludes(out, "2 of them right");
  assertStringIncludes(out, "not in the results and left out: 1 frame of the truth");
});

Deno.test("framewise eval loops says what is wrong with its files in one line", async () => {
  const line = JSON.stringify(laps()[0]);
  const cases: [LoopRecord[] | string, unknown, string[], string][] = [
    ["", byFrame, [], "there is no line in it"],
    [`${line}\n{"frame": 1`, byFrame, [], "line 2 is no JSON"],
    [`{"frame": 1, "detections": []}`, byFrame, [], "line 1 has the status undefined"],
    [`{"frame": -1}`, byFrame, [], `line 1 has no whole "frame"`],
    [line.replace("[]", "[[1]]"), byFrame, [], `has no "candidates"`],
    [line.replace(`"frame"`, `"similarity":"x","frame"`), byFrame, [], `"similarity": "x"`],
    [`${line}\n${line}`, byFrame, [], "frame 0 stands twice"],
    [laps(), "no", [], "it is no JSON"],
    [laps(), [], [], `there is no list "pairs"`],
    [laps(), { pairs: [[1, 2], [3]] }, [], "pair 1 is [3]"],
    [laps(), { pairs: [[70, 80]] }, [], "is it the truth of other images?"],
    [
      laps((record) => ({ ...record, id: record.frame + 50 })),
      byFrame,
      [],
      "matches 0, which is not in the results",
    ],
    [laps(({ bow: _, ...record }) => record), byFrame, ["--by", "bow"], "no result has it"],
  ];
  for (const [records, truth, args, message] of cases) {
    const { code, out, err } = await evaluate(records, truth, ...args);
    assertEquals([code, out], [1, ""], message);
    assertStringIncludes(err, message);
    assert(err.split("\n").length === 1, err);
    assert(isOneMessage(err.replace("the status undefined", "no status"), "framewise eval"), err);
  }
  const absent = await inProcess(() =>
    main(["eval", "loops", "/nowhere/a.jsonl", "--truth", "/nowhere/b.json"])
  );
  assertEquals(absent.code, 1);
  assertStringIncludes(absent.err, `Cannot read results "/nowhere/a.jsonl": there is no such file`);
});

Deno.test("framewise eval loops reads results on stdin", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/truth.json`, JSON.stringify(byFrame));
    await Deno.writeTextFile(`${folder}/a.jsonl`, laps().map((record) => JSON.stringify(record)).join("\n"));
    const args = ["eval", "loops", "-", "--truth", `${folder}/truth.json`, "--gap", "3"];
    const { code, stdout } = await new Deno.Command("sh", {
      args: [
        "-c",
        `"$0" run --no-check --no-prompt --allow-read src/cli/main.ts "$@" < ${folder}/a.jsonl`,
        Deno.execPath(),
        ...args,
      ],
      cwd: new URL("../../", import.meta.url),
    }).output();
    assertEquals(code, 0);
    assertStringIncludes(new TextDecoder().decode(stdout), "1 proposal ordered by inliers");
    const told = await runFramewise(args.with(2, `${folder}/a.jsonl`));
    assertEquals(told.out, new TextDecoder().decode(stdout));
  });
});
