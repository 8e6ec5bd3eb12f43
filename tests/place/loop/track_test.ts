import { assertEquals, assertThrows } from "@std/assert";
import {
  type GeometricMatch,
  LoopDetectionError,
  LoopDetector,
  type LoopDetectorOptions,
} from "../../../src/place/mod.ts";

const verified = (id: number): GeometricMatch => ({
  id,
  matches: 120,
  inliers: 90,
  model: "fundamental",
  pairs: new Uint32Array(0),
});

/** Asks about frames, each with its best candidate and how like it is; all that is asked fits. */
async function statuses(
  options: LoopDetectorOptions,
  frames: readonly [id: number, candidate: number, similarity: number][],
): Promise<string[]> {
  const detector = new LoopDetector({ minSimilarity: 0.8, follow: 0, consistency: "none", ...options });
  const told: string[] = [];
  for (const [id, candidate, similarity] of frames) {
    const neighbours = { ids: Int32Array.of(candidate), scores: Float32Array.of(similarity) };
    told.push((await detector.decide({ id, neighbours }, (ids) => ids.map(verified))).status);
  }
  return told;
}

const TRACK = { trackFrames: 20, trackSimilarity: 0.5 };

Deno.test("after a verified match, less likeness is enough where the camera should be, along or against the way", async () => {
  const begin = [100, 20, 0.9] as const;
  const cases: [string, [number, number, number], string][] = [
    ["along", [110, 30, 0.55], "loop"],
    ["against", [110, 10, 0.55], "loop"],
    ["a little ahead", [110, 35, 0.55], "loop"],
    ["too little like", [110, 30, 0.45], "low_score"],
    ["too far ahead", [110, 36, 0.55], "low_score"],
    ["another place", [110, 70, 0.55], "low_score"],
    ["just in time", [120, 40, 0.55], "loop"],
    ["too late", [121, 41, 0.55], "low_score"],
    ["far from the way, and very like", [110, 70, 0.85], "loop"],
  ];
  for (const [what, frame, status] of cases) {
    assertEquals(await statuses(TRACK, [[...begin], frame]), ["loop", status], what);
  }
});

Deno.test("a track begins with a match that is like enough, and goes on as long as matches follow", async () => {
  assertEquals(await statuses(TRACK, [[100, 20, 0.7], [101, 21, 0.7]]), ["low_score", "low_score"]);
  const far = [[100, 20, 0.9], [115, 35, 0.6], [130, 50, 0.6], [145, 65, 0.6]] as [number, number, number][];
  assertEquals(await statuses(TRACK, far), ["loop", "loop", "loop", "loop"]);
  assertEquals(
    await statuses({}, far),
    ["loop", "low_score", "low_score", "low_score"],
    "no track unless asked for",
  );
});

Deno.test("a track's settings are numbers that can be", () => {
  assertThrows(() => new LoopDetector({ trackFrames: -1 }), LoopDetectionError, "trackFrames is -1");
  assertThrows(
    () => new LoopDetector({ trackSimilarity: NaN }),
    LoopDetectionError,
    "trackSimilarity is NaN",
  );
});
