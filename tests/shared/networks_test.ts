import { assertEquals } from "@std/assert";
import { planGraph, Session } from "../../src/graph/session.ts";
import { Device } from "../../src/gpu/mod.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { assertClose } from "../support/compare.ts";
import { OrtSession } from "../support/ort.ts";
import { Random } from "../support/random.ts";
import { testWithShared } from "../support/shared.ts";

/** A real network and the numbers that it is used to. */
interface Network {
  file: string;
  shapes: readonly (readonly number[])[];
  low: number;
  high: number;
  /** The most dispatches that its plan may take: what fusing, folding and placing must reach. */
  dispatches: number;
}

const NETWORKS: readonly Network[] = [
  { file: "yolox-nano-416", shapes: [[1, 3, 416, 416]], low: 0, high: 255, dispatches: 127 },
  { file: "fastestdet-352", shapes: [[1, 3, 352, 352]], low: 0, high: 1, dispatches: 89 },
  { file: "ultraface-rfb-320", shapes: [[1, 3, 240, 320]], low: -1, high: 1, dispatches: 69 },
  { file: "yunet-n-320", shapes: [[1, 3, 320, 320]], low: 0, high: 255, dispatches: 74 },
  {
    file: "yunet-n-dynamic",
    shapes: [[1, 3, 160, 224], [1, 3, 320, 320]],
    low: 0,
    high: 255,
    dispatches: 74,
  },
  { file: "mobilenet-v1-0.25-128", shapes: [[1, 3, 128, 128]], low: -1, high: 1, dispatches: 30 },
  { file: "mobilenet-v1-1.0-224-embed", shapes: [[1, 3, 224, 224]], low: -1, high: 1, dispatches: 29 },
  { file: "xfeat-640", shapes: [[1, 3, 640, 640]], low: 0, high: 1, dispatches: 41 },
];

/** Smooth colours with some noise, as pictures have them. */
function picture(random: Random, shape: readonly number[], low: number, high: number): HostTensor<"f32"> {
  const [, channels, height, width] = shape as [number, number, number, number];
  const waves = Array.from(
    { length: channels },
    () => [random.uniform(2, 30), random.uniform(2, 30), random.uniform(0, 6)],
  );
  const data = new Float32Array(channels * height * width);
  let i = 0;
  for (const [across, down, phase] of waves as [number, number, number][]) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const wave = 0.5 + 0.35 * Math.sin(phase + across * x / width) * Math.cos(down * y / height);
        data[i++] = low + (high - low) * (wave + random.uniform(-0.15, 0.15));
      }
    }
  }
  return hostTensor("f32", shape, data);
}

for (const { file, shapes, low, high, dispatches } of NETWORKS) {
  testWithShared(`${file} gives what ONNX Runtime gives`, `models/${file}.onnx`, async (path) => {
    const bytes = await Deno.readFile(path);
    using device = await Device.request({ pool: { stackBytes: 32 << 20, stackCount: 1 } });
    using session = await Session.load(device, bytes);
    const hasHalf = device.features.has("shader-f16");
    if (!hasHalf) console.log(`left out: ${file} in 16 bits; this adapter lacks shader-f16`);
    using half = hasHalf ? await Session.load(device, bytes, { precision: "f16" }) : undefined;
    await using reference = await OrtSession.create(bytes);
    for (const [seed, shape] of shapes.entries()) {
      const name = session.inputs[0]!.name;
      const input = { [name]: picture(new Random(seed), shape, low, high) };
      const outputs = await session.run(input);
      const expected = await reference.run(input);
      assertEquals(Object.keys(outputs).toSorted(), Object.keys(expected).toSorted());
      for (const [output, value] of Object.entries(expected)) {
        // ONNX Runtime's sigmoid is good to 1e-7 only, which matters where every score is near zero.
        assertClose(outputs[output]!, value, {
          relative: 1e-4,
          absolute: 5e-7,
          context: `${output}, seed ${seed}`,
        });
      }
      const narrow = await half?.run(input);
      for (const [output, value] of Object.entries(narrow ?? {})) {
        assertClose(value, expected[output]!, {
          relative: 2e-2,
          context: `${output}, seed ${seed}, 16 bits`,
        });
      }
      // Winograd's convolution takes three dispatches or more a layer, where it is faster.
      const { steps } = planGraph(session.graph, { [name]: shape }, { ...device.target, winograd: 0 });
      assertEquals(
        steps.length <= dispatches,
        true,
        `${steps.length} dispatches, at most ${dispatches} expected`,
      );
    }
  });
}
