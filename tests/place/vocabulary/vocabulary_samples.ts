import {
  type DescriptorForm,
  type Descriptors,
  type Scoring,
  Vocabulary,
  type VocabularyData,
  type Weighting,
} from "../../../src/place/mod.ts";
import type { Random } from "../../support/random.ts";

/** Descriptors whose distances have no rounding: bytes, or floats that are multiples of 1/8. */
export function randomDescriptors(random: Random, form: DescriptorForm, count: number): Descriptors {
  return form.kind === "binary"
    ? random.bytes(count * form.size)
    : new Float32Array(count * form.size).map(() => random.int(-64, 64) / 8);
}

/** What a sample is to be. */
export interface SampleOptions {
  k: number;
  levels: number;
  form: DescriptorForm;
  weighting?: Weighting;
  scoring?: Scoring;
  /** How likely a node above the lowest level is a leaf. */
  leaves?: number;
}

/** A tree of random descriptors, with up to k children a node, in the order in which DBoW2 numbers nodes. */
export function sampleData(random: Random, options: SampleOptions): VocabularyData {
  const { k, levels, form, weighting = "tf-idf", scoring = "l1", leaves = 0.2 } = options;
  const parents = [0];
  const leafNodes: number[] = [];
  const grow = (parent: number, level: number): void => {
    const first = parents.length;
    const count = random.int(2, k);
    for (let i = 0; i < count; i++) parents.push(parent);
    for (let node = first; node < first + count; node++) {
      if (level === levels || random.next() < leaves) leafNodes.push(node);
      else grow(node, level + 1);
    }
  };
  grow(0, 1);
  const weights = new Float64Array(parents.length);
  for (const node of leafNodes) weights[node] = random.next() < 0.1 ? 0 : random.uniform(0.1, 5);
  return {
    k,
    levels,
    form,
    weighting,
    scoring,
    parents: Uint32Array.from(parents),
    weights,
    wordNodes: Uint32Array.from(leafNodes).sort(),
    descriptors: randomDescriptors(random, form, parents.length - 1),
  };
}

/** {@linkcode sampleData} as a vocabulary. */
export function sampleVocabulary(random: Random, options: SampleOptions): Vocabulary {
  return new Vocabulary(sampleData(random, options));
}

/** A node as DBoW2 has it: with its children, as objects. */
interface Node {
  id: number;
  children: Node[];
  word: number;
}

/** The words and nodes of descriptors by walking over objects: independent of how the vocabulary holds its tree. */
export function plainWords(
  data: VocabularyData,
  descriptors: Descriptors,
  levelsUp = 0,
): { words: number[]; nodes: number[] } {
  const nodes: Node[] = [...data.parents.keys()].map((id) => ({ id, children: [], word: -1 }));
  for (const node of nodes.slice(1)) nodes[data.parents[node.id]!]!.children.push(node);
  data.wordNodes.forEach((node, word) => nodes[node]!.word = word);
  const { size } = data.form;
  const result: { words: number[]; nodes: number[] } = { words: [], nodes: [] };
  for (let at = 0; at < descriptors.length; at += size) {
    const row = [...descriptors.slice(at, at + size)];
    const path = [nodes[0]!];
    while (path.at(-1)!.children.length > 0) {
      const distances = path.at(-1)!.children.map(({ id }) =>
        plainDistance(row, [...data.descriptors.slice((id - 1) * size, id * size)], data.form.kind)
      );
      path.push(path.at(-1)!.children[distances.indexOf(Math.min(...distances))]!);
    }
    result.words.push(path.at(-1)!.word);
    result.nodes.push(path[Math.min(path.length - 1, Math.max(data.levels - levelsUp, 0))]!.id);
  }
  return result;
}

/** Squared Euclidean, or Hamming by strings of bits. */
export function plainDistance(
  a: readonly number[],
  b: readonly number[],
  kind: DescriptorForm["kind"],
): number {
  if (kind === "float") return a.reduce((sum, value, i) => sum + (value - b[i]!) * (value - b[i]!), 0);
  return a.reduce((sum, value, i) => sum + (value ^ b[i]!).toString(2).replaceAll("0", "").length, 0);
}

/** The six scores from their definitions over all words, of vectors that are normalised already. */
export function plainScore(scoring: Scoring, a: readonly number[], b: readonly number[]): number {
  const sum = (term: (x: number, y: number) => number): number =>
    a.reduce((total, x, i) => total + term(x, b[i]!), 0);
  switch (scoring) {
    case "l1":
      return 1 - 0.5 * sum((x, y) => Math.abs(x - y));
    case "l2":
      return 1 - Math.sqrt(sum((x, y) => (x - y) ** 2) / 2);
    case "chi-square":
      return 1 - 0.5 * sum((x, y) => x + y === 0 ? 0 : (x - y) ** 2 / (x + y));
    case "kl":
      return sum((x, y) => x === 0 ? 0 : x * Math.log(y === 0 ? x / 2 ** -52 : x / y));
    case "bhattacharyya":
      return sum((x, y) => Math.sqrt(x * y));
    case "dot":
      return sum((x, y) => x * y);
  }
}
