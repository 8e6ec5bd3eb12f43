import { assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { Random } from "../support/random.ts";
import { constantly } from "./folded.ts";
import { type Case, opCase, OpTester, randn } from "./harness.ts";

/** Boxes of an image twice as large as the feature map, some of them partly outside. */
function boxes(random: Random, count: number, height: number, width: number): number[][] {
  return Array.from({ length: count }, () => {
    const [left, top] = [random.uniform(-3, width), random.uniform(-3, height)];
    return [left, top, left + random.uniform(0.3, width), top + random.uniform(0.3, height)];
  });
}

function batchIndices(random: Random, count: number, images: number): HostTensor<"i64"> {
  return hostTensor("i64", [count], Array.from({ length: count }, () => random.int(0, images - 1)));
}

Deno.test("RoiAlign gives what ONNX Runtime gives: means and maxima, fixed and adaptive, on the GPU and folded", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  for (const mode of ["avg", "max"]) {
    for (const sampling_ratio of [0, 1, 2, 3]) {
      for (const coordinate_transformation_mode of [undefined, "half_pixel", "output_half_pixel"]) {
        const x = randn(random, [2, random.pick([1, 3, 4, 6]), 9, 11]);
        const rois = hostTensor("f32", [7, 4], boxes(random, 7, 18, 22).flat());
        const one = opCase("RoiAlign", [x, rois, batchIndices(random, 7, 2)], {
          mode,
          sampling_ratio,
          output_height: random.int(1, 4),
          output_width: random.int(1, 5),
          spatial_scale: 0.5,
          ...(coordinate_transformation_mode && { coordinate_transformation_mode }),
        }, { opset: coordinate_transformation_mode ? 16 : random.pick([10, 16]) });
        cases.push(one, constantly(one));
      }
    }
  }
  await tester.check(cases);
});

Deno.test("MaxRoiPool gives what ONNX Runtime gives", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const cases: Case[] = [];
  for (const pooled_shape of [[1, 1], [2, 3], [5, 4]]) {
    const x = randn(random, [2, random.pick([1, 4, 5]), 9, 11]);
    const rows = boxes(random, 6, 18, 22).map((box) => [random.int(0, 1), ...box]);
    const one = opCase("MaxRoiPool", [x, hostTensor("f32", [6, 5], rows.flat())], {
      pooled_shape,
      spatial_scale: 0.5,
    });
    cases.push(one, constantly(one));
  }
  await tester.check(cases);
});

Deno.test("RoiAlign of no regions is empty, and regions that are none are refused", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const x = randn(random, [1, 3, 5, 5]);
  const none = [x, hostTensor("f32", [0, 4], []), hostTensor("i64", [0], [])];
  await tester.check([opCase("RoiAlign", none, { output_height: 2, output_width: 2 }, { opset: 16 })]);
  const refused = (one: Case, words: string) => assertRejects(() => tester.runCase(one), GraphError, words);
  const batch = hostTensor("i64", [2], [0, 0]);
  await refused(
    opCase("RoiAlign", [x, randn(random, [2, 5]), batch], {}, { opset: 16 }),
    "pools regions [2, 5] of [1, 3, 5, 5]",
  );
  await refused(
    opCase("RoiAlign", [x, randn(random, [3, 4]), batch], {}, { opset: 16 }),
    "3 regions have batch indices [2]",
  );
  await refused(
    opCase("RoiAlign", [x, randn(random, [2, 4]), batch], { sampling_ratio: 1000 }, { opset: 16 }),
    "sampling_ratio is 1000",
  );
  await refused(
    opCase("RoiAlign", [x, randn(random, [2, 4]), batch], { mode: "sum" }, { opset: 16 }),
    'mode "sum"',
  );
});
