import { assertEquals, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { Random } from "../support/random.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node } from "../support/onnx_builder.ts";
import { constantly } from "./folded.ts";
import { type Case, f32, i64, opCase, type Operand, OpTester, randn } from "./harness.ts";
import { randint } from "./integers.ts";

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
      // By sizes where corners are aligned: with broken scales ONNX Runtime departs from the standard (see below).
      const scaling = (one: { shape: readonly number[] }): Operand[] =>
        coordinate_transformation_mode === "align_corners"
          ? [undefined, i64(batch, channels(one), h, w)]
          : [f32(1, 1, h / 5 + 0.01, w / 7 + 0.01)];
      cases.push(
        opCase("Resize", [first, undefined, undefined, i64(batch, channels(first), h, w)], {
          coordinate_transformation_mode,
          mode: "linear",
        }),
        opCase("Resize", [second, undefined, ...scaling(second)], {
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

Deno.test("Resize takes any rank and any dimensions", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const cases: Case[] = [];
  const table: [shape: number[], scales: number[], modes: string[]][] = [
    [[5], [2.3], ["nearest"]],
    [[4, 5], [1.5, 2], ["nearest", "linear", "cubic"]],
    [[9, 8], [0.5, 0.6], ["nearest", "linear"]],
    [[3, 4, 5], [1, 1, 2], ["nearest", "linear"]],
    [[3, 4, 5], [1, 1.5, 2], ["nearest", "linear"]],
    [[2, 3, 4, 5], [1, 2, 1, 1], ["nearest", "linear"]],
    [[2, 3, 4, 5], [1, 2, 1.5, 1], ["nearest", "linear"]],
    [[2, 3, 4, 5], [2, 2, 2, 0.5], ["nearest"]],
    [[1, 2, 3, 4, 5], [1, 1, 2, 1.5, 0.7], ["nearest", "linear"]],
    [[2, 3, 3, 2, 4], [1, 1, 1, 2, 2], ["nearest", "linear"]],
    [[1, 2, 1, 3, 2, 2], [1, 2, 3, 1, 2, 2], ["nearest"]],
    [[1, 3, 0, 4], [1, 1, 2, 2], ["nearest"]],
  ];
  for (const [shape, scales, modes] of table) {
    for (const mode of modes) {
      cases.push(opCase("Resize", [randn(random, shape), undefined, f32(...scales)], { mode }));
      if (mode !== "cubic") {
        cases.push(opCase("Upsample", [randn(random, shape), f32(...scales)], { mode }, { opset: 9 }));
      }
    }
  }
  // ONNX Runtime's Upsample only enlarges, and has no mode linear for some of these.
  const enlarges = (one: Case): boolean =>
    one.initializers["x1"]?.data.every((scale) => Number(scale) >= 1) ?? true;
  await tester.check(cases.filter(enlarges));
});

Deno.test("Resize enlarges by any factor, and what is fused behind it sees each pixel once", async () => {
  using tester = await OpTester.create();
  const random = new Random(5);
  const cases: Case[] = [];
  for (const mode of ["nearest", "linear"]) {
    for (
      const coordinate_transformation_mode of [
        "half_pixel",
        "asymmetric",
        "align_corners",
        "pytorch_half_pixel",
      ]
    ) {
      for (const [h, w] of [[2, 2], [3, 2], [4, 4], [8, 5], [1, 9], [16, 1], [2, 1]] as const) {
        const shape = [random.int(1, 2), random.pick([1, 3, 4, 9]), random.int(1, 4), random.int(1, 5)];
        const one = opCase("Resize", [randn(random, shape), undefined, f32(1, 1, h, w)], {
          mode,
          coordinate_transformation_mode,
          ...(mode === "nearest" && { nearest_mode: "floor" }),
        });
        const residual = randn(random, [shape[0]!, shape[1]!, shape[2]! * h, shape[3]! * w]);
        cases.push(one, {
          ...one,
          name: `${one.name} + residual, Relu`,
          nodes: [
            { ...one.nodes[0]!, outputs: ["a"] },
            node("Add", ["a", "r"], ["b"], {}, { name: "add" }),
            node("Relu", ["b"], ["y0"], {}, { name: "relu" }),
          ],
          inputs: { ...one.inputs, r: residual },
        });
      }
    }
  }
  await tester.check(cases);
});

Deno.test("what is fused behind a Resize of other dimensions is applied after it", async () => {
  using tester = await OpTester.create();
  const random = new Random(6);
  const one = opCase("Resize", [randn(random, [3, 4, 5]), undefined, f32(1, 2, 1.5)], { mode: "linear" });
  await tester.check([{
    ...one,
    nodes: [{ ...one.nodes[0]!, outputs: ["a"] }, node("Relu", ["a"], ["y0"], {}, { name: "relu" })],
  }]);
});

Deno.test("Resize of integers cuts off in mode linear and moves in mode nearest, as ONNX Runtime does", async () => {
  using tester = await OpTester.create();
  const random = new Random(7);
  const cases: Case[] = [];
  for (const [dtype, low, high] of [["u8", 0, 255], ["i8", -128, 127], ["i32", -1000, 1000]] as const) {
    for (const shape of [[1, 3, 4, 5], [4, 6], [1, 2, 3, 4, 5]]) {
      const x = randint(random, dtype, shape, low, high + 1);
      const scales = f32(...shape.map((_, axis) => axis < shape.length - 2 ? 1 : 2));
      for (const mode of ["nearest", "linear"]) {
        if (mode === "linear" && shape.length === 5) continue;
        cases.push(
          opCase("Resize", [x, undefined, scales], { mode, coordinate_transformation_mode: "asymmetric" }),
        );
      }
    }
  }
  const large = hostTensor("i32", [1, 1, 2, 2], [2 ** 30 + 1, -(2 ** 31), 2 ** 31 - 1, 16777217]);
  cases.push(opCase("Resize", [large, undefined, f32(1, 1, 2, 0.5)], { mode: "nearest" }));
  await tester.check(cases);
});

Deno.test("Resize of integers with antialias rounds and stays in the type's range", async () => {
  using tester = await OpTester.create();
  const x = hostTensor("u8", [1, 1, 1, 8], [0, 0, 0, 255, 255, 255, 255, 0]);
  const one = opCase("Resize", [x, undefined, f32(1, 1, 1, 0.5)], { mode: "cubic", antialias: 1 }, {
    opset: 18,
  });
  // Keys' kernel overshoots on both sides of a step.
  await tester.check([one, constantly(one)]);
});

Deno.test("Resize takes ties as ONNX Runtime does where 32 bits round beside them", async () => {
  using tester = await OpTester.create();
  const random = new Random(10);
  const cases: Case[] = [];
  const symmetric = { coordinate_transformation_mode: "half_pixel_symmetric", mode: "nearest" };
  for (const [from, to] of [[5, 3], [11, 13], [11, 5], [12, 13], [9, 7]] as const) {
    for (const nearest_mode of ["floor", "ceil", "round_prefer_floor"]) {
      const x = randn(random, [1, 2, from, 3]);
      cases.push(
        opCase("Resize", [x, undefined, undefined, i64(1, 2, to, 3)], { ...symmetric, nearest_mode }, {
          opset: 19,
        }),
      );
    }
  }
  for (const [from, to] of [[10, 25], [13, 16], [26, 32]] as const) {
    cases.push(
      opCase("Resize", [randn(random, [1, 1, 2, from]), undefined, undefined, i64(1, 1, 2, to)], {
        mode: "nearest",
        coordinate_transformation_mode: "asymmetric",
        nearest_mode: "round_prefer_ceil",
      }),
    );
  }
  await tester.check(cases);
});

Deno.test("Resize aligns corners by the extent before it is rounded, as the standard's own results do", async () => {
  using tester = await OpTester.create();
  const x = hostTensor("f32", [1, 1, 2, 4], [1, 2, 3, 4, 5, 6, 7, 8]);
  const one = opCase("Resize", [x, undefined, f32(1, 1, 0.6, 0.6)], {
    mode: "linear",
    coordinate_transformation_mode: "align_corners",
  });
  // The second of two columns of 2.4: 3 / 1.4 elements from the first.
  const expected = { y0: hostTensor("f32", [1, 1, 1, 2], [1, 1 + 3 / 1.4]) };
  await tester.check([{ ...one, expected: () => expected }]);
});

Deno.test("a Resize of constants is folded to what the kernels give", async () => {
  using tester = await OpTester.create();
  const random = new Random(8);
  const attributes = [
    { mode: "nearest" },
    { mode: "linear" },
    { mode: "cubic", exclude_outside: 1 },
    { mode: "linear", coordinate_transformation_mode: "tf_crop_and_resize", extrapolation_value: 2 },
    { mode: "nearest", coordinate_transformation_mode: "tf_crop_and_resize", extrapolation_value: 2 },
  ];
  for (const one of attributes) {
    const x = randn(random, [2, 3, 4, 5]);
    const roi = f32(0, 0, -0.2, 0.1, 1, 1, 0.93, 1.4);
    const sized = opCase("Resize", [x, roi, undefined, i64(2, 3, 7, 3)], one);
    await tester.check([constantly(sized), sized]);
    const { plan } = await tester.runCase(constantly(sized));
    assertEquals(plan.steps.length, 0);
  }
});

Deno.test("Resize of a region fills outside it alone, and keeps what keeps its extents, as ONNX Runtime does", async () => {
  using tester = await OpTester.create();
  const random = new Random(9);
  const crop = { coordinate_transformation_mode: "tf_crop_and_resize", extrapolation_value: 2.5 };
  const region = (...of: number[]): Operand => f32(0, 0, ...of.slice(0, 2), 1, 1, ...of.slice(2));
  const cases: Case[] = [];
  for (const mode of ["nearest", "linear", "cubic"]) {
    const x = (): Operand => randn(random, [2, 3, 5, 9]);
    // Positions that are whole numbers have weights of zero on both sides.
    cases.push(
      opCase("Resize", [x(), region(0.25, 0, 0.75, 1), undefined, i64(2, 3, 3, 5)], { mode, ...crop }),
    );
    cases.push(
      opCase("Resize", [x(), region(-0.3, 0.2, 0.7, 1.6), undefined, i64(2, 3, 7, 6)], { mode, ...crop }),
    );
    cases.push(
      opCase("Resize", [x(), region(0.25, 0, 0.75, 1), undefined, i64(2, 3, 5, 9)], { mode, ...crop }),
    );
    cases.push(opCase("Resize", [x(), region(0.13, 0.2, 0.7, 0.9), f32(1, 1, 1.3, 0.6)], { mode, ...crop }));
    cases.push(opCase("Resize", [x(), undefined, f32(1, 1, 1.1, 1.05)], { mode }));
  }
  for (const mode of ["linear", "cubic"]) {
    const x = randn(random, [1, 2, 3, 4]);
    cases.push(opCase("Resize", [x, undefined, f32(1, 1, 1.2, 2)], { mode, antialias: 1 }, { opset: 18 }));
  }
  await tester.check([...cases, ...cases.map(constantly)]);
});

Deno.test("Resize without scales, of unknown modes and to nothing is refused", async () => {
  using tester = await OpTester.create();
  const x = randn(new Random(3), [1, 4, 3, 3]);
  const refused = (one: Case, words: string) => assertRejects(() => tester.runCase(one), GraphError, words);
  await refused(
    opCase("Resize", [x, undefined, undefined, i64(1, 4, 3)]),
    "3 numbers are given for 4 dimensions",
  );
  await refused(opCase("Resize", [x]), "neither scales nor sizes are given");
  await refused(
    opCase("Resize", [x, undefined, f32(1, 1, 2, 2)], { mode: "area" }),
    'mode "area" is unknown',
  );
  await refused(opCase("Resize", [x, undefined, f32(1, 1, -1, 2)]), "resizes 3 to -3 by a scale of -1");
  await refused(
    opCase(
      "Resize",
      [x, undefined, undefined, i64(2, 2)],
      { axes: [2, 3], keep_aspect_ratio_policy: "fit" },
      {
        opset: 18,
      },
    ),
    'keep_aspect_ratio_policy "fit" is unknown',
  );
});
