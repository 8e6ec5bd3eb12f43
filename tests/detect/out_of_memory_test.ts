import { assert, assertEquals, assertRejects } from "@std/assert";
import { Detector } from "../../src/detect/mod.ts";
import { Device, GpuError } from "../../src/gpu/mod.ts";
import { Session } from "../../src/graph/mod.ts";
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
