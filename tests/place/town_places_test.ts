import { assert, assertEquals, assertGreaterOrEqual, assertLess, assertStringIncludes } from "@std/assert";
import { runLoop } from "../../src/frame/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { PlaceRecogniser, type PlaceResult } from "../../src/place/mod.ts";
import { WorldSource } from "../../src/world/mod.ts";
import { GpuBytes } from "../support/gpu_bytes.ts";

/** Never trained on. */
const SEED = 72;
const FRAMES = 120;
/** The recogniser's own. */
const GAP = 15;

Deno.test("a recogniser without networks takes what comes with Framewise, says so, and frees it", async () => {
  using device = await Device.request();
  const memory = new GpuBytes(device);
  const warnings: string[] = [];
  const made = async (): Promise<number> => {
    const options = { slots: 1, onWarning: (message: string) => void warnings.push(message) };
    (await PlaceRecogniser.create(device, options))[Symbol.dispose]();
    return memory.bytes;
  };
  const kept = await made();
  // Uniforms of a few kernels, 16 or 32 bytes each, stay with the device; the networks have half a megabyte each.
  for (let i = 1; i <= 2; i++) assertLess(await made() - kept, 1024 * i);
  assertEquals(warnings.length, 3, warnings.join("\n"));
  assertStringIncludes(
    warnings[0]!,
    "town-place and town-features with town-words, which come with Framewise",
  );
});

Deno.test("a recogniser without networks finds the second lap of the drawn town, and no place that is another", async () => {
  using device = await Device.request();
  const options = { scenario: "two-laps", seed: SEED, frames: FRAMES, smooth: false, buffers: 8 } as const;
  const source = new WorldSource(device, options);
  using places = await PlaceRecogniser.create(device, { capacity: FRAMES, formats: ["rgb24"] });
  const results: PlaceResult[] = [];
  const { frames } = await runLoop<PlaceResult>({
    device,
    source,
    slots: places.slots,
    sinks: [],
    onFrame: (_done, _frame, result) => void results.push(result),
  });
  assertEquals(frames, FRAMES);
  const same = (id: number): number[] => source.truth(id).samePlace.map(({ frame }) => frame);
  const told = results.map(({ id, status, match }) => `${id}:${status}:${match}`).join(" ");
  const loops = results.filter(({ status }) => status === "loop");
  for (const { id, match } of loops) {
    assert(same(id).includes(match!), `seed ${SEED}: ${id} is not ${match}; ${told}`);
  }
  const possible = results.filter(({ id }) => same(id).some((earlier) => earlier <= id - GAP));
  assert(possible.length >= 30, `seed ${SEED}: ${possible.length} frames show a place again`);
  assertGreaterOrEqual(loops.length, possible.length / 2, `seed ${SEED}: of ${possible.length}; ${told}`);
});
