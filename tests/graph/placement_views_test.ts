import { assertEquals } from "@std/assert";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { type Case, OpTester, randn } from "../ops/harness.ts";
import { node, type NodeSpec } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";

const random = new Random(31);

/** 1x1 convolutions of one input with these output channels, called p0, p1, …, and what is made of them. */
function heads(
  name: string,
  channels: readonly number[],
  nodes: readonly NodeSpec[],
  constants: Readonly<Record<string, readonly number[]>> = {},
  outputs: readonly string[] = ["y"],
): Case {
  const initializers: Record<string, HostTensor> = Object.fromEntries(
    Object.entries(constants).map(([key, values]) => [key, hostTensor("i64", [values.length], [...values])]),
  );
  const convolutions = channels.map((out, i) => {
    initializers[`w${i}`] = randn(random, [out, 4, 1, 1]);
    return node("Conv", ["x", `w${i}`], [`p${i}`], {}, { name: `conv${i}` });
  });
  return {
    name,
    opset: 13,
    nodes: [...convolutions, ...nodes],
    inputs: { x: randn(random, [2, 4, 4, 6]) },
    initializers,
    outputs,
  };
}

const concat = (inputs: string[], output: string, axis: number): NodeSpec =>
  node("Concat", inputs, [output], { axis }, { name: output });
const transpose = (input: string, output: string, ...perm: number[]): NodeSpec =>
  node("Transpose", [input], [output], { perm }, { name: output });
const reshape = (input: string, output: string, shape: string): NodeSpec =>
  node("Reshape", [input, shape], [output], {}, { name: output });
const relu = (input: string, output: string): NodeSpec =>
  node("Relu", [input], [output], {}, { name: output });

/** Checks networks against ONNX Runtime, and how many copies their plans make. */
async function check(cases: readonly (readonly [Case, number])[]): Promise<void> {
  using tester = await OpTester.create();
  await tester.check(cases.map(([one]) => one));
  for (const [one, copies] of cases) {
    const { plan } = await tester.runCase(one);
    assertEquals(plan.steps.filter(({ kernel }) => kernel.name.startsWith("copy/")).length, copies, one.name);
  }
}

const perPixel = [0, 2, 3, 1] as const;

Deno.test("heads joined by channels, then by pixels, then transposed are copied once, into the output", async () => {
  const joined = [concat(["p0", "p1", "p2"], "a", 1), concat(["p3", "p4", "p5"], "b", 1)];
  await check([
    [
      heads("as YOLOX ends", [4, 1, 5, 4, 1, 5], [
        ...joined,
        reshape("a", "ra", "rows"),
        reshape("b", "rb", "rows"),
        concat(["ra", "rb"], "c", 2),
        transpose("c", "y", 0, 2, 1),
      ], { rows: [2, 10, 24] }),
      6,
    ],
    [
      heads(
        "read again before the end",
        [4, 1, 5, 4, 1, 5],
        [
          ...joined,
          reshape("a", "ra", "rows"),
          reshape("b", "rb", "rows"),
          concat(["ra", "rb"], "c", 2),
          transpose("c", "y", 0, 2, 1),
          relu("a", "z"),
        ],
        { rows: [2, 10, 24] },
        ["y", "z"],
      ),
      7,
    ],
    [
      heads("whose first join is whole, and stays one copy", [4, 8], [
        concat(["p0", "p1"], "a", 1),
        transpose("a", "y", ...perPixel),
      ]),
      0,
    ],
    [
      heads("whose join is whole, but of odd channels", [4, 5], [
        concat(["p0", "p1"], "a", 1),
        transpose("a", "y", ...perPixel),
      ]),
      1,
    ],
  ]);
});

Deno.test("convolutions seen as lists are written straight into their part of the joined list", async () => {
  const listed = (from: string, output: string): NodeSpec[] => [
    transpose(from, `${output} turned`, ...perPixel),
    reshape(`${output} turned`, output, "list"),
  ];
  await check([
    [
      heads("as SSD ends", [12, 4], [
        ...listed("p0", "a"),
        ...listed("p1", "b"),
        concat(["a", "b"], "y", 1),
      ], { list: [2, -1, 4] }),
      // Two pictures: the list of each is apart from the other's, yet each is whole vec4s.
      0,
    ],
    [
      heads("of odd channels, copied once each", [6, 3], [
        ...listed("p0", "a"),
        ...listed("p1", "b"),
        concat(["a", "b"], "y", 1),
      ], { list: [2, -1, 3] }),
      2,
    ],
    [
      heads(
        "read by others besides",
        [12, 4],
        [
          ...listed("p0", "a"),
          ...listed("p1", "b"),
          concat(["a", "b"], "y", 1),
          relu("a", "z"),
          relu("p1", "u"),
        ],
        { list: [2, -1, 4] },
        ["y", "z", "u"],
      ),
      3,
    ],
    [
      heads(
        "an output itself",
        [12, 4],
        [
          ...listed("p0", "a"),
          ...listed("p1", "b"),
          concat(["a", "b"], "y", 1),
        ],
        { list: [2, -1, 4] },
        ["y", "a"],
      ),
      1,
    ],
  ]);
});

Deno.test("Softmax over channels turned last is written where it is joined", async () => {
  const classes = (from: string): NodeSpec[] => [
    transpose(from, "last", 0, 3, 2, 1),
    node("Softmax", ["last"], ["soft"], { axis: 3 }, { name: "softmax" }),
    transpose("soft", "classes", 0, 3, 2, 1),
  ];
  await check([
    [heads("behind others", [1, 4, 7], [...classes("p2"), concat(["p0", "p1", "classes"], "y", 1)]), 2],
    [heads("before others", [4, 7], [...classes("p1"), concat(["classes", "p0"], "y", 1)]), 1],
  ]);
});

Deno.test("slices of an image are joined as an image, and its padding is zero", async () => {
  const slice = (output: string, start: string, end: string, ...step: string[]): NodeSpec =>
    node("Slice", ["p0", start, end, "one", ...step], [output], {}, { name: output });
  const bounds = { zero: [0], one: [1], two: [2], three: [3], six: [6], seven: [7] };
  using tester = await OpTester.create();
  for (const channels of [6, 7]) {
    const one = heads(`${channels} channels`, [channels, 4], [
      slice("even", "zero", "seven", "two"),
      slice("odd", "one", "seven", "two"),
      concat(["p1", "even", "odd"], "joined", 1),
      node("Conv", ["joined", "v"], ["y"], {}, { name: "behind" }),
    ], bounds);
    const v = randn(random, [3, channels + 4, 1, 1]);
    const network = { ...one, initializers: { ...one.initializers, v } };
    await tester.check([network]);
    const { plan } = await tester.runCase(network);
    const copies = plan.steps.filter(({ kernel }) => kernel.name.startsWith("copy/"));
    // Both slices, and the output: the convolution reads what was joined as it lies.
    assertEquals(copies.length, 3, network.name);
  }
});

Deno.test("a join within a join begins anywhere, unless the padding behind it would be left unwritten", async () => {
  const behind = (input: string): NodeSpec => node("Add", [input, "p0"], ["y"], {}, { name: "behind" });
  // One channel for all: Add reads the whole vec4s of what was joined.
  const nested = (first: string, second: string, ...outer: string[]): NodeSpec[] => [
    concat([first, second], "inner", 1),
    concat(outer, "outer", 1),
    behind("outer"),
  ];
  await check([
    [heads("last, one vec4 in part", [1, 3, 2, 1], nested("p2", "p3", "p1", "inner")), 5],
    [heads("last, whole vec4s", [1, 3, 2, 3], nested("p2", "p3", "p1", "inner")), 4],
    [heads("first", [1, 4, 2, 1], nested("p2", "p3", "inner", "p1")), 4],
  ]);
});
