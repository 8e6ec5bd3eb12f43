/**
 * What vision networks have beside convolutions: products, pooling, resizing, sums, normalisation, element-wise chains,
 * and data that only moves. `deno bench -A bench/ops/others_bench.ts`
 *
 * @module
 */
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node } from "../../tests/support/onnx_builder.ts";
import { benchLayer, normals, single } from "./layer.ts";

benchLayer({
  group: "product",
  name: "Gemm 1x1280 by 1280x1000",
  inputs: { x: [1, 1280] },
  nodes: single("Gemm", { transB: 1 }, ["w", "b"]),
  weights: () => ({ w: normals([1000, 1280], 1280), b: normals([1000], 200) }),
});
benchLayer({
  group: "product",
  name: "MatMul 196x384 by 384x384",
  inputs: { x: [196, 384] },
  nodes: single("MatMul", {}, ["w"]),
  weights: () => ({ w: normals([384, 384], 384) }),
});
benchLayer({
  group: "product",
  name: "MatMul 6 times 196x64 by 64x196, both computed",
  inputs: { x: [1, 6, 196, 64], z: [1, 6, 64, 196] },
  nodes: single("MatMul", {}, ["z"]),
});

benchLayer({
  group: "pooling",
  name: "MaxPool 3x3 stride 2, 64 at 112x112",
  inputs: { x: [1, 64, 112, 112] },
  nodes: single("MaxPool", { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
});
benchLayer({
  group: "pooling",
  name: "MaxPool 5x5, 128 at 20x20",
  inputs: { x: [1, 128, 20, 20] },
  nodes: single("MaxPool", { kernel_shape: [5, 5], pads: [2, 2, 2, 2] }),
});
benchLayer({
  group: "pooling",
  name: "GlobalAveragePool 256 at 28x28",
  inputs: { x: [1, 256, 28, 28] },
  nodes: single("GlobalAveragePool"),
});

for (const mode of ["linear", "nearest"]) {
  benchLayer({
    group: "resizing",
    name: `Resize ${mode} 64 at 40x40 to 80x80`,
    inputs: { x: [1, 64, 40, 40] },
    nodes: single("Resize", { mode }, ["", "scales"]),
    weights: () => ({ scales: hostTensor("f32", [4], [1, 1, 2, 2]) }),
  });
}

benchLayer({
  group: "rows",
  name: "Softmax of 80 in 3,600 rows",
  inputs: { x: [1, 3600, 80] },
  nodes: single("Softmax", { axis: -1 }),
});
benchLayer({
  group: "rows",
  name: "ReduceMax over 64 channels at 80x80",
  inputs: { x: [1, 64, 80, 80] },
  nodes: single("ReduceMax", { keepdims: 1 }, ["axes"]),
  weights: () => ({ axes: hostTensor("i64", [1], [1n] as never) }),
});
benchLayer({
  group: "rows",
  name: "ReduceL2 of 256 in 3,600 rows",
  inputs: { x: [1, 3600, 256] },
  nodes: single("ReduceL2", { keepdims: 1 }, ["axes"]),
  weights: () => ({ axes: hostTensor("i64", [1], [2n] as never) }),
});
benchLayer({
  group: "normalisation",
  name: "LayerNormalization of 384 in 196 rows",
  inputs: { x: [1, 196, 384] },
  nodes: single("LayerNormalization", { axis: -1 }, ["scale", "shift"]),
  weights: () => ({ scale: normals([384], 2), shift: normals([384], 200) }),
});
benchLayer({
  group: "normalisation",
  name: "InstanceNormalization 64 at 80x80",
  inputs: { x: [1, 64, 80, 80] },
  nodes: single("InstanceNormalization", {}, ["scale", "shift"]),
  weights: () => ({ scale: normals([64], 2), shift: normals([64], 200) }),
});

benchLayer({
  group: "element-wise",
  name: "Add, Sigmoid, Mul, Clip: two inputs of 64 at 112x112",
  inputs: { x: [1, 64, 112, 112], z: [1, 64, 112, 112] },
  nodes: [
    node("Add", ["x", "z"], ["sum"]),
    node("Sigmoid", ["sum"], ["gate"]),
    node("Mul", ["sum", "gate"], ["product"]),
    node("Clip", ["product", "low", "high"], ["y"]),
  ],
  weights: () => ({ low: hostTensor("f32", [], [0]), high: hostTensor("f32", [], [6]) }),
});
benchLayer({
  group: "moving",
  name: "Concat of two of 64 at 80x80",
  inputs: { x: [1, 64, 80, 80], z: [1, 64, 80, 80] },
  nodes: single("Concat", { axis: 1 }, ["z"]),
});
benchLayer({
  group: "moving",
  name: "DepthToSpace 256 at 40x40 to 64 at 80x80",
  inputs: { x: [1, 256, 40, 40] },
  nodes: single("DepthToSpace", { blocksize: 2, mode: "DCR" }),
});
benchLayer({
  group: "moving",
  name: "GridSample bilinear, 64 at 60x80",
  inputs: { x: [1, 64, 60, 80], z: [1, 60, 80, 2] },
  nodes: single("GridSample", { mode: "bilinear" }, ["z"]),
});
