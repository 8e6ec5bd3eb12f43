import { assertEquals, assertThrows } from "@std/assert";
import { countsSince, CreationCounters, describeCounts, Device, totalCount } from "../../src/gpu/mod.ts";
import { ADD } from "./kernels.ts";

Deno.test("CreationCounters counts by kind, and its snapshots stay as they were", () => {
  const counters = new CreationCounters();
  counters.add("buffers", "a");
  const before = counters.snapshot();
  counters.add("buffers", "b");
  counters.add("bindGroups", "c");
  const since = countsSince(before, counters.snapshot());
  assertEquals(before, { buffers: 1, bindGroups: 0, pipelines: 0, modules: 0 });
  assertEquals(since, { buffers: 1, bindGroups: 1, pipelines: 0, modules: 0 });
  assertEquals(totalCount(since), 2);
  assertEquals(describeCounts(since), "1 buffers, 1 bind groups, 0 pipelines, 0 modules");
});

Deno.test("the device counts what it makes, and tells its watcher kind and label", async () => {
  using device = await Device.request({ pool: { stackBytes: 1024, stackCount: 1 } });
  const before = device.counters.snapshot();
  const seen: string[] = [];
  const stop = device.counters.watch((kind, label) => seen.push(`${kind}: ${label}`));
  using stream = device.stream();
  const x = device.upload(new Float32Array(64), "x");
  const y = device.upload(new Float32Array(64), "y");
  device.dispatch(device.kernel(ADD), {
    label: "step",
    bindings: { x, y },
    uniforms: { count: 64, value: 1 },
    workgroups: [1, 1, 1],
  });
  stop();
  device.upload(new Float32Array(64), "unseen");
  assertEquals(seen, [
    "buffers: stack 0",
    "buffers: x",
    "buffers: y",
    "modules: test/add",
    "pipelines: test/add",
    "buffers: step",
    "bindGroups: step",
  ]);
  const since = countsSince(before, device.counters.snapshot());
  assertEquals(since, { buffers: 5, bindGroups: 1, pipelines: 1, modules: 1 });
  assertEquals(stream.stack?.label, "stack 0");
  await device.settle();
});

Deno.test("several watchers see the same, and each stops for itself", () => {
  const counters = new CreationCounters();
  const seen: string[] = [];
  const watcher = (_: string, label: string): void => void seen.push(label);
  const stops = [counters.watch(watcher), counters.watch(watcher)];
  counters.add("buffers", "both");
  stops[0]!();
  stops[0]!();
  counters.add("buffers", "one");
  stops[1]!();
  counters.add("buffers", "none");
  assertEquals(seen, ["both", "both", "one"]);
});

Deno.test("a watcher that throws prevents the creation", async () => {
  using device = await Device.request({ pool: false });
  const before = device.counters.snapshot();
  const stop = device.counters.watch((kind, label) => {
    throw new Error(`no more ${kind}: ${label}`);
  });
  assertThrows(() => device.upload(new Float32Array(1), "late"), Error, "no more buffers: late");
  assertThrows(() => device.kernel(ADD), Error, "no more modules: test/add");
  using stream = device.stream();
  assertThrows(() => stream.allocate(100, "fallback"), Error, "no more buffers: fallback");
  stop();
  assertEquals(device.counters.snapshot(), before);
  const { default: rest, fallbacks } = device.memory();
  assertEquals([rest.currentBytes, rest.allocations, fallbacks], [0, 0, 0]);
});
