import { assertEquals, assertRejects } from "@std/assert";
import { Device, GpuError } from "../../src/gpu/mod.ts";
import { Session } from "../../src/graph/session.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";

const REDUCE = onnxModel({
  inputs: [tensorInfo("x", "f32", ["n", "m"])],
  outputs: ["y", "z"],
  nodes: [
    node("Add", ["x", "one"], ["sum"], {}, { name: "add" }),
    node("Transpose", ["sum"], ["turned"], { perm: [1, 0] }, { name: "turn" }),
    node("ReduceMax", ["turned"], ["y"], { axes: [1], keepdims: 0 }, { name: "largest" }),
    node("ReduceSum", ["sum"], ["z"], { axes: [1], keepdims: 0 }, { name: "total" }),
  ],
  opset: 11,
  initializers: { one: hostTensor("f32", [1], [1]) },
});

Deno.test("grids of more than 65,535 workgroups cover every element", async () => {
  // 17,000,000 elements are 66,406 workgroups of 64 invocations with 4 elements each.
  const [n, m] = [1000, 17_000];
  using device = await Device.request();
  using session = await Session.load(device, REDUCE);
  const x = new Float32Array(n * m);
  x[n * m - 1] = 5;
  x[m] = -3;
  const { y, z } = await session.run({ x: hostTensor("f32", [n, m], x) });
  assertEquals(y!.data, new Float32Array(m).fill(1).map((one, i) => i === m - 1 ? 6 : one));
  assertEquals(
    z!.data,
    new Float32Array(n).fill(m).map((sum, i) => i === 1 ? sum - 3 : i === n - 1 ? sum + 5 : sum),
  );
});

Deno.test("a tensor over the adapter's binding limit is refused before memory is asked for", async () => {
  using device = await Device.request();
  using session = await Session.load(device, REDUCE);
  const { maxStorageBufferBindingSize: limit } = device.limits;
  const m = Math.ceil(limit / 4 / 1000) + 1;
  const before = device.counters.snapshot();
  await assertRejects(
    () => session.prepare({ x: [1000, m] }),
    GpuError,
    `Cannot bind "add x": a tensor of ${
      4000 * m
    } bytes ([1000, ${m}]), and this adapter binds at most ${limit}`,
  );
  assertEquals(device.counters.snapshot(), before);
});
