import { assertAlmostEquals, assertThrows } from "@std/assert";
import { Device } from "../../../src/gpu/mod.ts";
import { type Pooling, poolingDispatches } from "../../../src/place/embedding/pooling.ts";
import { denseView, storageElements } from "../../../src/tensor/view.ts";
import { Random } from "../../support/random.ts";

Deno.test("pooling gives what plain loops give, in both layouts", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const random = new Random(2);
  const kinds: Pooling[] = ["average", "max", { gem: 3 }, { gem: 1.5 }];
  for (const shape of [[1, 1, 1, 1], [2, 7, 3, 5], [1, 70, 4, 4], [3, 5, 1, 9]]) {
    const [n, c, h, w] = shape as [number, number, number, number];
    for (const layout of ["linear", "image"] as const) {
      const view = denseView(0, "f32", shape, layout);
      const data = new Float32Array(storageElements(shape, layout));
      const at = (i: number, k: number, y: number, x: number): number =>
        [i, k, y, x].reduce((sum, index, axis) => sum + index * view.strides[axis]!, view.offset);
      for (let i = 0; i < n; i++) {
        for (let k = 0; k < c; k++) {
          for (let p = 0; p < h * w; p++) data[at(i, k, Math.floor(p / w), p % w)] = random.normal(0.3);
        }
      }
      const range = device.upload(data, "map");
      for (const kind of kinds) {
        for (const normalize of [true, false]) {
          const target = device.upload(new Float32Array(n * c), "descriptors");
          stream.run(poolingDispatches(device, { range, view }, target, kind, { normalize }));
          stream.submit();
          const found = new Float32Array(await device.read(target));
          for (let i = 0; i < n; i++) {
            const wanted = Array.from({ length: c }, (_, k) => {
              const values = Array.from(
                { length: h * w },
                (_, p) => data[at(i, k, Math.floor(p / w), p % w)]!,
              );
              if (kind === "max") return Math.max(...values);
              const power = kind === "average" ? 1 : kind.gem;
              const terms = kind === "average" ? values : values.map((x) => Math.max(x, 1e-6) ** power);
              const mean = terms.reduce((sum, x) => sum + x, 0) / terms.length;
              return kind === "average" ? mean : mean ** (1 / power);
            });
            const length = normalize ? Math.hypot(...wanted) : 1;
            wanted.forEach((x, k) =>
              assertAlmostEquals(
                found[i * c + k]!,
                x / length,
                1e-4,
                JSON.stringify({ seed: random.seed, shape, layout, kind, normalize, i, k }),
              )
            );
          }
          target.buffer.destroy();
        }
      }
      range.buffer.destroy();
    }
  }
});

Deno.test("pooling refuses maps that it cannot take", async () => {
  using device = await Device.request({ pool: false });
  const range = device.upload(new Float32Array(16), "map");
  const target = device.upload(new Float32Array(4), "descriptor");
  const pool = (shape: number[], kind: Pooling) => () =>
    poolingDispatches(device, { range, view: denseView(0, "f32", shape, "linear") }, target, kind);
  assertThrows(pool([1, 4, 4], "max"), RangeError, "[1, 4, 4]");
  assertThrows(pool([1, 5, 1, 1], "max"), RangeError, "into 16 bytes");
  assertThrows(pool([1, 4, 2, 2], { gem: 0 }), RangeError, "power 0");
});
