import { type Bag, makeBag, type Weighting, WEIGHTINGS } from "./bag.ts";
import { countDescriptors, type DescriptorForm, type Descriptors, distance } from "./descriptors.ts";
import { VocabularyError } from "./errors.ts";
import { scoreBags, type Scoring, SCORINGS } from "./score.ts";

/** The word of a node that is none. */
export const NO_WORD = 0xffffffff;

/** A vocabulary's content, as its files hold it. Node 0 is the root. */
export interface VocabularyData {
  /** Children of a node at most. */
  readonly k: number;
  /** Levels below the root at most: DBoW2's `L`. */
  readonly levels: number;
  /** How bags are weighted. */
  readonly weighting: Weighting;
  /** How bags are compared. */
  readonly scoring: Scoring;
  /** What the descriptors are. */
  readonly form: DescriptorForm;
  /** Each node's parent, which comes before it; that of the root is 0. */
  readonly parents: Uint32Array<ArrayBuffer>;
  /** Each node's weight; only those of leaves count. */
  readonly weights: Float64Array<ArrayBuffer>;
  /** Each word's node: all leaves, once each. */
  readonly wordNodes: Uint32Array<ArrayBuffer>;
  /** The descriptors of node 1, 2, …; the root has none. */
  readonly descriptors: Descriptors;
}

/** Where descriptors end in the tree. */
export interface Words {
  /** Each descriptor's word. */
  readonly words: Uint32Array<ArrayBuffer>;
  /** The node that each passed some levels above the lowest: what the direct index goes by. */
  readonly nodes: Uint32Array<ArrayBuffer>;
}

/**
 * A vocabulary tree (Nistér and Stewénius, 2006), as in DBoW2: a descriptor goes from the root to the nearest child, and so
 * on, to a leaf, which is its word. Held in a few typed arrays, without an object a node.
 *
 * @example Two words of one byte each
 * ```ts
 * import { Vocabulary } from "@framewise/framewise";
 *
 * const vocabulary = new Vocabulary({
 *   k: 2,
 *   levels: 1,
 *   weighting: "tf",
 *   scoring: "l1",
 *   form: { kind: "binary", size: 1 },
 *   parents: Uint32Array.of(0, 0, 0),
 *   weights: Float64Array.of(0, 1, 1),
 *   wordNodes: Uint32Array.of(1, 2),
 *   descriptors: Uint8Array.of(0b0000_0000, 0b1111_1111),
 * });
 * const { words } = vocabulary.find(Uint8Array.of(0b0000_0001, 0b0111_1111));
 * console.assert(words[0] === 0 && words[1] === 1);
 * ```
 */
export class Vocabulary implements VocabularyData {
  /** Children of a node at most. */
  readonly k: number;
  /** Levels below the root at most. */
  readonly levels: number;
  /** How bags are weighted. */
  readonly weighting: Weighting;
  /** How bags are compared. */
  readonly scoring: Scoring;
  /** What the descriptors are. */
  readonly form: DescriptorForm;
  /** Each node's parent. */
  readonly parents: Uint32Array<ArrayBuffer>;
  /** Each node's weight. */
  readonly weights: Float64Array<ArrayBuffer>;
  /** Each word's node. */
  readonly wordNodes: Uint32Array<ArrayBuffer>;
  /** The descriptors of node 1, 2, …. */
  readonly descriptors: Descriptors;
  /** All nodes but the root, by parent and then by number; the children of node `n` are at `childStarts[n]` to `childStarts[n + 1] - 1`. */
  readonly children: Uint32Array<ArrayBuffer>;
  /** See {@linkcode children}. */
  readonly childStarts: Uint32Array<ArrayBuffer>;
  /** Each node's word, or {@linkcode NO_WORD}. */
  readonly nodeWords: Uint32Array<ArrayBuffer>;
  /** The weight of each word. */
  readonly wordWeights: Float64Array<ArrayBuffer>;

  /** Takes the arrays as they are. @throws {VocabularyError} if they do not make a tree: the first fault, with its numbers. */
  constructor(data: VocabularyData) {
    checkSettings(data);
    this.k = data.k;
    this.levels = data.levels;
    this.weighting = data.weighting;
    this.scoring = data.scoring;
    this.form = { kind: data.form.kind, size: data.form.size };
    this.parents = data.parents;
    this.weights = data.weights;
    this.wordNodes = data.wordNodes;
    this.descriptors = data.descriptors;
    checkLengths(data);
    this.childStarts = childStarts(data);
    this.children = childrenOf(data.parents, this.childStarts);
    this.nodeWords = nodeWords(data, this.childStarts);
    this.wordWeights = new Float64Array(this.wordNodes.length);
    for (let word = 0; word < this.wordNodes.length; word++) {
      this.wordWeights[word] = this.weights[this.wordNodes[word]!]!;
    }
  }

  /** Nodes, the root included. */
  get nodeCount(): number {
    return this.parents.length;
  }

  /** Words. */
  get wordCount(): number {
    return this.wordNodes.length;
  }

  /** The level of the nodes that {@linkcode find} tells; 0 is the root. */
  levelAbove(levelsUp: number): number {
    if (!Number.isInteger(levelsUp) || levelsUp < 0) {
      throw new VocabularyError(
        `Cannot go ${levelsUp} levels up: give a whole number, from 0 (the words) to ${this.levels} (the root)`,
      );
    }
    return Math.max(this.levels - levelsUp, 0);
  }

  /**
   * The words of descriptors, found on the host. Of children at equal distance the first counts.
   *
   * @param levelsUp how far above the lowest level the nodes are that are told: DBoW2's `levelsup`. Where a leaf lies
   * higher than that, the leaf.
   * @throws {VocabularyError} if the descriptors are not of the vocabulary's form.
   */
  find(descriptors: Descriptors, levelsUp = 0): Words {
    const count = countDescriptors(descriptors, this.form, "Cannot find words");
    const level = this.levelAbove(levelsUp);
    const words = new Uint32Array(count);
    const nodes = new Uint32Array(count);
    for (let row = 0; row < count; row++) {
      let node = 0;
      for (let depth = 0; this.childStarts[node]! < this.childStarts[node + 1]!; depth++) {
        node = this.#nearestChild(node, descriptors, row);
        if (depth < level) nodes[row] = node;
      }
      words[row] = this.nodeWords[node]!;
    }
    return { words, nodes };
  }

  #nearestChild(node: number, descriptors: Descriptors, row: number): number {
    let best = 0;
    let bestDistance = Infinity;
    for (let slot = this.childStarts[node]!; slot < this.childStarts[node + 1]!; slot++) {
      const child = this.children[slot]!;
      const d = distance(descriptors, row, this.descriptors, child - 1, this.form.size);
      if (d < bestDistance || best === 0) [best, bestDistance] = [child, d];
    }
    return best;
  }

  /** The bag of an image, from the words of its descriptors; see {@linkcode makeBag}. */
  bag(words: Uint32Array): Bag {
    return makeBag(words, this.wordWeights, this.weighting, this.scoring);
  }

  /** Compares two bags; see {@linkcode scoreBags}. */
  score(query: Bag, other: Bag): number {
    return scoreBags(this.scoring, query, other);
  }

  /** The same vocabulary with other weights of its words, or another weighting or score. Shares the tree's arrays. */
  with(
    changes: { wordWeights?: Float64Array; weighting?: Weighting; scoring?: Scoring },
  ): Vocabulary {
    const { wordWeights, ...settings } = changes;
    if (wordWeights && wordWeights.length !== this.wordCount) {
      throw new VocabularyError(
        `Cannot set the weights of words: ${wordWeights.length} weights for ${this.wordCount} words`,
      );
    }
    const weights = wordWeights ? this.weights.slice() : this.weights;
    wordWeights?.forEach((weight, word) => weights[this.wordNodes[word]!] = weight);
    return new Vocabulary({ ...this, weights, ...settings });
  }

  /** The same vocabulary in which words of a weight below `minWeight` are stopped: they have weight 0 and enter no bag. */
  withoutWordsBelow(minWeight: number): Vocabulary {
    return this.with({ wordWeights: this.wordWeights.map((weight) => weight < minWeight ? 0 : weight) });
  }
}

function checkSettings({ k, levels, weighting, scoring, form, parents }: VocabularyData): void {
  if (parents.length < 2) throw new VocabularyError("Bad vocabulary: it has no nodes below the root");
  const whole = (value: number, name: string, low: number, high: number): void => {
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new VocabularyError(
        `Bad vocabulary: ${name} is ${value}; it is a whole number from ${low} to ${high}`,
      );
    }
  };
  whole(k, "k", 2, 65535);
  whole(levels, "L", 1, 32);
  whole(form.size, "the size of a descriptor", 1, 65536);
  if (!WEIGHTINGS.includes(weighting)) throw new VocabularyError(`Bad vocabulary: weighting "${weighting}"`);
  if (!SCORINGS.includes(scoring)) throw new VocabularyError(`Bad vocabulary: scoring "${scoring}"`);
}

function checkLengths({ parents, weights, descriptors, form }: VocabularyData): void {
  const nodes = parents.length;
  const rows = countDescriptors(descriptors, form, "Bad vocabulary");
  if (weights.length !== nodes || rows !== nodes - 1) {
    throw new VocabularyError(
      `Bad vocabulary: ${nodes} nodes, ${weights.length} weights and ${rows} descriptors; each node has a weight, and ` +
        `each but the root a descriptor`,
    );
  }
}

function childStarts({ parents, weights, k, levels }: VocabularyData): Uint32Array<ArrayBuffer> {
  const nodes = parents.length;
  const starts = new Uint32Array(nodes + 1);
  const depths = new Uint8Array(nodes);
  if (parents[0] !== 0) throw new VocabularyError(`Bad vocabulary: the root has the parent ${parents[0]}`);
  for (let node = 1; node < nodes; node++) {
    const parent = parents[node]!;
    if (parent >= node) {
      throw new VocabularyError(
        `Bad vocabulary: node ${node} has the parent ${parent}; a node comes after its parent`,
      );
    }
    const depth = depths[parent]! + 1;
    if (depth > levels) {
      throw new VocabularyError(`Bad vocabulary: node ${node} is on level ${depth}, and L is ${levels}`);
    }
    depths[node] = depth;
    if (++starts[parent + 1]! > k) {
      throw new VocabularyError(`Bad vocabulary: node ${parent} has more than ${k} children, which is k`);
    }
    if (!(Number.isFinite(weights[node]!))) {
      throw new VocabularyError(`Bad vocabulary: node ${node} has the weight ${weights[node]}`);
    }
  }
  for (let node = 0; node < nodes; node++) starts[node + 1]! += starts[node]!;
  return starts;
}

function childrenOf(parents: Uint32Array, starts: Uint32Array): Uint32Array<ArrayBuffer> {
  const next = starts.slice();
  const children = new Uint32Array(parents.length - 1);
  for (let node = 1; node < parents.length; node++) children[next[parents[node]!]!++] = node;
  return children;
}

function nodeWords({ parents, wordNodes }: VocabularyData, starts: Uint32Array): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(parents.length).fill(NO_WORD);
  for (let word = 0; word < wordNodes.length; word++) {
    const node = wordNodes[word]!;
    if (node === 0 || node >= parents.length || starts[node] !== starts[node + 1]) {
      throw new VocabularyError(
        `Bad vocabulary: word ${word} is node ${node} of ${parents.length}, which is no leaf`,
      );
    }
    if (words[node] !== NO_WORD) {
      throw new VocabularyError(`Bad vocabulary: node ${node} is word ${words[node]} and word ${word}`);
    }
    words[node] = word;
  }
  for (let node = 1; node < parents.length; node++) {
    if (words[node] === NO_WORD && starts[node] === starts[node + 1]) {
      throw new VocabularyError(`Bad vocabulary: node ${node} has no children and is no word`);
    }
  }
  return words;
}
