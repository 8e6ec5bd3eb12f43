/**
 * Convolutions layer by layer, by the kernels that are chosen on this adapter. `deno bench -A bench/ops/conv_bench.ts`
 *
 * @module
 */
import type { KernelTarget } from "../../src/gpu/mod.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node } from "../../tests/support/onnx_builder.ts";
import { Random } from "../../tests/support/random.ts";
import { benchLayer, normals, single } from "./layer.ts";

/** A square convolution with bias. */
interface Convolution {
  name: string;
  inC: number;
  outC: number;
  size: number;
  kernel: number;
  stride?: number;
  groups?: number;
  /** Away from its input's size, to a larger one. */
  transposed?: boolean;
  target?: Partial<KernelTarget>;
}

const CONVOLUTIONS: readonly Convolution[] = [
  { name: "1x1 16>96 at 112x112", inC: 16, outC: 96, size: 112, kernel: 1 },
  { name: "1x1 256>256 at 28x28", inC: 256, outC: 256, size: 28, kernel: 1 },
  { name: "3x3 64>64 at 56x56", inC: 64, outC: 64, size: 56, kernel: 3 },
  {
    name: "3x3 64>64 at 56x56, without Winograd's algorithm",
    inC: 64,
    outC: 64,
    size: 56,
    kernel: 3,
    target: { winograd: 0 },
  },
  { name: "3x3 256>256 at 14x14", inC: 256, outC: 256, size: 14, kernel: 3 },
  { name: "3x3 stride 2, 3>32 at 300x300", inC: 3, outC: 32, size: 300, kernel: 3, stride: 2 },
  { name: "7x7 stride 2, 3>64 at 224x224", inC: 3, outC: 64, size: 224, kernel: 7, stride: 2 },
  { name: "3x3 in 4 groups, 128>128 at 28x28", inC: 128, outC: 128, size: 28, kernel: 3, groups: 4 },
  { name: "depthwise 3x3, 192 at 56x56", inC: 192, outC: 192, size: 56, kernel: 3, groups: 192 },
  {
    name: "depthwise 3x3 stride 2, 96 at 112x112",
    inC: 96,
    outC: 96,
    size: 112,
    kernel: 3,
    stride: 2,
    groups: 96,
  },
  {
    name: "transposed 2x2 stride 2, 64>64 at 40x40",
    inC: 64,
    outC: 64,
    size: 40,
    kernel: 2,
    stride: 2,
    transposed: true,
  },
  {
    name: "transposed 4x4 stride 2, 64>32 at 40x40",
    inC: 64,
    outC: 32,
    size: 40,
    kernel: 4,
    stride: 2,
    transposed: true,
  },
];

for (const layer of CONVOLUTIONS) {
  const { name, inC, outC, size, kernel, stride = 1, groups = 1, transposed = false, target } = layer;
  const pad = (kernel - (transposed ? stride : 1)) / 2;
  benchLayer({
    group: "convolution",
    name: `convolution ${name}`,
    ...(target && { target }),
    inputs: { x: [1, inC, size, size] },
    nodes: single(transposed ? "ConvTranspose" : "Conv", {
      strides: [stride, stride],
      pads: new Array(4).fill(pad),
      group: groups,
    }, ["w", "b"]),
    weights: () => ({
      w: normals(
        transposed ? [inC, outC, kernel, kernel] : [outC, inC / groups, kernel, kernel],
        inC / groups * kernel ** 2,
      ),
      b: normals([outC], 200),
    }),
  });
}

/** Eight bits in and out, scales by channel. */
for (const [channels, size, kernel] of [[64, 56, 3], [256, 28, 1]] as const) {
  const bytes = (): number[] => {
    const random = new Random(3);
    return Array.from({ length: channels ** 2 * kernel ** 2 }, () => random.int(-64, 63));
  };
  benchLayer({
    group: "convolution",
    name: `convolution in 8 bits ${kernel}x${kernel} ${channels}>${channels} at ${size}x${size}`,
    inputs: { x: [1, channels, size, size] },
    nodes: [
      node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
      node(
        "QLinearConv",
        ["q", "scale", "zero", "w", "w_scale", "w_zero", "y_scale", "zero", "b"],
        ["r"],
        { pads: new Array(4).fill(kernel >> 1) },
      ),
      node("DequantizeLinear", ["r", "y_scale", "zero"], ["y"]),
    ],
    weights: () => ({
      scale: hostTensor("f32", [], [1 / 255]),
      zero: hostTensor("u8", [], [0]),
      y_scale: hostTensor("f32", [], [0.05]),
      w: hostTensor("i8", [channels, channels, kernel, kernel], bytes()),
      w_scale: hostTensor("f32", [channels], new Array(channels).fill(0.01)),
      w_zero: hostTensor("i8", [channels], new Array(channels).fill(0)),
      b: hostTensor("i32", [channels], new Array(channels).fill(100)),
    }),
  });
}
