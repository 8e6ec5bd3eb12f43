import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { writeInput } from "../../src/graph/prepared.ts";
import { Session } from "../../src/graph/session.ts";
import { Device, GpuError } from "../../src/gpu/mod.ts";
import { OnnxError } from "../../src/onnx/error.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { assertClose } from "../support/compare.ts";
import { type ModelSpec, node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";
import { runOrt } from "../support/ort.ts";
import { Random } from "../support/random.ts";

function device(): Promise<Device> {
  return Device.request({ pool: { stackBytes: 4 << 20, stackCount: 4 } });
}

function randn(random: Random, shape: readonly number[]): HostTensor<"f32"> {
  return hostTensor("f32", shape, random.normals(shape.reduce((a, b) => a * b, 1)));
}

const weights = new Random(9);
const CONVOLUTION: ModelSpec = {
  inputs: [tensorInfo("x", "f32", ["n", 3, "h", "w"])],
  outputs: ["y"],
  nodes: [
    node("Conv", ["x", "w"], ["c"], { pads: [1, 1, 1, 1] }, { name: "conv" }),
    node("Shape", ["c"], ["s"], {}, { name: "shape" }),
    node("Cast", ["s"], ["f"], { to: 1 }, { name: "cast" }),
    node("Slice", ["f", "two", "four", "zero"], ["size"], {}, { name: "slice" }),
    node("ReduceProd", ["size"], ["area"], { keepdims: 0, axes: [0] }, { name: "area" }),
    node("Div", ["c", "area"], ["d"], {}, { name: "div" }),
    node("Resize", ["d", "", "scales"], ["y"], { mode: "linear" }, { name: "resize" }),
  ],
  initializers: {
    w: hostTensor("f32", [5, 3, 3, 3], weights.normals(135)),
    two: hostTensor("i64", [1], [2]),
    four: hostTensor("i64", [1], [4]),
    zero: hostTensor("i64", [1], [0]),
    scales: hostTensor("f32", [4], [1, 1, 2, 2]),
  },
};

Deno.test("a session runs one network at several input shapes, in turn, and each is right", async () => {
  using gpu = await device();
  const model = onnxModel(CONVOLUTION);
  using session = await Session.load(gpu, model);
  const random = new Random(1);
  // The factor and the resampling tables differ by shape: what one plan made must not serve another.
  for (const shape of [[1, 3, 8, 8], [2, 3, 5, 9], [1, 3, 8, 8], [1, 3, 16, 4], [2, 3, 5, 9]]) {
    const x = randn(random, shape);
    const { y } = await session.run({ x });
    const expected = await runOrt(model, { x });
    assertClose(y!, expected.y!, { relative: 1e-5, context: shape });
  }
});

Deno.test("two plans of one session run side by side on arenas of their own", async () => {
  using gpu = await device();
  const model = onnxModel(CONVOLUTION);
  using session = await Session.load(gpu, model);
  const small = session.plan({ x: [1, 3, 4, 4] });
  const large = session.plan({ x: [1, 3, 12, 10] });
  assert(session.plan({ x: [1, 3, 4, 4] }) === small, "a plan is made once");
  using stream = gpu.stream();
  using first = stream.allocate(small.arenaBytes, "first");
  using second = stream.allocate(large.arenaBytes, "second");
  using one = await session.bind(small, first);
  using two = await session.bind(large, second);
  assertEquals(one.outputs.y!.bytes >= 1 * 5 * 8 * 8 * 4, true);
  assertEquals(two.outputs.y!.bytes >= 1 * 5 * 24 * 20 * 4, true);
});

Deno.test("running again makes nothing new on the GPU", async () => {
  using gpu = await device();
  using session = await Session.load(gpu, onnxModel(CONVOLUTION));
  const x = randn(new Random(2), [1, 3, 6, 6]);
  await session.run({ x });
  const before = gpu.counters.snapshot();
  await session.run({ x });
  assertEquals(gpu.counters.snapshot(), before);
});

Deno.test("inputs that are missing, unknown, of another shape or type are refused by name", async () => {
  using gpu = await device();
  using session = await Session.load(gpu, onnxModel(CONVOLUTION));
  const random = new Random(3);
  await assertRejects(() => session.run({}), GraphError, 'input "x" is missing');
  await assertRejects(
    () => session.run({ x: randn(random, [1, 3, 4, 4]), image: randn(random, [1]) }),
    GraphError,
    'no input "image"',
  );
  await assertRejects(
    () => session.run({ x: randn(random, [1, 4, 4, 4]) }),
    GraphError,
    'input "x" takes [n, 3, h, w]',
  );
  await assertRejects(
    () => session.run({ x: hostTensor("i32", [1, 3, 4, 4], new Int32Array(48)) }),
    Error,
    'input "x": it is f32, but i32 was given',
  );
  // A refusal leaves the session usable.
  const { y } = await session.run({ x: randn(random, [1, 3, 4, 4]) });
  assertEquals(y!.shape, [1, 5, 8, 8]);
});

Deno.test("what is no network is refused with the path and the reason", async () => {
  using gpu = await device();
  await assertRejects(() => Session.load(gpu, new Uint8Array(0)), OnnxError);
  await assertRejects(() => Session.load(gpu, new TextEncoder().encode("<html></html>")), OnnxError);
  const missing = await assertRejects(() => Session.load(gpu, "no/such/network.onnx"), OnnxError);
  assertStringIncludes(missing.message, "no/such/network.onnx");
});

Deno.test("run() reads inputs that decide shapes, and plans for each of their values", async () => {
  using gpu = await device();
  const i64 = (...values: number[]) => hostTensor("i64", [values.length], values);
  using session = await Session.load(
    gpu,
    onnxModel({
      inputs: [
        tensorInfo("x", "f32", [2, 6]),
        tensorInfo("half", "i64", [1]),
        tensorInfo("rest", "i64", [1]),
      ],
      outputs: ["y"],
      nodes: [
        node("Concat", ["half", "rest"], ["shape"], { axis: 0 }),
        node("Reshape", ["x", "shape"], ["y"], {}, { name: "reshape" }),
      ],
    }),
  );
  const x = hostTensor("f32", [2, 6], Array.from({ length: 12 }, (_, i) => i));
  assertEquals((await session.run({ x, half: i64(4), rest: i64(-1) })).y!.shape, [4, 3]);
  const { y } = await session.run({ x, half: i64(3), rest: i64(4) });
  assertEquals(y, hostTensor("f32", [3, 4], x.data));
});

Deno.test("a value that decides a shape and is computed from an image is refused, by name", async () => {
  using gpu = await device();
  using session = await Session.load(
    gpu,
    onnxModel({
      inputs: [tensorInfo("x", "f32", [70_000]), tensorInfo("z", "f32", [1])],
      outputs: ["y"],
      nodes: [
        node("ReduceMax", ["x"], ["limit"], { keepdims: 0 }),
        node("Range", ["z", "limit", "z"], ["y"], {}, { name: "range" }),
      ],
    }),
  );
  await assertRejects(
    () =>
      session.run({
        x: hostTensor("f32", [70_000], new Float32Array(70_000)),
        z: hostTensor("f32", [1], [2]),
      }),
    GraphError,
    'Range (node "range"): input "limit" ("limit") is computed while the network runs',
  );
});

Deno.test("outputs inside the network are given under the file's names; unknown ones are refused", async () => {
  using gpu = await device();
  const model = onnxModel({
    inputs: [tensorInfo("x", "f32", [3])],
    outputs: ["y"],
    nodes: [node("Relu", ["x"], ["inner"]), node("Neg", ["inner"], ["y"])],
  });
  using session = await Session.load(gpu, model, { outputs: ["inner"] });
  const outputs = await session.run({ x: hostTensor("f32", [3], [-1, 0, 2]) });
  assertEquals(outputs.inner!.data, new Float32Array([0, 0, 2]));
  assertEquals(Array.from(outputs.y!.data as Float32Array), [-0, -0, -2]);
  await assertRejects(
    () => Session.load(gpu, model, { outputs: ["outer"] }),
    GraphError,
    'Cannot give "outer": no node of the network makes it; the last of its 2 values are "inner", "y"',
  );
});

Deno.test("integers and booleans go in and come out; 64-bit ones beyond 32 bits are refused", async () => {
  using gpu = await device();
  using session = await Session.load(
    gpu,
    onnxModel({
      inputs: [tensorInfo("x", "i64", [2, 2]), tensorInfo("b", "bool", [2]), tensorInfo("u", "u8", [2, 1])],
      outputs: ["y", "c", "v"],
      nodes: [
        node("Transpose", ["x"], ["y"]),
        node("Concat", ["b", "b"], ["c"], { axis: 0 }),
        node("Expand", ["u", "wide"], ["v"]),
      ],
      initializers: { wide: hostTensor("i64", [2], [2, 3]) },
    }),
  );
  const b = hostTensor("bool", [2], [true, false]);
  const u = hostTensor("u8", [2, 1], [7, 255]);
  const outputs = await session.run({ x: hostTensor("i64", [2, 2], [1, -2, 16_777_217, 4]), b, u });
  assertEquals(outputs.y, hostTensor("i64", [2, 2], [1, 16_777_217, -2, 4]));
  assertEquals(outputs.c, hostTensor("bool", [4], [true, false, true, false]));
  assertEquals(outputs.v, hostTensor("u8", [2, 3], [7, 7, 7, 255, 255, 255]));
  await assertRejects(
    () => session.run({ x: hostTensor("i64", [2, 2], [1, 2, 3, 2 ** 31]), b, u }),
    Error,
    "Cannot hold 2147483648 on the GPU: 64-bit integers are 32-bit words there",
  );
});

Deno.test("outputs whose size depends on data are cut to it, transposed ones too", async () => {
  using gpu = await device();
  using session = await Session.load(
    gpu,
    onnxModel({
      inputs: [tensorInfo("x", "f32", ["n"])],
      outputs: ["at", "turned"],
      nodes: [node("NonZero", ["x"], ["at"]), node("Transpose", ["at"], ["turned"], { perm: [1, 0] })],
    }),
  );
  for (const [x, at] of [[[0], []], [[7], [0]], [[0, 2, 0, -1], [1, 3]]] as const) {
    const outputs = await session.run({ x: hostTensor("f32", [x.length], x) });
    assertEquals(outputs.at, hostTensor("i64", [1, at.length], at));
    assertEquals(outputs.turned, hostTensor("i64", [at.length, 1], at));
  }
});

Deno.test("weights that depend on the input's shape are not taken for those of another shape", async () => {
  using gpu = await device();
  using session = await Session.load(
    gpu,
    onnxModel({
      inputs: [tensorInfo("x", "f32", [1, 1, "h", 4])],
      outputs: ["y"],
      nodes: [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "two"], ["h"]),
        node("Cast", ["h"], ["f"], { to: 1 }),
        node("Reshape", ["f", "kernel"], ["w"]),
        node("Conv", ["x", "w"], ["y"]),
      ],
      initializers: { two: hostTensor("i64", [1], [2]), kernel: hostTensor("i64", [4], [1, 1, 1, 1]) },
    }),
  );
  for (const h of [3, 5, 3]) {
    const { y } = await session.run({ x: hostTensor("f32", [1, 1, h, 4], new Float32Array(h * 4).fill(1)) });
    assertEquals(y!.data, new Float32Array(h * 4).fill(h));
  }
});

Deno.test("few plans are kept; a loop that keeps changing shape is told once", async () => {
  using gpu = await device();
  const warnings: string[] = [];
  using session = await Session.load(
    gpu,
    onnxModel({
      inputs: [tensorInfo("x", "f32", ["n"])],
      outputs: ["y"],
      nodes: [node("Add", ["x", "one"], ["y"])],
      initializers: { one: hostTensor("f32", [1], [1]) },
    }),
    { plans: 2, warn: (message) => warnings.push(message) },
  );
  const run = async (n: number): Promise<void> => {
    const { y } = await session.run({ x: hostTensor("f32", [n], new Float32Array(n)) });
    assertEquals(y, hostTensor("f32", [n], new Float32Array(n).fill(1)));
  };
  for (const n of [1, 2, 1, 2]) await run(n);
  assertEquals(warnings, []);
  const before = gpu.counters.snapshot();
  await run(2);
  assertEquals(gpu.counters.snapshot(), before, "a known shape makes nothing");
  for (const n of [3, 4, 5, 3]) await run(n);
  assertEquals(warnings.length, 1);
  assertStringIncludes(warnings[0]!, "more than 2 plans were made in 6 runs");
});

Deno.test("runs that are begun at once, of more shapes than plans are kept, are all right", async () => {
  using gpu = await device();
  using session = await Session.load(
    gpu,
    onnxModel({
      inputs: [tensorInfo("x", "f32", ["n"])],
      outputs: ["y"],
      nodes: [node("Neg", ["x"], ["y"])],
    }),
    { plans: 1, warn: () => {} },
  );
  const sizes = [3, 5, 3, 5, 7, 7];
  const runs = sizes.map((n) => session.run({ x: hostTensor("f32", [n], new Float32Array(n).fill(n)) }));
  for (const [i, { y }] of (await Promise.all(runs)).entries()) {
    assertEquals(y!.data, new Float32Array(sizes[i]!).fill(-sizes[i]!));
  }
});

Deno.test("a network reads another's output where it lies on the GPU, and both run in one submission", async () => {
  using gpu = await device();
  const model = (op: string) =>
    onnxModel({
      inputs: [tensorInfo("x", "f32", [1, 3, 2, 2])],
      outputs: ["y"],
      nodes: [node(op, ["x"], ["y"])],
    });
  using relu = await Session.load(gpu, model("Relu"));
  using negate = await Session.load(gpu, model("Neg"));
  using first = await relu.prepare();
  using second = await negate.prepare({}, { inputs: { x: first.outputs.y! } });
  const data = Float32Array.from({ length: 12 }, (_, i) => i - 5);
  writeInput(gpu, first.inputs.x!.range, first.plan.inputs[0]!, hostTensor("f32", [1, 3, 2, 2], data));
  using stream = gpu.stream({ label: "both" });
  first.record(stream);
  second.record(stream);
  const before = gpu.counters.snapshot();
  stream.submit();
  assertEquals(gpu.counters.snapshot(), before);
  const words = new Float32Array(await gpu.read(second.outputs.y!.range));
  assertEquals(words.slice(0, 12), data.map((value) => -Math.max(value, 0)));
});

Deno.test("compare() finds the first node whose result departs", async () => {
  using gpu = await device();
  using session = await Session.load(
    gpu,
    onnxModel({
      inputs: [tensorInfo("x", "f32", [1, 2, 3, 3])],
      outputs: ["y"],
      nodes: [
        node("Softmax", ["x"], ["a"], { axis: 1 }, { name: "first" }),
        node("ReduceMean", ["a"], ["b"], { axes: [2, 3] }, { name: "second" }),
        node("Softmax", ["b"], ["y"], { axis: 1 }, { name: "third" }),
      ],
    }),
  );
  const x = hostTensor("f32", [1, 2, 3, 3], Float32Array.from({ length: 18 }, (_, i) => Math.sin(i)));
  const right: Record<string, HostTensor> = {};
  const same = await session.compare({ x }, async (names) => {
    using other = new Session(gpu, session.graph, { outputs: names.filter((name) => name !== "y") });
    return Object.assign(right, await other.run({ x }));
  });
  assertEquals(same.values.map(({ name, error, departs }) => [name, error < 1e-6, departs]), [
    ["a", true, false],
    ["b", true, false],
    ["y", true, false],
  ]);
  assertEquals(same.first, undefined);
  const wrong = hostTensor("f32", [1, 2, 1, 1], [0.9, 0.2]);
  const { first } = await session.compare({ x }, () => Promise.resolve({ ...right, b: wrong, y: wrong }));
  assertEquals([first?.name, first?.node], ["b", 'ReduceMean "second"']);
});

Deno.test("a plan does not bind to an arena that is too small", async () => {
  using gpu = await device();
  using session = await Session.load(gpu, onnxModel(CONVOLUTION));
  const plan = session.plan({ x: [1, 3, 8, 8] });
  using stream = gpu.stream();
  using arena = stream.allocate(256, "small");
  await assertRejects(() => session.bind(plan, arena), GpuError, `a plan of ${plan.arenaBytes} bytes`);
});

Deno.test("networks whose outputs are inputs, constants and views give them all", async () => {
  using gpu = await device();
  const constant = hostTensor("f32", [2, 2], [1, 2, 3, 4]);
  const model = onnxModel({
    inputs: [tensorInfo("x", "f32", [1, 3, 2, 4])],
    outputs: ["t", "c", "s", "i"],
    nodes: [
      node("Transpose", ["x"], ["t"], { perm: [0, 2, 3, 1] }, { name: "transpose" }),
      node("Identity", ["k"], ["c"], {}, { name: "constant" }),
      node("Split", ["x"], ["", "s"], { axis: 3 }, { name: "split" }),
      node("Identity", ["x"], ["i"], {}, { name: "identity" }),
    ],
    initializers: { k: constant },
  });
  using session = await Session.load(gpu, model);
  const x = randn(new Random(4), [1, 3, 2, 4]);
  const outputs = await session.run({ x });
  assertEquals(outputs.c, constant);
  assertEquals(outputs.i, x);
  assertEquals(outputs.t!.shape, [1, 2, 4, 3]);
  assertEquals(outputs.t!.data[1], x.data[8]);
  assertEquals(outputs.s!.data[0], x.data[2]);
});
