import { assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { Random } from "../support/random.ts";
import { type Case, f32, i64, opCase, OpTester, randn } from "./harness.ts";

const COORDINATES = [
  "half_pixel",
  "pytorch_half_pixel",
  "align_corners",
  "asymmetric",
];

Deno.test("Resize gives what ONNX Runtime gives: modes, coordinate transformations and roundings", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  const sizes: [number, number][] = [[10, 14], [8, 6], [3, 4], [1, 1], [5, 15], [7, 7]];
  for (const coordinate_transformation_mode of COORDINATES) {
    for (const [h, w] of sizes) {
      const x = () => randn(random, [2, random.pick([1, 3, 4, 5]), 5, 7]);
      const [channels, batch] = [(one: { shape: readonly number[] }) => one.shape[1]!, 2];
      for (const nearest_mode of ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]) {
        const image = x();
        cases.push(
          opCase("Resize", [image, undefined, undefined, i64(batch, channels(image), h, w)], {
            coordinate_transformation_mode,
            nearest_mode,
            mode: "nearest",
          }),
        );
      }
      const [first, second] = [x(), x()];
      cases.push(
        opCase("Resize", [first, undefined, undefined, i64(batch, channels(first), h, w)], {
          coordinate_transformation_mode,
          mode: "linear",
        }),
        opCase("Resize", [second, undefined, f32(1, 1, h / 5 + 0.01, w / 7 + 0.01)], {
          coordinate_transformation_mode,
          mode: "cubic",
          cubic_coeff_a: random.pick([-0.75, -0.5]),
          exclude_outside: coordinate_transformation_mode === "half_pixel" ? random.int(0, 1) : 0,
        }),
      );
    }
  }
  await tester.check(cases);
});

Deno.test("Resize and Upsample take the forms of all operator sets", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const x = randn(random, [1, 5, 4, 6]);
  const empty = f32();
  await tester.check([
    opCase("Upsample", [x], { scales: [1, 1, 2, 2], mode: "nearest" }, { opset: 7 }),
    opCase("Upsample", [x], { scales: [1, 1, 2, 3], mode: "linear" }, { opset: 7 }),
    opCase("Upsample", [x, f32(1, 1, 2, 1.5)], { mode: "nearest" }, { opset: 9 }),
    opCase("Upsample", [x, f32(1, 1, 3, 2)], { mode: "linear" }, { opset: 9 }),
    opCase("Resize", [x, f32(1, 1, 2, 2)], { mode: "nearest" }, { opset: 10 }),
    opCase("Resize", [x, f32(1, 1, 0.5, 0.7)], { mode: "nearest" }, { opset: 10 }),
    opCase("Resize", [x, f32(1, 1, 1.7, 0.5)], { mode: "linear" }, { opset: 10 }),
    opCase("Resize", [x, empty, f32(1, 1, 2, 2)], { mode: "nearest", nearest_mode: "floor" }, { opset: 11 }),
    opCase("Resize", [x, empty, empty, i64(1, 5, 9, 5)], { mode: "linear" }, { opset: 11 }),
    opCase("Resize", [x, undefined, f32(1, 1, 2, 2)], { mode: "linear" }, { opset: 13 }),
    opCase("Resize", [x, undefined, f32(1.5, 2)], { mode: "linear", axes: [3, 2] }, { opset: 18 }),
    opCase("Resize", [x, undefined, undefined, i64(9, 9)], {
      mode: "nearest",
      axes: [2, 3],
      keep_aspect_ratio_policy: "not_larger",
    }, { opset: 18 }),
    opCase("Resize", [x, undefined, undefined, i64(9, 9)], {
      mode: "linear",
      axes: [2, 3],
      keep_aspect_ratio_policy: "not_smaller",
    }, { opset: 18 }),
    opCase("Resize", [x, undefined, f32(1, 1, 0.6, 0.5)], { mode: "linear", antialias: 1 }, { opset: 18 }),
    opCase("Resize", [x, undefined, f32(1, 1, 0.6, 0.5)], { mode: "cubic", antialias: 1 }, { opset: 18 }),
    opCase("Resize", [x, undefined, f32(1, 1, 1.3, 2.4)], {
      mode: "linear",
      coordinate_transformation_mode: "half_pixel_symmetric",
    }, { opset: 19 }),
    opCase("Resize", [x, f32(0, 0, 0.2, 0.1, 1, 1, 0.9, 1.4), undefined, i64(1, 5, 5, 7)], {
      mode: "linear",
      coordinate_transformation_mode: "tf_crop_and_resize",
      extrapolation_value: 4.5,
    }),
    opCase("Resize", [randn(random, [1, 3, 8]), undefined, f32(1, 1, 2)], { mode: "nearest" }),
    opCase("Resize", [x, undefined, f32(1, 1, 1, 1)], { mode: "nearest" }),
  ]);
});

Deno.test("Resize of channels, without scales and of unknown modes is refused", async () => {
  using tester = await OpTester.create();
  const x = randn(new Random(3), [1, 4, 3, 3]);
  const refused = (one: Case, words: string) => assertRejects(() => tester.runCase(one), GraphError, words);
  await refused(opCase("Resize", [x, undefined, f32(1, 2, 1, 1)]), "resizes dimensions 1 of [1, 4, 3, 3]");
  await refused(
    opCase("Resize", [x, undefined, undefined, i64(1, 4, 3)]),
    "3 numbers are given for 4 dimensions",
  );
  await refused(opCase("Resize", [x]), "neither scales nor sizes are given");
  await refused(
    opCase("Resize", [x, undefined, f32(1, 1, 2, 2)], { mode: "area" }),
    'mode "area" is unknown',
  );
});
