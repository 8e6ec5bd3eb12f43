// A function of bytes by its table: y = table[x - low].
//
// x, y: words, NHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero. A
// linear tensor of E elements is taken as one pixel of E channels. table: 256 words.

struct Params {
  count: u32,
  c: u32,
  c4: u32,
  h: u32,
  w: u32,
  x_offset: u32,
  x_stride_n: u32,
  x_stride_h: u32,
  x_stride_w: u32,
  y_offset: u32,
  y_stride_n: u32,
  y_stride_h: u32,
  y_stride_w: u32,
  low: i32,
};

@group(0) @binding(0) var<storage, read_write> x: array<vec4i>;
@group(0) @binding(1) var<storage, read> table: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4i>;
@group(0) @binding(3) var<uniform> params: Params;

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
  let source = params.x_offset + image * params.x_stride_n + row * params.x_stride_h + column * params.x_stride_w;
  let to = params.y_offset + image * params.y_stride_n + row * params.y_stride_h + column * params.y_stride_w;
  let channel = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
  // What lies behind the last element of a linear tensor may be anything.
  let at = vec4u(clamp(x[source + c4] - vec4i(params.low), vec4i(0), vec4i(255)));
  let value = vec4i(table[at.x], table[at.y], table[at.z], table[at.w]);
  y[to + c4] = select(vec4i(), value, channel < vec4u(params.c));
}
