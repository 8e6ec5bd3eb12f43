/**
 * What is compared: single layers, two classic networks with random weights, and the networks of ../shared/models.
 *
 * @module
 */
import { importGraph } from "../../src/graph/import.ts";
import { parseModel } from "../../src/onnx/parse.ts";
import { elementCount, type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, type NodeSpec, onnxModel, tensorInfo } from "../../tests/support/onnx_builder.ts";
import { Random } from "../../tests/support/random.ts";
import { sharedPath } from "../../tests/support/shared.ts";

/** A network with what it is given. */
export interface Network {
  /** Short, for `--only` and file names. */
  name: string;
  /** For the table. */
  title: string;
  /** A layer alone, or a network of many. */
  kind: "layer" | "network";
  bytes: Uint8Array<ArrayBuffer>;
  inputs: { name: string; shape: number[]; data: Float32Array<ArrayBuffer> }[];
}

/** Makes one of {@linkcode NETWORKS}; undefined where the file that it needs is absent. */
export interface NetworkSource {
  name: string;
  title: string;
  make(): Promise<Network | undefined>;
}

/** A network written node by node, with weights as He et al. initialise them (arXiv:1502.01852). */
class Writer {
  readonly #random = new Random(7);
  readonly #nodes: NodeSpec[] = [];
  readonly #weights: Record<string, HostTensor> = {};
  readonly #shape: number[];
  #channels: number;

  constructor(shape: number[]) {
    this.#shape = shape;
    this.#channels = shape[1]!;
  }

  /** Adds a node and gives the name of its result. */
  add(op: string, inputs: string[], attributes: NodeSpec["attributes"] = {}): string {
    const name = `${op}_${this.#nodes.length}`;
    this.#nodes.push(node(op, inputs, [name], attributes, { name }));
    return name;
  }

  /** A convolution with bias; `depthwise` keeps the channels apart. */
  conv(
    x: string,
    channels: number,
    size: number,
    { stride = 1, depthwise = false, from = this.#channels } = {},
  ): string {
    const fan = (depthwise ? 1 : from) * size ** 2,
      w = `w${this.#nodes.length}`,
      b = `b${this.#nodes.length}`;
    const shape = [channels, depthwise ? 1 : from, size, size];
    const weights = this.#random.normals(elementCount(shape), 0, Math.sqrt(2 / fan));
    this.#weights[w] = hostTensor("f32", shape, weights);
    this.#weights[b] = hostTensor("f32", [channels], this.#random.normals(channels, 0, 0.1));
    this.#channels = channels;
    return this.add("Conv", [x, w, b], {
      kernel_shape: [size, size],
      strides: [stride, stride],
      pads: new Array(4).fill(size >> 1),
      group: depthwise ? channels : 1,
    });
  }

  /** A number that nodes read. */
  constant(name: string, value: number): void {
    this.#weights[name] = hostTensor("f32", [], [value]);
  }

  /** A fully connected layer behind the mean of all pixels. */
  classify(x: string, classes: number): string {
    const mean = this.add("ReduceMean", [x], { axes: [2, 3], keepdims: 0 });
    const deviation = Math.sqrt(1 / this.#channels);
    this.#weights.fc = hostTensor(
      "f32",
      [classes, this.#channels],
      this.#random.normals(classes * this.#channels, 0, deviation),
    );
    this.#weights.fcBias = hostTensor("f32", [classes], this.#random.normals(classes, 0, 0.1));
    return this.add("Gemm", [mean, "fc", "fcBias"], { transB: 1 });
  }

  finish(y: string): Uint8Array<ArrayBuffer> {
    return onnxModel({
      opset: 13,
      inputs: [tensorInfo("x", "f32", this.#shape)],
      // ONNX Runtime's checks want the outputs' types told.
      outputs: [tensorInfo("y", "f32")],
      nodes: [...this.#nodes, node("Identity", [y], ["y"])],
      initializers: this.#weights,
    });
  }
}

function layer(shape: number[], channels: number, size: number, options = {}): Uint8Array<ArrayBuffer> {
  const writer = new Writer(shape);
  return writer.finish(writer.conv("x", channels, size, options));
}

/** Expansion, channels, repetitions, stride of the first. */
const MOBILENET_V2: readonly [number, number, number, number][] = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

/** The blocks of MobileNetV2 (arXiv:1801.04381, table 2), batch norms folded. */
function mobileNetV2(): Uint8Array<ArrayBuffer> {
  const writer = new Writer([1, 3, 224, 224]);
  const relu6 = (x: string): string => writer.add("Clip", [x, "low", "high"]);
  writer.constant("low", 0);
  writer.constant("high", 6);
  let x = relu6(writer.conv("x", 32, 3, { stride: 2 }));
  let channels = 32;
  for (const [expansion, outputs, repeats, firstStride] of MOBILENET_V2) {
    for (let i = 0; i < repeats; i++) {
      const stride = i === 0 ? firstStride : 1, inner = channels * expansion;
      let y = expansion === 1 ? x : relu6(writer.conv(x, inner, 1, { from: channels }));
      y = relu6(writer.conv(y, inner, 3, { stride, depthwise: true }));
      y = writer.conv(y, outputs, 1, { from: inner });
      x = stride === 1 && channels === outputs ? writer.add("Add", [x, y]) : y;
      channels = outputs;
    }
  }
  x = relu6(writer.conv(x, 1280, 1, { from: channels }));
  return writer.finish(writer.classify(x, 1000));
}

/** ResNet-18 (arXiv:1512.03385, table 1), batch norms folded. */
function resNet18(): Uint8Array<ArrayBuffer> {
  const writer = new Writer([1, 3, 224, 224]);
  let x = writer.add("Relu", [writer.conv("x", 64, 7, { stride: 2 })]);
  x = writer.add("MaxPool", [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  let channels = 64;
  for (const [outputs, firstStride] of [[64, 1], [128, 2], [256, 2], [512, 2]] as [number, number][]) {
    for (const stride of [firstStride, 1]) {
      const shortcut = stride === 1 ? x : writer.conv(x, outputs, 1, { stride, from: channels });
      let y = writer.add("Relu", [writer.conv(x, outputs, 3, { stride, from: channels })]);
      y = writer.conv(y, outputs, 3, { from: outputs });
      x = writer.add("Relu", [writer.add("Add", [y, shortcut])]);
      channels = outputs;
    }
  }
  return writer.finish(writer.classify(x, 1000));
}

/** The inputs that the bytes ask for, filled with random numbers from 0 to `high`. */
function inputsOf(bytes: Uint8Array<ArrayBuffer>, high: number, shape?: number[]): Network["inputs"] {
  const random = new Random(11);
  return importGraph(parseModel(bytes)).inputs.map(({ name, dims }) => {
    const extents = shape ?? dims.map(Number);
    return { name, shape: extents, data: random.uniforms(elementCount(extents), 0, high) };
  });
}

function written(
  name: string,
  title: string,
  kind: Network["kind"],
  make: () => Uint8Array<ArrayBuffer>,
): NetworkSource {
  return {
    name,
    title,
    make: () => {
      const bytes = make();
      return Promise.resolve({ name, title, kind, bytes, inputs: inputsOf(bytes, 1) });
    },
  };
}

/** @param high the largest number of the input: what the network was trained with. */
function shared(name: string, title: string, high: number, shape?: number[]): NetworkSource {
  return {
    name,
    title,
    make: async () => {
      const path = sharedPath(`models/${name}.onnx`);
      if (path === undefined) return undefined;
      const bytes = await Deno.readFile(path);
      return { name, title, kind: "network", bytes, inputs: inputsOf(bytes, high, shape) };
    },
  };
}

/** All that is compared, in the order of the table. */
export const NETWORKS: readonly NetworkSource[] = [
  written("conv3x3", "3x3 64>64 at 56x56", "layer", () => layer([1, 64, 56, 56], 64, 3)),
  written(
    "conv3x3s2",
    "3x3 stride 2, 3>32 at 300x300",
    "layer",
    () => layer([1, 3, 300, 300], 32, 3, { stride: 2 }),
  ),
  written("conv1x1", "1x1 256>256 at 28x28", "layer", () => layer([1, 256, 28, 28], 256, 1)),
  written(
    "depthwise",
    "depthwise 3x3, 192 at 56x56",
    "layer",
    () => layer([1, 192, 56, 56], 192, 3, { depthwise: true }),
  ),
  written("mobilenet-v2", "MobileNetV2-like, 224", "network", mobileNetV2),
  written("resnet-18", "ResNet-18-like, 224", "network", resNet18),
  shared("yolox-nano-416", "YOLOX-Nano, 416", 255),
  shared("fastestdet-352", "FastestDet, 352", 1),
  shared("ultraface-rfb-320", "UltraFace RFB, 320x240", 1),
  shared("yunet-n-320", "YuNet, 320", 255),
  shared("yunet-n-dynamic", "YuNet dynamic, at 320", 255, [1, 3, 320, 320]),
  shared("mobilenet-v1-1.0-224-embed", "MobileNetV1 1.0, 224", 1),
  shared("mobilenet-v1-0.25-128", "MobileNetV1 0.25, 128", 1),
  shared("xfeat-640", "XFeat, 640", 1),
];
