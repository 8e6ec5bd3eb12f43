import { assertEquals, assertMatch } from "@std/assert";
import type { KernelTarget } from "../../src/gpu/mod.ts";
import { importGraph } from "../../src/graph/import.ts";
import type { PlanStep } from "../../src/graph/mod.ts";
import { planGraph } from "../../src/graph/mod.ts";
import { parseModel } from "../../src/onnx/parse.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";

const TARGETS: Readonly<Record<string, KernelTarget>> = {
  hardware: { software: false, subgroups: false },
  software: { software: true, subgroups: false },
  subgroups: { software: true, subgroups: true },
  plain: { software: false, subgroups: false, plain: true },
};

/** The first step with arithmetic of one convolution's plan. */
function convolution(
  { inC, outC, groups = 1, kernel }: { inC: number; outC: number; groups?: number; kernel: [number, number] },
  target: KernelTarget,
): PlanStep {
  const shape = [outC, inC / groups, ...kernel];
  const bytes = onnxModel({
    opset: 13,
    inputs: [tensorInfo("x", "f32", [1, inC, 20, 20])],
    outputs: [tensorInfo("y", "f32")],
    nodes: [node("Conv", ["x", "w"], ["y"], { group: groups })],
    initializers: {
      w: hostTensor("f32", shape, new Float32Array(shape.reduce((product, extent) => product * extent))),
    },
  });
  return planGraph(importGraph(parseModel(bytes)), {}, target).steps.find(({ multiplyAdds }) =>
    multiplyAdds
  )!;
}

/** The same of a matrix product. */
function product(rows: number, depth: number, columns: number, target: KernelTarget): PlanStep {
  const bytes = onnxModel({
    opset: 13,
    inputs: [tensorInfo("a", "f32", [rows, depth])],
    outputs: [tensorInfo("y", "f32")],
    nodes: [node("MatMul", ["a", "b"], ["y"])],
    initializers: { b: hostTensor("f32", [depth, columns], new Float32Array(depth * columns)) },
  });
  return planGraph(importGraph(parseModel(bytes)), {}, target).steps.find(({ multiplyAdds }) =>
    multiplyAdds
  )!;
}

Deno.test("convolutions tell why they run on their kernel, with the numbers that decided", () => {
  const wide: [number, number] = [5, 5];
  const cases: [Parameters<typeof convolution>[0], string, string, RegExp][] = [
    [{ inC: 32, outC: 48, kernel: wide }, "hardware", "conv/gemm_tiled", /^hardware, and 32>48 channels/],
    [
      { inC: 3, outC: 48, kernel: wide },
      "hardware",
      "conv/direct",
      /^3>48 channels, too few .* window 5 wide/,
    ],
    [{ inC: 3, outC: 48, kernel: [1, 1] }, "hardware", "conv/implicit_gemm", /^3>48 channels, .* of 1x1/],
    [
      { inC: 32, outC: 48, kernel: [1, 1] },
      "subgroups",
      "conv/stationary",
      /^software, and a window of 1x1 over 32 channels, .* eight invocations go .* \d+ channels an invocation$/,
    ],
    [
      { inC: 32, outC: 12, kernel: [1, 1] },
      "subgroups",
      "conv/stationary",
      /^software, .* quads of invocations go from pixel to pixel, 4 channels an invocation$/,
    ],
    [
      { inC: 32, outC: 48, kernel: wide },
      "software",
      "conv/direct",
      /^software, .* \d pixels x \d+ channels an inv/,
    ],
    [
      { inC: 32, outC: 48, kernel: wide },
      "subgroups",
      "conv/direct",
      /; weights are loaded by eight .* for all$/,
    ],
    [
      { inC: 8, outC: 8, groups: 8, kernel: wide },
      "hardware",
      "conv/depthwise",
      /^depthwise with 25 taps: .*4x4/,
    ],
    [
      { inC: 8, outC: 8, groups: 8, kernel: [16, 16] },
      "hardware",
      "conv/general",
      /^depthwise with 256 taps/,
    ],
    [
      { inC: 6, outC: 4, groups: 2, kernel: wide },
      "hardware",
      "conv/general",
      /^2 groups of 3>2 channels a group/,
    ],
    [
      { inC: 32, outC: 48, kernel: wide },
      "plain",
      "conv/general",
      /^the session asks for the plain kernels$/,
    ],
  ];
  for (const [layer, target, kernel, why] of cases) {
    const step = convolution(layer, TARGETS[target]!);
    const told = `${JSON.stringify(layer)} on ${target}: ${step.why}`;
    assertEquals(step.kernel.name, kernel, told);
    assertMatch(step.why ?? "", why, told);
    assertEquals(/NaN|undefined/.test(step.why!), false, told);
  }
});

Deno.test("matrix products tell why they run on their kernel", () => {
  const cases: [[number, number, number], string, string, RegExp][] = [
    [[64, 32, 64], "hardware", "gemm/tiled", /^hardware, and 64 rows/],
    [[4, 32, 64], "hardware", "gemm/register", /^4 rows, too few/],
    [
      [64, 32, 64],
      "software",
      "gemm/register",
      /^software without subgroups, and 64 x 64 .* 4 rows x 16 columns/,
    ],
    [[64, 32, 64], "subgroups", "gemm/subgroup", /^software with subgroups, .* weights from a texture$/],
    [[2, 8, 8], "hardware", "gemm/strided", /too small for vec4s/],
    [[64, 32, 64], "plain", "gemm/strided", /^the session asks for the plain kernels$/],
  ];
  for (const [[rows, depth, columns], target, kernel, why] of cases) {
    const step = product(rows, depth, columns, TARGETS[target]!);
    const told = `${rows} x ${depth} x ${columns} on ${target}: ${step.why}`;
    assertEquals(step.kernel.name, kernel, told);
    assertMatch(step.why ?? "", why, told);
    assertEquals(/NaN|undefined/.test(step.why!), false, told);
  }
});
