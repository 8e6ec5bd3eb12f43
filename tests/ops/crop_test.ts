import { assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { Random } from "../support/random.ts";
import { foldedCase } from "./folded.ts";
import { type Case, i64, opCase, OpTester } from "./harness.ts";
import { integers, randint } from "./integers.ts";

/** One row of the input, cropped or padded, by counting from the middle. */
function middle(row: readonly number[], wanted: number): number[] {
  const spare = wanted - row.length;
  const before = Math.floor(Math.abs(spare) / 2);
  if (spare < 0) return row.slice(before, before + wanted);
  return [...new Array(before).fill(0), ...row, ...new Array(spare - before).fill(0)];
}

/** Two rows of `x`, to `rows` rows of `columns`. */
function expected(x: HostTensor, rows: number, columns: number): HostTensor {
  const width = x.shape[1]!;
  const all = Array.from({ length: x.shape[0]! }, (_, i) => i);
  const chosen = middle(all.map((i) => i + 1), rows).map((i) => i - 1);
  const elements = chosen.flatMap((row) =>
    row < 0
      ? new Array<number>(columns).fill(0)
      : middle(Array.from(x.data, Number).slice(row * width, (row + 1) * width), columns)
  );
  return hostTensor(x.dtype, [rows, columns], elements);
}

Deno.test("CenterCropPad keeps the middle, with zeros around it", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  for (const dtype of ["f32", "i32", "u8"] as const) {
    for (const [rows, columns] of [[3, 9], [6, 4], [4, 5], [9, 3], [1, 1], [5, 7], [0, 4]] as const) {
      const x = randint(random, dtype, [5, 7], 1, 90);
      const wanted = () => ({ y0: expected(x, rows, columns) });
      cases.push({
        ...opCase("CenterCropPad", [x, i64(rows, columns)], {}, { opset: 18 }),
        expected: wanted,
      });
      const rest = randint(random, dtype, [1, columns], 0, 9);
      const folded = foldedCase("CenterCropPad", [x, integers(rows, columns)], rest);
      const joined = [...expected(x, rows, columns).data, ...rest.data] as number[];
      cases.push({ ...folded, expected: () => ({ y: hostTensor(dtype, [rows + 1, columns], joined) }) });
    }
  }
  const x = randint(random, "f32", [5, 7], 1, 90);
  cases.push({
    ...opCase("CenterCropPad", [x, i64(4)], { axes: [-1] }, { opset: 18 }),
    expected: () => ({ y0: expected(x, 5, 4) }),
  });
  await tester.check(cases);
});

Deno.test("CenterCropPad to too few extents is refused", async () => {
  using tester = await OpTester.create();
  const x = randint(new Random(1), "f32", [5, 7], 1, 90);
  await assertRejects(
    () => tester.runCase(opCase("CenterCropPad", [x, i64(4)], {}, { opset: 18 })),
    GraphError,
    "wants extents [4] of 2 axes",
  );
});
