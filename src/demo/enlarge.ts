import type { Size } from "../vision/fit.ts";

/**
 * A picture of red, green and blue in another size, each pixel between the four nearest ones (bilinear; meant for larger
 * sizes). Pixels are squares: the middle of the first one lies at 0.5.
 *
 * @param out its bytes, `width * height * 3`.
 */
export function enlarge(
  { width, height, pixels }: Size & { readonly pixels: Uint8Array },
  size: Size,
  out: Uint8Array<ArrayBuffer>,
): void {
  const columns = neighbours(width, size.width), rows = neighbours(height, size.height);
  const blended = new Uint16Array(width * 3);
  for (let y = 0, at = 0; y < size.height; y++) {
    const above = rows.from[y]! * width * 3, below = rows.to[y]! * width * 3, down = rows.share[y]!;
    for (let i = 0; i < blended.length; i++) {
      blended[i] = pixels[above + i]! * (256 - down) + pixels[below + i]! * down;
    }
    for (let x = 0; x < size.width; x++) {
      const left = columns.from[x]! * 3, right = columns.to[x]! * 3, across = columns.share[x]!;
      for (let c = 0; c < 3; c++, at++) {
        out[at] = (blended[left + c]! * (256 - across) + blended[right + c]! * across + 32768) >> 16;
      }
    }
  }
}

/** For each of `to` pixels the two nearest of `from`, and the second one's share in 256ths. */
function neighbours(from: number, to: number): { from: Uint32Array; to: Uint32Array; share: Uint32Array } {
  const result = { from: new Uint32Array(to), to: new Uint32Array(to), share: new Uint32Array(to) };
  for (let i = 0; i < to; i++) {
    const at = Math.max(0, (i + 0.5) * from / to - 0.5);
    const first = Math.min(from - 1, Math.floor(at));
    result.from[i] = first;
    result.to[i] = Math.min(from - 1, first + 1);
    result.share[i] = Math.round((at - first) * 256);
  }
  return result;
}
