import { assertEquals, assertLess, assertStringIncludes, assertThrows } from "@std/assert";
import { Device } from "../../src/gpu/mod.ts";
import { InputBlob } from "../../src/vision/blob.ts";
import { FIT_MODES, type FitMode } from "../../src/vision/fit.ts";
import { PIXEL_FORMATS, pixelBytes, type PixelFrame, type PixelLayout } from "../../src/vision/pixels.ts";
import type { InputTreatment } from "../../src/vision/treatment.ts";
import { Random } from "../support/random.ts";
import { blobReference } from "./pixel_reference.ts";

const STRETCH: InputTreatment = { fit: "stretch", channels: "rgb" };

function randomFrame(random: Random, layout: PixelLayout): PixelFrame {
  return { ...layout, data: random.bytes(pixelBytes(layout)) };
}

async function run(device: Device, blob: InputBlob, output: { bytes: number }, frame: PixelFrame) {
  blob.write(frame);
  using stream = device.stream();
  stream.run(blob.dispatch);
  stream.submit();
  return new Float32Array(await device.read(output as Parameters<Device["read"]>[0]));
}

function largestDifference(actual: Float32Array, expected: Float64Array): number {
  assertEquals(actual.length, expected.length);
  let largest = 0;
  actual.forEach((value, i) => {
    const difference = Math.abs(value - expected[i]!);
    largest = Math.max(largest, Number.isNaN(difference) ? Infinity : difference);
  });
  return largest;
}

Deno.test("InputBlob gives what the reference gives, over formats, sizes, fits and colours", async () => {
  using device = await Device.request({ pool: { stackBytes: 1 << 20, stackCount: 2 } });
  const random = new Random(1);
  const sizes: [number, number][] = [[1, 1], [1, 3], [17, 9], [32, 24], [61, 47], [130, 3]];
  const networks: [number, number][] = [[1, 1], [33, 17]];
  let cases = 0;
  for (const [width, height] of networks) {
    const output = device.upload(new Float32Array(width * height * 4), "output");
    for (const fit of FIT_MODES) {
      for (const channels of [3, 1] as const) {
        const treatment: InputTreatment = {
          fit,
          channels: random.pick(["rgb", "bgr"]),
          fill: random.pick([114, [1, 2, 3]]),
          scale: random.pick([1, 1 / 255]),
          mean: random.pick([0, [0.485, 0.456, 0.406]]),
          std: random.pick([1, [0.229, 0.224, 0.225]]),
          filter: random.pick(["linear", "area"]),
        };
        using blob = new InputBlob(device, { treatment, width, height, channels, output });
        for (const [w, h] of sizes) {
          for (const format of channels === 3 ? PIXEL_FORMATS : [random.pick(PIXEL_FORMATS)]) {
            const layout: PixelLayout = {
              width: w,
              height: h,
              format,
              colour: {
                matrix: random.pick(["bt601", "bt709"]),
                range: random.pick(["limited", "full"]),
              },
              siting: random.pick(["left", "center"]),
            };
            const frame = randomFrame(random, layout);
            const actual = await run(device, blob, output, frame);
            const expected = blobReference(frame, width, height, treatment, channels);
            const levels = largestDifference(actual, expected) / blob.treatment.scale *
              Math.min(...blob.treatment.std);
            assertLess(
              levels,
              1e-3,
              JSON.stringify({ seed: 1, network: [width, height], channels, treatment, layout }),
            );
            cases++;
          }
        }
      }
    }
  }
  assertEquals(cases, networks.length * FIT_MODES.length * sizes.length * (PIXEL_FORMATS.length + 1));
});

Deno.test("InputBlob keeps its precision far from the origin", async () => {
  using device = await Device.request({ pool: false });
  const random = new Random(2);
  const frame = randomFrame(random, { width: 8000, height: 6, format: "gray8" });
  for (const fit of ["stretch", "center-crop"] as FitMode[]) {
    const [width, height] = [611, 3];
    const output = device.upload(new Float32Array(width * height * 4), "output");
    const treatment: InputTreatment = { fit, channels: "rgb" };
    using blob = new InputBlob(device, { treatment, width, height, output });
    const actual = await run(device, blob, output, frame);
    const difference = largestDifference(actual, blobReference(frame, width, height, treatment, 3));
    assertLess(difference, 1e-2, `fit ${fit}, seed 2`);
  }
});

Deno.test("InputBlob takes a frame of 8000x6000", async () => {
  using device = await Device.request({ pool: false });
  const [width, height] = [8, 6];
  const output = device.upload(new Float32Array(width * height * 4), "output");
  using blob = new InputBlob(device, { treatment: STRETCH, width, height, output });
  const layout: PixelLayout = { width: 8000, height: 6000, format: "rgb24" };
  const data = new Uint8Array(pixelBytes(layout));
  // Only the pixels that are sampled, 2x2 in the middle of each block of 1000x1000, are not zero.
  const expected = new Float64Array(width * height * 4);
  for (let block = 0; block < width * height; block++) {
    expected.fill(block + 1, block * 4, block * 4 + 3);
    const x = (block % width) * 1000 + 499;
    const y = Math.floor(block / width) * 1000 + 499;
    for (const row of [y, y + 1]) data.fill(block + 1, (row * 8000 + x) * 3, (row * 8000 + x + 2) * 3);
  }
  assertEquals(Float64Array.from(await run(device, blob, output, { ...layout, data })), expected);
});

Deno.test("InputBlob creates nothing for frames that change in size, format and colour", async () => {
  using device = await Device.request({ pool: false });
  const random = new Random(3);
  const output = device.upload(new Float32Array(16 * 16 * 4), "output");
  using blob = new InputBlob(device, {
    treatment: { fit: "letterbox-center", channels: "bgr", fill: 114 },
    width: 16,
    height: 16,
    output,
    sourceBytes: 64 * 64 * 4,
    formats: PIXEL_FORMATS,
  });
  const before = device.counters.snapshot();
  for (const format of PIXEL_FORMATS) {
    for (const [width, height] of [[64, 64], [3, 5], [1, 1]] as const) {
      const fit = blob.write(randomFrame(random, { width, height, format }));
      assertEquals(fit.source, { width, height });
      blob.dispatch;
    }
  }
  assertEquals(device.counters.snapshot(), before);
  blob.write(randomFrame(random, { width: 100, height: 100, format: "rgba" }));
  // And a texture, where kernels load through one.
  const made = device.target.software ? 2 : 1;
  assertEquals(device.counters.snapshot().buffers, before.buffers + made);
  await device.settle();
});

Deno.test("InputBlob says what is wrong with a frame", async () => {
  using device = await Device.request({ pool: false });
  const output = device.upload(new Float32Array(16), "output");
  using blob = new InputBlob(device, { treatment: STRETCH, width: 2, height: 2, output });
  const data = new Uint8Array(10);
  assertStringIncludes(
    assertThrows(() => blob.write({ width: 2, height: 2, format: "rgb24", data }), RangeError).message,
    "12 bytes, 10 were given",
  );
  assertThrows(() => blob.write({ width: 0, height: 2, format: "rgb24", data }), RangeError, "width is 0");
  assertThrows(() => blob.fit, Error, "no frame was written");
  assertThrows(
    () => new InputBlob(device, { treatment: STRETCH, width: 3, height: 2, output }),
    RangeError,
    "takes 96 bytes, the output holds 64",
  );
  assertThrows(
    () => new InputBlob(device, { treatment: STRETCH, width: 9000, height: 2, output }),
    RangeError,
    "8192",
  );
});
