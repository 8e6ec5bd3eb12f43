import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Detector } from "../../src/detect/mod.ts";
import { Device, GpuError } from "../../src/gpu/mod.ts";
import { Session } from "../../src/graph/mod.ts";
import { hostTensor } from "../../src/tensor/mod.ts";
import { BufferFaults, type FaultKind } from "../gpu/faults.ts";
import { TINY_INPUT, tinyDetector } from "../support/tiny_detector.ts";

const MODEL = tinyDetector();

/** Loads, prepares, detects in one white frame, and releases everything; gives how many objects there were. */
async function program(device: Device): Promise<number> {
  using session = await Session.load(device, MODEL);
  using detector = await Detector.create(device, {
    session,
    head: { family: "yolox", output: "output", classes: 1 },
    treatment: { fit: "stretch", channels: "bgr" },
    input: { width: TINY_INPUT, height: TINY_INPUT },
    labels: ["square"],
    slots: 2,
    frame: { width: 2, height: 2 },
    formats: ["gray8"],
  });
  const data = new Uint8Array(4).fill(255);
  return (await detector.detect({ width: 2, height: 2, format: "gray8", data })).length;
}

for (const kind of ["throws", "out of memory"] satisfies FaultKind[]) {
  Deno.test(`a detector that cannot be prepared for lack of memory (${kind}) leaves nothing behind, and the next one works`, async () => {
    using device = await Device.request({ onWarning: () => {} });
    const faults = new BufferFaults(device);
    faults.arm(0, kind);
    const objects = await program(device);
    assert(objects > 0, "a white frame is full of white squares");
    const count = faults.made;
    assert(count > 20, `${count} buffers are made`);
    for (let n = 1; n <= count; n++) {
      // Stacks that could be made are kept for the next stream; here each fault is to meet an empty pool.
      device.pool.configure({});
      const before = device.memory().buffers;
      assertEquals(before.count, 0);
      faults.arm(n, kind);
      await assertRejects(() => program(device), GpuError, "no memory (injected)", `buffer ${n} of ${count}`);
      faults.arm(0, kind);
      await device.idle();
      device.pool.configure({});
      const after = device.memory().buffers;
      assertEquals([after.count, after.bytes], [0, 0], `buffer ${n} of ${count}`);
      assertEquals([device.watch.alive(), device.watch.streams()], [[], []], `buffer ${n} of ${count}`);
      if (n % 9 === 0) assertEquals(await program(device), objects, `after buffer ${n} had failed`);
    }
    assertEquals(device.memory().buffers.collected, 0);
  });
}

Deno.test("a session whose weights found no memory is used again when there is some", async () => {
  using device = await Device.request({ onWarning: () => {} });
  const faults = new BufferFaults(device);
  using session = await Session.load(device, MODEL);
  const [input] = session.inputs;
  const elements = 3 * TINY_INPUT * TINY_INPUT;
  const data = new Float32Array(elements).map((_, i) => (i * 37) % 256);
  const run = async (): Promise<number[]> => {
    const inputs = { [input!.name]: hostTensor("f32", [1, 3, TINY_INPUT, TINY_INPUT], data) };
    const outputs = await session.run(inputs);
    return Object.values(outputs).flatMap((tensor) => [...tensor.data as Float32Array]);
  };
  let made = 0;
  for (let n = 1; n === 1 || n <= made; n++) {
    faults.arm(n, "out of memory");
    const failed = await run().then(() => undefined, (error) => error);
    made = Math.max(made, faults.made);
    faults.arm(0, "out of memory");
    // What the fault met may have been made by an earlier turn already.
    if (failed === undefined) continue;
    assert(failed instanceof GpuError, String(failed));
    assertStringIncludes(failed.message, "no memory (injected)", `buffer ${n}`);
    await device.idle();
  }
  const first = await run();
  using other = await Device.request();
  using fresh = await Session.load(other, MODEL);
  const expected = await fresh.run({
    [input!.name]: hostTensor("f32", [1, 3, TINY_INPUT, TINY_INPUT], data),
  });
  assertEquals(first, Object.values(expected).flatMap((tensor) => [...tensor.data as Float32Array]));
});
