import { assertEquals, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { type Case, f32, i64, opCase, OpTester, randn } from "./harness.ts";
import { randint } from "./integers.ts";

Deno.test("Pad fills, repeats, mirrors and crops, on images and on anything else", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  const table: [shape: number[], pads: number[]][] = [
    [[2, 3, 5, 6], [0, 0, 1, 2, 0, 0, 3, 0]],
    [[1, 8, 4, 5], [0, 0, 0, 1, 0, 0, 2, 1]],
    [[2, 5, 4, 3], [1, 2, 0, 0, 0, 1, 1, 0]],
    [[3, 4, 5], [0, 1, 2, 0, 0, 1]],
    [[4, 6], [1, 2, 2, 3]],
    [[7], [2, 5]],
    [[2, 3, 3, 3, 4], [0, 1, 1, 0, 0, 1, 0, 2, 1, 2]],
  ];
  for (const mode of ["constant", "edge", "reflect"]) {
    for (const [shape, all] of table) {
      const pads = mode === "reflect"
        ? all.map((pad, i) => Math.min(pad, shape[i % shape.length]! - 1))
        : all;
      const x = randn(random, shape);
      cases.push(
        opCase("Pad", [x], { mode, pads, ...(mode === "constant" && { value: 1.5 }) }, { opset: 2 + 7 }),
        opCase("Pad", [x, i64(...pads), mode === "constant" ? f32(-2) : undefined], { mode }),
      );
    }
  }
  const x = randn(random, [2, 5, 6, 7]);
  cases.push(
    opCase("Pad", [x, i64(0, 0, -1, -2, 0, 0, -1, 0)], {}),
    opCase("Pad", [x, i64(0, -1, 1, -2, 0, -2, -1, 3)], {}),
    opCase("Pad", [x, i64(0, 0, -1, 2, 0, 0, 3, -1)], { mode: "edge" }),
    opCase("Pad", [x, i64(0, 0, 0, 0, 0, 0, 0, 0)], {}),
    opCase("Pad", [x, i64(1, 2, 2, 0), f32(3), i64(2, 3)], {}, { opset: 18 }),
    opCase("Pad", [x, i64(1, 1, 2, 3), undefined, i64(-1, 1)], { mode: "reflect" }, { opset: 18 }),
    opCase("Pad", [x, i64(3, 2), undefined, i64(-1)], { mode: "wrap" }, { opset: 19 }),
    opCase("Pad", [x, i64(0, 2, 0, 0, 0, 1, 0, 0)], { mode: "wrap" }, { opset: 19 }),
  );
  await tester.check(cases);
});

Deno.test("Pad crops before it adds, in every mode", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const cases: Case[] = [];
  for (const mode of ["constant", "edge", "reflect", "wrap"]) {
    for (const shape of [[5], [2, 5], [1, 3, 5], [2, 3, 4, 5], [1, 2, 2, 4, 5]]) {
      const rank = shape.length;
      for (const [before, after] of [[-1, 2], [2, -2], [-1, -2], [0, 3], [3, 0], [2, 1]] as const) {
        const pads = new Array<number>(rank * 2).fill(0);
        [pads[rank - 1], pads[2 * rank - 1]] = [before, after];
        if (rank > 2) pads[rank - 2] = 1;
        const attributes = { mode };
        cases.push(opCase("Pad", [randn(random, shape), i64(...pads)], attributes, { opset: 19 }));
      }
    }
  }
  const wrapped = opCase(
    "Pad",
    [randn(random, [1, 3, 2, 3]), i64(0, 0, 5, 7, 0, 0, 0, 8)],
    { mode: "wrap" },
    {
      opset: 19,
    },
  );
  // ONNX Runtime leaves zeros where it would go round twice in several dimensions.
  await tester.check([{
    ...wrapped,
    expected({ x0 }) {
      const at = (c: number, h: number, w: number): number => Number(x0!.data[(c * 2 + h) * 3 + w]);
      const elements = Array.from({ length: 3 * 7 * 18 }, (_, i) => {
        const [c, h, w] = [Math.floor(i / 126), Math.floor(i / 18) % 7, i % 18];
        return at(c, (h + 1) % 2, (w + 2) % 3);
      });
      return { y0: hostTensor("f32", [1, 3, 7, 18], elements) };
    },
  }]);
  cases.push(opCase("Pad", [randn(random, [1, 1]), i64(2, 1, 1, 3)], { mode: "edge" }));
  await tester.check(cases);
});

Deno.test("Pad moves every type, in up to 8 dimensions, and fills what has no elements", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const cases: Case[] = [];
  for (const dtype of ["i8", "u8", "i32", "i64", "bool"] as const) {
    const large = dtype === "i32" || dtype === "i64" ? 2 ** 31 - 1 : dtype === "bool" ? 1 : 127;
    const whole = (shape: number[]) => randint(random, dtype, shape, 0, large + 1);
    const fill = { constant: hostTensor(dtype, [], [large]) };
    for (const mode of ["constant", "edge", "reflect"]) {
      cases.push(
        opCase("Pad", [
          whole([1, 3, 4, 5]),
          i64(0, 0, 1, 2, 0, 0, 3, 1),
          mode === "constant" ? fill : undefined,
        ], { mode }),
      );
      cases.push(
        opCase("Pad", [whole([4, 5]), i64(1, 2, 3, 1), mode === "constant" ? fill : undefined], { mode }),
      );
    }
  }
  for (const mode of ["constant", "edge", "reflect"]) {
    const shape = [2, 1, 2, 2, 3, 2, 2, 2];
    cases.push(
      opCase("Pad", [randn(random, shape), i64(1, 0, 0, 1, 2, 0, 1, 0, 0, 0, 1, 0, 1, 0, 1, 1)], { mode }),
    );
  }
  cases.push(opCase("Pad", [randn(random, [0, 2]), i64(1, 1, 1, 1), f32(3)]));
  cases.push(opCase("Pad", [randn(random, [1, 4, 0, 2]), i64(0, 0, 1, 1, 0, 0, 1, 1), f32(3)]));
  cases.push(opCase("Pad", [randn(random, [0, 2]), i64(0, 1, 0, 1)], { mode: "edge" }));
  // ONNX Runtime pads no scalar.
  const scalar = opCase("Pad", [randn(random, []), i64()]);
  await tester.check([{ ...scalar, expected: ({ x0 }) => ({ y0: x0! }) }]);
  await tester.check(cases);
});

Deno.test("Pad fills with a value that is computed while the network runs", async () => {
  using tester = await OpTester.create();
  const random = new Random(5);
  const x = randn(random, [2, 5, 3, 4]);
  const value = hostTensor("f32", [], [4.25]);
  const cases = [[0, 0, 1, 2, 0, 0, 0, 1], [0, 1, 1, 2, 0, 0, 0, 1], [1, 0, -1, 2, 0, 0, 0, -1]].map(
    (pads): Case => {
      const one = opCase("Pad", [x, i64(...pads), value]);
      return {
        ...one,
        nodes: [node("Neg", ["x2"], ["negative"], {}, { name: "neg" }), {
          ...one.nodes[0]!,
          inputs: ["x0", "x1", "negative"],
        }],
      };
    },
  );
  await tester.check(cases);
});

Deno.test("a Pad of constants is folded to what the kernels give", async () => {
  using tester = await OpTester.create();
  const random = new Random(6);
  for (const mode of ["constant", "edge", "reflect", "wrap"]) {
    const one = opCase("Pad", [randn(random, [2, 3, 4]), i64(1, -1, 2, 0, 1, 3), f32(7)], { mode }, {
      opset: 19,
    });
    const constant = { ...one, inputs: {}, initializers: { ...one.initializers, ...one.inputs } };
    await tester.check([constant]);
    assertEquals((await tester.runCase(constant)).plan.steps.length, 0);
  }
});

Deno.test("Pad refuses to mirror beyond the input and amounts that do not match its dimensions", async () => {
  using tester = await OpTester.create();
  const x = randn(new Random(2), [1, 3, 4, 4]);
  const refused = (one: Case, words: string) => assertRejects(() => tester.runCase(one), GraphError, words);
  await refused(
    opCase("Pad", [x, i64(0, 0, 4, 0, 0, 0, 0, 0)], { mode: "reflect" }),
    "pads dimension 2 of 4",
  );
  await refused(opCase("Pad", [x, i64(0, 0, -3, 0, 0, 0, -2, 0)], {}), "pads dimension 2 of 4");
  await refused(opCase("Pad", [x, i64(1, 1)], {}), "2 pads are given for 4 dimensions");
  await refused(
    opCase("Pad", [x, i64(0, 0, 0, 0, 0, 0, 0, 0)], { mode: "smear" }),
    'mode "smear" is unknown',
  );
});
