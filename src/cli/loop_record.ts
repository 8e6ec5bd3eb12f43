/**
 * What `framewise loops` tells of a frame, as a JSON line, and reading it back.
 *
 * @module
 */
import { LOOP_STATUSES, type LoopResult, type LoopStatus } from "../place/loop/result.ts";
import { nameOf } from "../video/output.ts";

/** The JSON line of one frame. What is absent is left out. */
export interface LoopRecord {
  /** Number of the frame in its source, from 0; a frame that was skipped takes one too. */
  frame: number;
  /**
   * Number of the frame in the map, by which `match` and `candidates` count, or which it would have if it were added; left
   * out where it is `frame`.
   */
  id?: number;
  /** File name of the image, where the source is made of images. */
  name?: string;
  /** Time of the frame in seconds, where the source is a video. */
  time_s?: number;
  status: LoopStatus;
  /** The earlier frame that was settled on. */
  match?: number;
  /** What that one is called, where it is of an earlier run of the map. */
  match_name?: string;
  /** Inner product of the global descriptors of the two. */
  similarity?: number;
  /** Score of their bags of words. */
  bow?: number;
  /** Features of the two that were matched, and those that one motion of the camera explains. */
  matches?: number;
  inliers?: number;
  /** Earlier frames that resemble it and what they are ordered by, best first. */
  candidates: [id: number, score: number][];
}

/** The parts of a frame that its JSON line tells. */
export interface RecordedFrame {
  readonly index: number;
  readonly timeSeconds: number;
  readonly name?: string;
}

/** Rounds to six decimals; never gives `-0`. */
function round(value: number): number {
  return Math.round(value * 1e6) / 1e6 + 0;
}

/** The record of one frame: scores and times with 6 decimals. @param matchName see {@linkcode LoopRecord}. */
export function loopRecord(frame: RecordedFrame, result: LoopResult, matchName?: string): LoopRecord {
  const { id, status, match, similarity, bow, matches, inliers, candidates } = result;
  return {
    frame: frame.index,
    ...(id !== frame.index && { id }),
    ...(frame.name === undefined ? { time_s: round(frame.timeSeconds) } : { name: nameOf(frame.name) }),
    status,
    ...(match !== undefined && { match }),
    ...(matchName !== undefined && { match_name: nameOf(matchName) }),
    ...(similarity !== undefined && { similarity: round(similarity) }),
    ...(bow !== undefined && { bow: round(bow) }),
    ...(matches !== undefined && { matches }),
    ...(inliers !== undefined && { inliers }),
    candidates: candidates.map(({ id, score }): [number, number] => [id, round(score)]),
  };
}

/** Results or truth that cannot be read; the message says where and why. */
export class LoopFileError extends Error {
  override readonly name = "LoopFileError";
}

/**
 * Reads JSON lines of {@linkcode LoopRecord}.
 *
 * @param place named in messages.
 * @throws {LoopFileError} with the line that is wrong.
 */
export function readLoopRecords(text: string, place: string): LoopRecord[] {
  const records: LoopRecord[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const fail = (what: string): never => {
      throw new LoopFileError(`Cannot read results "${place}": line ${i + 1} ${what}`);
    };
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      fail(`is no JSON (${JSON.stringify(line.slice(0, 40))}); is the file cut off?`);
    }
    const wrong = wrongField(value);
    if (wrong !== undefined) {
      fail(`${wrong}; give what \`framewise loops --json\` writes`);
    }
    records.push(value as LoopRecord);
  }
  if (records.length === 0) {
    throw new LoopFileError(`Cannot read results "${place}": there is no line in it`);
  }
  return records;
}

function wrongField(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "is no object";
  const record = value as Record<string, unknown>;
  const natural = (it: unknown): boolean => Number.isInteger(it) && (it as number) >= 0;
  if (!natural(record.frame)) return `has no whole "frame"`;
  for (const key of ["id", "match", "matches", "inliers"]) {
    if (record[key] !== undefined && !natural(record[key])) {
      return `has "${key}": ${JSON.stringify(record[key])}, which is no whole number from 0`;
    }
  }
  for (const key of ["similarity", "bow"]) {
    if (record[key] !== undefined && !Number.isFinite(record[key])) {
      return `has "${key}": ${JSON.stringify(record[key])}, which is no number`;
    }
  }
  if (record.name !== undefined && typeof record.name !== "string") return `has a "name" that is no text`;
  if (!LOOP_STATUSES.includes(record.status as LoopStatus)) {
    return `has the status ${JSON.stringify(record.status)}; there are ${LOOP_STATUSES.join(", ")}`;
  }
  const { candidates } = record;
  const isPair = (it: unknown): boolean => Array.isArray(it) && natural(it[0]) && Number.isFinite(it[1]);
  return Array.isArray(candidates) && candidates.every(isPair)
    ? undefined
    : `has no "candidates", a list of [frame, score]`;
}

/** The number by which other records' `match` and `candidates` mean this one. */
export function idOf({ id, frame }: Pick<LoopRecord, "id" | "frame">): number {
  return id ?? frame;
}
