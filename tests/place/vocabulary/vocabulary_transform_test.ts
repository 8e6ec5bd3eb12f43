import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Device } from "../../../src/gpu/mod.ts";
import {
  type DescriptorForm,
  VocabularyError,
  VocabularyTransform,
  VocabularyTree,
} from "../../../src/place/mod.ts";
import { Random } from "../../support/random.ts";
import { plainWords, randomDescriptors, sampleData, sampleVocabulary } from "./vocabulary_samples.ts";

const FORMS: DescriptorForm[] = [
  { kind: "binary", size: 32 },
  { kind: "binary", size: 5 },
  { kind: "binary", size: 48 },
  { kind: "float", size: 3 },
  { kind: "float", size: 64 },
];

Deno.test("the GPU finds the words and nodes that walking over the tree finds", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  for (const [seed, form] of FORMS.entries()) {
    for (const [k, levels] of [[2, 1], [3, 5], [11, 2]] as const) {
      const random = new Random(seed * 100 + k);
      const vocabulary = sampleVocabulary(random, { k, levels, form });
      for (const levelsUp of [0, 1, levels]) {
        using transform = new VocabularyTransform(device, vocabulary, { maxDescriptors: 130, levelsUp });
        for (const count of [130, 1, 65, 0]) {
          const descriptors = randomDescriptors(random, form, count);
          const { words, nodes } = await transform.find(stream, descriptors);
          assertEquals(
            { words: [...words], nodes: [...nodes] },
            plainWords(vocabulary, descriptors, levelsUp),
            JSON.stringify({ form, k, levels, levelsUp, count, seed: random.seed }),
          );
        }
      }
    }
  }
});

Deno.test("the GPU finds thousands of words in one go, and makes nothing while it does", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const random = new Random(9);
  const form = { kind: "binary", size: 32 } as const;
  const vocabulary = sampleVocabulary(random, { k: 10, levels: 4, form, leaves: 0.05 });
  using transform = new VocabularyTransform(device, vocabulary, { maxDescriptors: 5000 });
  const sets = [5000, 4999, 300].map((count) => randomDescriptors(random, form, count));
  const before = device.counters.snapshot();
  for (const descriptors of sets) {
    const found = await transform.find(stream, descriptors);
    assertEquals(found, vocabulary.find(descriptors, 4), `${descriptors.length / 32} descriptors`);
  }
  assertEquals(device.counters.snapshot(), before);
});

Deno.test("transforms share one tree, and refuse that of another vocabulary", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const form = { kind: "float", size: 6 } as const;
  const vocabulary = sampleVocabulary(new Random(4), { k: 4, levels: 3, form });
  using tree = new VocabularyTree(device, vocabulary);
  const descriptors = randomDescriptors(new Random(5), form, 40);
  for (const levelsUp of [1, 2]) {
    using transform = new VocabularyTransform(device, vocabulary, { maxDescriptors: 40, levelsUp, tree });
    assertEquals(await transform.find(stream, descriptors), vocabulary.find(descriptors, levelsUp));
  }
  const other = sampleVocabulary(new Random(6), { k: 4, levels: 3, form });
  assertThrows(
    () => new VocabularyTransform(device, other, { tree }),
    VocabularyError,
    "of another vocabulary",
  );
});

Deno.test("a transform refuses what it has no room for, and a second set under way", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const form = { kind: "float", size: 4 } as const;
  const data = sampleData(new Random(1), { k: 2, levels: 1, form });
  const vocabulary = sampleVocabulary(new Random(1), { k: 2, levels: 1, form });
  using transform = new VocabularyTransform(device, vocabulary, { maxDescriptors: 3 });
  assertThrows(
    () => transform.write(new Float32Array(16)),
    VocabularyError,
    "4 descriptors; this transform takes up to 3",
  );
  assertThrows(() => transform.write(new Uint8Array(4)), VocabularyError, "the descriptors are binary");
  assertThrows(() => transform.record(stream, 4), VocabularyError, "4 descriptors");
  await assertRejects(() => transform.take(), VocabularyError, "nothing was recorded");
  const descriptors = randomDescriptors(new Random(2), form, 2);
  transform.record(stream, transform.write(descriptors));
  assertThrows(() => transform.write(descriptors), VocabularyError, "others are under way");
  assertThrows(() => transform.record(stream, 1), VocabularyError, "others are under way");
  stream.submit();
  assertEquals([...(await transform.take()).words], plainWords(data, descriptors).words);
  assertThrows(
    () => new VocabularyTransform(device, vocabulary, { maxDescriptors: 0 }),
    VocabularyError,
    "is 0",
  );
  assertThrows(
    () => new VocabularyTransform(device, vocabulary, { maxDescriptors: 1e12 }),
    VocabularyError,
    "1000000000000 descriptors take",
  );
  const wide = sampleVocabulary(new Random(3), {
    k: 60000,
    levels: 1,
    form: { kind: "binary", size: 17 },
    leaves: 1,
  });
  assertThrows(() => new VocabularyTransform(device, wide), VocabularyError, "loop iterations");
});
