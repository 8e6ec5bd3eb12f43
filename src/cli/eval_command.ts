/**
 * `framewise eval`: how good results are, where the truth is known.
 *
 * @module
 */
import { readArguments } from "./arguments.ts";
import { reportFailure, UsageError } from "./failure.ts";
import { readLoopRecords } from "./loop_record.ts";
import { describeJudgement, judgeLoops, LOOP_RANKS, readText, readTruth } from "./loop_truth.ts";

/** The text of `framewise eval --help`. */
export const EVAL_USAGE = `Usage:
  framewise eval loops RESULTS --truth FILE [--by inliers|similarity|bow] [--gap 15] [--json]
                                            what the JSON lines of framewise loops (a file, or - for stdin)
                                            are worth: precision and recall, average precision, recall at
                                            1, 5 and 10; FILE is {"pairs": [[41, 1], ...]}, numbers of
                                            images (41.jpg) or of frames from 0`;

/** Frames of which two are that far apart at least are a loop and not just neighbours. */
export const USUAL_GAP = 15;

/** Runs `framewise eval ARGS`; returns the exit code. */
export async function evalCommand(args: readonly string[]): Promise<number> {
  try {
    const given = readArguments(args, { flags: ["json"], values: ["truth", "by", "gap"] });
    if (given.flag("help")) {
      console.log(EVAL_USAGE);
      return 0;
    }
    const [what, results, ...rest] = given.positional;
    if (what !== "loops") {
      throw new UsageError(
        what === undefined ? "say what: eval loops RESULTS" : `there is no eval ${what}; there is eval loops`,
      );
    }
    if (results === undefined || rest.length > 0) {
      throw new UsageError("eval loops takes one file of results");
    }
    const path = given.value("truth");
    if (path === undefined) throw new UsageError("--truth is missing: a file with the true pairs");
    const by = given.value("by");
    const rank = LOOP_RANKS.find((known) => known === by);
    if (by !== undefined && rank === undefined) {
      throw new UsageError(`--by is "${by}"; there are ${LOOP_RANKS.join(", ")}`);
    }
    const gap = given.number("gap", USUAL_GAP, { min: 1, max: Infinity, whole: true });
    const text = results === "-"
      ? await new Response(Deno.stdin.readable).text()
      : await readText(results, "results");
    const truth = await readTruth(path);
    const judged = judgeLoops(readLoopRecords(text, results), truth, { gap, by: rank });
    if (given.flag("json")) {
      const { evaluation, ...how } = judged;
      console.log(JSON.stringify({ results, truth: truth.path, gap, ...how, ...evaluation }));
    } else {
      console.log(describeJudgement(judged, gap).join("\n"));
    }
    return 0;
  } catch (error) {
    return reportFailure("framewise eval", error, "see: framewise eval --help");
  }
}
