import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
} from "@std/assert";
import { Device } from "../../../src/gpu/mod.ts";
import {
  type DescriptorForm,
  type Descriptors,
  type TrainingProgress,
  trainVocabulary,
  type Vocabulary,
  VocabularyError,
} from "../../../src/place/mod.ts";
import { Random } from "../../support/random.ts";
import { plainDistance, plainWords, randomDescriptors } from "./vocabulary_samples.ts";

/** Images whose descriptors lie around some centres. */
function clusteredImages(
  random: Random,
  form: DescriptorForm,
  images: number,
  each: number,
  centreCount: number,
): Descriptors[] {
  const centres = randomDescriptors(random, form, centreCount);
  return Array.from({ length: images }, () => {
    const out = randomDescriptors(random, form, each);
    for (let i = 0; i < each; i++) {
      const centre = random.int(0, centreCount - 1);
      for (let j = 0; j < form.size; j++) {
        const value = centres[centre * form.size + j]!;
        out[i * form.size + j] = form.kind === "float"
          ? value + random.normal(0, 0.5)
          : random.next() < 0.3
          ? value ^ (1 << random.int(0, 7))
          : value;
      }
    }
    return out;
  });
}

/** A row as numbers. */
function rowOf(descriptors: Descriptors, row: number, size: number): number[] {
  return [...descriptors.slice(row * size, (row + 1) * size)];
}

/** Hierarchical k-means++ on lists, one node after the other within each level, with the random numbers in the same order. */
function plainTree(
  rows: number[][],
  kind: DescriptorForm["kind"],
  k: number,
  levels: number,
  seed: number,
  nodesAtATime = Infinity,
): { parents: number[]; descriptors: number[][] } {
  const random = new Random(seed);
  const parents = [0];
  const descriptors: number[][] = [];
  let open = [{ node: 0, members: rows }];
  for (let level = 1; level <= levels; level++) {
    const next: typeof open = [];
    for (let from = 0; from < open.length; from += nodesAtATime) {
      const jobs = open.slice(from, from + nodesAtATime).map(({ node, members }) => ({
        node,
        members,
        centres: [] as number[][],
      }));
      for (let round = 0; round < k; round++) {
        for (const { members, centres } of jobs) {
          if (centres.length !== round) continue;
          if (round === 0) {
            centres.push(members[Math.floor(random.next() * members.length)]!);
            continue;
          }
          const distances = members.map((row) =>
            Math.min(...centres.map((c) => plainDistance(row, c, kind)))
          );
          const sum = distances.reduce((total, d) => total + d, 0);
          if (sum === 0) continue;
          const cut = random.next() * sum;
          let passed = 0;
          centres.push(members[distances.findIndex((d) => (passed += d) > cut)]!);
        }
      }
      for (const { node, members, centres } of jobs) {
        const assign = (): number[] =>
          members.map((row) => {
            const distances = centres.map((c) => plainDistance(row, c, kind));
            return distances.indexOf(Math.min(...distances));
          });
        for (let before = assign(), goOn = true; goOn;) {
          for (const c of centres.keys()) {
            const own = members.filter((_, i) => before[i] === c);
            if (own.length > 0) centres[c] = plainMean(own, kind);
          }
          const after = assign();
          goOn = after.some((c, i) => c !== before[i]);
          before = after;
        }
        const nearest = assign();
        const filled = [...centres.keys()].filter((c) => nearest.includes(c));
        if (filled.length < 2) continue;
        for (const c of filled) {
          parents.push(node);
          descriptors.push(centres[c]!);
          const own = members.filter((_, i) => nearest[i] === c);
          if (own.length > 1) next.push({ node: parents.length - 1, members: own });
        }
      }
    }
    open = next;
  }
  return { parents, descriptors };
}

function plainMean(rows: readonly number[][], kind: DescriptorForm["kind"]): number[] {
  return rows[0]!.map((_, i) => {
    if (kind === "float") return Math.fround(rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);
    let byte = 0;
    for (let bit = 0; bit < 8; bit++) {
      if (rows.filter((row) => row[i]! >> bit & 1).length >= rows.length / 2) byte |= 1 << bit;
    }
    return byte;
  });
}

function join(images: readonly Descriptors[], form: DescriptorForm): number[][] {
  return images.flatMap((image) =>
    Array.from({ length: image.length / form.size }, (_, row) => rowOf(image, row, form.size))
  );
}

Deno.test("training grows the tree that plain hierarchical k-means++ grows", async () => {
  using device = await Device.request({ pool: false });
  const cases: [DescriptorForm, k: number, levels: number][] = [
    [{ kind: "binary", size: 32 }, 4, 3],
    [{ kind: "binary", size: 5 }, 3, 4],
    [{ kind: "float", size: 6 }, 5, 2],
    [{ kind: "float", size: 16 }, 2, 3],
  ];
  for (const [form, k, levels] of cases) {
    for (const seed of [1, 2]) {
      const images = clusteredImages(new Random(seed), form, 5, 80, 12);
      const { vocabulary, outOfTime } = await trainVocabulary(device, images, {
        form,
        k,
        levels,
        seed,
        maxIterations: 1000,
      });
      const expected = plainTree(join(images, form), form.kind, k, levels, seed);
      const what = JSON.stringify({ form, k, levels, seed });
      assertEquals(outOfTime, false);
      assertEquals([...vocabulary.parents], expected.parents, what);
      expected.descriptors.forEach((row, i) =>
        assertEquals(rowOf(vocabulary.descriptors, i, form.size), row, `${what}, node ${i + 1}`)
      );
    }
  }
});

Deno.test("training grows the same tree where buffers hold few descriptors and few nodes", async () => {
  using device = await Device.request({ pool: false });
  // 256 descriptors of 16 bytes, or the centres of 85 nodes with k 3.
  const limits = { maxStorageBufferBindingSize: 4096, maxBufferSize: 4096 };
  const small = new Proxy(device, {
    get(target, key) {
      if (key === "limits") return limits;
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const form = { kind: "binary", size: 16 } as const;
  const images = clusteredImages(new Random(3), form, 5, 160, 200);
  const options = { form, k: 3, levels: 6, seed: 3, weighting: "tf", maxIterations: 1000 } as const;
  const { vocabulary } = await trainVocabulary(small, images, options);
  const expected = plainTree(join(images, form), "binary", 3, 6, 3, 85);
  assertGreater(expected.parents.length, 400);
  assertEquals([...vocabulary.parents], expected.parents);
  assertEquals([...vocabulary.descriptors], expected.descriptors.flat());
});

Deno.test("training counts the bits of more members than a byte counts", async () => {
  using device = await Device.request({ pool: false });
  const form = { kind: "binary", size: 2 } as const;
  const random = new Random(4);
  // Two groups far apart of 700 each.
  const image = Uint8Array.from({ length: 2800 }, (_, i) => (i < 1400 ? 0xff : 0) ^ (1 << random.int(0, 20)));
  const { vocabulary } = await trainVocabulary(device, [image], { form, k: 2, levels: 1, weighting: "tf" });
  assertEquals(new Set([...vocabulary.descriptors]), new Set([0xff, 0]));
  assertEquals([...vocabulary.wordWeights], [1, 1]);
});

Deno.test("words are weighted by the images that have them", async () => {
  using device = await Device.request({ pool: false });
  const form = { kind: "binary", size: 8 } as const;
  // One image alone is larger than what goes to the GPU at a time.
  const random = new Random(5);
  const images = [...clusteredImages(random, form, 7, 40, 20), random.bytes(17000 * 8), new Uint8Array(0)];
  const sizes = { form, k: 5, levels: 2, maxIterations: 3 };
  const { vocabulary } = await trainVocabulary(device, images, sizes);
  const has = images.map((image) => new Set(plainWords(vocabulary, image).words));
  vocabulary.wordWeights.forEach((weight, word) => {
    const count = has.filter((words) => words.has(word)).length;
    assertAlmostEquals(weight, count === 0 ? 0 : Math.log(9 / count), 1e-12, `word ${word}, ${count} images`);
  });
  const binary = await trainVocabulary(device, images, { ...sizes, weighting: "binary", scoring: "l2" });
  assertEquals([binary.vocabulary.weighting, binary.vocabulary.scoring], ["binary", "l2"]);
  assert(binary.vocabulary.wordWeights.every((weight) => weight === 1));
});

Deno.test("the same seed gives the same vocabulary, another one another", async () => {
  using device = await Device.request({ pool: false });
  const form = { kind: "float", size: 5 } as const;
  const images = clusteredImages(new Random(6), form, 3, 60, 9);
  const train = async (seed: number): Promise<Vocabulary> =>
    (await trainVocabulary(device, images, { form, k: 3, levels: 3, seed })).vocabulary;
  const first = await train(7);
  assertEquals(await train(7), first);
  assert((await train(8)).descriptors.join() !== first.descriptors.join());
});

Deno.test("10,000 ORB-sized descriptors, k 10, L 5, are trained without a hang", async () => {
  using device = await Device.request({ pool: false });
  const form = { kind: "binary", size: 32 } as const;
  const images = clusteredImages(new Random(8), form, 20, 500, 400);
  const seen: TrainingProgress[] = [];
  const start = performance.now();
  const { vocabulary, levels } = await trainVocabulary(device, images, {
    form,
    k: 10,
    levels: 5,
    onProgress: (progress) => seen.push(progress),
  });
  console.log(
    `10,000 descriptors: ${vocabulary.wordCount} words, ${seen.length} rounds, ${
      ((performance.now() - start) / 1000).toFixed(1)
    } s`,
  );
  assertGreater(vocabulary.wordCount, 400);
  assertEquals(levels, 5);
  assertEquals(new Set(seen.map(({ level }) => level)), new Set([1, 2, 3, 4, 5]));
  // A descriptor of the training is nearer to its word than to a random one.
  const { words } = vocabulary.find(images[0]!);
  let [own, other] = [0, 0];
  for (const [row, word] of words.entries()) {
    const from = rowOf(images[0]!, row, 32);
    own += plainDistance(from, rowOf(vocabulary.descriptors, vocabulary.wordNodes[word]! - 1, 32), "binary");
    const shifted = vocabulary.wordNodes[(word + 97) % vocabulary.wordCount]! - 1;
    other += plainDistance(from, rowOf(vocabulary.descriptors, shifted, 32), "binary");
  }
  assertLess(own, other / 4);
});

Deno.test("training ends at its time with what there is, and at once when it is told to", async () => {
  using device = await Device.request({ pool: false });
  const form = { kind: "binary", size: 16 } as const;
  const images = clusteredImages(new Random(9), form, 4, 200, 30);
  const short = await trainVocabulary(device, images, { form, k: 4, levels: 6, maxMs: 0 });
  assertEquals([short.outOfTime, short.levels, short.vocabulary.wordCount], [true, 1, 4]);
  const controller = new AbortController();
  let rounds = 0;
  await assertRejects(
    () =>
      trainVocabulary(device, images, {
        form,
        signal: controller.signal,
        onProgress: () => {
          if (++rounds === 2) controller.abort(new Error("enough"));
        },
      }),
    Error,
    "enough",
  );
  assertEquals(rounds, 2);
});

Deno.test("equal descriptors make no further words", async () => {
  using device = await Device.request({ pool: false });
  const form = { kind: "float", size: 2 } as const;
  const image = Float32Array.of(1, 1, 1, 1, 5, 5, 5, 5, 9, 1);
  const { vocabulary, levels } = await trainVocabulary(device, [image, image], { form, weighting: "tf" });
  assertEquals([vocabulary.wordCount, vocabulary.nodeCount, levels], [3, 4, 1]);
  assertEquals(
    new Set([0, 1, 2].map((row) => rowOf(vocabulary.descriptors, row, 2).join())),
    new Set(["1,1", "5,5", "9,1"]),
  );
  await assertRejects(
    () => trainVocabulary(device, [image.slice(0, 4)], { form, weighting: "tf" }),
    VocabularyError,
    "all 2 descriptors are equal",
  );
});

Deno.test("training refuses what makes no sense", async () => {
  using device = await Device.request({ pool: false });
  const form = { kind: "float", size: 2 } as const;
  const image = Float32Array.of(1, 2, 3, 4);
  for (
    const [images, options, message] of [
      [[image, image], { k: 1 }, "k is 1"],
      [[image, image], { levels: 0.5 }, "levels is 0.5"],
      [[image, image], { maxMs: NaN }, "maxMs is NaN"],
      [[image], {}, '1 images with the weighting "tf-idf"'],
      [[image, image.slice(1)], {}, "image 1: 3 floats"],
      [[image, Float32Array.of(1, NaN)], {}, "no finite number"],
      [[new Float32Array(0), new Float32Array(0)], {}, "there are no descriptors"],
      [[image, new Uint8Array(2)], {}, "image 1: the descriptors are binary"],
    ] as const
  ) {
    await assertRejects(
      () => trainVocabulary(device, images, { form, ...options }),
      VocabularyError,
      message,
    );
  }
});
