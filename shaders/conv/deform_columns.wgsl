// The inputs of a deformable convolution, sampled where its offsets point: one "column" of all taps and channels for each output
// pixel, which a 1 x 1 convolution then multiplies by the weights.
//
//   y[n, oh, ow, k] = mask * bilinear sample of x[n, :, :, c] at (oh, ow) * stride - pad + (kh, kw) * dilation + offset
//
// where k counts, within each group of the convolution, taps (kh, kw), and within each tap the group's channels. Offsets (rows
// and then columns) and masks are those of the tap and of the channel's offset group. Pixels outside the image are zero.
//
//   x, offsets, masks, y: NHWC, channels padded to a multiple of 4; offsets and strides count vec4s; offsets and masks are read
//   element by element. y has groups * taps * group_c channels; its padding lanes are written as zero.
//
// Grid: `count` = batch * out_h * out_w * columns4 invocations.
// WHOLE: the four channels of a vec4 lie in one group, tap and offset group: group_c and offset_c are multiples of 4.

struct Params {
  count: u32,
  columns: u32,
  columns4: u32,
  in_h: u32,
  in_w: u32,
  out_h: u32,
  out_w: u32,
  kernel_w: u32,
  taps: u32,
  stride_h: u32,
  stride_w: u32,
  dilation_h: u32,
  dilation_w: u32,
  pad_top: i32,
  pad_left: i32,
  group_c: u32,
  offset_c: u32,
  x_offset: u32,
  x_stride_n: u32,
  x_stride_h: u32,
  x_stride_w: u32,
  o_offset: u32,
  o_stride_n: u32,
  o_stride_h: u32,
  o_stride_w: u32,
  m_offset: u32,
  m_stride_n: u32,
  m_stride_h: u32,
  m_stride_w: u32,
  y_offset: u32,
  y_stride_n: u32,
  y_stride_h: u32,
  y_stride_w: u32,
};

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> offsets: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

override WHOLE: bool = false;

// What a sample is multiplied by: `tap` counts the taps of all offset groups.
//#inject mask
fn mask(n: u32, oh: u32, ow: u32, tap: u32) -> f32 { return 1.0; }
//#end

// The channels of a vec4 from channel c on, or, unless WHOLE, channel c alone in all lanes.
fn pixel_at(n: u32, h: i32, w: i32, c: u32) -> vec4f {
  if (h < 0 || h >= i32(params.in_h) || w < 0 || w >= i32(params.in_w)) { return vec4f(); }
  let at = params.x_offset + n * params.x_stride_n + u32(h) * params.x_stride_h + u32(w) * params.x_stride_w;
  let value = x[at + c / 4u];
  if (WHOLE) { return value; }
  return vec4f(value[c % 4u]);
}

fn sampled(n: u32, oh: u32, ow: u32, k: u32) -> vec4f {
  let group_columns = params.taps * params.group_c;
  let conv_group = k / group_columns;
  let in_group = k - conv_group * group_columns;
  let tap = in_group / params.group_c;
  let c = conv_group * params.group_c + in_group - tap * params.group_c;
  let offset_tap = c / params.offset_c * params.taps + tap;
  let place = params.o_offset + n * params.o_stride_n + oh * params.o_stride_h + ow * params.o_stride_w;
  let shift_h = offsets[4u * place + 2u * offset_tap];
  let shift_w = offsets[4u * place + 2u * offset_tap + 1u];
  let kh = tap / params.kernel_w;
  let kw = tap - kh * params.kernel_w;
  // Far outside all is zero; nearer in, whole numbers hold the position.
  let row = clamp(f32(i32(oh * params.stride_h + kh * params.dilation_h) - params.pad_top) + shift_h, -2.0, f32(params.in_h) + 1.0);
  let column =
    clamp(f32(i32(ow * params.stride_w + kw * params.dilation_w) - params.pad_left) + shift_w, -2.0, f32(params.in_w) + 1.0);
  let top = floor(row);
  let left = floor(column);
  let h = i32(top);
  let w = i32(left);
  let v = row - top;
  let u = column - left;
  let above = pixel_at(n, h, w, c) * (1.0 - u) + pixel_at(n, h, w + 1, c) * u;
  let below = pixel_at(n, h + 1, w, c) * (1.0 - u) + pixel_at(n, h + 1, w + 1, c) * u;
  return (above * (1.0 - v) + below * v) * mask(n, oh, ow, offset_tap);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  let k4 = index % params.columns4;
  let pixel = index / params.columns4;
  let ow = pixel % params.out_w;
  let oh = (pixel / params.out_w) % params.out_h;
  let n = pixel / (params.out_w * params.out_h);
  var value = vec4f();
  if (WHOLE) {
    value = sampled(n, oh, ow, 4u * k4);
  } else {
    for (var lane = 0u; lane < 4u; lane++) {
      let k = 4u * k4 + lane;
      if (k < params.columns) { value[lane] = sampled(n, oh, ow, k).x; }
    }
  }
  let to = params.y_offset + n * params.y_stride_n + oh * params.y_stride_h + ow * params.y_stride_w + k4;
  y[to] = value;
}
