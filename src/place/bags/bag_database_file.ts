/**
 * The file of a database of bags: a header of 40 bytes, then image after image, little-endian words:
 *
 *     0  "FWBAGDB\0"       24  stopped words
 *     8  version, 1        28  score, as in DBoW2
 *    12  words of the vocabulary
 *    16  images            32  checksum of all but this header, two words
 *    20  words that follow the header, in all
 *
 * An image is: words, nodes (2^32 - 1: without a direct index), features; values f64; words; nodes, starts, features. After
 * the images come the stopped words, and one word of filling if their number is odd.
 *
 * @module
 */
import { BagDatabase } from "./bag_database.ts";
import type { FeatureNodes } from "./bag_direct_index.ts";
import { VocabularyError } from "../vocabulary/errors.ts";
import { checksum, littleEndian } from "../vocabulary/file_check.ts";
import { SCORINGS } from "../vocabulary/score.ts";
import type { Vocabulary } from "../vocabulary/vocabulary.ts";

const MAGIC = "FWBAGDB\0";
const VERSION = 1;
const HEADER_WORDS = 10;
const NO_NODES = 0xffffffff;

/** Writes a database; the vocabulary is not part of the file. */
export function saveBagDatabase(database: BagDatabase): Uint8Array<ArrayBuffer> {
  littleEndian("Cannot save the database");
  const parts: Uint32Array[] = [];
  for (const [id, { words, values }] of database.bags().entries()) {
    const features = database.features(id);
    parts.push(
      Uint32Array.of(words.length, features?.nodes.length ?? NO_NODES, features?.features.length ?? 0),
      new Uint32Array(values.buffer, values.byteOffset, values.length * 2),
      words,
    );
    if (features) parts.push(features.nodes, features.starts, features.features);
  }
  const { stopped } = database;
  parts.push(stopped);
  let length = parts.reduce((sum, part) => sum + part.length, 0);
  // The checksum goes by pairs.
  if (length % 2 === 1) length++;
  const out = new Uint32Array(HEADER_WORDS + length);
  let at = HEADER_WORDS;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  const bytes = new Uint8Array(out.buffer);
  for (let i = 0; i < MAGIC.length; i++) bytes[i] = MAGIC.charCodeAt(i);
  out.set([
    VERSION,
    database.wordCount,
    database.size,
    length,
    stopped.length,
    SCORINGS.indexOf(database.scoring),
    ...checksum(bytes.subarray(HEADER_WORDS * 4)),
  ], 2);
  return bytes;
}

/**
 * Reads a database.
 *
 * @param vocabulary the one that its bags were made with.
 * @throws {VocabularyError} if it is no such file, cut off or damaged, or of a vocabulary with other words or another score.
 */
export function loadBagDatabase(
  bytes: Uint8Array<ArrayBuffer>,
  vocabulary: Pick<Vocabulary, "wordCount" | "scoring">,
): BagDatabase {
  littleEndian("Cannot load the database");
  const what = "Cannot load the database";
  if (new TextDecoder("latin1").decode(bytes.subarray(0, MAGIC.length)) !== MAGIC) {
    throw new VocabularyError(`${what}: it does not begin with FWBAGDB`);
  }
  const whole = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const words = new Uint32Array(whole.buffer, whole.byteOffset, whole.length >>> 2);
  const [version, wordCount, images, length, stopped, scoring, low, high] = words.subarray(2, HEADER_WORDS);
  if (version !== VERSION) {
    throw new VocabularyError(`${what}: version ${version}; this program reads version ${VERSION}`);
  }
  if (high === undefined || whole.length !== (HEADER_WORDS + length!) * 4) {
    throw new VocabularyError(
      `${what}: ${whole.length} bytes of ${(HEADER_WORDS + (length ?? 0)) * 4}; is the file cut off?`,
    );
  }
  const sum = checksum(whole.subarray(HEADER_WORDS * 4));
  if (sum[0] !== low || sum[1] !== high) {
    throw new VocabularyError(`${what}: it is damaged (the checksum differs)`);
  }
  if (wordCount !== vocabulary.wordCount || SCORINGS[scoring!] !== vocabulary.scoring) {
    throw new VocabularyError(
      `${what}: it was made with ${wordCount} words and the score "${
        SCORINGS[scoring!]
      }", and the vocabulary has ` +
        `${vocabulary.wordCount} and "${vocabulary.scoring}"; give the vocabulary that it was made with`,
    );
  }
  const database = new BagDatabase(vocabulary);
  const reader = new Reader(words.subarray(HEADER_WORDS), what);
  for (let image = 0; image < images!; image++) {
    const [count, nodes, features] = reader.take(3) as unknown as [number, number, number];
    const values = new Float64Array(reader.take(count * 2).buffer);
    const bag = { words: reader.take(count), values };
    const direct: FeatureNodes | undefined = nodes === NO_NODES ? undefined : {
      nodes: reader.take(nodes),
      starts: reader.take(nodes + 1),
      features: reader.take(features),
    };
    database.add(bag, direct);
  }
  database.stop(reader.take(stopped!));
  return database;
}

/** Takes words one after the other. */
class Reader {
  readonly #words: Uint32Array;
  readonly #what: string;
  #at = 0;

  constructor(words: Uint32Array, what: string) {
    this.#words = words;
    this.#what = what;
  }

  /** A copy of the next words. */
  take(count: number): Uint32Array<ArrayBuffer> {
    if (this.#at + count > this.#words.length) {
      throw new VocabularyError(
        `${this.#what}: word ${this.#at} says that ${count} follow, of ${this.#words.length} in all`,
      );
    }
    return Uint32Array.from(this.#words.subarray(this.#at, this.#at += count));
  }
}
