// QuantizeLinear: y = saturate(round(x / scale) + zero point), rounding halves to even.
//
// x, y: NHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero. A
// linear tensor of E elements is taken as one pixel of E channels. Scale and zero point of channel c of a pixel are those at
//   c / (inner * extent) * outer_step + (c / inner) % extent / block * axis_step + c % inner * inner_step
// (all steps 0: one for all). Without a zero point, zero_factor is 0 and any buffer may be bound.

//#inject source
alias source = vec4f;
//#end

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
  inner: u32,
  extent: u32,
  block: u32,
  outer_step: u32,
  axis_step: u32,
  inner_step: u32,
  scale_offset: u32,
  zero_offset: u32,
  zero_factor: i32,
  low: i32,
  high: i32,
};

@group(0) @binding(0) var<storage, read_write> x: array<source>;
@group(0) @binding(1) var<storage, read_write> scale: array<f32>;
@group(0) @binding(2) var<storage, read_write> zero: array<i32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4i>;
@group(0) @binding(4) var<uniform> params: Params;

// The correctly rounded quotient. Division may be a few units off in WGSL; the rest is computed without error, from
// halves of the factors whose products are exact, and divided once more. Huge quotients saturate whatever they are.
fn divide(a: vec4f, b: vec4f) -> vec4f {
  let q = a / b;
  let q_high = bitcast<vec4f>(bitcast<vec4u>(q) & vec4u(0xfffff000u));
  let b_high = bitcast<vec4f>(bitcast<vec4u>(b) & vec4u(0xfffff000u));
  let q_low = q - q_high;
  let b_low = b - b_high;
  let rest = (((a - q_high * b_high) - q_high * b_low) - q_low * b_high) - q_low * b_low;
  return select(q, q + rest / b, abs(q) < vec4f(1e18));
}

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
  let from_x = params.x_offset + image * params.x_stride_n + row * params.x_stride_h + column * params.x_stride_w;
  let to = params.y_offset + image * params.y_stride_n + row * params.y_stride_h + column * params.y_stride_w;
  let channel = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
  let known = min(channel, vec4u(params.c - 1u));
  let inner = vec4u(params.inner);
  let along = known / inner;
  let at = (along / vec4u(params.extent)) * params.outer_step
    + ((along % vec4u(params.extent)) / vec4u(params.block)) * params.axis_step + (known % inner) * params.inner_step;
  let from_scale = at + vec4u(params.scale_offset);
  let from_zero = select(vec4u(0u), at, params.zero_factor != 0) + vec4u(params.zero_offset);
  let step = vec4f(scale[from_scale.x], scale[from_scale.y], scale[from_scale.z], scale[from_scale.w]);
  let shift = params.zero_factor * vec4i(zero[from_zero.x], zero[from_zero.y], zero[from_zero.z], zero[from_zero.w]);
  let quotient = round(divide(vec4f(x[from_x + c4]), step));
  let least = vec4f(vec4i(params.low) - shift);
  let most = vec4f(vec4i(params.high) - shift);
  let value = vec4i(clamp(quotient, least, most)) + shift;
  y[to + c4] = select(vec4i(), value, channel < vec4u(params.c));
}
