// Instance normalisation, given each channel's mean and variance: one vec4 of channels an invocation.
//
//   y[n, h, w, c] = epilogue((x[n, h, w, c] - mean[n, c]) / sqrt(variance[n, c] + epsilon) * scale[c] + bias[c])
//
// x, y: NHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero.
// mean, variance: vec4s at n * c4 + (group of 4 channels). scale_bias: c4 vec4s of scale, then c4 of bias.
//
// Grid: `count` = batch * h * w * c4 invocations.

struct Params {
  count: u32,
  c: u32,
  c4: u32,
  h: u32,
  w: u32,
  epsilon: f32,
  x_offset: u32,
  x_stride_n: u32,
  x_stride_h: u32,
  x_stride_w: u32,
  y_offset: u32,
  y_stride_n: u32,
  y_stride_h: u32,
  y_stride_w: u32,
  operands: array<vec4u, 4>,
};

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> mean: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> variance: array<vec4f>;
@group(0) @binding(3) var<storage, read> scale_bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<uniform> params: Params;

//#inject epilogue
fn epilogue(value: vec4f, pixel: u32, c4: u32) -> vec4f { return value; }
//#end

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
  let destination = params.y_offset + image * params.y_stride_n + row * params.y_stride_h + column * params.y_stride_w;
  let at = image * params.c4 + c4;
  let factor = scale_bias[c4] / sqrt(variance[at] + vec4f(params.epsilon));
  let value = (x[source + c4] - mean[at]) * factor + scale_bias[params.c4 + c4];
  let lanes = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
  y[destination + c4] = select(vec4f(0.0), epilogue(value, pixel, c4), lanes < vec4u(params.c));
}
