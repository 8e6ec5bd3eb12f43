import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  type Bag,
  BagDatabase,
  featureNodes,
  loadBagDatabase,
  makeBag,
  saveBagDatabase,
  scoreBags,
  type Scoring,
  SCORINGS,
  sharedNodes,
  VocabularyError,
} from "../../../src/place/mod.ts";
import { Random } from "../../support/random.ts";

const WORDS = 60;

function randomBag(random: Random, scoring: Scoring): Bag {
  const words = Uint32Array.from({ length: random.int(0, 30) }, () => random.int(0, WORDS - 1));
  const weights = Float64Array.from({ length: WORDS }, (_, word) => 0.5 + word / 20);
  return makeBag(words, weights, "tf-idf", scoring);
}

function common(a: Bag, b: Bag): number {
  return [...a.words].filter((word) => b.words.includes(word)).length;
}

/** The bag without some words. */
function without(bag: Bag, words: readonly number[]): Bag {
  const keep = [...bag.words.keys()].filter((i) => !words.includes(bag.words[i]!));
  return {
    words: Uint32Array.from(keep, (i) => bag.words[i]!),
    values: Float64Array.from(keep, (i) => bag.values[i]!),
  };
}

Deno.test("query() gives the scores of comparing with each image, best first, within its limits", () => {
  for (const scoring of SCORINGS) {
    const random = new Random(SCORINGS.indexOf(scoring));
    const database = new BagDatabase({ wordCount: WORDS, scoring });
    const bags: Bag[] = [];
    for (let image = 0; image < 150; image++) {
      const query = randomBag(random, scoring);
      const options = {
        maxId: random.int(0, image),
        limit: random.int(0, 20),
        minCommonWords: random.int(1, 6),
      };
      const expected = bags.map((bag, id) => ({
        id,
        score: scoreBags(scoring, query, bag),
        commonWords: common(query, bag),
      })).filter(({ id, commonWords }) => id < options.maxId && commonWords >= options.minCommonWords)
        .sort((a, b) => (scoring === "kl" ? a.score - b.score : b.score - a.score) || a.id - b.id)
        .slice(0, options.limit);
      const what = JSON.stringify({ scoring, image, ...options });
      const found = database.query(query, options);
      assertEquals(found.length, expected.length, what);
      found.forEach((match, i) => {
        assertAlmostEquals(match.score, expected[i]!.score, 1e-9, what);
        assertEquals(match.commonWords, common(query, bags[match.id]!), what);
        assertAlmostEquals(match.score, scoreBags(scoring, query, bags[match.id]!), 1e-9, what);
      });
      const bag = randomBag(random, scoring);
      assertEquals(database.add(bag), image);
      bags.push(bag);
    }
    assertEquals(database.bags(), bags, scoring);
  }
});

Deno.test("query() asks for five common words with chi-square and Bhattacharyya, and gives equals by number", () => {
  const bag = (count: number): Bag => ({
    words: Uint32Array.from({ length: count }, (_, i) => i),
    values: new Float64Array(count).fill(1 / count),
  });
  for (const scoring of SCORINGS) {
    const database = new BagDatabase({ wordCount: WORDS, scoring });
    for (const count of [4, 5, 5, 4]) database.add(bag(count));
    const ids = database.query(bag(5)).map(({ id }) => id);
    if (scoring === "chi-square" || scoring === "bhattacharyya") assertEquals(ids, [1, 2], scoring);
    else assertEquals(ids.toSorted(), [0, 1, 2, 3], scoring);
    if (scoring === "l1") assertEquals(ids, [1, 2, 0, 3]);
    assertEquals(database.query(bag(0)), []);
  }
});

Deno.test("stopped words count in no query until they are taken up again", () => {
  for (const scoring of SCORINGS) {
    const random = new Random(77);
    const database = new BagDatabase({ wordCount: WORDS, scoring });
    const bags = Array.from({ length: 40 }, () => randomBag(random, scoring));
    for (const bag of bags) database.add(bag);
    const frequent = database.commonWords(0.3);
    assertEquals(
      [...frequent],
      [...Array(WORDS).keys()].filter((word) => bags.filter(({ words }) => words.includes(word)).length > 12),
    );
    assert(frequent.length > 0 && frequent.length < WORDS, `${frequent.length} words are frequent`);
    assertEquals(database.imagesWith(frequent[0]!) > 12, true);
    const query = randomBag(random, scoring);
    const before = database.query(query);
    database.stop(frequent);
    assertEquals(database.stopped, frequent);
    const reduced = without(query, [...frequent]);
    const found = database.query(query);
    for (const { id, score, commonWords } of found) {
      const other = without(bags[id]!, [...frequent]);
      assertEquals(commonWords, common(reduced, other), scoring);
      assertAlmostEquals(score, scoreBags(scoring, reduced, other), 1e-9, scoring);
    }
    database.unstop();
    assertEquals(database.query(query), before);
  }
});

Deno.test("the direct index gives the features of two images that passed the same node", () => {
  const a = featureNodes(Uint32Array.of(7, 3, 7, 9, 3));
  assertEquals([...a.nodes], [3, 7, 9]);
  assertEquals([...a.starts], [0, 2, 4, 5]);
  assertEquals([...a.features], [1, 4, 0, 2, 3]);
  const b = featureNodes(Uint32Array.of(9, 7, 8, 7), (feature) => feature !== 3);
  assertEquals([...sharedNodes(a, b)].map((pair) => pair.map((list) => [...list])), [[[0, 2], [1]], [[3], [
    0,
  ]]]);
  assertEquals([...sharedNodes(a, featureNodes(new Uint32Array(0)))], []);
  const random = new Random(8);
  const nodes = [0, 1].map(() => Uint32Array.from({ length: 50 }, () => random.int(0, 9)));
  const pairs = [...sharedNodes(featureNodes(nodes[0]!), featureNodes(nodes[1]!))].flatMap((
    [first, second],
  ) => [...first].flatMap((i) => [...second].map((j) => `${i}-${j}`)));
  const expected = [...nodes[0]!.keys()].flatMap((i) =>
    [...nodes[1]!.keys()].filter((j) => nodes[0]![i] === nodes[1]![j]).map((j) => `${i}-${j}`)
  );
  assertEquals(pairs.sort(), expected.sort());
});

Deno.test("a database that was saved and loaded answers as before, and goes on growing", () => {
  for (const scoring of SCORINGS) {
    const random = new Random(21);
    const database = new BagDatabase({ wordCount: WORDS, scoring });
    for (let image = 0; image < 30; image++) {
      const nodes = Uint32Array.from({ length: random.int(0, 12) }, () => random.int(0, 5));
      database.add(randomBag(random, scoring), image % 3 === 0 ? undefined : featureNodes(nodes));
    }
    database.stop([3, 59]);
    const bytes = saveBagDatabase(database);
    const loaded = loadBagDatabase(bytes, database);
    assertEquals([loaded.size, loaded.stopped], [30, Uint32Array.of(3, 59)]);
    for (let image = 0; image < 30; image++) assertEquals(loaded.features(image), database.features(image));
    const bag = randomBag(random, scoring);
    assertEquals(loaded.add(bag), 30);
    database.add(bag);
    for (let i = 0; i < 10; i++) {
      const query = randomBag(random, scoring);
      assertEquals(loaded.query(query), database.query(query), scoring);
    }
    assertEquals(saveBagDatabase(loaded), saveBagDatabase(database));
  }
  const empty = new BagDatabase({ wordCount: 1, scoring: "l1" });
  assertEquals(loadBagDatabase(saveBagDatabase(empty), empty).size, 0);
});

Deno.test("a database's file that is cut off, damaged or of another vocabulary is refused", () => {
  const database = new BagDatabase({ wordCount: WORDS, scoring: "l1" });
  for (const seed of [1, 2, 3]) {
    database.add(randomBag(new Random(seed), "l1"), featureNodes(Uint32Array.of(1, 2)));
  }
  const bytes = saveBagDatabase(database);
  for (let length = 12; length < bytes.length; length += 5) {
    assertThrows(() => loadBagDatabase(bytes.slice(0, length), database), VocabularyError, "cut off");
  }
  for (let at = 32; at < bytes.length; at += 3) {
    const damaged = bytes.slice();
    damaged[at]! ^= 4;
    assertThrows(() => loadBagDatabase(damaged, database), VocabularyError, "damaged", `byte ${at}`);
  }
  assertThrows(() => loadBagDatabase(new Uint8Array(100), database), VocabularyError, "FWBAGDB");
  assertThrows(
    () => loadBagDatabase(bytes, { wordCount: 61, scoring: "l1" }),
    VocabularyError,
    'made with 60 words and the score "l1"',
  );
  assertThrows(() => loadBagDatabase(bytes, { wordCount: 60, scoring: "l2" }), VocabularyError, '"l2"');
});

Deno.test("a database refuses bags and limits that make no sense, and stays as it was", () => {
  const database = new BagDatabase({ wordCount: 10, scoring: "l1" });
  const bag = (words: number[], values: number[]): Bag => ({
    words: Uint32Array.from(words),
    values: Float64Array.from(values),
  });
  for (
    const [bad, message] of [
      [bag([1, 1], [1, 1]), "word 1 after 1"],
      [bag([10], [1]), "below 10"],
      [bag([1], []), "1 words and 0 values"],
      [bag([1], [NaN]), "value NaN"],
    ] as const
  ) {
    assertThrows(() => database.add(bad), VocabularyError, message);
    assertThrows(() => database.query(bad), VocabularyError, message);
  }
  assertThrows(
    () => database.add(bag([1], [1]), { ...featureNodes(Uint32Array.of(1)), starts: Uint32Array.of(0) }),
    VocabularyError,
    "1 nodes, 1 starts",
  );
  assertEquals(database.size, 0);
  for (const options of [{ limit: -1 }, { maxId: 0.5 }, { minCommonWords: NaN }]) {
    assertThrows(() => database.query(bag([1], [1]), options), VocabularyError, Object.keys(options)[0]!);
  }
  assertThrows(() => database.features(0), VocabularyError, "there are 0");
});

Deno.test("removed images are found by no query, come back with restore(), and leave the others as they are", () => {
  for (const scoring of SCORINGS) {
    const random = new Random(40 + SCORINGS.indexOf(scoring));
    const database = new BagDatabase({ wordCount: WORDS, scoring });
    const bags = Array.from({ length: 80 }, () => randomBag(random, scoring));
    const here = new Set<number>();
    for (const [id, bag] of bags.entries()) {
      if (id % 5 === 4) assertEquals(database.reserve(), id);
      else {
        assertEquals(database.add(bag), id);
        here.add(id);
      }
    }
    for (let step = 0; step < 300; step++) {
      const id = random.int(0, 79), what = `${scoring}, step ${step}, image ${id}`;
      if (here.delete(id)) {
        if (random.next() < 0.5) database.remove(id, bags[id]);
        else database.remove(id);
        assertThrows(() => database.remove(id, bags[id]), VocabularyError, `image ${id}`);
      } else {
        database.restore(id, bags[id]!);
        here.add(id);
        assertThrows(() => database.restore(id, bags[id]!), VocabularyError, "it is there");
      }
      assertEquals([database.size, database.present, database.has(id)], [80, here.size, here.has(id)], what);
      if (step % 20 > 0) continue;
      const fresh = new BagDatabase({ wordCount: WORDS, scoring });
      for (const [id, bag] of bags.entries()) here.has(id) ? fresh.add(bag) : fresh.reserve();
      const query = randomBag(random, scoring), maxId = random.int(0, 80);
      assertEquals(database.query(query, { maxId }), fresh.query(query, { maxId }), what);
      assertEquals(database.commonWords(0.3), fresh.commonWords(0.3), what);
      assertEquals(database.bags(), fresh.bags(), what);
    }
  }
  const database = new BagDatabase({ wordCount: WORDS, scoring: "l1" });
  database.add({ words: Uint32Array.of(1, 2), values: Float64Array.of(0.5, 0.5) });
  assertThrows(() => database.remove(0, { words: Uint32Array.of(1, 3) }), VocabularyError, "no word 3");
  assertEquals(database.imagesWith(1), 1);
  assertThrows(() => database.remove(1), VocabularyError, "image 1");
  assertThrows(() => database.restore(1, database.bags()[0]!), VocabularyError, "numbers go to 0");
});

Deno.test("addAll() does what add() and reserve() do one by one", () => {
  const random = new Random(61);
  for (let trial = 0; trial < 30; trial++) {
    const [one, all] = [0, 1].map(() => new BagDatabase({ wordCount: WORDS, scoring: "l1" }));
    for (let batch = 0; batch < 4; batch++) {
      const bags = Array.from(
        { length: random.int(0, 60) },
        () => random.next() < 0.3 ? undefined : randomBag(random, "l1"),
      );
      for (const bag of bags) bag ? one!.add(bag) : one!.reserve();
      all!.addAll(bags);
      const query = randomBag(random, "l1"), what = `seed 61, trial ${trial}, batch ${batch}`;
      assertEquals([all!.size, all!.present], [one!.size, one!.present], what);
      assertEquals(all!.bags(), one!.bags(), what);
      assertEquals(all!.query(query), one!.query(query), what);
      const single = randomBag(random, "l1");
      assertEquals(all!.add(single), one!.add(single));
    }
    assertThrows(
      () => all!.addAll([{ words: Uint32Array.of(WORDS), values: Float64Array.of(1) }]),
      VocabularyError,
    );
    assertEquals(all!.size, one!.size);
  }
});
