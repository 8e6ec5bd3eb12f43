import { assert, assertAlmostEquals, assertEquals, assertGreaterOrEqual, assertThrows } from "@std/assert";
import { Device, Readback } from "../../../src/gpu/mod.ts";
import { DescriptorMatcher } from "../../../src/place/features/matcher.ts";
import { OrbFeatures, type OrbResult } from "../../../src/place/features/orb.ts";
import expected from "../../data/orb_opencv.json" with { type: "json" };
import { draw, warp } from "./orb_picture.ts";

type Picture = [width: number, height: number, shapes: number, seed: number];

function hex(features: OrbResult, i: number): Uint8Array {
  return new Uint8Array(features.descriptors.buffer, i * 32, 32);
}

Deno.test("the corners of a level are OpenCV's, with their scores", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  for (const { picture, corners } of expected.fast) {
    const [width, height] = picture as Picture;
    using orb = new OrbFeatures(device, { width, height, levels: 1, border: 3, features: 20_000 });
    const { keyPoints } = await orb.detectHost(stream, draw(...picture as Picture));
    const found = keyPoints.map(({ x, y, response }) => [x, y, response]);
    const order = (a: number[], b: number[]): number => a[1]! - b[1]! || a[0]! - b[0]!;
    assertEquals(found.toSorted(order), corners.toSorted(order), `picture ${picture}`);
  }
});

Deno.test("orientation and descriptors are OpenCV's where key points coincide", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  for (const { picture, points } of expected.orb) {
    const [width, height] = picture as Picture;
    using orb = new OrbFeatures(device, { width, height, levels: 1, features: 2000 });
    const features = await orb.detectHost(stream, draw(...picture as Picture));
    let [shared, different] = [0, 0];
    for (const [x, y, angle, descriptor] of points as [number, number, number, string][]) {
      const i = features.keyPoints.findIndex((point) => point.x === x && point.y === y);
      if (i < 0) continue;
      shared++;
      const off = Math.abs(features.keyPoints[i]!.angle - angle);
      assert(
        Math.min(off, 360 - off) <= 1,
        `at ${x}, ${y}: ${features.keyPoints[i]!.angle}, OpenCV ${angle}`,
      );
      for (const [byte, value] of Uint8Array.fromHex(descriptor).entries()) {
        for (let bits = value ^ hex(features, i)[byte]!; bits > 0; bits >>= 1) different += bits & 1;
      }
    }
    assertGreaterOrEqual(shared, points.length * 0.95, `of ${points.length} key points`);
    // OpenCV's angle is a rougher one, so that a few samples are of the next pixel.
    assert(different / (shared * 256) < 0.01, `${different} bits of ${shared} descriptors`);
  }
});

Deno.test("a turned and scaled picture is matched as well as by OpenCV", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const counts: string[] = [];
  for (const { picture, warp: m, features, right: theirs, of } of expected.matches) {
    const [width, height] = picture as Picture;
    using orb = new OrbFeatures(device, { width, height, features });
    using matcher = new DescriptorMatcher(device, {
      metric: "hamming",
      maxFirst: features,
      maxSecond: features,
    });
    const image = draw(...picture as Picture);
    const first = await orb.detectHost(stream, image);
    const second = await orb.detectHost(stream, warp(image, width, height, m));
    const pairs = await matcher.matchHost(stream, first.descriptors, second.descriptors);
    const right = pairs.filter((pair) => {
      const [a, b] = [first.keyPoints[pair.first]!, second.keyPoints[pair.second]!];
      const [dx, dy] = [b.x - width / 2, b.y - height / 2];
      const x = (m[0]! * dx + m[1]! * dy) / 65536 + width / 2;
      const y = (m[2]! * dx + m[3]! * dy) / 65536 + height / 2;
      return Math.hypot(x - a.x, y - a.y) <= 3;
    });
    counts.push(`warp ${m}: ${right.length} of ${pairs.length}, OpenCV ${theirs} of ${of}`);
    assertGreaterOrEqual(right.length, 0.9 * theirs, counts.join("; "));
  }
});

Deno.test("bytes between rows are not looked at", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const [width, height, step] = [157, 119, 168];
  const pixels = draw(width, height, 150, 8);
  const padded = new Uint8Array(step * height).map((_, i) => {
    const [x, y] = [i % step, Math.floor(i / step)];
    return x < width ? pixels[y * width + x]! : (i * 37) % 256;
  });
  using orb = new OrbFeatures(device, { width, height, border: 16 });
  using strided = new OrbFeatures(device, { width, height, step, border: 16 });
  using readback = new Readback(device, strided.resultBytes, "features");
  strided.detect(stream, device.upload(padded, "image"));
  strided.record(stream, readback);
  stream.submit();
  const features = await readback.take((bytes) => strided.read(bytes));
  assert(features.keyPoints.length > 50, `${features.keyPoints.length} key points`);
  assertEquals(features, await orb.detectHost(stream, pixels));
});

Deno.test("features are spread over levels and cells, and no more than asked for", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const [width, height, features] = [401, 299, 300];
  using orb = new OrbFeatures(device, { width, height, features, border: 19 });
  const { keyPoints, descriptors } = await orb.detectHost(stream, draw(width, height, 260, 21));
  assert(keyPoints.length <= features && keyPoints.length > features * 0.9, `${keyPoints.length}`);
  assertEquals(descriptors.length, keyPoints.length * 8);
  const ofLevel = Array.from({ length: 8 }, (_, i) => keyPoints.filter(({ octave }) => octave === i).length);
  const parts = ofLevel.map((_, i) => 1.44 ** -i), whole = parts.reduce((a, b) => a + b);
  for (const [i, count] of ofLevel.entries()) {
    assert(count <= Math.ceil(features * parts[i]! / whole) + 1, `level ${i}: ${ofLevel}`);
  }
  for (const { x, y, size, angle, octave } of keyPoints) {
    const scale = 1.2 ** octave;
    assertAlmostEquals(size, 31 * scale, 1e-3);
    assert(angle >= 0 && angle <= 360, `${angle}`);
    const [column, row] = [x / scale, y / scale];
    assert(
      column > 18.99 && row > 18.99 && column < width / scale - 18.99 && row < height / scale - 18.99,
      `${x}, ${y} of level ${octave}`,
    );
  }
});

Deno.test("a picture without corners and one smaller than its border have no features", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  for (const [width, height] of [[130, 90], [20, 30], [1, 1]] as const) {
    using orb = new OrbFeatures(device, { width, height, features: 50 });
    const { keyPoints, descriptors } = await orb.detectHost(stream, new Uint8Array(width * height).fill(9));
    assertEquals([keyPoints.length, descriptors.length], [0, 0], `${width} x ${height}`);
  }
});

Deno.test("a frame makes nothing, and the results go to the matcher on the GPU", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const [width, height, features] = [160, 121, 100];
  using orb = new OrbFeatures(device, { width, height, features });
  using matcher = new DescriptorMatcher(device, {
    metric: "hamming",
    maxFirst: features,
    maxSecond: features,
  });
  const image = device.upload(draw(width, height, 150, 8), "image");
  const frame = (): void => {
    orb.detect(stream, image);
    matcher.match(stream, orb.rows, orb.rows);
    stream.submit();
  };
  frame();
  const before = device.counters.snapshot();
  frame();
  frame();
  await stream.finish();
  assertEquals(device.counters.snapshot(), before);
  const [count] = new Uint32Array(await device.read(orb.rows.count));
  const matches = matcher.read(await device.read(matcher.result));
  assert(count! > 20, `${count} features`);
  // Descriptors that are equal match the first of them alone.
  assert(matches.length > count! * 0.8, `${matches.length} of ${count}`);
  for (const { first, second, distance } of matches) assertEquals([first, distance], [second, 0]);
});

Deno.test("ORB refuses what it cannot do, with the numbers", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const make = (bad: object) => () => new OrbFeatures(device, { width: 64, height: 48, ...bad });
  assertThrows(make({ width: 0 }), RangeError, "width is 0; it must be a whole number from 1 to 32767");
  assertThrows(make({ levels: 9 }), RangeError, "levels is 9");
  assertThrows(make({ step: 66 }), RangeError, "step is 66; it must be a multiple of 4");
  assertThrows(make({ border: 2 }), RangeError, "border is 2");
  assertThrows(make({ scaleFactor: 1 }), RangeError, "scaleFactor is 1");
  using orb = new OrbFeatures(device, { width: 64, height: 48 });
  const small = device.upload(new Uint8Array(64 * 47), "image");
  assertThrows(() => orb.detect(stream, small), RangeError, "the image has 3008 bytes");
});
