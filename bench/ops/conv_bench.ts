/**
 * Convolution layer by layer: the kernel that is chosen on this adapter, beside the general kernel with one output vec4
 * an invocation, and beside the adapter's rate of multiply-adds in registers. A measurement runs a layer several times
 * and waits once, because a wait takes about 11 ms whatever the work. `deno bench -A bench/ops/conv_bench.ts`
 *
 * @module
 */
import { Device, type Dispatch } from "../../src/gpu/mod.ts";
import { importGraph } from "../../src/graph/import.ts";
import { Session } from "../../src/graph/mod.ts";
import { parseModel } from "../../src/onnx/parse.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, onnxModel, tensorInfo } from "../../tests/support/onnx_builder.ts";
import { Random } from "../../tests/support/random.ts";
import { measureFlops } from "./peak.ts";

interface Layer {
  name: string;
  inC: number;
  outC: number;
  size: number;
  kernel: number;
  stride?: number;
  groups?: number;
}

const LAYERS: readonly Layer[] = [
  { name: "3x3 64>64 at 56x56", inC: 64, outC: 64, size: 56, kernel: 3 },
  { name: "3x3 stride 2 3>32 at 300x300", inC: 3, outC: 32, size: 300, kernel: 3, stride: 2 },
  { name: "1x1 256>256 at 28x28", inC: 256, outC: 256, size: 28, kernel: 1 },
  { name: "depthwise 3x3 192 at 56x56", inC: 192, outC: 192, size: 56, kernel: 3, groups: 192 },
];

const device = await Device.request({ pool: false });
const peak = await measureFlops(device);
console.log(
  `${device.adapterInfo.description || device.adapterInfo.vendor}: ${
    (peak / 1e9).toFixed(1)
  } GFLOP/s in registers`,
);

for (const layer of LAYERS) {
  const { name, inC, outC, size, kernel, stride = 1, groups = 1 } = layer;
  const random = new Random(1);
  const bytes = onnxModel({
    opset: 13,
    inputs: [tensorInfo("x", "f32", [1, inC, size, size])],
    outputs: ["y"],
    nodes: [
      node("Conv", ["x", "w", "b"], ["y"], {
        strides: [stride, stride],
        pads: new Array(4).fill(kernel >> 1),
        group: groups,
      }),
    ],
    initializers: {
      w: hostTensor(
        "f32",
        [outC, inC / groups, kernel, kernel],
        random.normals(outC * inC / groups * kernel ** 2),
      ),
      b: hostTensor("f32", [outC], random.normals(outC)),
    },
  });
  const graph = importGraph(parseModel(bytes));
  for (const [kind, target] of [["chosen", {}], ["one output an invocation", { plain: true }]] as const) {
    const session = new Session(device, graph, { target });
    const plan = session.plan();
    const step = plan.steps[0]!;
    const bound = await session.bind(plan, device.defaultAllocator.allocate(plan.arenaBytes, "arena"));
    const dispatch: Dispatch = bound.dispatches[0]!;
    const flops = 2 * step.multiplyAdds!;
    const stream = device.stream();
    const run = async (times: number): Promise<number> => {
      const start = performance.now();
      for (let i = 0; i < times; i++) stream.run(dispatch);
      await stream.finish();
      return performance.now() - start;
    };
    await run(3);
    // As many as take a few hundred milliseconds, so that the wait hardly counts.
    const repeats = Math.max(4, Math.ceil(400 / ((await run(20)) / 20)));
    const times: number[] = [];
    for (let i = 0; i < 5; i++) times.push((await run(repeats)) / repeats);
    const ms = times.toSorted((a, b) => a - b)[2]!;
    const rate = flops / ms / 1e6;
    console.log(
      `${name}, ${kind} (${step.kernel.name}): ${ms.toFixed(2)} ms, ${rate.toFixed(1)} GFLOP/s, ` +
        `${(100 * rate * 1e9 / peak).toFixed(0)} % of the registers' rate`,
    );
    if (kind !== "chosen") continue;
    Deno.bench({
      name: `${name}, ${repeats} times (${step.kernel.name})`,
      n: 3,
      warmup: 1,
      fn: async () => void await run(repeats),
    });
  }
}
