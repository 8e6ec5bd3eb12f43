import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
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

Deno.test("an operator that only exists folded is refused when its input is computed", async () => {
  using gpu = await device();
  using session = await Session.load(
    gpu,
    onnxModel({
      inputs: [tensorInfo("x", "f32", [1]), tensorInfo("z", "f32", [1])],
      outputs: ["y"],
      nodes: [node("Range", ["x", "z", "z"], ["y"], {}, { name: "range" })],
    }),
  );
  await assertRejects(
    () => session.run({ x: hostTensor("f32", [1], [1]), z: hostTensor("f32", [1], [2]) }),
    GraphError,
    'Range (node "range"): input "start"',
  );
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
