import { assertEquals, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { Random } from "../support/random.ts";
import { constantly } from "./folded.ts";
import { type Case, i64, opCase, OpTester, randn } from "./harness.ts";

/** A grid that reaches beyond the image on all sides, far beyond it now and then. */
function gridOf(random: Random, shape: readonly number[]): ReturnType<typeof randn> {
  const count = shape.reduce((a, b) => a * b, 1);
  return hostTensor("f32", shape, Array.from({ length: count }, () => random.uniform(-1.7, 1.7)));
}

Deno.test("GridSample of images gives what ONNX Runtime gives in all modes, on the GPU and folded", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  for (
    const [opset, modes] of [[16, ["bilinear", "nearest", "bicubic"]], [20, [
      "linear",
      "nearest",
      "cubic",
    ]]] as const
  ) {
    for (const mode of modes) {
      for (const padding_mode of ["zeros", "border", "reflection"]) {
        for (const align_corners of [0, 1]) {
          const n = random.int(1, 2);
          const x = randn(random, [n, random.pick([1, 3, 4, 6]), random.int(1, 6), random.int(2, 7)]);
          const grid = gridOf(random, [n, random.int(1, 5), random.int(1, 6), 2]);
          const one = opCase("GridSample", [x, grid], { mode, padding_mode, align_corners }, { opset });
          cases.push(one, constantly(one));
        }
      }
    }
  }
  await tester.check(cases);
});

Deno.test("GridSample of volumes gives what ONNX Runtime gives, on the GPU and folded", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const cases: Case[] = [];
  for (const mode of ["linear", "nearest"]) {
    for (const padding_mode of ["zeros", "border", "reflection"]) {
      for (const align_corners of [0, 1]) {
        const x = randn(random, [2, random.pick([1, 3, 5]), 3, random.int(2, 4), random.int(2, 5)]);
        const grid = gridOf(random, [2, random.int(1, 3), random.int(1, 4), random.int(1, 4), 3]);
        const one = opCase("GridSample", [x, grid], { mode, padding_mode, align_corners }, { opset: 20 });
        cases.push(one, constantly(one));
      }
    }
  }
  await tester.check(cases);
});

Deno.test("GridSample reads nothing outside the image at positions that are no numbers or beyond all numbers", async () => {
  using tester = await OpTester.create();
  const x = hostTensor("f32", [1, 1, 2, 2], [1, 2, 3, 4]);
  const grid = hostTensor("f32", [1, 1, 3, 2], [1e30, 0, -1e30, 1e30, 5, -7]);
  for (const mode of ["bilinear", "nearest", "bicubic"]) {
    for (const padding_mode of ["border", "reflection"]) {
      const one = opCase("GridSample", [x, grid], { mode, padding_mode }, { opset: 16 });
      const { outputs } = await tester.runCase(one);
      const far = Array.from(outputs["y0"]!.data, Number);
      assertEquals(
        far.every((value) => Number.isNaN(value) || (value >= -1 && value <= 6)),
        true,
        `${mode} ${far}`,
      );
    }
  }
});

Deno.test("GridSample refuses grids that do not fit and modes that are none", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const refused = (one: Case, words: string) => assertRejects(() => tester.runCase(one), GraphError, words);
  const x = randn(random, [1, 2, 3, 4]);
  await refused(
    opCase("GridSample", [x, gridOf(random, [2, 3, 3, 2])], {}, { opset: 16 }),
    "samples [1, 2, 3, 4] at a grid of [2, 3, 3, 2]",
  );
  await refused(
    opCase("GridSample", [x, gridOf(random, [1, 3, 3, 2])], { mode: "area" }, { opset: 16 }),
    'mode "area" is unknown',
  );
  const integers = hostTensor("i32", [1, 1, 2, 2], [1, 2, 3, 4]);
  await refused(
    opCase("GridSample", [integers, gridOf(random, [1, 3, 3, 2])], {}, { opset: 16 }),
    "its input is i32 and computed while the network runs, where it takes f32, f16",
  );
  const volume = [randn(random, [1, 2, 3, 4, 5]), gridOf(random, [1, 2, 2, 2, 3])];
  await refused(opCase("GridSample", volume, { mode: "cubic" }, { opset: 20 }), "rank 5 in mode cubic");
});

Deno.test("AffineGrid gives what ONNX Runtime gives, of maps computed and constant", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const cases: Case[] = [];
  for (const align_corners of [0, 1]) {
    for (
      const [theta, size] of [
        [[2, 2, 3], [2, 3, 5, 6]],
        [[1, 2, 3], [1, 1, 1, 4]],
        [[2, 3, 4], [2, 3, 4, 5, 2]],
        [[1, 3, 4], [1, 2, 1, 3, 1]],
      ] as const
    ) {
      const one = opCase("AffineGrid", [randn(random, theta), i64(...size)], { align_corners }, {
        opset: 20,
      });
      cases.push(one, constantly(one));
    }
  }
  await tester.check(cases);
  const wrong = opCase("AffineGrid", [randn(random, [1, 2, 3]), i64(1, 2, 3, 4, 5)], {}, { opset: 20 });
  await assertRejects(
    () => tester.runCase(wrong),
    GraphError,
    "theta [1, 2, 3] does not map a size of [1, 2, 3, 4, 5]",
  );
});
