import { Device, Readback } from "../../../src/gpu/mod.ts";
import { writeInput } from "../../../src/graph/prepared.ts";
import { Session } from "../../../src/graph/session.ts";
import { loadGraph } from "../../../src/graph/load.ts";
import { hostTensor } from "../../../src/tensor/host_tensor.ts";
import { toFloat32 } from "../../../src/tensor/host_tensor.ts";
import { fromWords } from "../../../src/tensor/words.ts";
import { benchTuning } from "../../session_tuning.ts";
import type { Open, Outputs } from "../runner.ts";

/** Framewise: everything with its defaults. */
export const open: Open = async (model, inputs) => {
  const device = await Device.request();
  const session = new Session(
    device,
    await loadGraph(model, { movable: true }),
    await benchTuning(device),
  );
  const network = await session.prepare(Object.fromEntries(inputs.map(({ name, shape }) => [name, shape])));
  const tensors = Object.fromEntries(
    inputs.map(({ name, shape, data }) => [name, hostTensor("f32", shape, data)]),
  );
  const stream = device.stream({ label: "throughput" });
  const values = network.plan.outputs;
  const ranges = values.map(({ name }) => network.outputs[name]!.range);
  const readback = new Readback(device, ranges.reduce((sum, { bytes }) => sum + bytes, 0), "throughput");
  return {
    once: async () => {
      const outputs = await network.run(tensors);
      return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, toFloat32(tensor)]));
    },
    enqueue: () => {
      for (const value of network.plan.inputs) {
        writeInput(device, network.bound.inputs[value.name]!, value, tensors[value.name]!);
      }
      network.record(stream);
      stream.submit();
    },
    read: async () => {
      readback.record(stream, ...ranges);
      stream.submit();
      return await readback.take((bytes) => {
        const outputs: Outputs = {};
        let at = 0;
        values.forEach(({ name, type, view }, i) => {
          outputs[name] = toFloat32(fromWords(type.dtype, type.shape, bytes, at + view.offset * 4));
          at += ranges[i]!.bytes;
        });
        return outputs;
      });
    },
  };
};
