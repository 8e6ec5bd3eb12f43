/**
 * A frame of a map, and its records.
 *
 * @module
 */
import type { FeatureNodes } from "../bags/bag_direct_index.ts";
import type { KeptFeatures } from "../features/kept_features.ts";
import { packSections, type SectionArray, unpackArrays, unpackHead } from "../files/sections.ts";
import type { PackedRows } from "../index/packing.ts";
import type { CovisibleFrames } from "../loop/covisibility_graph.ts";
import type { LoopResult } from "../loop/result.ts";
import type { Bag } from "../vocabulary/bag.ts";

/** What is known of a frame without reading its file. */
export interface MapFrameInfo {
  /** What its source calls it. */
  readonly name?: string | undefined;
  /** When it was taken. */
  readonly timeSeconds?: number | undefined;
  /** Of which map it came, in one that was merged. */
  readonly label?: string | undefined;
}

/** What a map keeps of a frame. */
export interface MapFrame extends MapFrameInfo {
  /** Its global descriptor: as floats, or packed as the index keeps it. Exactly where the map has an embedding network. */
  readonly descriptor?: Float32Array | PackedRows | undefined;
  /** Its local features. Exactly where the map has a feature network. */
  readonly features?: KeptFeatures | undefined;
  /** Its bag of words. Exactly where the map has a vocabulary. */
  readonly bag?: Bag | undefined;
  /** What was decided about it. Its number is the frame's. */
  readonly result?: LoopResult | undefined;
  /** Which earlier frames see the same: what the covisibility graph gives as its neighbours. */
  readonly covisibility?: CovisibleFrames | undefined;
  /** Whether it shows again what the frame before showed. */
  readonly rehearsal?: boolean | undefined;
}

/** The JSON part of a frame's record; short keys, since there is one a frame. */
export interface FrameHead {
  /** Name. */
  n?: string | undefined;
  /** Time. */
  t?: number | undefined;
  /** Label. */
  l?: string | undefined;
  /** Where its features' record begins. */
  f?: number | undefined;
  /** Result, without the pairs. */
  r?: LoopResult | undefined;
  /** Whether it is a rehearsal. */
  h?: true | undefined;
  /** Which arrays follow, in order: bag, pairs, covisibility. */
  a: string;
}

/** The record of a frame but for its descriptor and features. */
export function packFrame(frame: MapFrame, featuresAt: number | undefined): Uint8Array<ArrayBuffer> {
  const { name, timeSeconds, label, bag, result, covisibility, rehearsal } = frame;
  const arrays: SectionArray[] = [];
  const head: FrameHead = { n: name, t: timeSeconds, l: label, f: featuresAt, a: "" };
  if (rehearsal) head.h = true;
  if (bag) {
    head.a += "b";
    arrays.push(bag.words, bag.values);
  }
  if (result) {
    const { geometry, ...rest } = result;
    head.r = rest;
    if (geometry) {
      const { pairs, ...plain } = geometry;
      head.r = { ...rest, geometry: plain as LoopResult["geometry"] & object };
      head.a += "p";
      arrays.push(pairs);
    }
  }
  if (covisibility) {
    head.a += "c";
    arrays.push(covisibility.ids, covisibility.weights);
  }
  return packSections(head, arrays);
}

/** The small part of a frame's record. */
export function unpackFrameHead(content: Uint8Array): FrameHead {
  return unpackHead(content) as FrameHead;
}

/** A frame's record again, without descriptor and features. */
export function unpackFrame(content: Uint8Array): MapFrame {
  const head = unpackFrameHead(content), arrays = unpackArrays(content);
  const frame: { -readonly [K in keyof MapFrame]: MapFrame[K] } = { ...infoOf(head) };
  if (head.h) frame.rehearsal = true;
  for (const kind of head.a) {
    if (kind === "b") {
      frame.bag = { words: arrays.shift() as Bag["words"], values: arrays.shift() as Bag["values"] };
    } else if (kind === "p") {
      const pairs = arrays.shift() as Uint32Array<ArrayBuffer>;
      head.r = { ...head.r!, geometry: { ...head.r!.geometry!, pairs } };
    } else {
      const [ids, weights] = arrays.splice(0, 2) as [
        Uint32Array<ArrayBuffer>,
        Uint32Array<ArrayBuffer>,
      ];
      frame.covisibility = { ids, weights };
    }
  }
  if (head.r) frame.result = head.r;
  return frame;
}

/** What a head says of the frame itself. */
export function infoOf({ n, t, l }: FrameHead): MapFrameInfo {
  return {
    ...(n !== undefined && { name: n }),
    ...(t !== undefined && { timeSeconds: t }),
    ...(l !== undefined && { label: l }),
  };
}

/** The record of a frame's features. */
export function packFeatures({ points, descriptors, size, nodes }: KeptFeatures): Uint8Array<ArrayBuffer> {
  const arrays: SectionArray[] = [points, descriptors];
  if (nodes) arrays.push(nodes.nodes, nodes.starts, nodes.features);
  return packSections({ size }, arrays);
}

/** A frame's features again. */
export function unpackFeatures(content: Uint8Array): KeptFeatures {
  const { size } = unpackHead(content) as { size: number };
  const [points, descriptors, nodes, starts, features] = unpackArrays(content);
  return {
    points: points as KeptFeatures["points"],
    descriptors: descriptors as KeptFeatures["descriptors"],
    size,
    ...(nodes && { nodes: { nodes, starts, features } as FeatureNodes }),
  };
}

/** Bytes that features take in memory. */
export function featuresBytes({ points, descriptors, nodes }: KeptFeatures): number {
  const words = nodes ? nodes.nodes.length + nodes.starts.length + nodes.features.length : 0;
  return points.byteLength + descriptors.byteLength + words * 4;
}
