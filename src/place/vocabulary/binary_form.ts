/**
 * Framewise's own vocabulary file: a header of 64 bytes and the arrays as they lie in memory, little-endian, each at a
 * multiple of 8 bytes. It is read by laying views over the bytes.
 *
 *     0  "FWVOCAB\0"          32  nodes (root included)
 *     8  version, 1           36  words
 *    12  k                    40  bytes of the file, low and high word
 *    16  L                    48  checksum of what follows the header, two words
 *    20  weighting            56  checksum of bytes 0 to 55, two words
 *    24  scoring              64  weights f64, parents u32, nodes of words u32, descriptors f32 or u8
 *    28  float 1, binary 0; times 2^24, plus the size of a descriptor
 *
 * @module
 */
import { WEIGHTINGS } from "./bag.ts";
import type { Descriptors } from "./descriptors.ts";
import { VocabularyError } from "./errors.ts";
import { checksum, littleEndian } from "./file_check.ts";
import { SCORINGS } from "./score.ts";
import { scoringOf, weightingOf } from "./settings.ts";
import { Vocabulary } from "./vocabulary.ts";

const MAGIC = "FWVOCAB\0";
const VERSION = 1;
const HEADER = 64;

/** Whether bytes begin as Framewise's vocabulary file does. */
export function isBinaryForm(bytes: Uint8Array): boolean {
  return new TextDecoder("latin1").decode(bytes.subarray(0, MAGIC.length)) === MAGIC;
}

const aligned = (bytes: number): number => Math.ceil(bytes / 8) * 8;

interface Layout {
  weights: number;
  parents: number;
  wordNodes: number;
  descriptors: number;
  bytes: number;
}

function layoutOf(nodes: number, words: number, rowBytes: number): Layout {
  const weights = HEADER;
  const parents = weights + nodes * 8;
  const wordNodes = parents + aligned(nodes * 4);
  const descriptors = wordNodes + aligned(words * 4);
  return { weights, parents, wordNodes, descriptors, bytes: descriptors + aligned((nodes - 1) * rowBytes) };
}

/** Writes Framewise's own form. */
export function writeBinaryForm(vocabulary: Vocabulary): Uint8Array<ArrayBuffer> {
  littleEndian("Cannot write vocabulary");
  const { form, nodeCount, wordCount } = vocabulary;
  const rowBytes = form.kind === "float" ? form.size * 4 : form.size;
  const layout = layoutOf(nodeCount, wordCount, rowBytes);
  const out = new Uint8Array(layout.bytes);
  const put = (array: Float64Array | Uint32Array | Descriptors, at: number): void =>
    out.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
  put(vocabulary.weights, layout.weights);
  put(vocabulary.parents, layout.parents);
  put(vocabulary.wordNodes, layout.wordNodes);
  put(vocabulary.descriptors, layout.descriptors);
  for (let i = 0; i < MAGIC.length; i++) out[i] = MAGIC.charCodeAt(i);
  const header = new Uint32Array(out.buffer, 0, HEADER / 4);
  header.set([
    VERSION,
    vocabulary.k,
    vocabulary.levels,
    WEIGHTINGS.indexOf(vocabulary.weighting),
    SCORINGS.indexOf(vocabulary.scoring),
    (form.kind === "float" ? 2 ** 24 : 0) + form.size,
    nodeCount,
    wordCount,
    layout.bytes >>> 0,
    Math.floor(layout.bytes / 2 ** 32),
    ...checksum(out.subarray(HEADER)),
  ], 2);
  header.set(checksum(out.subarray(0, 56)), 14);
  return out;
}

/**
 * Reads Framewise's own form. The vocabulary keeps views of `bytes`, which must not change afterwards; a copy is made
 * only if they do not begin at a multiple of 8.
 *
 * @throws {VocabularyError} if it is no such file, of another version, cut off, or damaged.
 */
export function readBinaryForm(bytes: Uint8Array<ArrayBuffer>): Vocabulary {
  littleEndian("Cannot read vocabulary");
  if (!isBinaryForm(bytes)) {
    throw new VocabularyError("Cannot read vocabulary: it does not begin with FWVOCAB");
  }
  if (bytes.length < HEADER) {
    throw new VocabularyError(
      `Cannot read vocabulary: cut off after ${bytes.length} bytes of the ${HEADER} of its head`,
    );
  }
  const whole = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const header = new Uint32Array(whole.buffer, whole.byteOffset, HEADER / 4);
  const [version, k, levels, weighting, scoring, form, nodes, words] = header.subarray(
    2,
  ) as unknown as number[];
  if (version !== VERSION) {
    throw new VocabularyError(
      `Cannot read vocabulary: version ${version}; this program reads version ${VERSION}`,
    );
  }
  refuseDamage(whole.subarray(0, 56), header.subarray(14, 16), "head");
  const [kind, size] = [form! >= 2 ** 24 ? "float" : "binary", form! % 2 ** 24] as const;
  const layout = layoutOf(nodes!, words!, kind === "float" ? size * 4 : size);
  if (layout.bytes !== whole.length || layout.bytes !== header[10]! + header[11]! * 2 ** 32) {
    throw new VocabularyError(
      `Cannot read vocabulary: ${whole.length} bytes, and ${nodes} nodes with ${words} words take ${layout.bytes}; is the ` +
        `file cut off?`,
    );
  }
  refuseDamage(whole.subarray(HEADER), header.subarray(12, 14), "content");
  const at = (offset: number): number => whole.byteOffset + offset;
  const { buffer } = whole;
  const count = (nodes! - 1) * size;
  return new Vocabulary({
    k: k!,
    levels: levels!,
    weighting: weightingOf(weighting!),
    scoring: scoringOf(scoring!),
    form: { kind, size },
    weights: new Float64Array(buffer, at(layout.weights), nodes!),
    parents: new Uint32Array(buffer, at(layout.parents), nodes!),
    wordNodes: new Uint32Array(buffer, at(layout.wordNodes), words!),
    descriptors: kind === "float"
      ? new Float32Array(buffer, at(layout.descriptors), count)
      : new Uint8Array(buffer, at(layout.descriptors), count),
  });
}

function refuseDamage(bytes: Uint8Array, expected: Uint32Array, part: string): void {
  const [low, high] = checksum(bytes);
  if (low !== expected[0] || high !== expected[1]) {
    throw new VocabularyError(`Cannot read vocabulary: its ${part} is damaged (the checksum differs)`);
  }
}
