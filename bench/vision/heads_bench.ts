/**
 * Decoding, selection and suppression of YOLOX's output for 416x416 (3549 x 85). Each measurement submits several frames
 * and waits once, because a wait costs about 11 ms whatever the work. `deno bench -A bench/vision/heads_bench.ts`
 *
 * @module
 */
import { PostProcess } from "../../src/detect/post_process.ts";
import { type BufferRange, Device } from "../../src/gpu/mod.ts";

const FRAMES = 16;
const ROWS = 3549;
const WIDTH = 85;

const device = await Device.request({ pool: false });
const scratch = (bytes: number, label: string): BufferRange => device.upload(new Uint8Array(bytes), label);

for (const candidates of [0, 50, 500, ROWS]) {
  const data = new Float32Array(ROWS * WIDTH);
  for (let i = 0; i < candidates; i++) {
    const row = Math.floor(i * ROWS / candidates) * WIDTH;
    data[row + 4] = 1;
    data[row + 5 + i % 80] = 0.3 + 0.7 * (i * 37 % ROWS) / ROWS;
  }
  const outputs = { x: { range: device.upload(data, "x"), shape: [1, ROWS, WIDTH] } };
  const post = PostProcess.prepare(device, scratch, outputs, {
    head: { family: "yolox", output: "x", classes: 80 },
    input: { width: 416, height: 416 },
  });
  Deno.bench({
    name: `yolox 416x416, ${candidates} candidates, ${FRAMES} frames`,
    n: 10,
    warmup: 3,
    async fn() {
      const stream = device.stream();
      for (let i = 0; i < FRAMES; i++) stream.run(post.dispatches);
      await stream.finish();
      stream[Symbol.dispose]();
    },
  });
}
