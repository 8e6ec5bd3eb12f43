/**
 * What a map was made with, as its manifest tells it: descriptors and words of other networks are no use.
 *
 * @module
 */
import type { IndexFileLayout } from "../index/index_file.ts";
import type { Vocabulary } from "../vocabulary/vocabulary.ts";
import type { Scoring } from "../vocabulary/score.ts";
import { MapError } from "./errors.ts";

/** The network of the global descriptors, and how they are kept. */
export interface MapEmbedding extends IndexFileLayout {
  /** What messages call it: its file. Not compared. */
  readonly name: string;
  /** Of its file, and of what follows it (whitening, pooling); see {@linkcode fingerprint}. */
  readonly fingerprint: string;
  /** Columns of its input. */
  readonly width: number;
  /** Rows of its input. */
  readonly height: number;
}

/** What finds and describes key points. */
export interface MapFeatures {
  /** What messages call it: its file, or `orb`. Not compared. */
  readonly name: string;
  /** Of its file, or its settings. */
  readonly fingerprint: string;
  /** What a descriptor is: a string of bits, or floats that are kept as bytes. */
  readonly kind: "binary" | "float";
  /** Bytes of one that is kept. */
  readonly size: number;
  /** Columns of its input, where that is fixed. */
  readonly width?: number;
  /** Rows of its input, where that is fixed. */
  readonly height?: number;
}

/** What made the bags of words. */
export interface MapVocabulary {
  /** What messages call it: its file. Not compared. */
  readonly name: string;
  /** See {@linkcode fingerprintVocabulary}. */
  readonly fingerprint: string;
  /** Words in it. */
  readonly words: number;
  /** How bags are compared. */
  readonly scoring: Scoring;
}

/** What a map was made with; what is not there, its frames have not. */
export interface MapNetworks {
  /** Of the global descriptors. */
  readonly embedding?: MapEmbedding | undefined;
  /** Of the local features. */
  readonly features?: MapFeatures | undefined;
  /** Of the bags. */
  readonly vocabulary?: MapVocabulary | undefined;
}

/** Parts in the words of messages. */
const PARTS = {
  embedding: "embedding network",
  features: "feature network",
  vocabulary: "vocabulary",
} as const;

const FORMAT = "framewise map";
const VERSION = 1;

/** A short name for some bytes that others hardly share: the first 16 digits of the SHA-256 of all of them. */
export async function fingerprint(...parts: readonly Uint8Array<ArrayBuffer>[]): Promise<string> {
  const digest = async (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> =>
    new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const digests = await Promise.all(parts.map(digest));
  const all = digests.length === 1
    ? digests[0]!
    : await digest(new Uint8Array(digests.flatMap((part) => [...part])));
  return [...all.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The fingerprint of a vocabulary, whatever form of file it comes from. */
export async function fingerprintVocabulary(vocabulary: Vocabulary): Promise<string> {
  const { k, levels, weighting, scoring, form, parents, weights, wordNodes, descriptors } = vocabulary;
  const settings = new TextEncoder().encode(
    JSON.stringify([k, levels, weighting, scoring, form.kind, form.size]),
  );
  const bytes = (array: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  return await fingerprint(settings, bytes(parents), bytes(weights), bytes(wordNodes), bytes(descriptors));
}

/** Says all in which a map and what it is to be used with differ. @throws {MapError} if they do. */
export function refuseOtherNetworks(label: string, made: MapNetworks, wanted: MapNetworks): void {
  const faults: string[] = [];
  for (const [part, what] of Object.entries(PARTS) as [keyof MapNetworks, string][]) {
    const a = made[part], b = wanted[part];
    if (!a && !b) continue;
    if (!a || !b) {
      faults.push(
        a
          ? `it was made with the ${what} ${describe(a)}, and none is given`
          : `it was made without ${article(what)}, and ${describe(b!)} is given`,
      );
      continue;
    }
    const differing = differences(a, b);
    if (differing.length > 0) {
      faults.push(
        `it was made with the ${what} ${describe(a)}, and ${describe(b)} is given (${differing.join(", ")})`,
      );
    }
  }
  if (faults.length > 0) {
    throw new MapError(
      `Cannot use the map "${label}": ${
        faults.join("; ")
      }; give what it was made with, or use another folder`,
    );
  }
}

function differences(a: object, b: object): string[] {
  const [left, right] = [a, b] as Record<string, unknown>[];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].filter((key) => key !== "name" && left![key] !== right![key])
    .map((key) => `${key} ${left![key] ?? "none"} against ${right![key] ?? "none"}`);
}

function article(what: string): string {
  return `${/^[aeiou]/.test(what) ? "an" : "a"} ${what}`;
}

function describe({ name, fingerprint }: { name: string; fingerprint: string }): string {
  return `"${name}" (${fingerprint})`;
}

/** The manifest's file. */
export function manifestOf(networks: MapNetworks): Uint8Array<ArrayBuffer> {
  const manifest = { format: FORMAT, version: VERSION, ...networks };
  return new TextEncoder().encode(JSON.stringify(manifest, undefined, 2) + "\n");
}

/** Reads a manifest. @throws {MapError} if it is none. */
export function parseManifest(label: string, bytes: Uint8Array): MapNetworks {
  let found: { format?: unknown; version?: unknown } & MapNetworks;
  try {
    found = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new MapError(`Cannot open the map "${label}": its manifest is damaged; use a copy of it`, {
      cause,
    });
  }
  if (found?.format !== FORMAT) {
    throw new MapError(`Cannot open the map "${label}": its manifest is not that of a map`);
  }
  if (found.version !== VERSION) {
    throw new MapError(
      `Cannot open the map "${label}": it is of version ${found.version}, and this reads ${VERSION}`,
    );
  }
  const { embedding, features, vocabulary } = found;
  return {
    ...(embedding && { embedding }),
    ...(features && { features }),
    ...(vocabulary && { vocabulary }),
  };
}
