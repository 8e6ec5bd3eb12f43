import { assert, assertEquals, assertGreaterOrEqual, assertStringIncludes } from "@std/assert";
import { Detector } from "../../src/detect/mod.ts";
import { townDetector } from "../../src/detect/town_detector.ts";
import { Device } from "../../src/gpu/mod.ts";
import { boxesOfKinds, KINDS, WorldSource } from "../../src/world/mod.ts";
import { GpuBytes } from "../support/gpu_bytes.ts";

/** Never trained on. */
const SEED = 71;
const FRAMES = 12;
/** What shows so well that it has to be found. */
const PLAIN = { pixels: 400, visible: 0.7 };

function overlap(a: readonly number[], b: readonly number[]): number {
  const width = Math.min(a[2]!, b[2]!) - Math.max(a[0]!, b[0]!);
  const height = Math.min(a[3]!, b[3]!) - Math.max(a[1]!, b[1]!);
  const area = ([x1, y1, x2, y2]: readonly number[]): number => (x2! - x1!) * (y2! - y1!);
  const both = Math.max(width, 0) * Math.max(height, 0);
  return both / (area(a) + area(b) - both);
}

Deno.test("a detector without a network finds what is plain to see in the drawn town, and says what it uses", async () => {
  using device = await Device.request();
  const source = new WorldSource(device, { scenario: "random", seed: SEED, frames: FRAMES });
  const warnings: string[] = [];
  using detector = await Detector.create(device, {
    slots: 1,
    onWarning: (message) => warnings.push(message),
  });
  assertEquals(warnings.length, 1, warnings.join("\n"));
  assertStringIncludes(
    warnings[0]!,
    "town-detector, which comes with Framewise and was trained on drawn scenes",
  );
  assertEquals(detector.labels, [...KINDS]);
  let plain = 0, found = 0;
  for await (const frame of source) {
    const detections = await detector.detect(frame);
    for (const { label, box, pixels, visible } of boxesOfKinds(source.truth(frame.index).boxes)) {
      if (pixels < PLAIN.pixels || visible < PLAIN.visible) continue;
      plain++;
      if (detections.some((one) => one.label === label && overlap(one.box, box) >= 0.5)) found++;
    }
    frame.release();
  }
  await source.close();
  assert(plain >= 6, `seed ${SEED}: only ${plain} objects are plain to see`);
  assertGreaterOrEqual(found / plain, 0.6, `seed ${SEED}: ${found} of ${plain} were found`);
});

Deno.test("a detector frees the network that it took itself, and leaves one that it was given", async () => {
  using device = await Device.request();
  const memory = new GpuBytes(device);
  const afterOne = async (options: Parameters<typeof Detector.create>[1]): Promise<number> => {
    (await Detector.create(device, { slots: 1, ...options }))[Symbol.dispose]();
    return memory.bytes;
  };
  const kept = await afterOne({});
  assertEquals([await afterOne({}), await afterOne({})], [kept, kept]);
  await using stack = new AsyncDisposableStack();
  const network = await townDetector(device);
  stack.use(network.session);
  const given = await afterOne(network);
  assert(given > kept, `${given} bytes with a session, ${kept} without`);
  assertEquals(await afterOne(network), given);
});
