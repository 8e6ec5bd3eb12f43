/**
 * Heads on the outputs of real networks: blob on the GPU, network through ONNX Runtime, head on the GPU against the
 * plain reference.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { toDetections } from "../../src/detect/detections.ts";
import { recogniseHead } from "../../src/detect/heads/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { hostTensor, toFloat32 } from "../../src/tensor/host_tensor.ts";
import { InputBlob } from "../../src/vision/blob.ts";
import type { Detection } from "../../src/vision/detection.ts";
import type { Fit } from "../../src/vision/fit.ts";
import type { PixelFrame } from "../../src/vision/pixels.ts";
import type { InputTreatment } from "../../src/vision/treatment.ts";
import {
  type Candidate,
  cornersReference,
  fastestDetReference,
  suppressReference,
  yoloxReference,
  yunetReference,
} from "../detect/head_reference.ts";
import { assertDetections, runHead, type Values } from "../detect/run_head.ts";
import { OrtSession } from "../support/ort.ts";
import { sharedPath, testWithShared } from "../support/shared.ts";

interface Network {
  file: string;
  width: number;
  height: number;
  treatment: InputTreatment;
  reference(maps: Readonly<Record<string, Float32Array>>, width: number, height: number): Candidate[];
  scoreTolerance: number;
}

const NETWORKS: Network[] = [
  {
    file: "yolox-nano-416.onnx",
    width: 416,
    height: 416,
    treatment: { fit: "letterbox-top-left", fill: 114, channels: "bgr" },
    reference: (maps, width, height) => yoloxReference(Object.values(maps)[0]!, 80, width, height),
    scoreTolerance: 0,
  },
  {
    file: "fastestdet-352.onnx",
    width: 352,
    height: 352,
    treatment: { fit: "stretch", channels: "bgr", scale: 1 / 255 },
    reference: (maps, width, height) =>
      fastestDetReference(Object.values(maps)[0]!, 80, 22, 22, width, height),
    scoreTolerance: 1e-5,
  },
  {
    file: "ultraface-rfb-320.onnx",
    width: 320,
    height: 240,
    treatment: { fit: "stretch", channels: "rgb", mean: 127, std: 128 },
    reference: ({ boxes, scores }, width, height) => cornersReference(boxes!, scores!, 1, width, height),
    scoreTolerance: 0,
  },
  {
    file: "yunet-n-320.onnx",
    width: 320,
    height: 320,
    treatment: { fit: "letterbox-top-left", channels: "bgr" },
    reference: yunetReference,
    scoreTolerance: 1e-6,
  },
];

const PHOTOGRAPHS = ["2007_000129", "2007_000515", "2007_000799"];

/** A JPEG as RGB, through ffmpeg. */
async function decode(path: string): Promise<PixelFrame> {
  const run = async (args: string[]): Promise<Uint8Array> => {
    const { stdout, success, stderr } = await new Deno.Command("ffmpeg", { args: ["-v", "error", ...args] })
      .output();
    assertEquals(success, true, new TextDecoder().decode(stderr));
    return stdout;
  };
  const ppm = await run(["-i", path, "-f", "image2pipe", "-c:v", "ppm", "pipe:1"]);
  const [head, width, height] = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(
    new TextDecoder("latin1").decode(ppm.slice(0, 64)),
  )!;
  return {
    width: Number(width),
    height: Number(height),
    format: "rgb24",
    data: new Uint8Array(ppm.subarray(head.length)),
  };
}

/** The network's input of one frame, as ONNX has it. */
async function input(
  device: Device,
  network: Network,
  frame: PixelFrame,
): Promise<[Float32Array<ArrayBuffer>, Fit]> {
  const { width, height, treatment } = network;
  const output = device.upload(new Float32Array(width * height * 4), "input");
  using blob = new InputBlob(device, { treatment, width, height, output });
  const fit = blob.write(frame);
  using stream = device.stream();
  stream.run(blob.dispatch);
  stream.submit();
  const pixels = new Float32Array(await device.read(output));
  const planes = new Float32Array(3 * width * height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) planes[c * width * height + i] = pixels[i * 4 + c]!;
  }
  return [planes, fit];
}

async function detect(
  device: Device,
  network: Network,
  session: OrtSession,
  photograph: string,
  scores: readonly number[],
): Promise<Detection[]> {
  const { width, height } = network;
  const frame = await decode(sharedPath(`images/voc85/${photograph}.jpg`)!);
  const [planes, fit] = await input(device, network, frame);
  const tensors = await session.run({
    [session.inputNames[0]!]: hostTensor("f32", [1, 3, height, width], planes),
  });
  const values: Values = Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [name, { data: toFloat32(tensor), shape: tensor.shape }]),
  );
  const shapes = Object.fromEntries(Object.entries(values).map(([name, { shape }]) => [name, shape]));
  const found = recogniseHead(shapes, { width, height });
  assert(found.head, `${network.file}: ${found.head ? "" : found.reason}`);
  const maps = Object.fromEntries(Object.entries(values).map(([name, { data }]) => [name, data]));
  const all = network.reference(maps, width, height);
  let result: Detection[] = [];
  for (const score of scores) {
    const options = { score, iou: 0.45 };
    const { detections } = await runHead(device, values, {
      head: found.head,
      input: { width, height },
      scoreThreshold: score,
      iouThreshold: options.iou,
    });
    const context = { file: network.file, photograph, options };
    assertDetections(detections, suppressReference(all, options), context, {
      score: network.scoreTolerance,
      px: 2e-3,
    });
    result = toDetections(detections, fit, []);
  }
  return result;
}

for (const network of NETWORKS) {
  testWithShared(
    `the head of ${network.file} gives what the reference gives on photographs`,
    `models/${network.file}`,
    async (path) => {
      using device = await Device.request({ pool: { stackBytes: 1 << 16, stackCount: 1 } });
      await using session = await OrtSession.create(await Deno.readFile(path));
      let count = 0;
      for (const photograph of PHOTOGRAPHS) {
        count += (await detect(device, network, session, photograph, [0.01, 0.3])).length;
      }
      assert(count > 0, `${network.file} found nothing in ${PHOTOGRAPHS.join(", ")}`);
    },
  );
}
