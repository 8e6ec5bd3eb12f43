import { assert, assertEquals, assertThrows } from "@std/assert";
import { CovisibilityGraph } from "../../../src/place/loop/covisibility_graph.ts";
import { LoopDetectionError } from "../../../src/place/loop/loop_detection_error.ts";
import { Random } from "../../support/random.ts";

/** The features `first` to `first + count - 1` of both frames. */
function same(count: number, first = 0): Uint32Array<ArrayBuffer> {
  return Uint32Array.from({ length: 2 * count }, (_, i) => first + (i >> 1));
}

/** Frames whose first features go on from one to the next; fewer and fewer, as a camera moves on. */
function chain(frames: number, options = {}): CovisibilityGraph {
  const graph = new CovisibilityGraph(options);
  for (let id = 0; id < frames; id++) graph.addFrame(id, 50, id > 0 ? same(40) : undefined);
  return graph;
}

Deno.test("weights count the tracks that two frames have in common", () => {
  const graph = new CovisibilityGraph({ minWeight: 2 });
  graph.addFrame(0, 10);
  // Features 2 to 9 of frame 0 are features 0 to 7 of frame 1; 5 to 9 of it 0 to 4 of frame 2.
  graph.addFrame(1, 10, Uint32Array.from({ length: 16 }, (_, i) => (i >> 1) + (i % 2 === 1 ? 2 : 0)));
  graph.addFrame(2, 10, Uint32Array.from({ length: 10 }, (_, i) => (i >> 1) + (i % 2 === 1 ? 5 : 0)));
  // Features 5, 6, 7 of frame 1 come from frame 0; 8 and 9 are new.
  assertEquals([graph.weight(0, 1), graph.weight(1, 2), graph.weight(0, 2), graph.weight(2, 0)], [
    8,
    5,
    3,
    3,
  ]);
  const { ids, weights } = graph.neighbours(2);
  assertEquals([[...ids], [...weights]], [[1, 0], [5, 3]]);
  assertEquals([...graph.neighbours(2, 1).ids], [1]);
  assertEquals([...graph.neighbours(7).ids], []);
  assertEquals(graph.weight(1, 1), 0);
});

Deno.test("frames are connected from the least weight on, and the heaviest edges are kept", () => {
  for (const count of [14, 15]) {
    const graph = new CovisibilityGraph();
    graph.addFrame(0, 20);
    graph.addFrame(1, 20, same(count));
    assertEquals([graph.connected(0, 1), graph.weight(0, 1)], [count === 15, count === 15 ? 15 : 0]);
    graph.addFrame(2, 20);
    assertEquals(graph.weight(0, 1), count === 15 ? 15 : 0);
  }
  const graph = chain(30, { maxNeighbours: 4 });
  assertEquals([...graph.neighbours(20).ids].length, 4);
  assertEquals([...graph.neighbours(29).ids], [28, 27, 26, 25]);
  // Of the newest frame all are known, of the others the neighbours that were kept.
  assertEquals([graph.weight(29, 0), graph.weight(28, 0)], [40, 0]);
});

Deno.test("weights are those of a plain count over random tracks, gaps and loops", () => {
  for (let seed = 0; seed < 30; seed++) {
    const random = new Random(seed);
    const features = 30;
    const graph = new CovisibilityGraph({ minWeight: 1, maxNeighbours: 100 });
    // The plain count: each feature has a label; labels of joined tracks are made one everywhere.
    const labels = new Map<number, number[]>();
    let next = 0;
    let last = -1;
    for (let id = 0; id < 25; id++) {
      if (random.next() < 0.1) continue;
      const pairs: number[] = [];
      const own = Array.from({ length: features }, () => next++);
      const taken = new Set<number>();
      const done = new Set<number>();
      for (let i = 0; last >= 0 && i < 20; i++) {
        const [feature, other] = [random.int(0, features - 1), random.int(0, features - 1)];
        pairs.push(feature, other);
        if (done.has(feature) || taken.has(other)) continue;
        done.add(feature);
        taken.add(other);
        own[feature] = labels.get(last)![other]!;
      }
      graph.addFrame(id, features, Uint32Array.from(pairs));
      labels.set(id, own);
      last = id;
      if (id > 5 && random.next() < 0.3) {
        const earlier = [...labels.keys()].at(random.int(0, labels.size - 2))!;
        const joins = Uint32Array.from({ length: 16 }, () => random.int(0, features - 1));
        graph.join(id, earlier, joins);
        for (let i = 0; i < joins.length; i += 2) {
          const [a, b] = [labels.get(id)![joins[i]!]!, labels.get(earlier)![joins[i + 1]!]!];
          for (const list of labels.values()) {
            for (const [at, label] of list.entries()) if (label === b) list[at] = a;
          }
        }
      }
      for (const [other, list] of labels) {
        if (other === id) continue;
        const theirs = new Set(list);
        const common = new Set(labels.get(id)!.filter((label) => theirs.has(label))).size;
        assertEquals(graph.weight(id, other), common, `seed ${seed}, frames ${id} and ${other}`);
        assertEquals(graph.connected(other, id), common > 0);
      }
    }
  }
});

Deno.test("a loop joins tracks: the frames that saw the earlier one's features are connected too", () => {
  const graph = new CovisibilityGraph();
  for (let id = 0; id < 40; id++) graph.addFrame(id, 50, id % 20 > 0 ? same(40) : undefined);
  assertEquals(graph.weight(39, 5), 0);
  graph.join(39, 5, same(25));
  assertEquals([5, 4, 12].map((id) => graph.weight(39, id)), [25, 25, 25]);
  assertEquals(graph.weight(39, 38), 40);
  // And the next frame, by the tracks that it takes over.
  graph.addFrame(40, 50, same(16, 20));
  assertEquals([graph.weight(40, 39), graph.weight(40, 5)], [16, 0]);
  graph.addFrame(41, 50, same(16, 20));
  assertEquals(graph.weight(41, 40), 16);
});

Deno.test("a loop to a frame whose tracks are gone joins that frame alone", () => {
  const graph = new CovisibilityGraph({ trackedFrames: 10 });
  for (let id = 0; id < 40; id++) graph.addFrame(id, 50, id % 20 > 0 ? same(40) : undefined);
  graph.join(39, 5, same(25));
  assertEquals([graph.weight(39, 5), graph.weight(39, 4)], [25, 0]);
  assertThrows(() => graph.join(5, 2, same(25)), LoopDetectionError, "not one of the 10 newest");
});

Deno.test("a loaded graph has the same edges, and goes on with the next frame", () => {
  const graph = chain(50);
  const copies = [CovisibilityGraph.load(graph.data()), new CovisibilityGraph()];
  for (let id = 0; id < 50; id++) copies[1]!.restoreFrame(id, chain(id + 1).neighbours(id));
  const counts = graph.data().counts;
  assertEquals(counts.length, 50);
  assert(counts.every((count) => count === 20));
  for (const [i, copy] of copies.entries()) {
    assertEquals(copy.size, 50, `copy ${i}`);
    assertEquals(copy.data(), graph.data(), `copy ${i}`);
    // The pairs are all that is known of the frame before.
    copy.addFrame(50, 50, same(30, 20));
    assertEquals([copy.weight(50, 49), copy.weight(50, 48)], [30, 0], `copy ${i}`);
    copy.addFrame(51, 50, same(30, 20));
    assertEquals([copy.weight(51, 50), copy.weight(51, 49)], [30, 30], `copy ${i}`);
  }
});

Deno.test("a graph grows by no more than its edges once its tracks are full", () => {
  const frames = 3000;
  const graph = new CovisibilityGraph({ trackedFrames: 10 });
  for (let id = 0; id < frames; id++) graph.addFrame(id, 20, id > 0 ? same(16, id % 5) : undefined);
  const { counts, ids, weights } = graph.data();
  assertEquals(counts.length, frames);
  assert(ids.length <= 20 * frames && weights.length === ids.length);
  assertEquals(graph.weight(frames - 1, frames - 2), 16);
});

Deno.test("errors of a covisibility graph name frame and numbers", () => {
  const graph = chain(3);
  const cases: [() => unknown, string][] = [
    [() => new CovisibilityGraph({ minWeight: 0 }), "minWeight is 0"],
    [() => new CovisibilityGraph({ maxNeighbours: 70_000 }), "at most 65,535"],
    [() => graph.addFrame(2, 50), "the next is 3 or more"],
    [
      () => graph.addFrame(3, 5, Uint32Array.of(5, 0)),
      "pair 0 is of features 5 and 0, and there are 5 and 50",
    ],
    [() => graph.addFrame(3, 5, Uint32Array.of(0, 0, 1)), "3 numbers are no pairs"],
    [() => new CovisibilityGraph().addFrame(0, 5, Uint32Array.of(0, 0)), "it is the first, and has pairs"],
    [() => graph.join(2, 2, new Uint32Array()), "no such earlier frame"],
    [() => graph.join(7, 2, new Uint32Array()), "not one of the 100 newest"],
    [() => graph.join(2, 1, Uint32Array.of(0, 50)), "pair 0 is of features 0 and 50"],
    [() => graph.restoreFrame(3, { ids: Uint32Array.of(3), weights: Uint32Array.of(20) }), "neighbour 3"],
    [
      () => graph.restoreFrame(3, { ids: Uint32Array.of(1), weights: new Uint32Array() }),
      "1 neighbours and 0",
    ],
    [() => CovisibilityGraph.load({ ...graph.data(), ids: new Uint32Array(1) }), "there are 1 ends"],
    [() =>
      CovisibilityGraph.load({
        counts: Uint16Array.of(1),
        ids: Uint32Array.of(0),
        weights: Uint32Array.of(20),
      }), "an edge to frame 0"],
  ];
  for (const [make, message] of cases) assertThrows(make, LoopDetectionError, message);
  assertEquals(graph.size, 3);
});
