import { assertEquals, assertGreaterOrEqual, assertLess, assertRejects, assertThrows } from "@std/assert";
import { LoopError } from "../../src/frame/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { Session } from "../../src/graph/mod.ts";
import {
  orbFeatures,
  type PlaceFrame,
  PlaceRecogniser,
  type PlaceRecogniserOptions,
} from "../../src/place/mod.ts";
import { runPlaces, timeless } from "../support/run_places.ts";
import { tinyEmbedding } from "../support/tiny_embedding.ts";
import { Walk, WALK_HEIGHT, WALK_LAP, WALK_WIDTH } from "../support/walk.ts";

const FRAME = { width: WALK_WIDTH, height: WALK_HEIGHT };
const TREATMENT = { fit: "stretch", channels: "rgb", mean: 127.5, std: 64 } as const;
const GAP = 8;
const USUAL = { gap: GAP, frame: FRAME, formats: ["gray8"], slots: 2 } as const;

/** Runs frames through a recogniser, strictly. */
async function run(
  device: Device,
  options: PlaceRecogniserOptions,
  frames: readonly PlaceFrame[],
): ReturnType<typeof runPlaces> {
  using places = await PlaceRecogniser.create(device, { ...USUAL, ...options });
  return await runPlaces(device, places, frames);
}

async function withEmbedding(
  body: (device: Device, embed: NonNullable<PlaceRecogniserOptions["embed"]>) => Promise<void>,
): Promise<void> {
  using device = await Device.request();
  using session = await Session.load(device, tinyEmbedding(["layout"]));
  await body(device, { session, treatment: TREATMENT });
}

Deno.test("the second lap's frames are nearest to those of the first, in a strict loop", async () => {
  await withEmbedding(async (device, embed) => {
    const { results, report } = await run(device, { embed }, new Walk().frames(2 * WALK_LAP));
    assertEquals(report.created, { buffers: 0, bindGroups: 0, pipelines: 0, modules: 0 });
    assertEquals(report.memory.fallbacks, 0);
    assertEquals(results.map(({ id }) => id), Array.from(results.keys()));
    assertEquals(results.map(({ timeSeconds }) => timeSeconds), Array.from(results.keys(), (i) => i / 10));
    for (const { id, status, candidates } of results) {
      const old = Math.max(id - GAP + 1, 0);
      assertEquals(candidates.length, Math.min(old, 10), `frame ${id}`);
      for (const candidate of candidates) assertLess(candidate.id, old, `frame ${id}`);
      assertEquals(status === "too_recent", old === 0, `frame ${id} is ${status}`);
    }
    const right = results.filter(({ id, candidates: [best] }) => best?.id === id - WALK_LAP);
    assertGreaterOrEqual(right.length, WALK_LAP - 2);
    assertGreaterOrEqual(right.filter(({ status }) => status === "loop").length, WALK_LAP / 2);
  });
});

Deno.test("several slots say what one says", async () => {
  await withEmbedding(async (device, embed) => {
    const frames = new Walk(2).frames(WALK_LAP + 10);
    const one = await run(device, { embed, slots: 1 }, frames);
    for (const slots of [2, 3, 5]) {
      const several = await run(device, { embed, slots }, frames);
      assertEquals(timeless(several.results), timeless(one.results), `${slots} slots`);
    }
  });
});

Deno.test("a frame that is refused leaves no row behind", async () => {
  await withEmbedding(async (device, embed) => {
    const frames = new Walk(3).frames(WALK_LAP + 6);
    const broken = [...frames];
    for (const at of [20, 3, 3]) {
      broken.splice(at, 0, { ...frames[at]!, data: new Uint8Array(100) });
    }
    const whole = await run(device, { embed }, frames);
    using places = await PlaceRecogniser.create(device, { ...USUAL, embed });
    const { results, report } = await runPlaces(device, places, broken);
    assertEquals([report.frames, report.skipped], [frames.length, 3]);
    assertEquals(places.index!.rows, frames.length);
    assertEquals(timeless(results), timeless(whole.results));
    assertThrows(() => places.slots[0]!.submit(broken[3]!), RangeError, "100 were given");
    assertEquals((await places.recognise(frames[0]!)).id, frames.length);
  });
});

Deno.test("frames beyond the capacity are told of once; a strict loop refuses them", async () => {
  await withEmbedding(async (device, embed) => {
    const warnings: string[] = [];
    const options = { ...USUAL, embed, slots: 1, index: { chunkRows: 256 }, capacity: 256 };
    using places = await PlaceRecogniser.create(device, {
      ...options,
      onWarning: (message) => warnings.push(message),
    });
    const frames = Array.from({ length: 256 }, (_, i) => new Walk(4).frame(i % 3));
    await runPlaces(device, places, frames);
    assertEquals(warnings, []);
    const error = await assertRejects(
      () => runPlaces(device, places, frames.slice(0, 1)),
      LoopError,
      "created GPU objects in a strict loop",
    );
    assertEquals(error.report.frames, 1);
    assertEquals(warnings.length, 1);
    assertEquals(warnings[0]!.includes("room for 256 frames"), true, warnings[0]);
    for (let i = 0; i < 3; i++) assertEquals((await places.recognise(frames[i]!)).id, 257 + i);
    assertEquals([places.index!.rows, places.index!.capacity, warnings.length], [260, 512, 1]);
  });
});

Deno.test("a recogniser refuses options that do not go together", async () => {
  await withEmbedding(async (device, embed) => {
    const refused = async (options: PlaceRecogniserOptions, message: string): Promise<void> => {
      await assertRejects(() => PlaceRecogniser.create(device, options), RangeError, message);
    };
    await refused({ features: orbFeatures() }, "give `embed`");
    await refused({ embed, method: "bow" }, 'the method "bow" needs `features` and a `vocabulary`');
    await refused({ embed, method: "both" }, 'the method "both" needs `features` and a `vocabulary`');
  });
});
