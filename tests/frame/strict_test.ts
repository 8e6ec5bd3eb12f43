import { assertEquals, assertInstanceOf, assertMatch, assertStringIncludes } from "@std/assert";
import { LoopError, runLoop } from "../../src/frame/mod.ts";
import { Device, GpuError } from "../../src/gpu/mod.ts";
import { FakeSink, FakeSource, FakeWork } from "./fakes.ts";

function forgetful(device: Device): void {
  device.upload(new Float32Array(64), "a temporary").buffer.destroy();
}

Deno.test("runLoop({ strict }) names what a frame creates on a real device, and where", async () => {
  using device = await Device.request({ pool: { stackBytes: 4096, stackCount: 1 } });
  using stream = device.stream();
  const work = new FakeWork({
    onSubmit: (index) => {
      stream.scope(() => stream.allocate(1000, "steady"));
      if (index === 5) forgetful(device);
    },
  });
  const sink = new FakeSink();
  const failure = await runLoop({
    device,
    source: new FakeSource({ frames: 20 }),
    slots: work.slots(2),
    sinks: [sink],
    strict: true,
  }).catch((error) => error);
  assertInstanceOf(failure, LoopError);
  assertInstanceOf(failure.cause, GpuError);
  assertStringIncludes(failure.message, "Frame 5 created GPU objects in a strict loop: 1 buffers,");
  assertStringIncludes(failure.message, '(the first: buffer "a temporary")');
  const [, trace = ""] = failure.message.split("It was created\n");
  assertMatch(
    trace.split("\n")[0]!,
    /at forgetful .*strict_test\.ts/,
    "it begins with who called the engine",
  );
  assertEquals(sink.written, [0, 1, 2, 3, 4, 5]);
  // The loop does not watch any more.
  forgetful(device);
  assertEquals(failure.report.created.buffers, 1);
});
