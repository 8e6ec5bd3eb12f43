import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  BagDatabase,
  type Descriptors,
  featureNodes,
  readVocabulary,
  type Vocabulary,
  writeBinaryForm,
  writeTextForm,
  writeYamlForm,
} from "../../src/place/mod.ts";
import { plainWords } from "../place/vocabulary/vocabulary_samples.ts";
import { Random } from "../support/random.ts";
import { testWithShared } from "../support/shared.ts";

const FILE = "vocabulary/orb-k10-l5.dbow3.yml.gz";
const read = async (path: string): Promise<Vocabulary> => await readVocabulary(await Deno.readFile(path));

/** Descriptors near words of the vocabulary: some of their bits turned over. */
function nearWords(random: Random, vocabulary: Vocabulary, count: number): Descriptors {
  const { size } = vocabulary.form;
  const out = new Uint8Array(count * size);
  for (let i = 0; i < count; i++) {
    const node = vocabulary.wordNodes[random.int(0, vocabulary.wordCount - 1)]!;
    out.set(vocabulary.descriptors.subarray((node - 1) * size, node * size), i * size);
    for (let flips = random.int(0, 40); flips > 0; flips--) {
      out[i * size + random.int(0, size - 1)]! ^= 1 << random.int(0, 7);
    }
  }
  return out;
}

testWithShared("DBoW3's ORB vocabulary is read as it is described", FILE, async (path) => {
  const vocabulary = await read(path);
  assertEquals(
    [vocabulary.k, vocabulary.levels, vocabulary.wordCount, vocabulary.nodeCount],
    [10, 5, 4983, 6163],
  );
  assertEquals([vocabulary.weighting, vocabulary.scoring, vocabulary.form], ["tf-idf", "l1", {
    kind: "binary",
    size: 32,
  }]);
  assertEquals([...vocabulary.descriptors.subarray(0, 5)], [27, 159, 99, 205, 118]);
  assertEquals(vocabulary.wordNodes.at(-1), 6162);
});

testWithShared("DBoW3's ORB vocabulary survives every form", FILE, async (path) => {
  const vocabulary = await read(path);
  const encode = (parts: Iterable<string>): Uint8Array<ArrayBuffer> =>
    new TextEncoder().encode([...parts].join(""));
  assertEquals(await readVocabulary(writeBinaryForm(vocabulary)), vocabulary);
  assertEquals(await readVocabulary(encode(writeTextForm(vocabulary))), vocabulary);
  assertEquals(await readVocabulary(encode(writeYamlForm(vocabulary))), vocabulary);
  assertEquals(await readVocabulary(encode(writeYamlForm(vocabulary, { flavour: "dbow2" }))), vocabulary);
});

testWithShared(
  "words, bags and scores of DBoW3's ORB vocabulary are those of its definition",
  FILE,
  async (path) => {
    const vocabulary = await read(path);
    const random = new Random(1);
    const database = new BagDatabase(vocabulary);
    const images = Array.from({ length: 6 }, () => nearWords(random, vocabulary, 120));
    // The last two are alike.
    images[5]!.set(images[4]!.subarray(0, 60 * 32));
    const bags = images.map((descriptors) => {
      const found = vocabulary.find(descriptors, 3);
      const plain = plainWords(vocabulary, descriptors, 3);
      assertEquals([[...found.words], [...found.nodes]], [plain.words, plain.nodes]);
      const sums = new Map<number, number>();
      for (const word of plain.words) {
        const weight = vocabulary.weights[vocabulary.wordNodes[word]!]!;
        if (weight > 0) sums.set(word, (sums.get(word) ?? 0) + weight);
      }
      const total = [...sums.values()].reduce((sum, value) => sum + value, 0);
      const bag = vocabulary.bag(found.words);
      assertEquals([...bag.words], [...sums.keys()].sort((a, b) => a - b));
      bag.words.forEach((word, i) => assertAlmostEquals(bag.values[i]!, sums.get(word)! / total, 1e-12));
      database.add(bag, featureNodes(found.nodes));
      return bag;
    });
    const [first, second] = database.query(bags[5]!);
    assertEquals([first!.id, second!.id], [5, 4]);
    assertAlmostEquals(first!.score, 1, 1e-12);
    const [a, b] = [bags[5]!, bags[4]!].map((bag) =>
      new Map([...bag.words].map((word, i) => [word, bag.values[i]!] as const))
    );
    let apart = 0;
    for (const word of new Set([...a!.keys(), ...b!.keys()])) {
      apart += Math.abs((a!.get(word) ?? 0) - (b!.get(word) ?? 0));
    }
    assertAlmostEquals(second!.score, 1 - apart / 2, 1e-12);
    assert(second!.score > 0.4, `${second!.score}`);
  },
);
