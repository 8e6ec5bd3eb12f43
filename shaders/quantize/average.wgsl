// Mean of bytes over a sliding window: y = saturate(round(mean of (x - x_zero) * x_scale / y_scale + y_zero)). The zero point is
// added before rounding, and the terms are summed as floats, row by row, as ONNX Runtime does it.
//
// x, y: words, NHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero. The
// sum is divided by the number of taps within the image, or, with COUNT_PADDING, within the image and its padding.
//
// Grid: ceil(batch * out_h * out_w * c4 / 64) workgroups, folded into (x, y).
// Limit: kernel_h * (1 + kernel_w) iterations an invocation must stay under 65,535 (llvmpipe).

struct Params {
  batch: u32,
  c: u32,
  c4: u32,
  in_h: u32,
  in_w: u32,
  out_h: u32,
  out_w: u32,
  x_offset: u32,
  x_stride_n: u32,
  x_stride_h: u32,
  x_stride_w: u32,
  y_offset: u32,
  y_stride_n: u32,
  y_stride_h: u32,
  y_stride_w: u32,
  kernel_h: u32,
  kernel_w: u32,
  stride_h: u32,
  stride_w: u32,
  dilation_h: u32,
  dilation_w: u32,
  pad_top: u32,
  pad_left: u32,
  pad_bottom: u32,
  pad_right: u32,
  x_zero: i32,
  x_scale: f32,
  y_scale: f32,
  y_zero: i32,
  low: i32,
  high: i32,
};

@group(0) @binding(0) var<storage, read_write> x: array<vec4i>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4i>;
@group(0) @binding(2) var<uniform> params: Params;

override COUNT_PADDING: bool = false;

// The correctly rounded quotient: see quantize.wgsl.
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
  let c4 = index % params.c4;
  let pixel = index / params.c4;
  let ow = pixel % params.out_w;
  let oh = (pixel / params.out_w) % params.out_h;
  let n = pixel / (params.out_w * params.out_h);
  if (n >= params.batch) { return; }
  let top = i32(oh * params.stride_h) - i32(params.pad_top);
  let left = i32(ow * params.stride_w) - i32(params.pad_left);
  let image = params.x_offset + n * params.x_stride_n + c4;
  var sum = vec4f();
  var taps = 0u;
  for (var ky = 0u; ky < params.kernel_h; ky++) {
    let h = top + i32(ky * params.dilation_h);
    for (var kx = 0u; kx < params.kernel_w; kx++) {
      let w = left + i32(kx * params.dilation_w);
      if (h >= 0 && h < i32(params.in_h) && w >= 0 && w < i32(params.in_w)) {
        let value = x[image + u32(h) * params.x_stride_h + u32(w) * params.x_stride_w];
        sum += vec4f(value - vec4i(params.x_zero)) * params.x_scale;
        taps++;
      } else if (COUNT_PADDING && h < i32(params.in_h + params.pad_bottom) && w < i32(params.in_w + params.pad_right)) {
        taps++;
      }
    }
  }
  let mean = divide(sum, vec4f(f32(max(taps, 1u))));
  let value = divide(mean, vec4f(params.y_scale)) + vec4f(f32(params.y_zero));
  let rounded = vec4i(round(clamp(value, vec4f(f32(params.low)), vec4f(f32(params.high)))));
  let channel = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
  let to = params.y_offset + n * params.y_stride_n + oh * params.y_stride_h + ow * params.y_stride_w + c4;
  y[to] = select(vec4i(), rounded, channel < vec4u(params.c));
}
