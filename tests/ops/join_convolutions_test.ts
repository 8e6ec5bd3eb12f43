import { assert, assertEquals } from "@std/assert";
import { joinConvolutions } from "../../src/graph/passes/join_convolutions.ts";
import { runPasses } from "../../src/graph/passes/mod.ts";
import { specialise } from "../../src/graph/specialise.ts";
import { planGraph, Session } from "../../src/graph/session.ts";
import { node, type NodeSpec } from "../support/onnx_builder.ts";
import { runOrt } from "../support/ort.ts";
import { assertClose } from "../support/compare.ts";
import { Random } from "../support/random.ts";
import { type Case, caseModel, f32, OpTester, randn } from "./harness.ts";

/** Convolutions of `x`, which has eight channels, and what follows: `y = Op a b`, with `Conv3` for a window of 3 x 3. */
interface Network {
  lines: string;
  /** Output channels of convolutions, by what they make; 8 if left out. */
  channels?: Record<string, number>;
  outputs?: readonly string[];
}

function networkCase(random: Random, { lines, channels = {}, outputs = ["y"] }: Network): Case {
  const width: Record<string, number> = { x: 8 };
  const initializers: Case["initializers"] = {
    infinite: f32(Infinity).constant,
    minus: f32(-Infinity).constant,
  };
  const weights: Record<string, ReturnType<typeof randn>> = {};
  const nodes = lines.split("; ").map((line): NodeSpec => {
    const [made, , op, ...inputs] = line.split(" ") as [string, string, string, ...string[]];
    const inC = width[inputs[0]!] ?? 8;
    width[made] = op === "Concat" ? inputs.reduce((sum, name) => sum + (width[name] ?? 8), 0) : inC;
    if (op === "Concat") return node(op, inputs, [made], { axis: 1 }, { name: made });
    if (op === "Transpose") return node(op, inputs, [made], { perm: [0, 1, 3, 2] }, { name: made });
    if (!op.startsWith("Conv")) return node(op, inputs, [made], {}, { name: made });
    const outC = width[made] = channels[made] ?? 8;
    const k = op === "Conv3" ? 3 : 1;
    weights[`w${made}`] = randn(random, [outC, inC, k, k], 1 / (k * Math.sqrt(inC)));
    // Every second one has a bias.
    const biased = Object.keys(weights).length % 2 === 0;
    if (biased) weights[`b${made}`] = randn(random, [outC]);
    return node("Conv", [inputs[0]!, `w${made}`, ...biased ? [`b${made}`] : []], [made], {
      kernel_shape: [k, k],
      pads: [k >> 1, k >> 1, k >> 1, k >> 1],
    }, { name: made });
  });
  return {
    name: `${lines} ${JSON.stringify(channels)}`,
    opset: 13,
    nodes,
    inputs: { x: randn(random, [2, 8, 5, 6]) },
    initializers: { ...initializers, ...weights },
    outputs,
  };
}

/** What is made of a network: dispatches, copies to what leaves the network left out. */
async function kernels(tester: OpTester, one: Case): Promise<string[]> {
  using session = await Session.load(tester.device, caseModel(one));
  const { steps } = planGraph(session.graph, { x: one.inputs.x!.shape }, tester.device.target);
  return steps.map(({ kernel, node }) => `${kernel.name.split("/")[0]} ${node?.name}`);
}

const BEHIND = "m = Conv a; n = Conv3 m";

/** Networks in which convolutions are joined, with how many dispatches there are. */
const JOINED: (Network & { dispatches: number })[] = [
  { lines: "a = Conv x; b = Conv x; c = Conv3 a; d = Conv b; y = Add c d", dispatches: 3 },
  { lines: "a = Conv3 x; b = Conv3 x; c = Conv a; d = Conv b; y = Add c d", dispatches: 3 },
  {
    lines:
      "a = Conv x; b = Conv x; c = Conv x; d = Conv3 a; e = Conv3 b; f = Conv3 c; g = Add d e; y = Add g f",
    channels: { a: 4, b: 12, c: 20 },
    dispatches: 4,
  },
  {
    lines: "p = Conv x; a = Relu p; q = Conv x; b = Relu q; c = Conv3 a; d = Conv b; y = Add c d",
    dispatches: 3,
  },
  { lines: `a = Conv x; b = Conv x; ${BEHIND}; k = Concat n b; y = Conv k`, dispatches: 4 },
  { lines: `a = Conv x; b = Conv x; ${BEHIND}; k = Concat b n; y = Conv k`, dispatches: 4 },
  {
    lines: `a = Conv x; ${BEHIND}; b = Conv x; k = Concat n b; y = Conv3 k`,
    channels: { b: 12 },
    dispatches: 4,
  },
  { lines: "a = Conv x; b = Conv x; k = Concat b a; y = Conv k", dispatches: 2 },
  {
    lines: `a = Conv x; b = Conv x; ${BEHIND}; k = Concat n b; y = Relu k; z = Conv k`,
    outputs: ["y", "z"],
    dispatches: 5,
  },
];

/** Networks in which they stay apart. */
const APART: Network[] = [
  // A part leaves the network.
  { lines: "a = Conv x; b = Conv x; y = Conv a; z = Conv b", outputs: ["y", "z", "b"] },
  // Other windows, other steps, no whole vec4s.
  { lines: "a = Conv x; b = Conv3 x; c = Conv a; d = Conv b; y = Add c d" },
  { lines: "p = Conv x; a = Relu p; b = Conv x; c = Conv a; d = Conv b; y = Add c d" },
  { lines: "a = Conv x; b = Conv x; c = Conv a; d = Conv b; y = Add c d", channels: { a: 6 } },
  // What would be written over is read behind, or by what would write.
  { lines: `a = Conv x; b = Conv x; ${BEHIND}; k = Concat n b; o = Conv k; p = Conv3 a; y = Add o p` },
  { lines: `a = Conv x; b = Conv x; m = Conv a; o = Conv3 m; n = Add o a; k = Concat n b; y = Conv k` },
  // What would be written is made before, or as parts.
  { lines: "n = Conv3 x; a = Conv x; b = Conv x; k = Concat n b; o = Conv a; p = Conv k; y = Add o p" },
  {
    lines:
      `a = Conv x; b = Conv x; p = Conv3 x; q = Conv a; n = Concat p q; k = Concat n b; o = Conv k; r = Conv n; y = Add o r`,
    channels: { a: 16, p: 12, q: 4 },
  },
  // The concatenation has another size, leaves the network, or is a part itself.
  { lines: `a = Conv x; b = Conv x; ${BEHIND}; k = Concat n b; y = Conv k`, channels: { n: 12 } },
  { lines: `a = Conv x; b = Conv x; ${BEHIND}; y = Concat n b` },
  { lines: `a = Conv x; b = Conv x; ${BEHIND}; k = Concat n b; o = Relu k; l = Concat o k; y = Conv l` },
  // It is handed on as it lies, and read behind, by the network or by who takes it.
  {
    lines:
      `a = Conv x; b = Conv x; t = Max a; m = Conv3 a; n = Conv m; k = Concat n b; o = Conv k; p = Conv3 t; y = Add o p`,
  },
  { lines: `a = Conv x; b = Conv x; t = Max a; ${BEHIND}; k = Concat n b; y = Conv k`, outputs: ["y", "t"] },
  // Numbers that JSON does not have.
  {
    lines:
      "p = Conv x; q = Mul p infinite; a = Tanh q; r = Conv x; s = Mul r minus; b = Tanh s; c = Conv3 a; d = Conv b; y = Add c d",
  },
  // A part is seen in another form.
  { lines: "a = Conv x; b = Conv x; t = Transpose a; u = Transpose b; c = Conv t; d = Conv u; y = Add c d" },
];

Deno.test("convolutions that read one value alike are one, and a concatenation is made in their memory", async () => {
  using tester = await OpTester.create();
  const random = new Random(41);
  for (const network of JOINED) {
    const one = networkCase(random, network);
    const names = await kernels(tester, one);
    const copies = names.filter((name) => name.startsWith("copy"));
    const made = names.filter((name) => !name.startsWith("copy"));
    assert(made.some((name) => name.includes(" and ")), `${one.name}: ${names.join(", ")}`);
    assertEquals(made.length, network.dispatches, `${one.name}: ${names.join(", ")}`);
    assert(copies.length <= one.outputs.length, `${one.name}: ${names.join(", ")}`);
  }
});

Deno.test("convolutions stay apart where a part would have to be copied, or kept", async () => {
  using tester = await OpTester.create();
  const random = new Random(42);
  for (const network of APART) {
    const one = networkCase(random, network);
    const names = await kernels(tester, one);
    assertEquals(names.filter((name) => name.includes(" and ")), [], `${one.name}: ${names.join(", ")}`);
  }
});

/** Blocks that part and join again, each on the last one's result, in which now and then anything is read once more. */
function randomNetwork(random: Random): Network {
  const below = (limit: number): number => Math.floor(random.uniform() * limit);
  const lines: string[] = [];
  const width: Record<string, number> = {};
  const add = (line: string, channels = 8): string => {
    const made = `v${lines.length}`;
    lines.push(`${made} = ${line}`);
    width[made] = channels;
    return made;
  };
  let value = "x";
  for (let i = 0; i < 3; i++) {
    const parts = Array.from({ length: 2 + below(2) }, () => add(`Conv ${value}`));
    const chain = [parts[0]!];
    while (below(4) > 0) {
      const last = chain.at(-1)!;
      const other = [...parts, ...chain][below(parts.length + chain.length)]!;
      const ops = [`Conv ${last}`, `Conv3 ${last}`, `Relu ${last}`, `Add ${last} ${other}`, `Max ${last}`];
      chain.push(add(ops[below(ops.length)]!));
    }
    const ends = below(5) === 0 ? [...parts] : [chain.at(-1)!, ...parts.slice(1)];
    const ordered = below(3) === 0 ? ends.toReversed() : ends;
    value = add(`Concat ${ordered.join(" ")}`, 8 * ordered.length);
    const all = [...parts, ...chain];
    if (below(3) === 0) {
      const again = add(`Conv3 ${all[below(all.length)]!}`);
      value = add(`Add ${add(`Conv ${value}`)} ${again}`);
    }
  }
  lines.push(`y = Conv ${value}`);
  const other = `v${below(lines.length - 1)}`;
  return { lines: lines.join("; "), channels: width, outputs: below(3) > 0 ? ["y"] : ["y", other] };
}

Deno.test("random networks of convolutions, sums and concatenations give what ONNX Runtime gives", async () => {
  using tester = await OpTester.create();
  let joined = 0, hosted = 0;
  for (let seed = 0; seed < 60; seed++) {
    const random = new Random(1000 + seed);
    const one = networkCase(random, randomNetwork(random));
    await tester.check([{ ...one, name: `seed ${seed}: ${one.name}`, relative: 1e-4 }]);
    const names = await kernels(tester, one);
    joined += names.filter((name) => name.includes(" and ")).length;
    using session = await Session.load(tester.device, caseModel(one));
    const specialised = specialise(session.graph, { x: one.inputs.x!.shape });
    runPasses(specialised);
    joinConvolutions(specialised);
    hosted += specialised.graph.nodes.filter((node) => "host" in node).length;
  }

  assert(joined >= 30 && hosted >= 30, `${joined} joined, ${hosted} concatenations made in their memory`);
});

Deno.test("networks with joined convolutions give what ONNX Runtime gives, on all kinds of adapters and in 16 bits", async () => {
  using tester = await OpTester.create();
  const { target } = tester.device;
  const targets = [target, { software: false, subgroups: false }, { ...target, plain: true }];
  for (const [i, kind] of targets.entries()) {
    const random = new Random(43 + i);
    await tester.check([...JOINED, ...APART].map((network) => networkCase(random, network)), kind);
  }
  const random = new Random(50);
  for (const network of [...JOINED, ...APART]) {
    const one = networkCase(random, network);
    const expected = await runOrt(caseModel(one), one.inputs, { graphOptimizationLevel: "disabled" });
    using session = await Session.load(tester.device, caseModel(one), { precision: "f16" });
    const outputs = await session.run(one.inputs);
    for (const name of one.outputs) {
      assertClose(outputs[name]!, expected[name]!, { relative: 5e-3, absolute: 1e-2, context: one.name });
    }
  }
});
