/**
 * A small SSD network with weights set by hand: it finds red and green squares. Written as a file by
 * `deno run -W tests/detect/ssd_network.ts FILE`.
 *
 * @module
 */
import type { SsdOptions } from "../../src/detect/heads/mod.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, type NodeSpec, onnxModel, tensorInfo } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";

/** Width and height of the input: RGB, 0..1. */
export const SSD_SIZE = 64;
/** The classes, the background left out. */
export const SSD_LABELS = ["red", "green"];

/** Two maps of 8x8 and 4x4 cells; three and two priors a cell. */
export const SSD_MAPS = [
  { columns: 8, rows: 8, minSizes: [12], maxSizes: [20], aspectRatios: [2], flip: false },
  { columns: 4, rows: 4, minSizes: [24], maxSizes: [40] },
];

const ENTRIES = SSD_LABELS.length + 1;

/** What the file does not say. */
export function ssdOptions(scores: "logits" | "probabilities"): SsdOptions {
  return { priors: { maps: SSD_MAPS, clip: true }, scores };
}

/** The model's bytes; outputs `loc` [1, 224, 4] and `conf` [1, 224, 3]. */
export function ssdNetwork(scores: "logits" | "probabilities"): Uint8Array<ArrayBuffer> {
  const random = new Random(71);
  const nodes: NodeSpec[] = [];
  const initializers: Record<string, ReturnType<typeof hostTensor>> = {};
  const locs: string[] = [];
  const confs: string[] = [];
  let features = "image";
  for (const [m, map] of SSD_MAPS.entries()) {
    // The mean colour of each cell.
    const side = m === 0 ? SSD_SIZE / map.columns : 2;
    const mean = new Float32Array(3 * 3 * side * side);
    for (let c = 0; c < 3; c++) {
      mean.fill(1 / (side * side), (c * 3 + c) * side * side, (c * 3 + c + 1) * side * side);
    }
    initializers[`mean${m}`] = hostTensor("f32", [3, 3, side, side], mean);
    nodes.push(
      node("Conv", [features, `mean${m}`], [`cells${m}`], {
        strides: [side, side],
        kernel_shape: [side, side],
      }),
    );
    features = `cells${m}`;
    const priors = m === 0 ? 3 : 2;
    const head = (
      name: string,
      width: number,
      weights: Float32Array<ArrayBuffer>,
      bias: number[],
    ): string => {
      initializers[`${name}_w${m}`] = hostTensor("f32", [priors * width, 3, 1, 1], weights);
      initializers[`${name}_b${m}`] = hostTensor("f32", [priors * width], bias);
      initializers[`${name}_shape`] = hostTensor("i64", [3], [1n, -1n, BigInt(width)]);
      nodes.push(
        node("Conv", [features, `${name}_w${m}`, `${name}_b${m}`], [`${name}_nchw${m}`]),
        node("Transpose", [`${name}_nchw${m}`], [`${name}_nhwc${m}`], { perm: [0, 2, 3, 1] }),
        node("Reshape", [`${name}_nhwc${m}`, `${name}_shape`], [`${name}_rows${m}`]),
      );
      return `${name}_rows${m}`;
    };
    locs.push(head("loc", 4, random.normals(priors * 4 * 3, 0, 0.5), new Array(priors * 4).fill(0.05)));
    const opponents = Array.from({ length: priors }, () => [0, 0, 0, 9, -9, -9, -9, 9, -9]).flat();
    const bias = Array.from({ length: priors }, (_, p) => [2, -p, -p]).flat();
    confs.push(head("conf", ENTRIES, new Float32Array(opponents), bias));
  }
  const logits = scores === "logits" ? "conf" : "conf_logits";
  nodes.push(node("Concat", locs, ["loc"], { axis: 1 }), node("Concat", confs, [logits], { axis: 1 }));
  if (scores === "probabilities") nodes.push(node("Softmax", [logits], ["conf"], { axis: -1 }));
  const count = 8 * 8 * 3 + 4 * 4 * 2;
  return onnxModel({
    name: "ssd",
    inputs: [tensorInfo("image", "f32", [1, 3, SSD_SIZE, SSD_SIZE])],
    outputs: [tensorInfo("loc", "f32", [1, count, 4]), tensorInfo("conf", "f32", [1, count, ENTRIES])],
    nodes,
    initializers,
  });
}

if (import.meta.main) {
  const [file] = Deno.args;
  if (!file) throw new Error("name the file to write");
  await Deno.writeFile(file, ssdNetwork("probabilities"));
}
