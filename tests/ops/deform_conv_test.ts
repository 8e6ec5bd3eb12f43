import { assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { Random } from "../support/random.ts";
import { type Case, opCase, type Operand, OpTester, randn } from "./harness.ts";

/** One deformable convolution, as a table row. */
interface Row {
  in: number;
  out: number;
  kernel?: [number, number];
  size?: [number, number];
  batch?: number;
  groups?: number;
  offsetGroups?: number;
  strides?: [number, number];
  pads?: [number, number, number, number];
  dilations?: [number, number];
  /** Which optional inputs are given. */
  bias?: boolean;
  mask?: boolean;
  /** How far offsets reach, in pixels. */
  far?: number;
}

const ROWS: readonly Row[] = [
  { in: 3, out: 5, bias: true, mask: true, pads: [1, 1, 1, 1] },
  { in: 8, out: 8, pads: [1, 1, 1, 1], mask: true },
  { in: 8, out: 6, offsetGroups: 2, bias: true },
  { in: 6, out: 4, offsetGroups: 3, groups: 2, mask: true, batch: 2 },
  { in: 16, out: 8, groups: 2, offsetGroups: 4, kernel: [1, 3], pads: [0, 1, 0, 1], batch: 2 },
  { in: 4, out: 4, groups: 4, kernel: [2, 3], strides: [2, 1], dilations: [1, 2], pads: [2, 1, 0, 1] },
  { in: 5, out: 3, far: 6, mask: true, bias: true },
];

/** Plain loops over ONNX's definition. */
function deform(
  row: Required<Row>,
  x: HostTensor,
  w: HostTensor,
  offset: HostTensor,
  bias?: HostTensor,
  mask?: HostTensor,
) {
  const [height, width] = row.size;
  const [kh, kw] = row.kernel;
  const [, , outH, outW] = offset.shape as [number, number, number, number];
  const at = (tensor: HostTensor, ...index: number[]): number => {
    let place = 0;
    index.forEach((one, axis) => place = place * tensor.shape[axis]! + one);
    return Number(tensor.data[place]);
  };
  const pixel = (n: number, c: number, h: number, v: number): number =>
    h < 0 || h >= height || v < 0 || v >= width ? 0 : at(x, n, c, h, v);
  const bilinear = (n: number, c: number, h: number, v: number): number => {
    const [h0, v0] = [Math.floor(h), Math.floor(v)];
    const [a, b] = [h - h0, v - v0];
    return (1 - a) * (1 - b) * pixel(n, c, h0, v0) + (1 - a) * b * pixel(n, c, h0, v0 + 1) +
      a * (1 - b) * pixel(n, c, h0 + 1, v0) + a * b * pixel(n, c, h0 + 1, v0 + 1);
  };
  const y: number[] = [];
  for (let n = 0; n < row.batch; n++) {
    for (let o = 0; o < row.out; o++) {
      for (let i = 0; i < outH; i++) {
        for (let j = 0; j < outW; j++) {
          let sum = bias ? at(bias, o) : 0;
          for (let ci = 0; ci < row.in / row.groups; ci++) {
            const c = Math.floor(o / (row.out / row.groups)) * (row.in / row.groups) + ci;
            const first = Math.floor(c / (row.in / row.offsetGroups)) * kh * kw;
            for (let r = 0; r < kh; r++) {
              for (let s = 0; s < kw; s++) {
                const tap = first + r * kw + s;
                const h = i * row.strides[0] - row.pads[0] + r * row.dilations[0] +
                  at(offset, n, 2 * tap, i, j);
                const v = j * row.strides[1] - row.pads[1] + s * row.dilations[1] +
                  at(offset, n, 2 * tap + 1, i, j);
                sum += at(w, o, ci, r, s) * bilinear(n, c, h, v) * (mask ? at(mask, n, tap, i, j) : 1);
              }
            }
          }
          y.push(sum);
        }
      }
    }
  }
  return { y0: hostTensor("f32", [row.batch, row.out, outH, outW], y) };
}

function rowCase(random: Random, row: Row, constant: "weights" | "all" | "none", opset: number): Case {
  const full: Required<Row> = {
    kernel: [3, 3],
    size: [6, 7],
    batch: 1,
    groups: 1,
    offsetGroups: 1,
    strides: [1, 1],
    pads: [0, 0, 0, 0],
    dilations: [1, 1],
    bias: false,
    mask: false,
    far: 1,
    ...row,
  };
  const { kernel, size, strides, pads, dilations, batch } = full;
  const out = ([0, 1] as const).map((axis) =>
    Math.floor(
      (size[axis] + pads[axis] + pads[axis + 2]! - (kernel[axis] - 1) * dilations[axis] - 1) / strides[axis],
    ) + 1
  );
  const taps = full.offsetGroups * kernel[0] * kernel[1];
  const x = randn(random, [batch, full.in, ...size]);
  const w = randn(random, [full.out, full.in / full.groups, ...kernel]);
  const offset = randn(random, [batch, taps * 2, ...out], full.far);
  const bias = full.bias ? randn(random, [full.out]) : undefined;
  const mask = full.mask ? randn(random, [batch, taps, ...out]) : undefined;
  const fixed = (tensor: HostTensor | undefined, is: boolean): Operand =>
    tensor && is ? { constant: tensor } : tensor;
  const operands = [
    fixed(x, constant === "all"),
    fixed(w, constant !== "none"),
    fixed(offset, constant === "all"),
    fixed(bias, constant !== "none"),
    fixed(mask, constant === "all"),
  ];
  while (operands.at(-1) === undefined) operands.pop();
  return {
    ...opCase("DeformConv", operands, {
      group: full.groups,
      offset_group: full.offsetGroups,
      strides,
      pads,
      dilations,
    }, { opset }),
    expected: () => deform(full, x, w, offset, bias, mask),
  };
}

Deno.test("DeformConv gives what plain loops give, over groups, offset groups, masks and windows", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  for (const opset of [19, 22]) await tester.check(ROWS.map((row) => rowCase(random, row, "weights", opset)));
});

Deno.test("DeformConv gives what ONNX Runtime gives", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const cases = [19, 22].flatMap((opset) => ROWS.map((row) => rowCase(random, row, "weights", opset)));
  await tester.check(cases.map(({ expected: _, ...one }) => one));
});

Deno.test("DeformConv with computed weights, and of constants, gives the same", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  await tester.check(ROWS.map((row) => rowCase(random, row, "none", 19)));
  await tester.check(ROWS.map((row) => rowCase(random, row, "all", 19)));
});

Deno.test("DeformConv refuses offsets, masks and groups that do not fit", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const x = randn(random, [1, 6, 5, 5]);
  const w = { constant: randn(random, [4, 6, 3, 3]) };
  const offset = randn(random, [1, 18, 3, 3]);
  const refused = async (operands: Operand[], words: string, attributes: Record<string, number> = {}) => {
    await assertRejects(
      () => tester.runCase(opCase("DeformConv", operands, attributes, { opset: 19 })),
      GraphError,
      words,
    );
  };
  await refused([x, w, randn(random, [1, 18, 3, 4])], "but [1, 18, 3, 3] is needed");
  await refused([x, w, offset, undefined, randn(random, [1, 8, 3, 3])], "its mask is [1, 8, 3, 3]");
  await refused([x, w, offset], "4 offset groups do not fit", { offset_group: 4 });
  await refused([randn(random, [1, 6, 5]), w, offset], "its input has 3 dimensions");
});
