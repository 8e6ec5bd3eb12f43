import { assertEquals, assertThrows } from "@std/assert";
import {
  type DescriptorForm,
  Vocabulary,
  type VocabularyData,
  VocabularyError,
} from "../../../src/place/mod.ts";
import { Random } from "../../support/random.ts";
import { plainWords, randomDescriptors, sampleData, sampleVocabulary } from "./vocabulary_samples.ts";

const FORMS: DescriptorForm[] = [
  { kind: "binary", size: 32 },
  { kind: "binary", size: 5 },
  { kind: "float", size: 7 },
  { kind: "float", size: 64 },
];

Deno.test("find() walks down the tree as DBoW2 does, and tells the node on the level asked for", () => {
  for (const [seed, form] of FORMS.entries()) {
    for (const [k, levels] of [[2, 1], [3, 4], [7, 3], [10, 2]] as const) {
      const random = new Random(seed * 100 + k);
      const data = sampleData(random, { k, levels, form });
      const vocabulary = new Vocabulary(data);
      const descriptors = randomDescriptors(random, form, 40);
      for (const levelsUp of [0, 1, 2, levels, levels + 3]) {
        const { words, nodes } = vocabulary.find(descriptors, levelsUp);
        assertEquals(
          { words: [...words], nodes: [...nodes] },
          plainWords(data, descriptors, levelsUp),
          JSON.stringify({ form, k, levels, levelsUp, seed: random.seed }),
        );
      }
    }
  }
});

Deno.test("find() takes the first of children that are equally near", () => {
  const vocabulary = new Vocabulary({
    k: 3,
    levels: 1,
    weighting: "tf",
    scoring: "l1",
    form: { kind: "binary", size: 1 },
    parents: Uint32Array.of(0, 0, 0, 0),
    weights: Float64Array.of(0, 1, 1, 1),
    wordNodes: Uint32Array.of(3, 1, 2),
    descriptors: Uint8Array.of(0b1100, 0b0011, 0b0011),
  });
  assertEquals([...vocabulary.find(Uint8Array.of(0b0000, 0b0011)).words], [1, 2]);
  assertEquals(vocabulary.find(new Uint8Array(0)).words.length, 0);
});

Deno.test("with() changes weights of words and settings, and stops words by their weight", () => {
  const vocabulary = sampleVocabulary(new Random(5), { k: 4, levels: 2, form: { kind: "float", size: 3 } });
  const weights = Float64Array.from({ length: vocabulary.wordCount }, (_, word) => word);
  const changed = vocabulary.with({ wordWeights: weights, scoring: "l2", weighting: "idf" });
  assertEquals([changed.wordWeights, changed.scoring, changed.weighting], [weights, "l2", "idf"]);
  assertEquals(changed.withoutWordsBelow(3).wordWeights, weights.map((weight) => weight < 3 ? 0 : weight));
  assertEquals(vocabulary.scoring, "l1");
  assertThrows(
    () => vocabulary.with({ wordWeights: new Float64Array(1) }),
    VocabularyError,
    `1 weights for ${vocabulary.wordCount} words`,
  );
});

Deno.test("a vocabulary refuses what makes no tree, and says where", () => {
  const good = sampleData(new Random(6), { k: 3, levels: 2, form: { kind: "binary", size: 4 }, leaves: 0 });
  const changed = <T extends Uint32Array | Float64Array>(array: T, at: number, value: number): T => {
    const copy = array.slice() as T;
    copy[at] = value;
    return copy;
  };
  const cases: [Partial<VocabularyData>, string][] = [
    [{ k: 1 }, "k is 1"],
    [{ levels: 0 }, "L is 0"],
    [{ levels: 1 }, "and L is 1"],
    [{ k: 2, parents: new Uint32Array(good.parents.length) }, "more than 2 children"],
    [{ parents: changed(good.parents, 2, 2) }, "node 2 has the parent 2"],
    [{ parents: changed(good.parents, 0, 1) }, "the root has the parent 1"],
    [{ weights: changed(good.weights, 2, NaN) }, "node 2 has the weight NaN"],
    [{ weights: new Float64Array(2) }, "2 weights"],
    [{ wordNodes: changed(good.wordNodes, 0, 1) }, "which is no leaf"],
    [{ wordNodes: changed(good.wordNodes, 0, 9999) }, "node 9999"],
    [{ wordNodes: changed(good.wordNodes, 0, good.wordNodes[1]!) }, "is word 0 and word 1"],
    [{ wordNodes: good.wordNodes.slice(1) }, "has no children and is no word"],
    [{ descriptors: new Uint8Array(5) }, "5 bytes are no whole number of descriptors of 4"],
    [{ descriptors: new Float32Array(4) }, "descriptors are float"],
    [{ scoring: "l3" as "l1" }, 'scoring "l3"'],
    [{ parents: new Uint32Array(1) }, "no nodes below the root"],
  ];
  for (const [change, message] of cases) {
    assertThrows(() => new Vocabulary({ ...good, ...change }), VocabularyError, message);
  }
  assertThrows(() => new Vocabulary(good).find(new Uint8Array(3)), VocabularyError, "3 bytes");
  assertThrows(() => new Vocabulary(good).find(new Uint8Array(4), -1), VocabularyError, "-1 levels");
});
