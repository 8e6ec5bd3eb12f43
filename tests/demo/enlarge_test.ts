import { assertEquals } from "@std/assert";
import { enlarge } from "../../src/demo/enlarge.ts";

Deno.test("enlarge() leaves a picture of the same size as it is", () => {
  const pixels = Uint8Array.from({ length: 5 * 3 * 3 }, (_, i) => i * 5 % 256);
  const out = new Uint8Array(pixels.length);
  enlarge({ width: 5, height: 3, pixels }, { width: 5, height: 3 }, out);
  assertEquals(out, pixels);
});

Deno.test("enlarge() goes from pixel to pixel in even steps, and repeats the edges", () => {
  const grey = (...values: number[]): Uint8Array =>
    Uint8Array.from(values.flatMap((value) => [value, value, value]));
  const out = new Uint8Array(4 * 3);
  enlarge({ width: 2, height: 1, pixels: grey(0, 200) }, { width: 4, height: 1 }, out);
  assertEquals(out, grey(0, 50, 150, 200));
  enlarge({ width: 1, height: 2, pixels: grey(200, 0) }, { width: 1, height: 4 }, out);
  assertEquals(out, grey(200, 150, 50, 0));
});
