// A mask: one byte a pixel, chosen where it is not 0.
//
// mask    the mask's words
// params  mask_view: byte offset of pixel (0, 0), bytes a row, rows, columns

@group(0) @binding(3) var<storage, read_write> mask: array<u32>;

// Four pixels next to each other.
fn masked(px: i32, py: i32) -> vec4<bool> {
  let a = params.mask_view.x + u32(py) * params.mask_view.y + u32(px);
  let shift = (a & 3u) * 8u;
  var bits = mask[a >> 2u] >> shift;
  if (shift > 0u) {
    bits |= mask[(a >> 2u) + 1u] << (32u - shift);
  }
  return ((vec4u(bits) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u)) != vec4u(0u);
}
