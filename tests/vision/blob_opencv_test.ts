/**
 * The blob kernel against OpenCV's `blobFromImage` (by a file that tests/data/opencv_blobs.py wrote) and against
 * ffmpeg's colour conversion.
 *
 * @module
 */
import { assertEquals, assertLess } from "@std/assert";
import { Device } from "../../src/gpu/mod.ts";
import { InputBlob } from "../../src/vision/blob.ts";
import type { FitMode } from "../../src/vision/fit.ts";
import { pixelBytes, type PixelFormat, type PixelFrame } from "../../src/vision/pixels.ts";
import type { InputTreatment } from "../../src/vision/treatment.ts";
import { Random } from "../support/random.ts";
import blobs from "../data/opencv_blobs.json" with { type: "json" };

async function run(
  device: Device,
  frame: PixelFrame,
  treatment: InputTreatment,
  width: number,
  height: number,
): Promise<Float32Array> {
  const output = device.upload(new Float32Array(width * height * 4), "output");
  using blob = new InputBlob(device, { treatment, width, height, output, formats: [frame.format] });
  blob.write(frame);
  using stream = device.stream();
  stream.run(blob.dispatch);
  stream.submit();
  return new Float32Array(await device.read(output));
}

Deno.test("InputBlob gives what OpenCV's blobFromImage gives", async () => {
  using device = await Device.request({ pool: false });
  assertEquals(blobs.length, 15);
  for (const { fit, source, size, swap, scale, mean, values } of blobs) {
    const [w, h] = source as [number, number];
    const [width, height] = size as [number, number];
    const data = Uint8Array.from(
      { length: w * h * 3 },
      (_, i) => Math.floor((i * 7919 + Math.floor(i / 3) * 104729) / 13) % 256,
    );
    const treatment: InputTreatment = {
      fit: fit as FitMode,
      channels: swap ? "rgb" : "bgr",
      fill: 114,
      scale,
      mean: mean.map((m) => m * scale) as [number, number, number],
    };
    const actual = await run(
      device,
      { width: w, height: h, format: "bgr24", data },
      treatment,
      width,
      height,
    );
    let largest = 0;
    for (let pixel = 0; pixel < width * height; pixel++) {
      for (let c = 0; c < 3; c++) {
        const difference = Math.abs(actual[pixel * 4 + c]! - values[c * width * height + pixel]!);
        largest = Math.max(largest, difference / scale);
      }
    }
    assertLess(largest, 1.5e-3, JSON.stringify({ fit, source, size, swap, scale, mean }));
  }
});

async function ffmpeg(args: readonly string[], input: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const command = new Deno.Command("ffmpeg", {
    args: ["-v", "error", ...args, "pipe:1"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const process = command.spawn();
  const writer = process.stdin.getWriter();
  const writing = writer.write(input).then(() => writer.close());
  const [{ stdout, stderr, success }] = await Promise.all([process.output(), writing]);
  assertEquals(success, true, new TextDecoder().decode(stderr));
  return stdout;
}

/** Colours that change slowly and keep inside RGB, so that the way chroma is interpolated makes little difference. */
function gradients(width: number, height: number, format: PixelFormat): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(pixelBytes({ width, height, format }));
  const [cw, ch] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  for (let i = 0; i < width * height; i++) data[i] = 70 + 100 * (i % width) / width;
  for (let y = 0; y < ch; y++) {
    for (let x = 0; x < cw; x++) {
      const [u, v] = [128 + 40 * Math.sin(x / 23 + y / 31), 128 + 40 * Math.cos(x / 29 - y / 19)];
      const at = y * cw + x;
      data[width * height + (format === "i420" ? at : 2 * at)] = u;
      data[width * height + (format === "i420" ? cw * ch + at : 2 * at + 1)] = v;
    }
  }
  return data;
}

for (const format of ["i420", "nv12"] as const) {
  Deno.test(`InputBlob converts ${format} as ffmpeg does, within 2 levels`, async () => {
    using device = await Device.request({ pool: false });
    const [width, height] = [128, 96];
    const random = new Random(61);
    const data = gradients(width, height, format);
    for (const matrix of ["bt601", "bt709"] as const) {
      for (const range of ["limited", "full"] as const) {
        const pixels = format === "i420" ? "yuv420p" : "nv12";
        const raw = ["-f", "rawvideo", "-pixel_format", pixels, "-video_size", `${width}x${height}`];
        // Chroma of ffmpeg's own accord lies in the middle of its 2x2 block, and is repeated unless told otherwise.
        const siting = random.pick(["left", "center"] as const);
        const scale = `scale=in_color_matrix=${matrix}:in_range=${range}:out_range=full:` +
          `in_h_chr_pos=${siting === "left" ? 0 : 128}:in_v_chr_pos=128:flags=accurate_rnd+full_chroma_int`;
        const filter = [...raw, "-i", "pipe:0", "-vf", scale, "-pix_fmt", "rgb24", "-f", "rawvideo"];
        const expected = await ffmpeg(filter, data);
        assertEquals(expected.length, width * height * 3);
        const frame: PixelFrame = { width, height, format, data, siting, colour: { matrix, range } };
        const actual = await run(device, frame, { fit: "stretch", channels: "rgb" }, width, height);
        let largest = 0;
        for (let i = 0; i < expected.length; i++) {
          largest = Math.max(largest, Math.abs(actual[Math.floor(i / 3) * 4 + i % 3]! - expected[i]!));
        }
        assertLess(largest, 2, JSON.stringify({ format, matrix, range, siting, seed: random.seed }));
      }
    }
  });
}
