/**
 * The pictures of `tests/data/orb_opencv.py`, drawn in whole numbers.
 *
 * @module
 */

/** Halves of rectangles in random greys, softened by the mean of 3 x 3 pixels. */
export function draw(width: number, height: number, shapes: number, seed: number): Uint8Array<ArrayBuffer> {
  let state = seed;
  const random = (count: number): number => (state = (state * 75 + 74) % 65537) % count;
  const image = new Uint8Array(width * height).fill(128);
  for (let shape = 0; shape < shapes; shape++) {
    const [cx, cy, rx, ry] = [random(width), random(height), 3 + random(28), 3 + random(28)];
    const [a, b, grey] = [random(21) - 10, random(21) - 10, random(256)];
    for (let y = Math.max(cy - ry, 0); y <= Math.min(cy + ry, height - 1); y++) {
      for (let x = Math.max(cx - rx, 0); x <= Math.min(cx + rx, width - 1); x++) {
        if (a * (x - cx) + b * (y - cy) >= 0) image[y * width + x] = grey;
      }
    }
  }
  const near = (at: number, side: number): number => Math.min(Math.max(at, 0), side - 1);
  return image.map((_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    let total = 4;
    for (let v = -1; v <= 1; v++) {
      for (let u = -1; u <= 1; u++) total += image[near(y + v, height) * width + near(x + u, width)]!;
    }
    return Math.floor(total / 9);
  });
}

/** Bilinear; `m`: where a pixel comes from, from the middle, in 1/65536. Outside is 128. */
export function warp(
  image: Uint8Array<ArrayBuffer>,
  width: number,
  height: number,
  m: readonly number[],
): Uint8Array<ArrayBuffer> {
  const [cx, cy] = [Math.floor(width / 2), Math.floor(height / 2)];
  return image.map((_, i) => {
    const [dx, dy] = [i % width - cx, Math.floor(i / width) - cy];
    const u = m[0]! * dx + m[1]! * dy + cx * 65536, v = m[2]! * dx + m[3]! * dy + cy * 65536;
    const [left, top] = [Math.floor(u / 65536), Math.floor(v / 65536)];
    if (left < 0 || top < 0 || left >= width - 1 || top >= height - 1) return 128;
    const [fx, fy] = [Math.floor((u - left * 65536) / 256), Math.floor((v - top * 65536) / 256)];
    const at = top * width + left;
    const row = (at: number): number => image[at]! * (256 - fx) + image[at + 1]! * fx;
    return Math.floor((row(at) * (256 - fy) + row(at + width) * fy + 32768) / 65536);
  });
}
