// Sum or product of two tensors of bytes, element by element.
//
//   sum:      y = saturate(round(a_factor * a + (b_factor * b + rest)))
//   product:  y = saturate(round((a - a_zero) * (b - b_zero) * a_factor + rest))
//
// a, b, y: words, NHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as
// zero. Linear tensors of E elements are taken as one pixel of E channels.

struct Params {
  count: u32,
  c: u32,
  c4: u32,
  h: u32,
  w: u32,
  a_offset: u32,
  a_stride_n: u32,
  a_stride_h: u32,
  a_stride_w: u32,
  b_offset: u32,
  b_stride_n: u32,
  b_stride_h: u32,
  b_stride_w: u32,
  y_offset: u32,
  y_stride_n: u32,
  y_stride_h: u32,
  y_stride_w: u32,
  a_zero: i32,
  b_zero: i32,
  a_factor: f32,
  b_factor: f32,
  rest: f32,
  low: f32,
  high: f32,
};

@group(0) @binding(0) var<storage, read_write> a: array<vec4i>;
@group(0) @binding(1) var<storage, read_write> b: array<vec4i>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4i>;
@group(0) @binding(3) var<uniform> params: Params;

override MULTIPLY: bool = false;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  let c4 = index % params.c4;
  let pixel = index / params.c4;
  let column = pixel % params.w;
  let row = (pixel / params.w) % params.h;
  let image = pixel / (params.w * params.h);
  let from_a = params.a_offset + image * params.a_stride_n + row * params.a_stride_h + column * params.a_stride_w;
  let from_b = params.b_offset + image * params.b_stride_n + row * params.b_stride_h + column * params.b_stride_w;
  let to = params.y_offset + image * params.y_stride_n + row * params.y_stride_h + column * params.y_stride_w;
  let left = a[from_a + c4];
  let right = b[from_b + c4];
  var value = params.a_factor * vec4f(left) + (params.b_factor * vec4f(right) + vec4f(params.rest));
  if (MULTIPLY) {
    let both = (left - vec4i(params.a_zero)) * (right - vec4i(params.b_zero));
    value = vec4f(both) * params.a_factor + vec4f(params.rest);
  }
  let channel = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
  let rounded = vec4i(round(clamp(value, vec4f(params.low), vec4f(params.high))));
  y[to + c4] = select(vec4i(), rounded, channel < vec4u(params.c));
}
