import { assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { Random } from "../support/random.ts";
import { type Case, i64, opCase, OpTester, randn } from "./harness.ts";

type Row = readonly [
  columns: number[],
  image: number[],
  block: number[],
  attributes: Record<string, number[]>,
];

const ROWS: readonly Row[] = [
  [[1, 5, 5], [5, 5], [1, 5], {}],
  [[2, 12, 12], [4, 5], [2, 2], {}],
  [[1, 27, 35], [5, 7], [3, 3], { pads: [1, 1, 1, 1] }],
  [[2, 8, 6], [4, 6], [2, 2], { strides: [2, 2] }],
  [[1, 12, 9], [6, 7], [2, 3], { strides: [2, 1], dilations: [2, 2], pads: [1, 0, 0, 0] }],
  [[1, 24, 12], [4, 3, 3], [2, 2, 2], {}],
  [[1, 6, 7], [9], [3], {}],
];

function rowCase(random: Random, [columns, image, block, attributes]: Row, constant: boolean): Case {
  const x = randn(random, columns);
  return opCase("Col2Im", [constant ? { constant: x } : x, i64(...image), i64(...block)], attributes, {
    opset: 18,
  });
}

Deno.test("Col2Im gives what ONNX Runtime gives, on the GPU and of constants", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  for (const constant of [false, true]) await tester.check(ROWS.map((row) => rowCase(random, row, constant)));
});

Deno.test("Col2Im refuses columns that are not the image's", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const refused = async (row: Row, words: string) => {
    await assertRejects(() => tester.runCase(rowCase(random, row, false)), GraphError, words);
  };
  await refused([[1, 12, 11], [4, 5], [2, 2], {}], "but 12 blocks of 4 elements fit");
  await refused([[1, 13, 12], [4, 5], [2, 2], {}], "its columns are [1, 13, 12]");
  await refused([[1, 12, 12], [4, 5], [2], {}], "columns of rank 3");
});
