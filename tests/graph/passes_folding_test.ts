import { assertEquals } from "@std/assert";
import type { HostTensor } from "../../src/tensor/host_tensor.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { type Case, OpTester, randn } from "../ops/harness.ts";
import { type AttributeSpec, node, type NodeSpec } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";

const random = new Random(21);
const i64 = (...values: number[]): HostTensor => hostTensor("i64", [values.length], values);
const index = (value: number): HostTensor => hostTensor("i64", [], [value]);

function network(
  name: string,
  shape: readonly number[],
  nodes: readonly NodeSpec[],
  initializers: Readonly<Record<string, HostTensor>> = {},
  outputs: readonly string[] = ["y"],
  opset = 13,
): Case {
  return { name, nodes, inputs: { x: randn(random, shape) }, initializers, outputs, opset };
}

/** Checks networks against ONNX Runtime, and which operators their plans still dispatch for. */
async function check(cases: readonly (readonly [Case, string])[]): Promise<void> {
  using tester = await OpTester.create();
  await tester.check(cases.map(([one]) => one));
  for (const [one, operators] of cases) {
    const { plan } = await tester.runCase(one);
    assertEquals(
      plan.steps.map(({ node, kernel }) => kernel.name.startsWith("copy/") ? "copy" : node.op).join(" "),
      operators,
      one.name,
    );
  }
}

/** ShuffleNet's channel shuffle, as PyTorch exports it with the split behind it: even and odd channels. */
function shuffled(channels: number, height: number, width: number): [NodeSpec[], Record<string, HostTensor>] {
  const half = channels / 2;
  return [[
    node("Reshape", ["x", "pairs"], ["p"], {}, { name: "pairs" }),
    node("Transpose", ["p"], ["t"], { perm: [1, 0, 2] }, { name: "transpose" }),
    node("Reshape", ["t", "halves"], ["h"], {}, { name: "halves" }),
    node("Gather", ["h", "first"], ["even"], { axis: 0 }, { name: "even" }),
    node("Gather", ["h", "second"], ["odd"], { axis: 0 }, { name: "odd" }),
  ], {
    pairs: i64(half, 2, height * width),
    halves: i64(2, -1, half, height, width),
    first: index(0),
    second: index(-1),
  }];
}

Deno.test("a channel shuffle before a 1x1 convolution is folded into its weights", async () => {
  const cases: [Case, string][] = [];
  for (const channels of [8, 12, 24]) {
    const [nodes, constants] = shuffled(channels, 3, 5);
    const weights = { ...constants, w: randn(random, [6, channels / 2, 1, 1]), b: randn(random, [6]) };
    for (const half of ["even", "odd"]) {
      cases.push([
        network(`${half} of ${channels}`, [1, channels, 3, 5], [
          ...nodes,
          node("Conv", [half, "w", "b"], ["c"], { strides: [1, 2] }, { name: "conv" }),
          node("Relu", ["c"], ["y"], {}, { name: "relu" }),
        ], weights),
        "Conv copy",
      ]);
    }
  }
  await check(cases);
});

Deno.test("channels are copied for other convolutions, and where most would be read in vain", async () => {
  const [nodes, constants] = shuffled(16, 4, 4);
  const conv = (input: string, attributes: Record<string, AttributeSpec> = {}): NodeSpec =>
    node("Conv", [input, "w"], ["y"], attributes, { name: "conv" });
  const slice = (...names: string[]): NodeSpec =>
    node("Slice", ["x", ...names], ["s"], {}, { name: "slice" });
  await check([
    [
      network("3x3", [1, 16, 4, 4], [...nodes, conv("odd", { pads: [1, 1, 1, 1] })], {
        ...constants,
        w: randn(random, [4, 8, 3, 3]),
      }),
      "copy Conv copy",
    ],
    [
      network("depthwise", [1, 16, 4, 4], [...nodes, conv("odd", { group: 8 })], {
        ...constants,
        w: randn(random, [8, 1, 3, 3]),
      }),
      "copy Conv copy",
    ],
    [
      network("every third", [1, 12, 4, 4], [slice("one", "end", "one", "three"), conv("s")], {
        one: i64(1),
        end: i64(1000),
        three: i64(3),
        w: randn(random, [4, 4, 1, 1]),
      }),
      "copy Conv copy",
    ],
    [
      network("unaligned", [1, 12, 4, 4], [slice("one", "end", "one"), conv("s")], {
        one: i64(1),
        end: i64(-1),
        w: randn(random, [4, 10, 1, 1]),
      }),
      "Conv copy",
    ],
    [
      network("aligned, read in place", [1, 12, 4, 4], [slice("four", "end", "one"), conv("s")], {
        four: i64(4),
        end: i64(1000),
        one: i64(1),
        w: randn(random, [4, 8, 1, 1]),
      }),
      "Conv copy",
    ],
    [
      network("channels and rows", [1, 8, 4, 4], [slice("starts", "ends", "axes", "steps"), conv("s")], {
        starts: i64(1, 1),
        ends: i64(8, 4),
        axes: i64(1, -2),
        steps: i64(2, 1),
        w: randn(random, [4, 4, 1, 1]),
      }),
      "copy Conv copy",
    ],
  ]);
});

Deno.test("a chain of views that changes nothing is taken out, and outputs keep their names", async () => {
  const turn = (from: string, to: string): NodeSpec =>
    node("Transpose", [from], [to], { perm: [0, 2, 3, 1] }, { name: `turn ${from}` });
  const back = (from: string, to: string): NodeSpec =>
    node("Transpose", [from], [to], { perm: [0, 3, 1, 2] }, { name: `back ${from}` });
  const relu = node("Relu", ["x"], ["r"], {}, { name: "relu" });
  const w = randn(random, [4, 6, 1, 1]);
  const conv = (from: string): NodeSpec => node("Conv", [from, "w"], ["c"], {}, { name: "conv" });
  await check([
    [
      network(
        "before",
        [2, 6, 3, 4],
        [turn("x", "t"), back("t", "b"), conv("b"), node("Relu", ["c"], ["y"])],
        { w },
      ),
      "Conv copy",
    ],
    [
      network("behind", [2, 6, 3, 4], [relu, conv("r"), turn("c", "t"), back("t", "y")], { w }),
      "Relu Conv copy",
    ],
    [
      network("output and read again", [2, 6, 3, 4], [
        conv("x"),
        turn("c", "t"),
        back("t", "y"),
        node("Relu", ["y"], ["z"]),
      ], {
        w,
      }, ["y", "z", "t"]),
      "Conv Relu copy copy",
    ],
    [network("input to output", [2, 6, 3, 4], [turn("x", "t"), back("t", "y")]), "copy"],
    [
      network("twice the same way", [2, 4, 4, 4], [
        turn("x", "t"),
        turn("t", "u"),
        node("Relu", ["u"], ["y"]),
      ]),
      "copy Relu copy",
    ],
    [
      network("an order of equal dimensions", [1, 4, 4, 4], [
        node("Transpose", ["x"], ["t"], { perm: [0, 1, 3, 2] }, { name: "turn" }),
        node("Relu", ["t"], ["y"], {}, { name: "relu" }),
      ]),
      "Relu copy",
    ],
  ]);
});

/** Rows and columns of `x` at steps of `block`, from each phase, joined along the channels. */
function dealt(
  phases: readonly (readonly [number, number])[],
  block: readonly [number, number],
): [NodeSpec[], Record<string, HostTensor>] {
  const nodes: NodeSpec[] = [];
  const constants: Record<string, HostTensor> = { end: i64(1 << 20), two: i64(2), three: i64(3) };
  phases.forEach(([row, column], i) => {
    for (const [axis, at, step] of [[2, row, block[0]], [3, column, block[1]]] as const) {
      const [from, to] = axis === 2 ? ["x", `r${i}`] : [`r${i}`, `p${i}`];
      constants[`s${i}/${axis}`] = i64(at);
      constants[`t${i}/${axis}`] = i64(step);
      nodes.push(
        node(
          "Slice",
          [from, `s${i}/${axis}`, "end", axis === 2 ? "two" : "three", `t${i}/${axis}`],
          [to],
          {},
          {
            name: `slice ${axis} ${i}`,
          },
        ),
      );
    }
  });
  return [[
    ...nodes,
    node("Concat", phases.map((_, i) => `p${i}`), ["joined"], { axis: 1 }, { name: "joined" }),
  ], constants];
}

const FOUR = [[0, 0], [1, 0], [0, 1], [1, 1]] as const;

Deno.test("every second row and column joined along the channels is folded into the convolution behind", async () => {
  const cases: [Case, string][] = [];
  const variants: [
    readonly (readonly [number, number])[],
    [number, number],
    [number, number],
    Record<string, AttributeSpec>,
  ][] = [
    [FOUR, [2, 2], [3, 3], { pads: [1, 1, 1, 1] }],
    [FOUR, [2, 2], [3, 3], { pads: [1, 0, 2, 1], strides: [2, 1] }],
    [FOUR, [2, 2], [1, 1], {}],
    [[[0, 1], [0, 0]], [1, 2], [2, 3], { pads: [0, 1, 1, 1] }],
    [[[0, 0], [2, 0], [1, 0], [0, 1], [2, 1], [1, 1]], [3, 2], [3, 2], {}],
  ];
  for (const [phases, block, kernel, attributes] of variants) {
    const [nodes, constants] = dealt(phases, block);
    const w = randn(random, [5, 3 * phases.length, ...kernel]);
    cases.push([
      network(
        `${phases.length} phases of ${block.join("x")}, ${kernel.join("x")}`,
        [2, 3, 12, 8],
        [...nodes, node("Conv", ["joined", "w", "b"], ["y"], attributes, { name: "conv" })],
        { ...constants, w, b: randn(random, [5]) },
      ),
      "Conv copy",
    ]);
  }
  await check(cases);
});

Deno.test("rows and columns that are no whole blocks, or not all of them, are joined before the convolution", async () => {
  const conv = (attributes: Record<string, AttributeSpec> = {}): NodeSpec =>
    node("Conv", ["joined", "w"], ["y"], attributes, { name: "conv" });
  const of = (
    name: string,
    phases: readonly (readonly [number, number])[],
    shape: readonly number[],
    attributes: Record<string, AttributeSpec> = {},
    group = 1,
  ): Case => {
    const [nodes, constants] = dealt(phases, [2, 2]);
    const w = randn(random, [4, shape[1]! * phases.length / group, 2, 2]);
    return network(name, shape, [...nodes, conv({ ...attributes, group })], { ...constants, w });
  };
  using tester = await OpTester.create();
  const cases = [
    of("three of four", FOUR.slice(0, 3), [1, 4, 6, 6]),
    of("from the third row", [[2, 0], [3, 0], [2, 1], [3, 1]], [1, 4, 6, 6]),
    of("dilated", FOUR, [1, 4, 6, 6], { dilations: [2, 1] }),
    of("groups", FOUR, [1, 4, 6, 6], {}, 2),
    of("padded by name", FOUR, [1, 4, 6, 6], { auto_pad: "SAME_UPPER" }),
  ];
  await tester.check(cases);
  for (const one of cases) {
    const { plan } = await tester.runCase(one);
    assertEquals(plan.steps.some(({ node }) => node.op === "Concat"), true, one.name);
  }
});

/** MaxPools of `from` with square windows, padded so that the size stays. */
function pools(from: string, ...sizes: number[]): NodeSpec[] {
  return sizes.map((size) =>
    node("MaxPool", [from], [`${from}${size}`], {
      kernel_shape: [size, size],
      pads: new Array(4).fill((size - 1) / 2),
    }, { name: `pool ${from} ${size}` })
  );
}

Deno.test("larger maxima over one tensor start from the smaller ones", async () => {
  using tester = await OpTester.create();
  const windows = async (one: Case): Promise<string[]> => {
    await tester.check([one]);
    const { plan } = await tester.runCase(one);
    return plan.steps.filter(({ kernel }) => kernel.name.startsWith("pool/")).map(({ node }) =>
      (node.attributes.get("kernel_shape")!.value as number[]).join("x")
    );
  };
  const pool = (name: string, attributes: Record<string, AttributeSpec>): NodeSpec =>
    node("MaxPool", ["x"], [name], attributes, { name });
  const shape = [2, 5, 11, 6];
  const all = (outputs: string[], nodes: NodeSpec[]): Case =>
    network(outputs.join(" "), shape, nodes, {}, outputs);
  assertEquals(await windows(all(["x5", "x9", "x13"], pools("x", 5, 9, 13))), ["5x5", "5x5", "5x5"]);
  assertEquals(await windows(all(["x9", "x3", "x5"], pools("x", 9, 3, 5))), ["3x3", "3x3", "5x5"]);
  // Windows that reach further to one side than to the other.
  const sided = [
    pool("a", { kernel_shape: [2, 2], auto_pad: "SAME_UPPER" }),
    pool("b", { kernel_shape: [4, 3], pads: [1, 1, 2, 1] }),
    pool("c", { kernel_shape: [2, 4], auto_pad: "SAME_LOWER" }),
  ];
  assertEquals(await windows(all(["a", "b", "c"], sided)), ["2x2", "3x2", "2x4"]);
  // Neither holds the other; of another size; with steps, dilated; alone.
  const apart = [
    pool("a", { kernel_shape: [3, 5], pads: [1, 2, 1, 2] }),
    pool("b", { kernel_shape: [5, 3], pads: [2, 1, 2, 1] }),
    pool("c", { kernel_shape: [7, 7], pads: [2, 2, 2, 2] }),
    pool("d", { kernel_shape: [7, 7], pads: [3, 3, 3, 3], strides: [2, 2] }),
    pool("e", { kernel_shape: [4, 4], pads: [3, 3, 3, 3], dilations: [2, 2] }),
  ];
  assertEquals((await windows(all(["a", "b", "c", "d", "e"], apart))).toSorted(), [
    "3x5",
    "4x4",
    "5x3",
    "7x7",
    "7x7",
  ]);
});

Deno.test("zeros around an image become the padding of the convolution or average behind", async () => {
  const pad = (attributes: Record<string, AttributeSpec> = {}, ...more: string[]): NodeSpec =>
    node("Pad", ["x", "pads", ...more], ["p"], attributes, { name: "pad" });
  const conv = (attributes: Record<string, AttributeSpec> = {}): NodeSpec =>
    node("Conv", ["p", "w"], ["y"], attributes, { name: "conv" });
  const average = (attributes: Record<string, AttributeSpec> = {}): NodeSpec =>
    node("AveragePool", ["p"], ["y"], { kernel_shape: [3, 3], ...attributes }, { name: "average" });
  const constants = {
    pads: i64(0, 0, 1, 2, 0, 0, 0, 1),
    w: randn(random, [4, 5, 3, 3]),
    zero: hostTensor("f32", [], [0]),
    one: hostTensor("f32", [], [1]),
    channels: i64(0, 1, 1, 1, 0, 2, 1, 1),
    crop: i64(0, 0, 1, 1, 0, 0, -1, 0),
  };
  const of = (name: string, ...nodes: NodeSpec[]): Case => {
    const used = Object.fromEntries(
      Object.entries(constants).filter(([key]) => nodes.some(({ inputs }) => inputs.includes(key))),
    );
    return network(name, [2, 5, 6, 7], nodes, used);
  };
  await check([
    [of("conv", pad({}, "zero"), conv()), "Conv copy"],
    [of("conv with pads and strides", pad(), conv({ pads: [1, 0, 1, 2], strides: [2, 2] })), "Conv copy"],
    [of("average", pad(), average({ strides: [2, 2] })), "AveragePool copy"],
    [
      of("average that counts", pad(), average({ pads: [1, 1, 0, 1], count_include_pad: 1 })),
      "AveragePool copy",
    ],
    [of("average that does not count", pad(), average({ pads: [1, 1, 0, 1] })), "Pad AveragePool copy"],
    [of("average rounded up", pad(), average({ strides: [2, 2], ceil_mode: 1 })), "Pad AveragePool copy"],
    [of("ones", pad({}, "one"), conv()), "Pad Conv copy"],
    [of("mirror", pad({ mode: "reflect" }), conv()), "Pad Conv copy"],
    [of("padded by name", pad(), conv({ auto_pad: "SAME_LOWER" })), "Pad Conv copy"],
    [of("crop", node("Pad", ["x", "crop"], ["p"], {}, { name: "pad" }), conv()), "Pad Conv copy"],
    [
      of("maximum", pad(), node("MaxPool", ["p"], ["y"], { kernel_shape: [2, 2] }, { name: "maximum" })),
      "Pad MaxPool copy",
    ],
  ]);
});

Deno.test("an activation behind reshapes and transposes is applied by the kernel before them", async () => {
  const conv = (input = "x"): NodeSpec => node("Conv", [input, "w"], ["c"], {}, { name: "conv" });
  const turn = node("Transpose", ["c"], ["t"], { perm: [0, 2, 3, 1] }, { name: "turn" });
  const list = (output = "l"): NodeSpec => node("Reshape", ["t", "list"], [output], {}, { name: "list" });
  const constants = {
    w: randn(random, [4, 5, 1, 1]),
    list: i64(2, -1, 1),
    low: hostTensor("f32", [], [0.1]),
  };
  const of = (name: string, nodes: readonly NodeSpec[], outputs?: readonly string[]): Case => {
    const used = Object.entries(constants).filter(([key]) =>
      nodes.some(({ inputs }) => inputs.includes(key))
    );
    return network(name, [2, 5, 3, 4], nodes, Object.fromEntries(used), outputs);
  };
  const sigmoid = (input: string, output = "y"): NodeSpec =>
    node("Sigmoid", [input], [output], {}, { name: "sigmoid" });
  await check([
    [of("one", [conv(), turn, list(), sigmoid("l")]), "Conv"],
    [
      of("two", [
        conv(),
        turn,
        sigmoid("t", "s"),
        node("Reshape", ["s", "list"], ["l"], {}, { name: "list" }),
        node("Clip", ["l", "low"], ["y"], {}, { name: "clip" }),
      ]),
      "Conv",
    ],
    [
      of("read before", [conv(), turn, list(), sigmoid("l"), node("Neg", ["c"], ["z"])], ["y", "z"]),
      "Conv Sigmoid Neg copy",
    ],
    [
      of("read between", [conv(), turn, list(), sigmoid("l"), node("Neg", ["t"], ["z"])], ["y", "z"]),
      "Conv Sigmoid Neg",
    ],
    [of("an output between", [conv(), turn, list(), sigmoid("l")], ["y", "t"]), "Conv Sigmoid"],
    [
      of(
        "nothing to apply it",
        [turn, list(), sigmoid("l")].map((one) => ({
          ...one,
          inputs: one.inputs.map((name) => name === "c" ? "x" : name),
        })),
      ),
      "copy Sigmoid",
    ],
  ]);
});
