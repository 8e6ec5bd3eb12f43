// One level of the pyramid from the level before it: bilinear, in whole numbers.
//
// x  the larger level, a word a pixel; rows are padded by their last pixel to a multiple of four
// y  the smaller level, the same
//
// Pixel centres are at halves. Positions and weights are in 1/256 of a pixel; sides are at most 32,767.

struct Params {
  from_width: u32,
  from_height: u32,
  to_width: u32,
  to_height: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

// Where the centre of pixel `at` of `to` pixels lies among `side` pixels.
fn position(at: u32, side: u32, to: u32) -> u32 {
  let ends = (2u * at + 1u) * side;
  let place = ends / (2u * to) * 256u + (ends % (2u * to) * 256u + to) / (2u * to);
  return u32(clamp(i32(place) - 128, 0, i32((side - 1u) * 256u)));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let stride = (params.to_width + 3u) & ~3u;
  if (id.x >= stride) { return; }
  let from_stride = (params.from_width + 3u) & ~3u;
  let column = position(min(id.x, params.to_width - 1u), params.from_width, params.to_width);
  let row = position(id.y, params.from_height, params.to_height);
  let left = column >> 8u;
  let right = min(left + 1u, params.from_width - 1u);
  let upper = (row >> 8u) * from_stride;
  let lower = min((row >> 8u) + 1u, params.from_height - 1u) * from_stride;
  let wx = column & 255u;
  let wy = row & 255u;
  let above = x[upper + left] * (256u - wx) + x[upper + right] * wx;
  let below = x[lower + left] * (256u - wx) + x[lower + right] * wx;
  y[id.y * stride + id.x] = (above * (256u - wy) + below * wy + 32768u) >> 16u;
}
