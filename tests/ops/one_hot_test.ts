import { assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { Random } from "../support/random.ts";
import { foldedCase } from "./folded.ts";
import { type Case, f32, i64, opCase, OpTester } from "./harness.ts";
import { randint } from "./integers.ts";

const values = hostTensor("f32", [2], [-1.5, 4]);

Deno.test("OneHot puts the values along any axis, for negative indices and those outside", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  for (const shape of [[5], [2, 3], [2, 3, 4]]) {
    for (const axis of [-1, 0, shape.length, -1 - shape.length]) {
      cases.push(
        opCase("OneHot", [randint(random, "i64", shape, -6, 6), i64(4), values], { axis }),
        opCase("OneHot", [randint(random, "i64", shape, -6, 6), i64(4), { constant: values }], { axis }),
      );
    }
  }
  cases.push(
    opCase("OneHot", [randint(random, "f32", [4], 0, 9), f32(9), hostTensor("f32", [2], [0, 1])]),
    opCase("OneHot", [randint(random, "i32", [4], 0, 9), { constant: hostTensor("i32", [1], [9]) }, values]),
    opCase("OneHot", [randint(random, "i64", [4], 0, 9), i64(9), hostTensor("i64", [2], [0, 7])]),
    foldedCase(
      "OneHot",
      [randint(random, "i64", [2, 3], -6, 6), hostTensor("i64", [], [5]), values],
      hostTensor("f32", [1, 3, 5], new Array(15).fill(2)),
    ),
  );
  await tester.check(cases);
});

Deno.test("OneHot without depth is refused", async () => {
  using tester = await OpTester.create();
  await assertRejects(
    () => tester.runCase(opCase("OneHot", [randint(new Random(1), "i64", [4], 0, 9), i64(0), values])),
    GraphError,
    "has a depth of 0 and 2 values",
  );
});
