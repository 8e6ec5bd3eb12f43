/**
 * DBoW2's and DBoW3's YAML form, as OpenCV's file storage writes it: the settings, the nodes, and the words with their
 * nodes. DBoW3 puts OpenCV's type and the length before a descriptor's values, DBoW2 does not.
 *
 * @module
 */
import { WEIGHTINGS } from "./bag.ts";
import { emptyDescriptors } from "./descriptors.ts";
import { VocabularyError } from "./errors.ts";
import { SCORINGS } from "./score.ts";
import { scoringOf, weightingOf } from "./settings.ts";
import { Vocabulary } from "./vocabulary.ts";

/** OpenCV's numbers of the types of matrix elements. */
const TYPE_8U = 0;
const TYPE_32F = 5;

/** How the YAML form is read. */
export interface YamlFormOptions {
  /** What DBoW2's descriptors are. Else `binary` if every number is a byte, and `float` if not. DBoW3's say it. */
  kind?: "float" | "binary";
}

/** How the YAML form is written. */
export interface YamlWriteOptions {
  /** Whose descriptors. Default `dbow3`. */
  flavour?: "dbow2" | "dbow3";
}

/** Reads the YAML form. @throws {VocabularyError} with what is wrong. */
export function readYamlForm(text: string, options: YamlFormOptions = {}): Vocabulary {
  const nodesAt = /^\s*nodes\s*:/m.exec(text)?.index;
  const wordsAt = /^\s*words\s*:/m.exec(text)?.index;
  if (nodesAt === undefined || wordsAt === undefined || wordsAt < nodesAt) {
    throw new VocabularyError(
      "Cannot read vocabulary: the YAML has no `nodes:` followed by `words:`; is the file cut off?",
    );
  }
  const head = text.slice(0, nodesAt);
  const setting = (name: string): number => {
    const value = new RegExp(`^\\s*${name}\\s*:\\s*(\\d+)\\s*$`, "m").exec(head)?.[1];
    if (value === undefined) {
      throw new VocabularyError(
        `Cannot read vocabulary: the YAML has no whole number \`${name}\` before its nodes`,
      );
    }
    return Number(value);
  };
  const settings = {
    k: setting("k"),
    levels: setting("L"),
    scoring: scoringOf(setting("scoringType")),
    weighting: weightingOf(setting("weightingType")),
  };
  const count = [...entries(text, nodesAt, wordsAt)].length;
  const parents = new Uint32Array(count + 1);
  const weights = new Float64Array(count + 1);
  const rows: (number[] | undefined)[] = new Array(count + 1);
  for (const entry of entries(text, nodesAt, wordsAt)) {
    const node = integer(entry, "nodeId", 1, count);
    if (rows[node]) fail(`there are two nodes ${node}`);
    parents[node] = integer(entry, "parentId", 0, count);
    weights[node] = Number(field(entry, "weight"));
    rows[node] = descriptorOf(entry, node);
  }
  const wordNodes: number[] = [];
  for (const entry of entries(text, wordsAt, text.length)) {
    const word = integer(entry, "wordId", 0, count);
    if (wordNodes[word] !== undefined) fail(`there are two words ${word}`);
    wordNodes[word] = integer(entry, "nodeId", 1, count);
  }
  const missing = Array.from(wordNodes).indexOf(undefined as unknown as number);
  if (missing >= 0) fail(`there is no word ${missing}, and one with a higher number`);
  return new Vocabulary({
    ...settings,
    parents,
    weights,
    wordNodes: Uint32Array.from(wordNodes),
    ...descriptorsOf(rows.slice(1) as number[][], options),
  });
}

/** Writes the YAML form, a part of about 64 KB after the other. */
export function* writeYamlForm(vocabulary: Vocabulary, options: YamlWriteOptions = {}): Generator<string> {
  const { k, levels, scoring, weighting, form, parents, weights, wordNodes, descriptors } = vocabulary;
  const type = form.kind === "float" ? TYPE_32F : TYPE_8U;
  const prefix = options.flavour === "dbow2" ? "" : `${type} ${form.size} `;
  let part =
    `%YAML:1.0\nvocabulary:\n   k: ${k}\n   L: ${levels}\n   scoringType: ${SCORINGS.indexOf(scoring)}\n` +
    `   weightingType: ${WEIGHTINGS.indexOf(weighting)}\n   nodes:\n`;
  for (let node = 1; node < parents.length; node++) {
    const row = descriptors.subarray((node - 1) * form.size, node * form.size).join(" ");
    part += `      - { nodeId:${node}, parentId:${parents[node]}, weight:${real(weights[node]!)},\n` +
      `          descriptor:"${prefix}${row} " }\n`;
    if (part.length > 65536) {
      yield part;
      part = "";
    }
  }
  part += "   words:\n";
  for (const [word, node] of wordNodes.entries()) part += `      - { wordId:${word}, nodeId:${node} }\n`;
  yield part;
}

/** OpenCV takes a number without a point for a whole one. */
function real(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.`;
}

function fail(what: string): never {
  throw new VocabularyError(`Cannot read vocabulary: ${what}`);
}

/** The inside of each `{ … }` of a part of the text. */
function* entries(text: string, from: number, to: number): Generator<string> {
  for (let at = from;;) {
    const open = text.indexOf("{", at);
    if (open < 0 || open >= to) return;
    const close = text.indexOf("}", open);
    if (close < 0 || close > to) fail(`the entry at character ${open} has no end; is the file cut off?`);
    yield text.slice(open + 1, close);
    at = close + 1;
  }
}

const FIELDS: Readonly<Record<string, RegExp>> = Object.fromEntries(
  ["nodeId", "parentId", "wordId", "weight", "descriptor"].map((name) => [
    name,
    new RegExp(`(?:^|[\\s,])"?${name}"?\\s*:\\s*("[^"]*"|[^,\\s]+)`),
  ]),
);

function field(entry: string, name: string): string {
  const value = FIELDS[name]!.exec(entry)?.[1];
  if (value === undefined) fail(`an entry has no ${name}: {${entry.slice(0, 60)}`);
  return value.startsWith('"') ? value.slice(1, -1) : value;
}

function integer(entry: string, name: string, low: number, high: number): number {
  const value = Number(field(entry, name));
  if (!Number.isInteger(value) || value < low || value > high) {
    fail(`${name} is ${field(entry, name)}, and there are ${low} to ${high}`);
  }
  return value;
}

function descriptorOf(entry: string, node: number): number[] {
  const values = field(entry, "descriptor").trim().split(/\s+/).map(Number);
  if (values.some((value) => !Number.isFinite(value))) {
    fail(`the descriptor of node ${node} is not made of numbers`);
  }
  return values;
}

function descriptorsOf(
  rows: readonly number[][],
  options: YamlFormOptions,
): Pick<Vocabulary, "form" | "descriptors"> {
  const length = rows[0]?.length ?? 0;
  const other = rows.findIndex((row) => row.length !== length);
  if (other >= 0) {
    fail(
      `the descriptor of node ${other + 1} has ${rows[other]!.length} numbers and that of node 1 ${length}`,
    );
  }
  const type = rows[0]?.[0];
  const typed = (type === TYPE_8U || type === TYPE_32F) && length > 2 &&
    rows.every((row) => row[0] === type && row[1] === length - 2);
  const skip = typed ? 2 : 0;
  const bytes = rows.every((row) =>
    row.every((value, i) => i < skip || (Number.isInteger(value) && value >= 0 && value <= 255))
  );
  const said = typed ? (type === TYPE_8U ? "binary" : "float") : options.kind;
  const kind = said ?? (bytes ? "binary" : "float");
  if (kind === "binary" && !bytes) fail("a descriptor is said to be binary and has a number that is no byte");
  const form = { kind, size: Math.max(length - skip, 0) } as const;
  const descriptors = emptyDescriptors(form, rows.length);
  for (const [i, row] of rows.entries()) descriptors.set(skip ? row.slice(skip) : row, i * form.size);
  return { form, descriptors };
}
