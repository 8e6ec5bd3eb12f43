/**
 * Local features of real networks on pictures.
 *
 * @module
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { type BufferRange, Device, Readback, StackRegion, type Stream } from "../../src/gpu/mod.ts";
import { Session } from "../../src/graph/session.ts";
import type { FeatureStage } from "../../src/place/features/feature_stage.ts";
import { recogniseKeyPoints } from "../../src/place/features/heads/mod.ts";
import { KeyPoints } from "../../src/place/features/key_points.ts";
import type { LocalFeatures } from "../../src/place/features/local_features.ts";
import { DescriptorMatcher } from "../../src/place/features/matcher.ts";
import {
  type NetworkFeatureOptions,
  NetworkFeatureStage,
} from "../../src/place/features/network_feature_stage.ts";
import { type OrbFeatureOptions, OrbFeatureStage } from "../../src/place/features/orb_feature_stage.ts";
import { hostTensor, toFloat32 } from "../../src/tensor/host_tensor.ts";
import { InputBlob } from "../../src/vision/blob.ts";
import { fitFrame, pointToSource } from "../../src/vision/fit.ts";
import type { PixelFrame } from "../../src/vision/pixels.ts";
import type { InputTreatment } from "../../src/vision/treatment.ts";
import {
  heatOf,
  type Planes,
  type ReferencePoint,
  referencePoints,
} from "../place/features/key_point_reference.ts";
import { OrtSession } from "../support/ort.ts";
import { sharedPath, testWithShared } from "../support/shared.ts";

const XFEAT = "models/xfeat-640.onnx";
const INPUT = { width: 640, height: 640 };
const TREATMENT: InputTreatment = { fit: "letterbox-center", channels: "rgb", scale: 1 / 255 };

/** A picture as RGB, through ffmpeg. */
async function decode(path: string): Promise<PixelFrame> {
  const args = ["-v", "error", "-i", path, "-f", "image2pipe", "-c:v", "ppm", "pipe:1"];
  const { stdout, success, stderr } = await new Deno.Command("ffmpeg", { args }).output();
  assertEquals(success, true, new TextDecoder().decode(stderr));
  const text = new TextDecoder("latin1").decode(stdout.slice(0, 64));
  const [head, width, height] = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(text)!;
  const data = new Uint8Array(stdout.subarray(head.length));
  return { width: Number(width), height: Number(height), format: "rgb24", data };
}

function corridor(number: number): Promise<PixelFrame> {
  return decode(sharedPath(`loops/corridor/${number}.jpg`)!);
}

/** The network's outputs for a frame, by ONNX Runtime. */
async function xfeat(device: Device, network: OrtSession, frame: PixelFrame): Promise<Planes[]> {
  const { width, height } = INPUT;
  const output = device.upload(new Float32Array(width * height * 4), "input");
  using blob = new InputBlob(device, { treatment: TREATMENT, ...INPUT, output });
  blob.write(frame);
  using stream = device.stream();
  stream.run(blob.dispatch);
  stream.submit();
  const pixels = new Float32Array(await device.read(output));
  const planes = new Float32Array(3 * width * height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) planes[c * width * height + i] = pixels[i * 4 + c]!;
  }
  output.buffer.destroy();
  const input = hostTensor("f32", [1, 3, height, width], planes);
  const outputs = await network.run({ [network.inputNames[0]!]: input });
  const maps = Object.values(outputs).map((tensor): Planes => {
    const [, channels, height, width] = tensor.shape as [number, number, number, number];
    return { data: toFloat32(tensor), channels, height, width };
  });
  return [64, 65, 1].map((channels) => maps.find((map) => map.channels === channels)!);
}

interface Rows {
  readonly points: Float32Array;
  readonly scores: Float32Array;
  readonly descriptors: Float32Array;
}

/**
 * Asserts that features are the reference's, in pixels of the input. Rounding may decide where scores are nearly equal, so
 * that of all but a few each has a counterpart at its place, and the scores at equal ranks are near.
 */
function assertSame(actual: Rows, expected: readonly ReferencePoint[], context: string): void {
  assertEquals(actual.scores.length, expected.length, `${context}: number`);
  const places = new Map(expected.map((point) => [point.pixel, point]));
  let [missing, last] = [0, Infinity];
  for (const [i, score] of actual.scores.entries()) {
    assert(score <= last, `${context}: score ${i} is above the one before`);
    last = score;
    assert(Math.abs(score - expected[i]!.score) < 1e-4, `${context}: score ${i} is ${score}`);
    const [x, y] = [actual.points[2 * i]!, actual.points[2 * i + 1]!];
    const candidates = [0, 1, -1].flatMap((v) =>
      [0, 1, -1].map((u) => places.get((Math.round(y) + v) * INPUT.width + Math.round(x) + u))
    );
    const wanted = candidates.find((p) => p && Math.hypot(p.x - x, p.y - y) < 0.02);
    if (!wanted) missing++;
    else {
      const row = actual.descriptors.subarray(i * 64, i * 64 + 64);
      const product = row.reduce((sum, value, c) => sum + value * wanted.descriptor[c]!, 0);
      assert(product > 0.9999 && product < 1.0001, `${context}: descriptor ${i}, product ${product}`);
    }
  }
  assert(missing <= expected.length / 200, `${context}: ${missing} of ${expected.length} are elsewhere`);
}

testWithShared("XFeat's head gives on pictures what plain loops give", XFEAT, async (path) => {
  using device = await Device.request({ pool: false });
  await using network = await OrtSession.create(await Deno.readFile(path));
  for (const number of [1, 57]) {
    const frame = await corridor(number);
    const [descriptors, logits, reliability] = await xfeat(device, network, frame);
    const maps = { descriptors: descriptors!, logits: logits!, reliability: reliability! };
    const made: GPUBuffer[] = [];
    const upload = (
      data: Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>,
      label: string,
    ): BufferRange => {
      const range = device.upload(data, label);
      made.push(range.buffer);
      return range;
    };
    const outputs = Object.fromEntries(
      Object.entries(maps).map(([name, { data, channels, height, width }]) => [
        name,
        { range: upload(new Float32Array(data), name), shape: [1, channels, height, width] },
      ]),
    );
    const shapes = Object.fromEntries(Object.entries(outputs).map(([name, { shape }]) => [name, shape]));
    const { head } = recogniseKeyPoints(shapes, INPUT);
    assertEquals(head?.family, "xfeat");
    for (const [refine, maxFeatures] of [[false, 400], [true, 4096]] as const) {
      using found = new KeyPoints(device, (bytes, label) => upload(new Uint8Array(bytes), label), outputs, {
        head: head!,
        input: INPUT,
        refine,
        maxFeatures,
        border: 0,
      });
      using stream = device.stream();
      stream.run(found.dispatches);
      stream.submit();
      const actual = found.parse(await device.read(found.result));
      const expected = referencePoints(heatOf(maps.logits), maps.descriptors, maps.reliability, {
        radius: 2,
        threshold: 0.05,
        maxFeatures,
        area: [0, 0, INPUT.width, INPUT.height],
        refine,
        cubic: true,
        stretched: true,
      });
      assertGreater(expected.length, 300);
      assertSame(actual, expected, `picture ${number}, refine ${refine}, at most ${maxFeatures}`);
    }
    for (const buffer of made) buffer.destroy();
  }
});

/** A stage alone in a submission. */
class Alone implements Disposable {
  readonly stage: FeatureStage;
  readonly #region: StackRegion;
  readonly #stream: Stream;
  readonly #readback: Readback;

  constructor(device: Device, stream: Stream, region: StackRegion, stage: FeatureStage) {
    this.stage = stage;
    this.#region = region;
    this.#stream = stream;
    this.#readback = new Readback(device, stage.result.bytes, "features");
  }

  static async network(device: Device, options: NetworkFeatureOptions): Promise<Alone> {
    device.pool.configure({ stackBytes: NetworkFeatureStage.measure(device, options), stackCount: 1 });
    const stream = device.stream();
    const region = new StackRegion(stream, "features");
    const stage = await NetworkFeatureStage.create(device, region, options);
    region.seal();
    return new Alone(device, stream, region, stage);
  }

  static async orb(device: Device, options: OrbFeatureOptions): Promise<Alone> {
    device.pool.configure({ stackBytes: OrbFeatureStage.measure(device, options), stackCount: 1 });
    const stream = device.stream();
    const region = new StackRegion(stream, "features");
    const stage = await OrbFeatureStage.create(device, region, options);
    region.seal();
    return new Alone(device, stream, region, stage);
  }

  async find(frame: PixelFrame): Promise<LocalFeatures> {
    this.#region.push();
    this.stage.write(frame);
    this.#stream.run(this.stage.dispatches);
    this.#readback.record(this.#stream, this.stage.result);
    this.#stream.submit();
    try {
      return await this.#readback.take((bytes) => this.stage.read(bytes));
    } finally {
      this.#region.pop();
    }
  }

  [Symbol.dispose](): void {
    this.stage[Symbol.dispose]();
    this.#readback[Symbol.dispose]();
    this.#region.abandon();
    this.#stream[Symbol.dispose]();
  }
}

testWithShared(
  "a network's stage gives features in pixels of the frame, and a frame makes nothing",
  XFEAT,
  async (path) => {
    using device = await Device.request({ pool: { stackBytes: 1 << 20, stackCount: 1 } });
    const bytes = await Deno.readFile(path);
    using session = await Session.load(device, bytes);
    const shapes = Object.fromEntries(
      session.plan().outputs.map(({ name, type }) => [name, type.shape]),
    );
    const { head } = recogniseKeyPoints(shapes, INPUT);
    assert(head);
    const options = { session, head, treatment: TREATMENT, input: INPUT, maxFeatures: 600 };
    using alone = await Alone.network(device, options);
    const frames = new Map<number, PixelFrame>();
    for (const number of [1, 42, 20]) frames.set(number, await corridor(number));
    await alone.find(frames.get(1)!);
    const before = device.counters.snapshot();
    const found = new Map<number, LocalFeatures>();
    for (const [number, frame] of frames) found.set(number, await alone.find(frame));
    // Half of the frame: another size, and other padding.
    const { width, data } = frames.get(1)!;
    const half = await alone.find({ width, height: 192, format: "rgb24", data });
    assertEquals(device.counters.snapshot(), before);

    await using network = await OrtSession.create(bytes);
    const [descriptors, logits, reliability] = await xfeat(device, network, frames.get(1)!);
    const fit = fitFrame(frames.get(1)!, INPUT, "letterbox-center");
    const { x, y, width: w, height: h } = fit.content;
    const expected = referencePoints(heatOf(logits!), descriptors!, reliability, {
      radius: 2,
      threshold: 0.05,
      maxFeatures: 600,
      area: [x + 4, y + 4, x + w - 4, y + h - 4],
      refine: true,
      cubic: true,
      stretched: true,
    });
    const first = found.get(1)!;
    assertEquals(first.scores.length, expected.length);
    const near = expected.filter((point) => {
      const [x, y] = pointToSource(fit, point.x + 0.5, point.y + 0.5);
      return first.scores.some((_, i) =>
        Math.hypot(first.points[2 * i]! - x + 0.5, first.points[2 * i + 1]! - y + 0.5) < 0.05
      );
    });
    assertGreater(
      near.length,
      expected.length * 0.98,
      `${near.length} of ${expected.length} are in their places`,
    );
    assertGreater(half.scores.length, 50);
    for (let i = 0; i < half.scores.length; i++) {
      const [x, y] = half.points.subarray(2 * i, 2 * i + 2);
      assert(
        x! > 2 && x! < width - 3 && y! > 2 && y! < 192 - 3,
        `${x}, ${y} is at the edge of the half frame`,
      );
    }

    using matcher = new DescriptorMatcher(device, {
      metric: "inner",
      dimensions: 64,
      maxFirst: 600,
      maxSecond: 600,
    });
    using stream = device.stream();
    const matches = async (a: number, b: number): Promise<number> => {
      const [first, second] = [found.get(a)!, found.get(b)!];
      const pairs = await matcher.matchHost(
        stream,
        first.descriptors as Float32Array,
        second.descriptors as Float32Array,
      );
      return pairs.filter(({ distance }) => 1 - distance ** 2 / 2 > 0.82).length;
    };
    const [same, other] = [await matches(1, 42), await matches(1, 20)];
    assertGreater(same, 2 * other, `${same} matches of one place, ${other} of two places`);
  },
);

testWithShared(
  "ORB's stage matches one place seen twice, more than two places",
  "loops/corridor",
  async () => {
    using device = await Device.request({ pool: { stackBytes: 1 << 20, stackCount: 1 } });
    using alone = await Alone.orb(device, { maxFeatures: 800 });
    using matcher = new DescriptorMatcher(device, {
      metric: "hamming",
      maxFirst: 800,
      maxSecond: 800,
      ratio: 0.9,
      maxDistance: 64,
    });
    using stream = device.stream();
    const words = async (number: number): Promise<Uint32Array> => {
      const { descriptors } = await alone.find(await corridor(number));
      return new Uint32Array(descriptors.buffer);
    };
    const first = await words(1);
    const [same, other] = [
      await matcher.matchHost(stream, first, await words(41)),
      await matcher.matchHost(stream, first, await words(20)),
    ];
    assertGreater(same.length, 2 * other.length, `${same.length} of one place, ${other.length} of two`);
  },
);
