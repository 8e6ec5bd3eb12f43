// Packs four bytes to a word, for packed dot products: y[((n * h + row) * w + column) * c4 + group] holds channels
// 4 * group to 4 * group + 3, the first one lowest, each less `shift` (128 makes signed bytes of unsigned ones). Lanes beyond
// the channels are 0.
//
//   x  words, one an element, by any strides (which count elements)
//   y  linear
//
// Grid: ceil(n * h * w * c4 / 64) workgroups, folded into (x, y).

struct Params {
  n: u32,
  h: u32,
  w: u32,
  c: u32,
  c4: u32,
  shift: i32,
  x_offset: u32,
  x_stride_n: i32,
  x_stride_h: i32,
  x_stride_w: i32,
  x_stride_c: i32,
  y_offset: u32,
};

@group(0) @binding(0) var<storage, read_write> x: array<i32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  let c4 = index % params.c4;
  let pixel = index / params.c4;
  let column = pixel % params.w;
  let row = (pixel / params.w) % params.h;
  let image = pixel / (params.w * params.h);
  if (image >= params.n) { return; }
  let start = i32(params.x_offset) + i32(image) * params.x_stride_n + i32(row) * params.x_stride_h
    + i32(column) * params.x_stride_w;
  let channel = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
  let at = vec4i(min(channel, vec4u(params.c - 1u))) * params.x_stride_c + vec4i(start);
  let value = vec4i(x[at.x], x[at.y], x[at.z], x[at.w]) - vec4i(params.shift);
  let bytes = vec4u(select(vec4i(), value, channel < vec4u(params.c)) & vec4i(255));
  y[params.y_offset + index] = bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
}
