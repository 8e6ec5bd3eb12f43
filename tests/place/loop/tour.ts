/**
 * Tours of a camera through places that are known, as the evidence a loop detector gets.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { BagDatabase } from "../../../src/place/bags/bag_database.ts";
import type { Neighbours } from "../../../src/place/index/descriptor_search.ts";
import { LoopDetector, type LoopEvidence } from "../../../src/place/loop/loop_detector.ts";
import type { LoopDetectorOptions } from "../../../src/place/loop/loop_options.ts";
import { type GeometricMatch, LOOP_STATUSES, type LoopResult } from "../../../src/place/loop/result.ts";
import { type Bag, makeBag } from "../../../src/place/vocabulary/bag.ts";
import { Random } from "../../support/random.ts";

export const DIMENSIONS = 64;
/** Words that a place shows, new ones of each place, and words that any frame may show. */
const PLACE_WORDS = 20;
const NEW_WORDS = 8;
const NOISE_WORDS = 400;

/** A frame's place, or nowhere: a black frame. */
export type Place = number | "black";

export interface TourOptions {
  seed: number;
  /** Length of what is added to each place's descriptor of length 1. */
  noise?: number;
  /** Of each frame's words, the share that its place does not show. */
  noiseWords?: number;
}

function direction(random: Random): Float64Array {
  return unit(Float64Array.from({ length: DIMENSIONS }, () => random.normal()));
}

function unit(vector: Float64Array): Float64Array {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

/**
 * The descriptor of each frame: of its place, half of it of the two next to it, so that steps in a row are alike (2/3, then
 * 1/6, then nothing); and noise. A black frame's is all zeros.
 */
export function descriptors(places: readonly Place[], { seed, noise = 0.3 }: TourOptions): Float64Array[] {
  const random = new Random(seed);
  const known = new Map<number, Float64Array>();
  return places.map((place) => {
    const wobble = direction(random);
    if (place === "black") return new Float64Array(DIMENSIONS);
    const at = (step: number): Float64Array => {
      // Depends on the seed and its number alone.
      if (!known.has(step)) known.set(step, direction(new Random(seed * 7919 + step * 104729 + 1)));
      return known.get(step)!;
    };
    const [before, here, after] = [at(place - 1), at(place), at(place + 1)];
    const clean = unit(here.map((value, i) => before[i]! + 2 * value + after[i]!));
    return unit(clean.map((value, i) => value + noise * wobble[i]!));
  });
}

function lastWord(places: readonly Place[]): number {
  return Math.max(0, ...places.map((place) => place === "black" ? 0 : place * NEW_WORDS + PLACE_WORDS));
}

/** The bag of each frame: words of its place, many of which the next one shows too, and others. */
export function bags(places: readonly Place[], { seed, noiseWords = 0.3 }: TourOptions): Bag[] {
  const random = new Random(seed + 1);
  const known = lastWord(places);
  const weights = new Float64Array(known + NOISE_WORDS).fill(1);
  return places.map((place) => {
    const words = place === "black"
      ? []
      : Array.from({ length: PLACE_WORDS }, (_, i) =>
        random.next() < noiseWords ? known + random.int(0, NOISE_WORDS - 1) : place * NEW_WORDS + i);
    return makeBag(Uint32Array.from(words), weights, "tf-idf", "l1");
  });
}

/** Words of a vocabulary for {@linkcode bags}. */
export function wordCount(places: readonly Place[]): number {
  return lastWord(places) + NOISE_WORDS;
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

/** The rows most like row `id`, of those that are old enough. */
export function neighboursOf(rows: readonly Float64Array[], id: number, gap: number, count = 10): Neighbours {
  const found = rows.slice(0, Math.max(0, id - gap + 1)).map((row, other) => ({
    other,
    score: dot(row, rows[id]!),
  }))
    .sort((a, b) => b.score - a.score || a.other - b.other).slice(0, count);
  return {
    ids: Int32Array.from(found, ({ other }) => other),
    scores: Float32Array.from(found, ({ score }) => score),
  };
}

/** The evidence by global descriptors of a tour. */
export function globalEvidence(places: readonly Place[], tour: TourOptions, gap = 15): LoopEvidence[] {
  const rows = descriptors(places, tour);
  return rows.map((row, id) => ({
    id,
    neighbours: neighboursOf(rows, id, gap),
    ...(id > 0 ? { previousSimilarity: dot(row, rows[id - 1]!) } : {}),
  }));
}

/** What was decided about each frame. Where there is a database, each frame's bag is added after its decision. */
export async function decideAll(
  evidence: readonly LoopEvidence[],
  options: LoopDetectorOptions,
  verify?: (id: number, candidates: readonly number[]) => GeometricMatch[],
): Promise<LoopResult[]> {
  const detector = new LoopDetector(options);
  const results: LoopResult[] = [];
  for (const frame of evidence) {
    results.push(
      await detector.decide(frame, verify && ((candidates) => verify(frame.id, candidates))),
    );
    if (frame.bag) (options.database as BagDatabase).add(frame.bag);
  }
  return results;
}

/** An answer of a verification. */
export function geometry(id: number, matches: number, inliers: number): GeometricMatch {
  const pairs = Uint32Array.from({ length: 2 * inliers }, (_, i) => i >> 1);
  return { id, matches, inliers, model: "fundamental", pairs };
}

/** Verification that knows the places: the right ones get `inliers`, less for each place further on; others get few. */
export function knowingVerify(
  places: readonly Place[],
  inliers = 60,
): (id: number, candidates: readonly number[]) => GeometricMatch[] {
  return (id, candidates) =>
    candidates.map((other) => {
      const [a, b] = [places[id]!, places[other]!];
      const away = a === "black" || b === "black" ? Infinity : Math.abs(a - b);
      return away <= 2 ? geometry(other, 120, inliers - 15 * away) : geometry(other, 12, 0);
    });
}

/** Places from one to another. */
export function places(start: number, end: number): number[] {
  const step = Math.sign(end - start) || 1;
  return Array.from({ length: Math.abs(end - start) + 1 }, (_, i) => start + step * i);
}

/** The answer of a search: frames with their inner products. */
export function like(...pairs: [id: number, score: number][]): Neighbours {
  return {
    ids: Int32Array.from(pairs, ([id]) => id),
    scores: Float32Array.from(pairs, ([, score]) => score),
  };
}

/** Nothing in a result is NaN or set to undefined. */
export function assertClean(result: LoopResult, what: string): void {
  assert(LOOP_STATUSES.includes(result.status), what);
  for (const entry of [result, ...result.candidates]) {
    for (const [name, value] of Object.entries(entry)) {
      assert(value !== undefined && !Number.isNaN(value), `${name} is ${value}: ${what}`);
    }
  }
}
