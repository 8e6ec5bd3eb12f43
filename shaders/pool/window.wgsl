// Pooling over a sliding window, one vec4 of channels an invocation.
//
//   y[n, oh, ow, c] = epilogue(max or mean over ky, kx of x[n, oh * stride - pad + ky * dilation, ..., c])
//
// x, y: NHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero.
// Taps outside the image do not take part. A mean is divided by the number of taps whose row and column lie in
// [count_begin, count_end): the image, or the image with its padding where the padding counts.
//
// Grid: `count` = batch * out_h * out_w * c4 invocations.
// Limit: KH * KW + KH iterations an invocation must stay under 65,535 (llvmpipe).

struct Params {
  count: u32,
  c: u32,
  c4: u32,
  in_h: u32,
  in_w: u32,
  out_h: u32,
  out_w: u32,
  stride_h: u32,
  stride_w: u32,
  dilation_h: u32,
  dilation_w: u32,
  pad_top: u32,
  pad_left: u32,
  count_begin_h: i32,
  count_begin_w: i32,
  count_end_h: i32,
  count_end_w: i32,
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
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

override KH: u32 = 2u;
override KW: u32 = 2u;
override AVERAGE: bool = false;

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
  let column = pixel % params.out_w;
  let row = (pixel / params.out_w) % params.out_h;
  let image = pixel / (params.out_w * params.out_h);
  let top = i32(row * params.stride_h) - i32(params.pad_top);
  let left = i32(column * params.stride_w) - i32(params.pad_left);
  let source = params.x_offset + image * params.x_stride_n + c4;
  var sum = vec4f(0.0);
  var largest = vec4f(-3.4028234663852886e38);
  var counted_rows = 0u;
  var counted_columns = 0u;
  for (var kx = 0u; kx < KW; kx++) {
    let w = left + i32(kx * params.dilation_w);
    counted_columns += select(0u, 1u, w >= params.count_begin_w && w < params.count_end_w);
  }
  for (var ky = 0u; ky < KH; ky++) {
    let h = top + i32(ky * params.dilation_h);
    counted_rows += select(0u, 1u, h >= params.count_begin_h && h < params.count_end_h);
    if (h < 0 || h >= i32(params.in_h)) { continue; }
    for (var kx = 0u; kx < KW; kx++) {
      let w = left + i32(kx * params.dilation_w);
      if (w < 0 || w >= i32(params.in_w)) { continue; }
      let value = x[source + u32(h) * params.x_stride_h + u32(w) * params.x_stride_w];
      if (AVERAGE) { sum += value; } else { largest = max(largest, value); }
    }
  }
  var value = largest;
  if (AVERAGE) { value = sum / f32(max(counted_rows * counted_columns, 1u)); }
  let lanes = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
  let destination = params.y_offset + image * params.y_stride_n + row * params.y_stride_h + column * params.y_stride_w;
  y[destination + c4] = select(vec4f(0.0), epilogue(value, pixel, c4), lanes < vec4u(params.c));
}
