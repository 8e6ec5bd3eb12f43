import type { Neighbours } from "../index/descriptor_search.ts";
import type { Bag } from "../vocabulary/bag.ts";
import { scoreBags } from "../vocabulary/score.ts";
import { covisibleGroupsOf, entriesOf, islandsOf } from "./candidate_groups.ts";
import {
  bestFirst,
  type FoundCandidates,
  type FoundFrames,
  fuseCandidates,
  neighbourFrames,
  passingCandidates,
  type ScoredFrame,
} from "./loop_candidates.ts";
import { LoopDetectionError } from "./loop_detection_error.ts";
import {
  checkLoopOptions,
  type LoopDetectorOptions,
  type LoopSettings,
  loopSettings,
} from "./loop_options.ts";
import type { GeometricMatch, LoopCandidate, LoopResult, LoopStatus } from "./result.ts";
import { TemporalConsistency } from "./temporal_consistency.ts";
import { Answers, bestVerified, passesGeometry, type Verify } from "./verification.ts";

/** Frames that a camera may be ahead or behind on its earlier way; a quarter of the way, if that is more. */
const TRACK_SLACK = 5;

type MakeResult = (status: LoopStatus, match?: number, verified?: GeometricMatch) => LoopResult;

/** What is known of a frame when the decision is made. */
export interface LoopEvidence {
  /** Number of the frame in the map. Rises from frame to frame. */
  readonly id: number;
  /** The earlier frames whose global descriptors are most like the frame's, by inner product, best first. */
  readonly neighbours?: Neighbours;
  /** Inner product with the global descriptor of frame `id - 1`. Left out: there is none, or it is not to be used. */
  readonly previousSimilarity?: number;
  /** The frame's bag of words, empty if it has no features. */
  readonly bag?: Bag;
}

/**
 * Decides frame by frame whether the camera has been here before, after DLoopDetector (Gálvez-López and Tardós, T-RO 2012)
 * and ORB-SLAM3 (Campos et al., T-RO 2021): candidates from global descriptors and bags of words, scored against the frame
 * before, grouped by place; then either local features confirm one and the frames that see the same with it, or the frames
 * before have to agree. The same evidence gives the same results. docs/loops.md tells how, and what each status means.
 *
 * @example A second lap, by global descriptors alone
 * ```ts
 * import { LoopDetector } from "@framewise/framewise";
 *
 * const detector = new LoopDetector({ gap: 15 });
 * const statuses: string[] = [];
 * for (let id = 20; id < 25; id++) {
 *   const neighbours = { ids: Int32Array.of(id - 20), scores: Float32Array.of(0.95) };
 *   statuses.push((await detector.decide({ id, neighbours, previousSimilarity: 0.97 })).status);
 * }
 * // Without local features three frames before have to agree.
 * console.assert(statuses.join() === "not_consistent,not_consistent,not_consistent,loop,loop");
 * ```
 */
export class LoopDetector {
  readonly #options: LoopDetectorOptions;
  /** Settings for frames without verification, and with it. */
  readonly #settings: readonly [LoopSettings, LoopSettings];
  /** Where the best groups pointed, and where verified matches did. */
  readonly #pointed: TemporalConsistency;
  readonly #confirmed: TemporalConsistency;
  #last: { readonly id: number; readonly bag: Bag | undefined } | undefined;
  /** The newest frame with a verified match. */
  #verified: { readonly id: number; readonly match: number } | undefined;
  #busy = false;

  /** @throws {LoopDetectionError} if options make no sense, alone or together. */
  constructor(options: LoopDetectorOptions = {}) {
    checkLoopOptions(options);
    this.#options = { ...options };
    this.#settings = [loopSettings(options, false), loopSettings(options, true)];
    this.#pointed = new TemporalConsistency(this.#settings[0]);
    this.#confirmed = new TemporalConsistency(this.#settings[0]);
  }

  /**
   * The newest frame that can be a candidate of frame `id`; below 0: there is none. The search of an index whose newest row
   * is frame `id` goes as far if it leaves out the `id - newestCandidate(id)` newest rows: `gap`, within one session.
   */
  newestCandidate(id: number): number {
    const { gap, firstId } = this.#settings[0];
    return Math.max(id - gap, Math.min(firstId, id) - 1);
  }

  /** Forgets the frames before: the next one is compared with the map alone, and its number may be any. */
  reset(): void {
    this.#last = undefined;
    this.#verified = undefined;
    this.#pointed.reset();
    this.#confirmed.reset();
  }

  /**
   * Decides about a frame. Frames come in the order of their numbers, one at a time; where numbers are left out, what is
   * remembered of the frame before is not used.
   *
   * @param verify compares local features with those of earlier frames, most promising first; may be called more than once a
   * frame, and leaves out frames whose features are gone. Without it nothing is compared.
   * @throws {LoopDetectionError} if the evidence does not fit the method, comes out of order or while another frame is decided about,
   * or `verify` answers about frames that it was not asked about. What `verify` throws is passed on; the next frame can follow.
   */
  async decide(evidence: LoopEvidence, verify?: Verify): Promise<LoopResult> {
    if (this.#busy) {
      throw new LoopDetectionError(
        `Cannot decide about frame ${evidence.id}: the frame before is not decided; await it first`,
      );
    }
    this.#check(evidence);
    this.#busy = true;
    try {
      return await this.#decide(evidence, this.#settings[verify ? 1 : 0], verify);
    } finally {
      this.#last = { id: evidence.id, bag: evidence.bag };
      this.#busy = false;
    }
  }

  #check({ id, neighbours, bag }: LoopEvidence): void {
    const { method } = this.#settings[0];
    const refuse = (why: string): never => {
      throw new LoopDetectionError(`Cannot decide about frame ${id}: ${why}`);
    };
    if (!(Number.isSafeInteger(id) && id >= 0)) refuse("its number is not a whole number from 0 on");
    if (this.#last && id <= this.#last.id) {
      refuse(`frame ${this.#last.id} came before; numbers rise, or call reset()`);
    }
    if (method === "global" && !neighbours) {
      refuse('method "global" needs `neighbours`, even if there are none');
    }
    if (method === "bow" && !bag) refuse('method "bow" needs `bag`, even if it is empty');
    if (!neighbours && !bag) refuse("there are neither `neighbours` nor a `bag`");
  }

  async #decide(
    evidence: LoopEvidence,
    settings: LoopSettings,
    verify: Verify | undefined,
  ): Promise<LoopResult> {
    const { id } = evidence;
    const barred = { seen: false };
    const found = this.#search(evidence, settings, barred);
    const candidates = fuseCandidates(found, settings.rankOffset);
    const result: MakeResult = (status, match, verified) =>
      makeResult(id, status, candidates, settings.candidates, match, verified);

    const answers = verify && new Answers(id, verify);
    if (candidates.length === 0) {
      const status = barred.seen || this.newestCandidate(id) < 0 ? "too_recent" : "no_candidates";
      return await this.#follow(id, settings, answers, result) ?? result(status);
    }
    const passing = passingCandidates(
      candidates,
      found,
      settings,
      (candidate) => this.#onTrack(id, candidate, settings),
    );
    if (passing.length === 0) {
      return await this.#follow(id, settings, answers, result) ?? result("low_score", candidates[0]!.id);
    }
    const groups = settings.grouping === "islands"
      ? islandsOf(passing, settings)
      : covisibleGroupsOf(passing, this.#options.covisibility!, settings);
    const first = groups[0];
    if (!first) return result("not_consistent", passing[0]!.id);
    const before = this.#pointed.push(id, first.spans);
    if (settings.consistency === "temporal" && before < settings.previousFrames) {
      return result("not_consistent", first.members[0]!.id);
    }
    if (!answers) return result("loop", first.members[0]!.id);
    // DLoopDetector's order: once the frames before agree on a place, only this place is looked at.
    const entries = entriesOf(
      settings.consistency === "temporal" ? groups.slice(0, 1) : groups,
      settings.entries,
    );
    const best = bestVerified(await answers.about(entries), settings);
    if (best && passesGeometry(best, settings)) {
      const { spans } = groups.find(({ members }) => members.some((member) => member.id === best.id))!;
      return await this.#confirm(id, best, spans, settings, answers, result);
    }
    const followed = await this.#follow(id, settings, answers, result);
    if (followed) return followed;
    if (!best) return result("too_few_matches", entries[0]!);
    return result(best.matches < settings.minMatches ? "too_few_matches" : "too_few_inliers", best.id, best);
  }

  /** Whether the frames that see the same as a verified match, or the verified matches of the frames before, bear it out. */
  async #confirm(
    id: number,
    best: GeometricMatch,
    spans: readonly number[],
    settings: LoopSettings,
    answers: Answers,
    result: MakeResult,
  ): Promise<LoopResult> {
    const before = this.#confirmed.push(id, spans);
    this.#verified = { id, match: best.id };
    if (settings.consistency !== "covisible" || best.inliers >= settings.sureInliers) {
      return result("loop", best.id, best);
    }
    const around = this.#around(id, best.id, settings).slice(0, settings.supportFrames);
    let missing = settings.support - before;
    let available = 0;
    for (let at = 0; at < around.length && missing > 0;) {
      const next = around.slice(at, at + missing);
      at += next.length;
      for (const { inliers } of await answers.about(next)) {
        available++;
        if (inliers >= settings.supportInliers) missing--;
      }
    }
    // Nobody can confirm more often than there are frames to ask.
    const needed = Math.min(settings.support, available);
    return result(settings.support - missing >= needed ? "loop" : "not_consistent", best.id, best);
  }

  /** Looks around the verified match of a frame just before, where the searches led to nothing: as ORB-SLAM3 does at first. */
  async #follow(
    id: number,
    settings: LoopSettings,
    answers: Answers | undefined,
    result: MakeResult,
  ): Promise<LoopResult | undefined> {
    const last = this.#verified;
    if (!answers || !last || id - last.id > settings.frameDistance || settings.consistency === "temporal") {
      return undefined;
    }
    const near = [last.match, ...this.#around(id, last.match, settings)]
      .filter((frame) => this.#allowed(id, frame, settings)).slice(0, settings.follow);
    const best = bestVerified(await answers.about(near), settings);
    return best && passesGeometry(best, settings)
      ? await this.#confirm(id, best, [best.id, best.id], settings, answers, result)
      : undefined;
  }

  /** Whether a candidate is about where the camera should be, if it went on from its last verified match. */
  #onTrack(id: number, candidate: number, { trackFrames }: LoopSettings): boolean {
    const last = this.#verified;
    if (!last || id - last.id > trackFrames) return false;
    const gone = id - last.id;
    const slack = Math.max(TRACK_SLACK, gone / 4);
    return Math.abs(Math.abs(candidate - last.match) - gone) <= slack;
  }

  /** The frames that see the same as a match, best first; without a graph, those next to it in time. */
  #around(id: number, match: number, { supportFrames, follow }: LoopSettings): number[] {
    const graph = this.#options.covisibility;
    const frames = graph
      ? [...graph.neighbours(match).ids]
      : Array.from({ length: Math.max(supportFrames, follow) }, (_, i) =>
        match + (i % 2 === 0 ? -1 : 1) * ((i >> 1) + 1));
    return frames.filter((frame) => frame >= 0 && frame <= this.newestCandidate(id));
  }

  #allowed(id: number, frame: number, { excludeCovisible }: LoopSettings): boolean {
    return frame <= this.newestCandidate(id) &&
      !(excludeCovisible && this.#options.covisibility!.connected(id, frame));
  }

  /** The frames that may be candidates; `barred.seen` tells whether some were found that may not, and no others. */
  #search(evidence: LoopEvidence, settings: LoopSettings, barred: { seen: boolean }): FoundCandidates {
    const { id, neighbours, bag } = evidence;
    const { database } = this.#options;
    const newest = this.newestCandidate(id);
    const only = (frames: readonly ScoredFrame[]): ScoredFrame[] => {
      const kept = frames.filter((frame) => this.#allowed(id, frame.id, settings));
      if (kept.length === 0 && frames.some((frame) => frame.id < id)) barred.seen = true;
      return kept;
    };
    const found: { global?: FoundFrames; bow?: FoundFrames; words?: Map<number, number> } = {};
    if (neighbours && settings.method !== "bow") {
      const frames = only(neighbourFrames(neighbours)).sort(bestFirst);
      found.global = { frames, previous: evidence.previousSimilarity };
    }
    if (bag && database && settings.method !== "global") {
      const before = this.#last?.id === id - 1 ? this.#last.bag : undefined;
      const matches = newest < 0 ? [] : database.query(bag, { maxId: newest + 1 });
      found.bow = {
        frames: only(settings.excludeCovisible ? matches : matches.slice(0, settings.retrieved))
          .slice(0, settings.retrieved),
        previous: before && scoreBags(database.scoring, bag, before),
      };
      const asked = new Set(found.global?.frames.map((frame) => frame.id));
      found.words = new Map();
      if (asked.size > 0) {
        for (const match of matches) if (asked.has(match.id)) found.words.set(match.id, match.score);
      }
    }
    return found;
  }
}

/** A result with what is known of its match; what is not known is left out. */
function makeResult(
  id: number,
  status: LoopStatus,
  candidates: readonly LoopCandidate[],
  listed: number,
  match?: number,
  geometry?: GeometricMatch,
): LoopResult {
  const { similarity, bow } = candidates.find((candidate) => candidate.id === match) ?? {};
  return {
    id,
    status,
    ...(match === undefined ? {} : { match }),
    ...(similarity === undefined ? {} : { similarity }),
    ...(bow === undefined ? {} : { bow }),
    ...(geometry ? { matches: geometry.matches, inliers: geometry.inliers, geometry } : {}),
    candidates: candidates.slice(0, listed),
  };
}
