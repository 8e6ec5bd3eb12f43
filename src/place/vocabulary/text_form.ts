/**
 * DBoW2's text form, that of ORB-SLAM's `ORBvoc.txt`: a line `k L scoring weighting`, then a line a node, in the order of
 * their numbers from 1 on: `parent isLeaf descriptor… weight`. Words are the leaves in this order.
 *
 * @module
 */
import { WEIGHTINGS } from "./bag.ts";
import type { Descriptors } from "./descriptors.ts";
import { VocabularyError } from "./errors.ts";
import { SCORINGS } from "./score.ts";
import { scoringOf, weightingOf } from "./settings.ts";
import { NO_WORD, Vocabulary } from "./vocabulary.ts";

/** What the text form does not say. */
export interface TextFormOptions {
  /** What the descriptors are. Else `binary` if every number is a byte, and `float` if not. */
  kind?: "float" | "binary";
}

const NEWLINE = 10;
const SPACE = 32;

/** Reads the text form. @throws {VocabularyError} with the line and what is wrong with it. */
export function readTextForm(bytes: Uint8Array, options: TextFormOptions = {}): Vocabulary {
  const lines = new Lines(bytes);
  if (!lines.next()) throw new VocabularyError("Cannot read vocabulary: the text is empty");
  const [k, levels, scoring, weighting, ...more] = lines.numbers([]);
  if (weighting === undefined || more.length > 0) {
    lines.fail("the first line is `k L scoring weighting`, four numbers");
  }
  const parents = [0];
  const weights = [0];
  const leaves: number[] = [];
  let size = 0;
  // Bytes for as long as every number is one, and none was asked to be a float.
  let values: Descriptors = new Uint8Array(0);
  const row: number[] = [];
  while (lines.next()) {
    lines.numbers(row);
    const node = parents.length;
    if (node === 1) {
      size = row.length - 3;
      if (size < 1) lines.fail("a node is `parent isLeaf descriptor… weight`");
      const length = size * lines.remaining();
      values = options.kind === "float" ? new Float32Array(length) : new Uint8Array(length);
    }
    if (row.length !== size + 3) {
      lines.fail(`node ${node} has ${row.length} numbers and node 1 has ${size + 3}; is the file cut off?`);
    }
    const [parent, leaf] = [row[0]!, row[1]!];
    if (!(Number.isInteger(parent) && parent >= 0 && parent < node)) {
      lines.fail(`node ${node} has the parent ${parent}; a node comes after its parent`);
    }
    if (leaf !== 0 && leaf !== 1) {
      lines.fail(`node ${node} says ${leaf} for whether it is a leaf, not 0 or 1`);
    }
    if (leaf === 1) leaves.push(node);
    parents.push(parent);
    weights.push(row[size + 2]!);
    for (let i = 0, at = (node - 1) * size; i < size; i++, at++) {
      const value = row[i + 2]!;
      if (values instanceof Uint8Array && !(value >= 0 && value <= 255 && Number.isInteger(value))) {
        if (options.kind === "binary") {
          lines.fail(`node ${node} has ${value} in its descriptor, which is no byte`);
        }
        values = Float32Array.from(values);
      }
      values[at] = value;
    }
  }
  const used = (parents.length - 1) * size;
  const descriptors = values.length === used ? values : values.slice(0, used);
  const kind = descriptors instanceof Uint8Array ? "binary" : "float";
  return new Vocabulary({
    k: k!,
    levels: levels!,
    scoring: scoringOf(scoring!),
    weighting: weightingOf(weighting!),
    form: { kind, size },
    parents: Uint32Array.from(parents),
    weights: Float64Array.from(weights),
    wordNodes: Uint32Array.from(leaves),
    descriptors,
  });
}

/**
 * Writes the text form, a part of about 64 KB after the other.
 *
 * @throws {VocabularyError} if the words are not in the order of their nodes, which this form cannot say.
 */
export function* writeTextForm(vocabulary: Vocabulary): Generator<string> {
  const { k, levels, scoring, weighting, form, parents, weights, nodeWords, wordNodes, descriptors } =
    vocabulary;
  for (let word = 1; word < wordNodes.length; word++) {
    if (wordNodes[word]! < wordNodes[word - 1]!) {
      throw new VocabularyError(
        `Cannot write the vocabulary as text: word ${word} is node ${
          wordNodes[word]
        } and the word before it node ` +
          `${wordNodes[word - 1]}, and the text form numbers words by their nodes; write the YAML form`,
      );
    }
  }
  let part = `${k} ${levels} ${SCORINGS.indexOf(scoring)} ${WEIGHTINGS.indexOf(weighting)}\n`;
  for (let node = 1; node < parents.length; node++) {
    const row = descriptors.subarray((node - 1) * form.size, node * form.size).join(" ");
    part += `${parents[node]} ${nodeWords[node] === NO_WORD ? 0 : 1} ${row} ${weights[node]}\n`;
    if (part.length > 65536) {
      yield part;
      part = "";
    }
  }
  yield part;
}

/** Walks over the lines of a text that is too long for one string. */
class Lines {
  readonly #bytes: Uint8Array;
  readonly #decoder = new TextDecoder();
  #start = 0;
  #end = -1;
  #line = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Goes to the next line that is not blank; false at the end. */
  next(): boolean {
    const bytes = this.#bytes;
    for (;;) {
      this.#start = this.#end + 1;
      if (this.#start >= bytes.length) return false;
      this.#line++;
      const end = bytes.indexOf(NEWLINE, this.#start);
      this.#end = end < 0 ? bytes.length : end;
      for (let i = this.#start; i < this.#end; i++) if (bytes[i]! > SPACE) return true;
    }
  }

  /** How many lines there are at most, from this one on. */
  remaining(): number {
    let lines = 1;
    for (let at = this.#end; at >= 0 && at < this.#bytes.length; at = this.#bytes.indexOf(NEWLINE, at + 1)) {
      lines++;
    }
    return lines;
  }

  /** The line's numbers, into `out`. */
  numbers(out: number[]): number[] {
    const bytes = this.#bytes;
    out.length = 0;
    let i = this.#start;
    while (i < this.#end) {
      while (i < this.#end && bytes[i]! <= SPACE) i++;
      if (i === this.#end) break;
      const start = i;
      let value = 0;
      let digits = true;
      for (; i < this.#end && bytes[i]! > SPACE; i++) {
        const digit = bytes[i]! - 48;
        if (digit < 0 || digit > 9) digits = false;
        else value = value * 10 + digit;
      }
      // Most are small whole numbers; the rest is left to Number().
      if (!digits || i - start > 15) {
        const text = this.#decoder.decode(bytes.subarray(start, i));
        value = Number(text);
        if (!Number.isFinite(value)) this.fail(`"${text.slice(0, 40)}" is no number`);
      }
      out.push(value);
    }
    return out;
  }

  fail(what: string): never {
    throw new VocabularyError(`Cannot read vocabulary: line ${this.#line}: ${what}`);
  }
}
