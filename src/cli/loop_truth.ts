/**
 * Which frames show the same place, from a file, and what results are worth by it.
 *
 * @module
 */
import { type EvaluatedFrame, evaluateLoops, type LoopEvaluation } from "../place/evaluation.ts";
import { idOf, LoopFileError, type LoopRecord } from "./loop_record.ts";
import { plural } from "./plural.ts";
import { readProblem } from "./read_problem.ts";

/** What proposals are ordered by. */
export type LoopRank = "inliers" | "similarity" | "bow";

/** All ranks, the first that any result has being the one that is taken. */
export const LOOP_RANKS: readonly LoopRank[] = ["inliers", "similarity", "bow"];

/** Pairs of frames that show the same place, as a file numbers them. */
export interface LoopTruth {
  /** The file. */
  readonly path: string;
  readonly pairs: readonly (readonly [number, number])[];
}

/** An evaluation, and what it was made by. */
export interface JudgedLoops {
  readonly evaluation: LoopEvaluation;
  /** Proposals are ordered by this. */
  readonly by: LoopRank;
  /** The truth's numbers are those in the file names of the images, or count frames from 0. */
  readonly numbering: "names" | "frames";
  /** Frames with a match that lacks the number in `by`: nothing is proposed for them. */
  readonly unranked: number;
  /** Numbers of the truth that are no frame of the results. */
  readonly absent: number;
}

/** Reads `{"pairs": [[41, 1], ...]}`. @throws {LoopFileError} */
export async function readTruth(path: string): Promise<LoopTruth> {
  return parseTruth(await readText(path, "the truth"), path);
}

/** Reads a text file, with a message for people if that fails. @throws {LoopFileError} */
export async function readText(path: string, what: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new LoopFileError(`Cannot read ${what} "${path}": ${readProblem(error)}`, { cause: error });
  }
}

/** Reads the text of a truth. @throws {LoopFileError} */
export function parseTruth(text: string, path: string): LoopTruth {
  const fail = (what: string): never => {
    throw new LoopFileError(
      `Cannot read the truth "${path}": ${what}; it must be {"pairs": [[41, 1], ...]}, two frames that show the ` +
        `same place`,
    );
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    fail("it is no JSON");
  }
  const pairs = (value as { pairs?: unknown } | null)?.pairs;
  if (!Array.isArray(pairs)) return fail(`there is no list "pairs"`);
  for (const [i, pair] of pairs.entries()) {
    const isPair = Array.isArray(pair) && pair.length === 2 &&
      pair.every((number) => Number.isInteger(number) && number >= 0);
    if (!isPair) fail(`pair ${i} is ${JSON.stringify(pair)}`);
  }
  return { path, pairs };
}

/** `13` of `13.jpg`; undefined if the name is not all a number. */
function numberOfName(name: string | undefined): number | undefined {
  const digits = /^(\d+)(?:\.[^.]*)?$/.exec(name ?? "")?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * Judges results by the truth. Its numbers are those of the images' file names where every one is a number (`13.jpg`),
 * else frames from 0.
 *
 * @throws {LoopFileError} if no result has the number to order by, a match is no frame of the results, or the truth is
 * of other frames altogether.
 */
export function judgeLoops(
  records: readonly LoopRecord[],
  truth: LoopTruth,
  options: { gap?: number; by?: LoopRank | undefined } = {},
): JudgedLoops {
  const by = options.by ?? LOOP_RANKS.find((rank) => records.some((record) => record[rank] !== undefined)) ??
    "similarity";
  if (options.by !== undefined && records.every((record) => record[by] === undefined)) {
    throw new LoopFileError(`Cannot evaluate by ${by}: no result has it; leave --by out, or run with it`);
  }
  refuseForeign(records);
  const { pairs, numbering, absent } = renumber(records, truth);
  const frames = records.map((record): EvaluatedFrame => ({
    id: idOf(record),
    ...(record.match !== undefined && { match: record.match }),
    ...(record[by] !== undefined && { score: record[by] }),
    candidates: record.candidates.map(([id]) => id),
    loop: record.status === "loop",
  }));
  return {
    evaluation: evaluateLoops(frames, pairs, options.gap === undefined ? {} : { gap: options.gap }),
    by,
    numbering,
    unranked: frames.filter(({ match, score }) => match !== undefined && score === undefined).length,
    absent,
  };
}

/** The pairs of the truth by the numbers of the results, those left out of which a frame is not there. */
export function truePairs(records: readonly LoopRecord[], truth: LoopTruth): [number, number][] {
  return renumber(records, truth).pairs;
}

function renumber(
  records: readonly LoopRecord[],
  truth: LoopTruth,
): Pick<JudgedLoops, "numbering" | "absent"> & { pairs: [number, number][] } {
  const byNames = records.every(({ name }) => numberOfName(name) !== undefined) &&
    new Set(records.map(({ name }) => numberOfName(name))).size === records.length;
  const ids = new Map(
    records.map((record) => [byNames ? numberOfName(record.name)! : record.frame, idOf(record)]),
  );
  const numbers = new Set(truth.pairs.flat());
  const absent = [...numbers].filter((number) => !ids.has(number)).length;
  if (numbers.size > 0 && absent === numbers.size) {
    throw new LoopFileError(
      `Cannot evaluate: none of the ${numbers.size} frames in "${truth.path}" is in the results, which count by ${
        byNames ? "file names" : "frames from 0"
      }; is it the truth of other images?`,
    );
  }
  const pairs = truth.pairs.flatMap(([a, b]): [number, number][] => {
    const [first, second] = [ids.get(a), ids.get(b)];
    return first === undefined || second === undefined ? [] : [[first, second]];
  });
  return { pairs, numbering: byNames ? "names" : "frames", absent };
}

/** Matches in a map that was there before say nothing about the frames of these results. */
function refuseForeign(records: readonly LoopRecord[]): void {
  const here = new Set<number>();
  for (const record of records) {
    const id = idOf(record);
    if (here.has(id)) throw new LoopFileError(`Cannot evaluate: frame ${id} stands twice in the results`);
    here.add(id);
  }
  const foreign = records.find(({ match }) => match !== undefined && !here.has(match));
  if (!foreign) return;
  throw new LoopFileError(
    `Cannot evaluate: frame ${foreign.frame} matches ${foreign.match}, which is not in the results; results against ` +
      `a map that was there before, or of --relocalise, cannot be evaluated by themselves`,
  );
}

/** The evaluation for people. */
export function describeJudgement(judged: JudgedLoops, gap: number): string[] {
  const { evaluation: found, by, numbering, unranked, absent } = judged;
  const total = found.framesWithMatch;
  const share = (right: number): string =>
    `${(total === 0 ? 0 : right / total).toFixed(4)} (${right} of ${total})`;
  const full = found.atFullPrecision;
  const numbers = numbering === "names" ? "the truth counts by file names" : "the truth counts frames from 0";
  const lines = [
    `${plural(found.frames, "frame")}, ${total} with an earlier view at least ${
      plural(gap, "frame")
    } back; ${numbers}`,
    `${
      plural(found.proposals, "proposal")
    } ordered by ${by}, equal ones together, ${found.right} of them right`,
  ];
  if (unranked > 0) {
    lines.push(`${plural(unranked, "frame")} with a match but no ${by}: nothing is proposed there`);
  }
  if (absent > 0) lines.push(`not in the results and left out: ${plural(absent, "frame")} of the truth`);
  lines.push(
    `average precision           ${found.averagePrecision.toFixed(4)}`,
    `recall at 100 % precision   ${
      full ? `${share(full.right)}, ${by} of at least ${Number(full.threshold.toFixed(4))}` : share(0)
    }`,
    ...found.recallAt.map(({ k, right }) =>
      `recall at ${k}`.padEnd(28) + share(right) +
      (k > found.mostCandidates
        ? `, no frame has more than ${plural(found.mostCandidates, "candidate")}`
        : "")
    ),
  );
  const { loops, right } = found.decided;
  lines.push(
    `as decided                  ${loops} loops, ${right} right` +
      (loops > 0 ? `: precision ${(right / loops).toFixed(4)}, recall ${share(right)}` : ""),
  );
  return lines;
}
