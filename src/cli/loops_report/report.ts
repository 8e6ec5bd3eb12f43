/**
 * Collects what the report shows while frames go by, and writes it.
 *
 * @module
 */
import type { LoopStatus } from "../../place/loop/result.ts";
import type { Scoring } from "../../place/vocabulary/mod.ts";
import type { Bag } from "../../place/vocabulary/bag.ts";
import { encodeJpeg } from "../../video/encode_jpeg.ts";
import { writeProblem } from "../../video/output.ts";
import { SinkError } from "../../frame/frame.ts";
import type { FramePictures } from "../frame_pictures.ts";
import { idOf, type LoopRecord } from "../loop_record.ts";
import { describeJudgement, judgeLoops, type LoopTruth, truePairs } from "../loop_truth.ts";
import { BestPairs, type ShownPair } from "./best_pairs.ts";
import {
  drawCurve,
  drawMatrix,
  drawPair,
  drawTimes,
  type FrameTimes,
  type MatrixLoop,
  type PairSide,
} from "./figures.ts";
import { LikenessSample } from "./likeness.ts";
import { loopsPage, type PagePair } from "./page.ts";

/** What the report takes of a frame beside its record. */
export interface ReportedFrame {
  readonly record: LoopRecord;
  /** The first frame has no time as a whole: it waits for all that are under way. */
  readonly times: FrameTimes;
  readonly descriptor?: Float32Array;
  /** See {@linkcode ShownPair}. */
  readonly lines: Float32Array;
}

/** What the report is told about the run at its end. */
export interface ReportedRun {
  readonly source: string;
  readonly gap: number;
  readonly facts: readonly (readonly [string, string])[];
  /** Frames in flight: results arrive in bunches of up to so many. */
  readonly slots: number;
  readonly truth?: LoopTruth | undefined;
  /** The bags of all frames, where there are no descriptors to compare. */
  readonly words?: { readonly bags: () => readonly Bag[]; readonly scoring: Scoring };
}

/** Pairs that are shown. */
const SHOWN_PAIRS = 12;

/**
 * The report of one run. It keeps each frame's record and time, a few hundred bytes, and of at most 1,000 frames what they
 * are compared by.
 */
export class LoopsReport {
  readonly #pictures: FramePictures;
  readonly #records: LoopRecord[] = [];
  readonly #times: FrameTimes[] = [];
  readonly #statuses = new Map<LoopStatus, number>();
  readonly #pairs = new BestPairs();
  readonly #likeness = new LikenessSample();

  /** @param pictures of the frames, which the caller keeps and closes. */
  constructor(pictures: FramePictures) {
    this.#pictures = pictures;
  }

  /** Takes a frame. */
  add({ record, times, descriptor, lines }: ReportedFrame): void {
    this.#records.push(record);
    this.#times.push(times);
    const { status, match } = record;
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    if (descriptor) this.#likeness.add({ kind: "similarity", descriptor });
    if (status !== "loop" || match === undefined) return;
    const score = record.inliers ?? record.similarity ?? record.bow ?? 0;
    this.#pairs.add({ id: idOf(record), match, score, lines });
  }

  /**
   * Writes the page.
   *
   * @throws {SinkError} if it cannot be written.
   * @throws {LoopFileError} if the truth does not fit.
   */
  async write(path: string, run: ReportedRun): Promise<void> {
    const page = await this.#page(run);
    try {
      await Deno.writeTextFile(path, page);
    } catch (error) {
      throw new SinkError(`Cannot write "${path}": ${writeProblem(error)}`, { cause: error });
    }
  }

  async #page({ source, gap, facts, slots, truth, words }: ReportedRun): Promise<string> {
    if (words && this.#likeness.empty && this.#first === 0) {
      for (const bag of words.bags()) this.#likeness.add({ kind: "bow", bag, scoring: words.scoring });
    }
    const judgement = truth && judgeLoops(this.#records, truth, { gap });
    const pairs = truth && truePairs(this.#records, truth);
    const isRight = pairs && pairSet(pairs);
    const loops = this.#records.filter(({ status, match }) => status === "loop" && match !== undefined)
      .map((record): MatrixLoop => ({
        id: idOf(record),
        match: record.match!,
        ...(isRight && { right: isRight(idOf(record), record.match!) }),
      }));
    const picture = await this.#likeness.picture();
    const { shown, unseen } = await this.#shownPairs(isRight);
    return loopsPage({
      source,
      gap,
      facts,
      frames: this.#records.length,
      statuses: this.#statuses,
      pairs: shown,
      unseen,
      // A map that was there before has numbers that are not in the picture.
      ...(picture && this.#first === 0 &&
        { matrix: { svg: drawMatrix(picture, loops, pairs ?? []), picture } }),
      ...(judgement && {
        judged: {
          judgement,
          curve: drawCurve(judgement.evaluation),
          lines: describeJudgement(judgement, gap),
        },
      }),
      ...(this.#times.length > 1 && { times: drawTimes(this.#times, slots) }),
    });
  }

  /** Number of the first frame. */
  get #first(): number {
    const [record] = this.#records;
    return record ? idOf(record) : 0;
  }

  async #shownPairs(
    isRight: ((id: number, match: number) => boolean) | undefined,
  ): Promise<{ shown: PagePair[]; unseen: number }> {
    const chosen = this.#pairs.best(SHOWN_PAIRS);
    const records = new Map(this.#records.map((record) => [idOf(record), record]));
    const shown: PagePair[] = [];
    for (const pair of chosen) {
      const svg = await this.#draw(pair);
      if (svg === undefined) continue;
      const { id, match } = pair;
      shown.push({
        svg,
        later: called(id, records.get(id)),
        earlier: called(match, records.get(match)),
        facts: factsOf(records.get(id)!),
        ...(isRight && { right: isRight(id, match) }),
      });
    }
    return { shown, unseen: chosen.length - shown.length };
  }

  async #draw({ id, match, lines }: ShownPair): Promise<string | undefined> {
    const sides: PairSide[] = [];
    for (const frame of [id, match]) {
      const picture = await this.#pictures.get(frame);
      if (!picture) return undefined;
      const { width, height, scale, pixels } = picture;
      sides.push({ jpeg: await encodeJpeg(pixels, { width, height }), width, height, scale });
    }
    return drawPair(sides[0]!, sides[1]!, lines);
  }
}

function called(id: number, record: LoopRecord | undefined): string {
  return `frame ${id}${record?.name === undefined ? "" : ` (${record.name})`}`;
}

function pairSet(pairs: readonly (readonly [number, number])[]): (id: number, match: number) => boolean {
  const key = (a: number, b: number): string => `${Math.max(a, b)} ${Math.min(a, b)}`;
  const known = new Set(pairs.map(([a, b]) => key(a, b)));
  return (id, match) => known.has(key(id, match));
}

/** `64 of 101 matches fit, similarity 0.93`. */
export function factsOf({ similarity, bow, matches, inliers }: LoopRecord): string {
  const facts: string[] = [];
  if (inliers !== undefined) {
    facts.push(matches === undefined ? `${inliers} matches fit` : `${inliers} of ${matches} matches fit`);
  }
  if (similarity !== undefined) facts.push(`similarity ${similarity.toFixed(3)}`);
  if (bow !== undefined) facts.push(`words ${bow.toFixed(3)}`);
  return facts.join(", ");
}
