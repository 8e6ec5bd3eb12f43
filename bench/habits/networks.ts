/**
 * The two small networks of the habits experiment, written by this file with seeded random weights. They are trained
 * for nothing: the experiment measures time and memory, and only needs descriptors that are alike where images are.
 *
 * @module
 */
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, type NodeSpec, onnxModel, tensorInfo } from "../../tests/support/onnx_builder.ts";
import { Random } from "../../tests/support/random.ts";

/** Size of both networks' input: one channel of luma, 0..1. */
export const NETWORK_WIDTH = 160;
/** Height of both networks' input. */
export const NETWORK_HEIGHT = 120;
/** Elements of the descriptor of a whole image; its length is 1. */
export const DESCRIPTOR_DIMENSIONS = 256;
/** Channels of the local features, on a grid of {@linkcode FEATURE_CELLS}. */
export const FEATURE_CHANNELS = 16;
/** Cells of 8x8 pixels. */
export const FEATURE_CELLS = 20 * 15;

/** A network under construction. */
class Layers {
  readonly nodes: NodeSpec[] = [];
  readonly initializers: Record<string, HostTensor> = {};
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** Weights by He's rule, so that activations neither vanish nor explode. */
  weights(name: string, shape: readonly number[]): string {
    const fan = shape.slice(1).reduce((product, extent) => product * extent, 1);
    const count = fan * shape[0]!;
    this.initializers[name] = hostTensor("f32", shape, this.#random.normals(count, 0, Math.sqrt(2 / fan)));
    return name;
  }

  conv(
    input: string,
    name: string,
    from: number,
    to: number,
    { side = 3, stride = 1, relu = true } = {},
  ): string {
    const pad = (side - 1) / 2;
    const output = relu ? `${name}_linear` : name;
    this.nodes.push(
      node("Conv", [input, this.weights(`${name}_w`, [to, from, side, side])], [output], {
        kernel_shape: [side, side],
        strides: [stride, stride],
        pads: [pad, pad, pad, pad],
      }, { name }),
    );
    if (relu) this.nodes.push(node("Relu", [output], [name]));
    return name;
  }

  /** Divides by the length along `axis`. */
  normalise(input: string, name: string, axis: number): void {
    this.nodes.push(
      node("ReduceL2", [input], [`${name}_length`], { axes: [axis], keepdims: 1 }),
      node("Div", [input, `${name}_length`], [name]),
    );
  }
}

const INPUT = [tensorInfo("image", "f32", [1, 1, NETWORK_HEIGHT, NETWORK_WIDTH])];

/** The network for whole images; output `descriptor` [1, 256]. */
export function globalNetwork(): Uint8Array<ArrayBuffer> {
  const layers = new Layers(3);
  const a = layers.conv("image", "a", 1, 8, { stride: 2 });
  const b = layers.conv(a, "b", 8, 16, { stride: 2 });
  const c = layers.conv(b, "c", 16, 32, { stride: 2 });
  layers.nodes.push(
    node("AveragePool", [c], ["cells"], { kernel_shape: [5, 5], strides: [5, 5] }),
    node("Flatten", ["cells"], ["flat"], { axis: 1 }),
    node("Gemm", ["flat", layers.weights("project", [DESCRIPTOR_DIMENSIONS, 4 * 3 * 32])], ["projected"], {
      transB: 1,
    }),
  );
  layers.normalise("projected", "descriptor", 1);
  return onnxModel({
    name: "global",
    inputs: INPUT,
    outputs: [tensorInfo("descriptor", "f32", [1, DESCRIPTOR_DIMENSIONS])],
    nodes: layers.nodes,
    initializers: layers.initializers,
  });
}

/** The network for places in the image; outputs `scores` [1, 1, 15, 20] and `features` [1, 16, 15, 20]. */
export function localNetwork(): Uint8Array<ArrayBuffer> {
  const layers = new Layers(4);
  const a = layers.conv("image", "a", 1, 8, { stride: 2 });
  const b = layers.conv(a, "b", 8, 8);
  const c = layers.conv(b, "c", 8, 16, { stride: 2 });
  const d = layers.conv(c, "d", 16, 32, { stride: 2 });
  layers.conv(d, "corners", 32, 1, { side: 1, relu: false });
  layers.nodes.push(node("Sigmoid", ["corners"], ["scores"]));
  layers.conv(d, "rough", 32, FEATURE_CHANNELS, { side: 1, relu: false });
  layers.normalise("rough", "features", 1);
  return onnxModel({
    name: "local",
    inputs: INPUT,
    outputs: [
      tensorInfo("scores", "f32", [1, 1, 15, 20]),
      tensorInfo("features", "f32", [1, FEATURE_CHANNELS, 15, 20]),
    ],
    nodes: layers.nodes,
    initializers: layers.initializers,
  });
}
