/**
 * The blob kernel from frames of 1280x720 to an input of 416x416. Each measurement submits several frames and waits
 * once, because a wait costs about 11 ms whatever the work. `deno bench -A bench/vision/blob_bench.ts`
 *
 * @module
 */
import { Device } from "../../src/gpu/mod.ts";
import { InputBlob } from "../../src/vision/blob.ts";
import { PIXEL_FORMATS, pixelBytes, type PixelLayout } from "../../src/vision/pixels.ts";

const FRAMES = 16;
const SIZE = 416;

const device = await Device.request({ pool: false });
const output = device.upload(new Float32Array(SIZE * SIZE * 4), "output");

for (const format of PIXEL_FORMATS) {
  for (const filter of ["linear", "area"] as const) {
    const layout: PixelLayout = { width: 1280, height: 720, format };
    const data = new Uint8Array(pixelBytes(layout)).map((_, i) => i * 31);
    const treatment = { fit: "letterbox-top-left", channels: "bgr", fill: 114, filter } as const;
    const blob = new InputBlob(device, { treatment, width: SIZE, height: SIZE, output });
    blob.write({ ...layout, data });
    Deno.bench({
      name: `${format} 1280x720 to ${SIZE}x${SIZE}, ${filter}, ${FRAMES} frames`,
      group: filter,
      n: 10,
      warmup: 3,
      async fn() {
        const stream = device.stream();
        for (let i = 0; i < FRAMES; i++) stream.run(blob.dispatch);
        await stream.finish();
        stream[Symbol.dispose]();
      },
    });
  }
}
