import { assert, assertEquals } from "@std/assert";
import { boxIou } from "../../src/detect/average_precision.ts";
import { priorBoxes, recogniseHead } from "../../src/detect/heads/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { hostTensor, toFloat32 } from "../../src/tensor/host_tensor.ts";
import { runOrt } from "../support/ort.ts";
import { Random } from "../support/random.ts";
import { ssdReference, suppressReference } from "./head_reference.ts";
import { assertDetections, runHead, type Values } from "./run_head.ts";
import { SSD_MAPS, SSD_SIZE, ssdNetwork, ssdOptions } from "./ssd_network.ts";

const INPUT = { width: SSD_SIZE, height: SSD_SIZE };
/** A red and a green square, in pixels. */
const SQUARES = [[8, 8, 24, 24], [32, 32, 64, 64]] as const;

function picture(random: Random): Float32Array<ArrayBuffer> {
  const planes = random.uniforms(3 * SSD_SIZE * SSD_SIZE, 0, 0.2);
  for (const [c, [x1, y1, x2, y2]] of SQUARES.entries()) {
    for (let y = y1; y < y2; y++) {
      planes.fill(0.9, (c * SSD_SIZE + y) * SSD_SIZE + x1, (c * SSD_SIZE + y) * SSD_SIZE + x2);
    }
  }
  return planes;
}

for (const scores of ["logits", "probabilities"] as const) {
  Deno.test(`the SSD head finds what a network finds whose scores are ${scores}`, async () => {
    using device = await Device.request({ pool: { stackBytes: 1 << 16, stackCount: 1 } });
    const image = hostTensor("f32", [1, 3, SSD_SIZE, SSD_SIZE], picture(new Random(72)));
    const tensors = await runOrt(ssdNetwork(scores), { image });
    const values: Values = Object.fromEntries(
      Object.entries(tensors).map((
        [name, tensor],
      ) => [name, { data: toFloat32(tensor), shape: tensor.shape }]),
    );
    const shapes = Object.fromEntries(Object.entries(values).map(([name, { shape }]) => [name, shape]));
    const found = recogniseHead(shapes, INPUT, { ssd: ssdOptions(scores) });
    assert(found.head?.family === "ssd", JSON.stringify(found));
    assertEquals([found.head.loc, found.head.conf], ["loc", "conf"]);
    const priors = priorBoxes(SSD_MAPS, INPUT, { clip: true });
    const all = ssdReference(values["loc"]!.data, values["conf"]!.data, priors, {
      background: 0,
      softmax: scores === "logits",
      variances: [0.1, 0.1, 0.2, 0.2],
      ...INPUT,
    });
    const options = { score: 0.5, iou: 0.3 };
    const { detections } = await runHead(device, values, {
      head: found.head,
      input: INPUT,
      scoreThreshold: options.score,
      iouThreshold: options.iou,
    });
    // Cells of one colour have equal scores but for rounding, so their order may differ from the reference's.
    const place = ({ box, classId }: { box: readonly number[]; classId: number }): number =>
      classId * 1e6 + Math.round(box[1]!) * 1e3 + Math.round(box[0]!);
    const byPlace = <T extends { box: readonly number[]; classId: number }>(list: readonly T[]): T[] =>
      [...list].sort((a, b) => place(a) - place(b));
    const expected = suppressReference(all, options);
    assertDetections(byPlace(detections), byPlace(expected), { scores, options }, { score: 1e-5, px: 2e-3 });
    for (const [classId, square] of SQUARES.entries()) {
      const own = detections.filter((detection) => detection.classId === classId);
      const best = Math.max(...own.map(({ box }) => boxIou(box, square)));
      assert(best > 0.3, `class ${classId}: ${own.length} boxes, the nearest overlaps ${square} by ${best}`);
    }
  });
}
