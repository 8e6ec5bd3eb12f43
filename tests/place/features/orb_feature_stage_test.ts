import { assert, assertAlmostEquals, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { Device, Readback, StackRegion } from "../../../src/gpu/mod.ts";
import type { LocalFeatures } from "../../../src/place/features/local_features.ts";
import { OrbFeatures } from "../../../src/place/features/orb.ts";
import { OrbFeatureStage } from "../../../src/place/features/orb_feature_stage.ts";
import type { PixelFrame } from "../../../src/vision/pixels.ts";
import { draw } from "./orb_picture.ts";

const SIZE = { width: 320, height: 240 };
const PICTURE = draw(SIZE.width, SIZE.height, 220, 21);

/** A stage on a stack as large as it says, with others' bytes before its result in what is read back. */
async function withStage(
  use: (device: Device, find: (frame: PixelFrame) => Promise<LocalFeatures>) => Promise<void>,
): Promise<void> {
  using device = await Device.request({ pool: { stackBytes: 1 << 20, stackCount: 1 } });
  const options = { size: SIZE, maxFeatures: 300, frame: { width: 640, height: 480 } };
  device.pool.configure({ stackBytes: OrbFeatureStage.measure(device, options), stackCount: 1 });
  using stream = device.stream();
  const region = new StackRegion(stream, "features");
  using stage = await OrbFeatureStage.create(device, region, {
    ...options,
    formats: ["gray8", "rgb24", "bgr24", "rgba", "i420", "nv12"],
  });
  region.seal();
  using readback = new Readback(device, stage.rows.count.bytes + stage.result.bytes, "features");
  await use(device, async (frame) => {
    region.push();
    try {
      stage.write(frame);
      stream.run(stage.dispatches);
      readback.record(stream, stage.rows.count, stage.result);
      stream.submit();
      return await readback.take((bytes) => stage.read(bytes, stage.rows.count.bytes));
    } finally {
      region.pop();
    }
  });
}

/** Every pixel `times` by `times` times. */
function enlarged(times: number): PixelFrame {
  const [width, height] = [SIZE.width * times, SIZE.height * times];
  const data = new Uint8Array(width * height).map((_, i) =>
    PICTURE[Math.floor(Math.floor(i / width) / times) * SIZE.width + Math.floor(i % width / times)]!
  );
  return { width, height, format: "gray8", data };
}

Deno.test("a stage's features are ORB's, in pixels of the frame, whatever its format and size", async () => {
  await withStage(async (device, find) => {
    using orb = new OrbFeatures(device, { ...SIZE, features: 300 });
    using stream = device.stream();
    const { keyPoints, descriptors } = await orb.detectHost(stream, PICTURE);
    assertGreater(keyPoints.length, 200);
    const pixels = SIZE.width * SIZE.height;
    const repeated = (times: number): Uint8Array<ArrayBuffer> =>
      new Uint8Array(pixels * times).map((_, i) => PICTURE[Math.floor(i / times)]!);
    const planes = new Uint8Array(pixels * 3 / 2).fill(128);
    planes.set(PICTURE);
    const colour = { matrix: "bt601", range: "full" } as const;
    const frames: [number, PixelFrame][] = [
      [1, { ...SIZE, format: "gray8", data: PICTURE }],
      [1, { ...SIZE, format: "rgb24", data: repeated(3) }],
      [1, { ...SIZE, format: "bgr24", data: repeated(3) }],
      [1, { ...SIZE, format: "rgba", data: repeated(4) }],
      [1, { ...SIZE, format: "i420", colour, data: planes }],
      [1, { ...SIZE, format: "nv12", colour, data: planes }],
      [2, enlarged(2)],
    ];
    const before = device.counters.snapshot();
    for (const [times, frame] of frames) {
      const found = await find(frame);
      const context = `${frame.format}, ${frame.width}x${frame.height}`;
      assertEquals(found.scores.length, keyPoints.length, context);
      assertEquals(found.descriptors, new Uint8Array(descriptors.buffer), context);
      for (const [i, { x, y, response, octave }] of keyPoints.entries()) {
        assertEquals(found.scores[i], response, context);
        for (const [axis, at] of [x, y].entries()) {
          const middle = (Math.round(at / 1.2 ** octave) + 0.5) * 1.2 ** octave * times - 0.5;
          assertAlmostEquals(found.points[2 * i + axis]!, middle, 1e-3 * times, `${context}: ${i}`);
        }
      }
    }
    assertEquals(device.counters.snapshot(), before);
  });
});

Deno.test("features are strongest first, and none is of the padding", async () => {
  await withStage(async (_, find) => {
    for (const [width, height] of [[320, 240], [120, 240], [320, 140], [333, 77], [40, 40]] as const) {
      const data = new Uint8Array(width * height).map((_, i) =>
        PICTURE[Math.floor(i / width) % SIZE.height * SIZE.width + i % width % SIZE.width]!
      );
      const { points, scores } = await find({ width, height, format: "gray8", data });
      const context = `${width}x${height}: ${scores.length} features`;
      if (height > 100) assertGreater(scores.length, 5, context);
      const scale = Math.max(width / SIZE.width, height / SIZE.height);
      for (let i = 0; i < scores.length; i++) {
        if (i > 0) assert(scores[i]! <= scores[i - 1]!, `${context}, ${i}`);
        const [x, y] = points.subarray(2 * i, 2 * i + 2);
        const least = 30 * scale;
        assert(
          x! > least && y! > least && x! < width - least && y! < height - least,
          `${context}: ${x}, ${y}`,
        );
      }
    }
  });
});

Deno.test("an ORB stage refuses bytes that are no result, and options out of range", async () => {
  using device = await Device.request({ pool: { stackBytes: 1 << 23, stackCount: 1 } });
  assertThrows(() => OrbFeatureStage.measure(device, { maxFeatures: 0 }), RangeError, "features is 0");
  using stream = device.stream();
  const region = new StackRegion(stream, "features");
  using stage = await OrbFeatureStage.create(device, region, { size: SIZE, maxFeatures: 10 });
  assertThrows(() => stage.read(new ArrayBuffer(16)), RangeError, "16 bytes from 0 on");
  const foreign = new Uint8Array(stage.result.bytes).fill(0xa5).buffer;
  assertThrows(() => stage.read(foreign), RangeError, "at most 10 were prepared");
  const empty = new ArrayBuffer(stage.result.bytes);
  assertThrows(() => stage.read(empty), Error, "no frame was written yet");
  region.abandon();
});
