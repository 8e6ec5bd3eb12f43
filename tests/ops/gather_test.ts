import { assertEquals, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import type { NumericDType } from "../../src/tensor/dtype.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { Random } from "../support/random.ts";
import { foldedCase } from "./folded.ts";
import { type Case, i64, opCase, OpTester, randn } from "./harness.ts";
import { integers, randint, TYPES } from "./integers.ts";

Deno.test("Gather takes one index, a run, any list, and lists of lists", async () => {
  using tester = await OpTester.create();
  const random = new Random(5);
  const x = () => randn(random, [2, 9, 4, 5]);
  const index = (shape: number[], ...values: number[]) => ({ constant: hostTensor("i64", shape, values) });
  await tester.check([
    opCase("Gather", [x(), index([], 3)], { axis: 1 }),
    opCase("Gather", [x(), index([], -1)], { axis: 3 }),
    opCase("Gather", [x(), i64(1)], { axis: 0 }),
    opCase("Gather", [x(), i64(2, 4, 6)], { axis: 1 }),
    opCase("Gather", [x(), i64(3, 2, 1, 0)], { axis: 2 }),
    opCase("Gather", [x(), i64(0, 0, 5, 2, -1)], { axis: 1 }),
    opCase("Gather", [x(), i64(3, 1, 1)], { axis: -2 }),
    opCase("Gather", [x(), index([0])], { axis: 2 }),
    opCase("Gather", [randn(random, [7]), i64(6, 0, 3)], {}),
    opCase("Gather", [randn(random, [7, 3]), index([2, 2], 0, 1, 2, 3)], {}),
    opCase("Gather", [randn(random, [7, 3]), index([2, 2], 5, 0, 0, 3)], { axis: 0 }),
  ]);
});

Deno.test("Gather reads computed indices of any rank, on any axis, of any type", async () => {
  using tester = await OpTester.create();
  const random = new Random(6);
  const cases: Case[] = [];
  for (const shape of [[], [1], [5], [2, 3], [2, 1, 3]]) {
    for (const [axis, extent] of [[0, 3], [1, 7], [-1, 5]] as const) {
      const indices = randint(random, "i64", shape, -extent, extent);
      cases.push(opCase("Gather", [randn(random, [3, 7, 2, 5]), indices], { axis }));
    }
  }
  for (const dtype of TYPES) {
    cases.push(
      opCase("Gather", [randint(random, dtype, [2, 6], 0, 100), randint(random, "i32", [4], 0, 6)], {
        axis: 1,
      }),
    );
  }
  cases.push(
    opCase("Gather", [randn(random, [7]), randint(random, "i64", [3], 0, 7)]),
    opCase("Gather", [{ constant: randn(random, [20, 6]) }, randint(random, "i64", [2, 5], 0, 20)]),
    opCase("Gather", [randn(random, [2, 2, 2, 3, 2, 2, 2, 2]), randint(random, "i64", [2], 0, 3)], {
      axis: 3,
    }),
    opCase("Gather", [randn(random, [4, 3]), hostTensor("i64", [0], [])]),
  );
  await tester.check(cases);
});

Deno.test("computed indices outside are taken as the nearest inside", async () => {
  using tester = await OpTester.create();
  const x = hostTensor("f32", [4], [1, 2, 3, 4]);
  const indices = hostTensor("i64", [4], [-9, -1, 4, 90]);
  for (const op of ["Gather", "GatherElements"]) {
    const { outputs } = await tester.runCase(opCase(op, [x, indices]));
    assertEquals([...outputs.y0!.data], [1, 4, 4, 4], op);
  }
  const tuples = hostTensor("i64", [3, 1], [-9, -1, 90]);
  const { outputs } = await tester.runCase(opCase("GatherND", [x, tuples]));
  assertEquals([...outputs.y0!.data], [1, 4, 4]);
});

Deno.test("GatherElements takes one element for each index", async () => {
  using tester = await OpTester.create();
  const random = new Random(7);
  const cases: Case[] = [];
  for (
    const [shape, indices, axis] of [
      [[7], [9], 0],
      [[4, 5], [4, 2], 1],
      [[4, 5], [6, 3], 0],
      [[2, 5, 3, 4], [2, 3, 3, 2], 1],
      [[2, 5, 3, 4], [1, 5, 2, 6], -1],
      [[3, 2, 2, 2, 3, 2], [2, 2, 1, 2, 5, 2], 4],
    ] as const
  ) {
    const extent = shape.at(axis)!;
    for (const dtype of ["i32", "i64"] as const) {
      const own = randint(random, dtype, indices, -extent, extent);
      cases.push(
        opCase("GatherElements", [randn(random, shape), own], { axis }),
        opCase("GatherElements", [randn(random, shape), { constant: own }], { axis }),
      );
    }
  }
  for (const dtype of TYPES) {
    const x = randint(random, dtype, [3, 5], 0, 100);
    cases.push(opCase("GatherElements", [x, randint(random, "i64", [3, 4], 0, 5)], { axis: 1 }));
  }
  cases.push(opCase("GatherElements", [randn(random, [3, 4]), hostTensor("i64", [3, 0], [])], { axis: 1 }));
  await tester.check(cases);
});

Deno.test("GatherND takes a slice for each tuple, in batches", async () => {
  using tester = await OpTester.create();
  const random = new Random(8);
  const cases: Case[] = [];
  for (
    const [shape, indices, batch_dims] of [
      [[7], [4, 1], 0],
      [[4, 5], [3, 1], 0],
      [[4, 4], [2, 3, 2], 0],
      [[3, 3, 3, 5], [2, 4, 3], 0],
      [[2, 4, 4, 3], [2, 5, 2], 1],
      [[2, 3, 4, 4], [2, 3, 6, 1], 2],
      [[2, 3, 4], [2, 1], 1],
    ] as const
  ) {
    const least = Math.min(...shape.slice(batch_dims, batch_dims + indices.at(-1)!));
    const own = randint(random, "i64", indices, -least, least);
    const attributes = batch_dims === 0 ? {} : { batch_dims };
    cases.push(
      opCase("GatherND", [randn(random, shape), own], attributes),
      opCase("GatherND", [randn(random, shape), { constant: own }], attributes),
    );
  }
  for (const dtype of ["f32", "i32", "i64", "u8", "bool"] as const) {
    const x = randint(random, dtype, [3, 5], 0, 100);
    cases.push(opCase("GatherND", [x, randint(random, "i64", [4, 2], 0, 3)]));
  }
  await tester.check(cases);
});

Deno.test("gathers of constants are folded in every type", async () => {
  using tester = await OpTester.create();
  const random = new Random(9);
  const cases = TYPES.flatMap((dtype: NumericDType) => {
    const x = randint(random, dtype, [3, 4, 2], 0, 100);
    const folded = (
      op: string,
      data: HostTensor,
      indices: HostTensor,
      attributes: Record<string, number>,
    ): Case => foldedCase(op, [data, indices], hostTensor(dtype, [1, 2], [1, 0]), attributes, 13);
    return [
      folded("Gather", randint(random, dtype, [4, 2], 0, 100), integers(3, -1, 0), { axis: 0 }),
      folded(
        "GatherElements",
        randint(random, dtype, [4, 2], 0, 9),
        hostTensor("i64", [3, 2], [0, 1, 3, -1, 2, 2]),
        {
          axis: 0,
        },
      ),
      ...(dtype === "i8" || dtype === "f16"
        ? []
        : [folded("GatherND", x, hostTensor("i64", [2, 2], [0, 1, -1, 3]), {})]),
    ];
  });
  await tester.check(cases);
});

Deno.test("gathers that do not fit are refused with the numbers", async () => {
  using tester = await OpTester.create();
  const x = randn(new Random(8), [2, 3, 4]);
  const refused = (one: Case, words: string) => assertRejects(() => tester.runCase(one), GraphError, words);
  await refused(opCase("Gather", [x, i64(9)], { axis: 0 }), "index 9 is outside an axis of 2");
  await refused(opCase("Gather", [x, i64(0)], { axis: 3 }), "axis 3 does not exist in rank 3");
  await refused(opCase("GatherElements", [x, i64(0)]), "indices of [1] do not fit data of [2, 3, 4]");
  await refused(
    opCase("GatherND", [x, hostTensor("i64", [1, 4], [0, 0, 0, 0])]),
    "indices of [1, 4] do not fit data of [2, 3, 4] with 0 batch dimensions",
  );
});
