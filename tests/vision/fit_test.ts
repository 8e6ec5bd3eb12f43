import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  type Box,
  boxToNetwork,
  boxToSource,
  FIT_MODES,
  fitFrame,
  type FitMode,
  keypointToSource,
  pointToNetwork,
  pointToSource,
} from "../../src/vision/fit.ts";

const RUNS = { numRuns: 500, seed: 51 };
const side = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
const anyFit = fc.tuple(side(8000), side(6000), side(700), side(700), fc.constantFrom(...FIT_MODES))
  .map(([w, h, W, H, mode]) => fitFrame({ width: w, height: h }, { width: W, height: H }, mode));
const unit = fc.double({ min: 0, max: 1, noNaN: true });

Deno.test("fitFrame() keeps the aspect ratio in a letterbox, up to the rounding of one side", () => {
  fc.assert(
    fc.property(anyFit, ({ source, network, content, scaleX, scaleY }) => {
      assert(content.x >= 0 && content.y >= 0);
      assert(content.x + content.width <= network.width && content.y + content.height <= network.height);
      assert(content.width >= 1 && content.height >= 1);
      assert(scaleX > 0 && scaleY > 0);
      assert(Number.isFinite(source.width * scaleX * scaleY));
    }),
    RUNS,
  );
  fc.assert(
    fc.property(side(8000), side(6000), side(700), side(700), (w, h, W, H) => {
      const { content } = fitFrame({ width: w, height: h }, { width: W, height: H }, "letterbox-center");
      assert(content.width === W || content.height === H, "one side is full");
      const factor = Math.min(W / w, H / h);
      assert(content.width === 1 || Math.abs(content.width - w * factor) < 1 + 1e-6);
      assert(content.height === 1 || Math.abs(content.height - h * factor) < 1 + 1e-6);
      assert(Math.abs(content.x - (W - content.width - content.x)) <= 1, "it is centred");
      assert(Math.abs(content.y - (H - content.height - content.y)) <= 1, "it is centred");
    }),
    RUNS,
  );
});

Deno.test("points go from source to network and back without loss", () => {
  fc.assert(
    fc.property(anyFit, unit, unit, (fit, u, v) => {
      const [x, y] = [u * fit.source.width, v * fit.source.height];
      const [bx, by] = pointToSource(fit, ...pointToNetwork(fit, x, y));
      assertAlmostEquals(bx, x, 1e-8);
      assertAlmostEquals(by, y, 1e-8);
    }),
    RUNS,
  );
});

Deno.test("boxes inside the frame go to the network and back without loss; others are clipped", () => {
  fc.assert(
    fc.property(anyFit, fc.tuple(unit, unit, unit, unit), (fit, [a, b, c, d]) => {
      const { width, height } = fit.source;
      const box: Box = [
        Math.min(a, c) * width,
        Math.min(b, d) * height,
        Math.max(a, c) * width,
        Math.max(b, d) * height,
      ];
      boxToSource(fit, boxToNetwork(fit, box)).forEach((value, i) =>
        assertAlmostEquals(value, box[i]!, 1e-8)
      );
      const outside = boxToNetwork(fit, [-width, -height, 2 * width, 2 * height]);
      assertEquals(boxToSource(fit, outside), [0, 0, width, height]);
    }),
    RUNS,
  );
});

Deno.test("the content of a fit shows the frame: its corners are the frame's", () => {
  fc.assert(
    fc.property(anyFit, (fit) => {
      const { content, source } = fit;
      const [x1, y1] = pointToSource(fit, content.x, content.y);
      const [x2, y2] = pointToSource(fit, content.x + content.width, content.y + content.height);
      if (
        content.width === fit.network.width && content.height === fit.network.height &&
        fit.originX + fit.originY > 0
      ) {
        // A crop shows a part of it, within a pixel of the resized frame.
        assert(x1 >= 0 && y1 >= 0 && x2 <= source.width + fit.scaleX && y2 <= source.height + fit.scaleY);
      }
      assert(x2 - x1 <= source.width + fit.scaleX && y2 - y1 <= source.height + fit.scaleY);
    }),
    RUNS,
  );
});

Deno.test("fitFrame() gives the geometry of known cases", () => {
  const fit = (mode: FitMode): unknown => {
    const { content, scaleX, scaleY, originX, originY } = fitFrame(
      { width: 640, height: 480 },
      { width: 320, height: 320 },
      mode,
    );
    return [content.x, content.y, content.width, content.height, scaleX, scaleY, originX, originY];
  };
  assertEquals(fit("stretch"), [0, 0, 320, 320, 2, 1.5, 0, 0]);
  assertEquals(fit("letterbox-center"), [0, 40, 320, 240, 2, 2, 0, -80]);
  assertEquals(fit("letterbox-top-left"), [0, 0, 320, 240, 2, 2, 0, 0]);
  assertEquals(fit("center-crop"), [0, 0, 320, 320, 1.5, 1.5, 79.5, 0]);
});

Deno.test("keypointToSource() clips to the frame", () => {
  const fit = fitFrame({ width: 640, height: 480 }, { width: 320, height: 320 }, "letterbox-center");
  assertEquals(keypointToSource(fit, 10, 50), [20, 20]);
  assertEquals(keypointToSource(fit, -3, 10), [0, 0]);
  assertEquals(keypointToSource(fit, 400, 400), [640, 480]);
});

Deno.test("fitFrame() refuses sizes that are none", () => {
  const size = { width: 10, height: 10 };
  assertThrows(() => fitFrame({ width: 0, height: 10 }, size, "stretch"), RangeError, "0x10");
  assertThrows(() => fitFrame(size, { width: 10, height: 1.5 }, "stretch"), RangeError, "10x1.5");
  assertThrows(() => fitFrame(size, size, "squeeze" as FitMode), RangeError, "squeeze");
});
