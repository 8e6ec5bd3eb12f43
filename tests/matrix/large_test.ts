import { assert, assertEquals } from "@std/assert";
import { Device } from "../../src/gpu/mod.ts";
import { resize } from "../../src/matrix/mod.ts";
import { Random } from "../support/random.ts";

Deno.test("large matrices, which some adapters load through textures, give the same; nothing is made a second time", async () => {
  using device = await Device.request({ pool: { stackBytes: 1 << 24, stackCount: 1 } });
  const random = new Random(21);
  {
    using stream = device.stream();
    using pixels = stream.pool.getBuffer(300, 410, "8UC3");
    using floats = stream.pool.getBuffer(300, 410, "32FC3");
    using twice = stream.pool.getBuffer(600, 820, "8UC3");
    for (const round of [0, 1]) {
      const before = device.counters.snapshot();
      const data = random.bytes(300 * 410 * 3);
      pixels.upload(data);
      pixels.convertTo(floats);
      resize(pixels, twice, "nearest");
      stream.submit();
      if (round === 1) assertEquals(device.counters.snapshot(), before);
      assertEquals(await floats.download(), Float32Array.from(data));
      const wanted = new Uint8Array(600 * 820 * 3);
      for (let at = 0; at < wanted.length; at++) {
        const [row, column] = [Math.floor(at / (820 * 3)), Math.floor(at / 3) % 820];
        wanted[at] = data[((row >> 1) * 410 + (column >> 1)) * 3 + at % 3]!;
      }
      assertEquals(await twice.download(), wanted, `round ${round}`);
    }
    assert(device.memory().buffers.count > 1);
  }
  await device.idle();
  // The stacks are all that outlives the stream.
  assertEquals(device.memory().buffers.count, 1);
});
