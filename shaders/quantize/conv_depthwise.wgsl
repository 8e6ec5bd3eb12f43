// Depthwise convolution of bytes (groups = channels in = channels out): an invocation computes P outputs, side by side in a
// row, of one channel group (vec4). Neighbouring invocations take neighbouring channels.
//
//   sum[pixel, c] = sum over ky, kx of (x[pixel at tap (ky, kx), c] - x zero) * w[c, ky, kx] + bias[c]
//   y = finish(sum)
//
//   x        words, NHWC, channels in vec4: (n, h, w, c4) at x_offset + n * x_stride_n + h * x_stride_h + w * x_stride_w + c4
//   weights  vec4 over channels: c4 * KH * KW + ky * KW + kx, less their zero points
//   terms    vec4 per channel group: the bias, zeros where there is no channel
//   zero     x's zero point at zero_offset
//   y        as x, by its own offset and strides; lanes >= out_c are written as zero
//
// By another `load` or `store`, x or y is packed: a word of four signed bytes in the place of each vec4, less x_shift or y_shift.
//
// Grid: ceil(batch * out_h * ceil(out_w / P) * channel groups / WG) workgroups, folded into (x, y).

struct Params {
  x_offset: u32,
  x_stride_n: u32,
  x_stride_h: u32,
  x_stride_w: u32,
  y_offset: u32,
  y_stride_n: u32,
  y_stride_h: u32,
  y_stride_w: u32,
  batch: u32,
  in_h: u32,
  in_w: u32,
  out_h: u32,
  out_w: u32,
  out_c: u32,
  stride_h: u32,
  stride_w: u32,
  dilation_h: u32,
  dilation_w: u32,
  pad_top: u32,
  pad_left: u32,
  zero_offset: u32,
  x_shift: i32,
  y_zero: i32,
  y_shift: i32,
  low: i32,
  high: i32,
}

@group(0) @binding(1) var<storage, read> weights: array<vec4i>;
@group(0) @binding(2) var<storage, read> terms: array<vec4i>;
@group(0) @binding(4) var<uniform> params: Params;
@group(0) @binding(5) var<storage, read_write> zero: array<i32>;

override WG: u32 = 64u;
override KH: u32 = 3u;
override KW: u32 = 3u;

//#inject tile
const P = 4u;
//#end

//#inject source
@group(0) @binding(0) var<storage, read_write> x: array<vec4i>;
fn load(at: u32) -> vec4i {
  return x[at];
}
//#end

//#inject store
@group(0) @binding(3) var<storage, read_write> y: array<vec4i>;
fn store(at: u32, value: vec4i, lanes: vec4<bool>) {
  y[at] = select(vec4i(), value, lanes);
}
//#end

//#inject finish
fn finish(sum: vec4i, c4: u32) -> vec4i {
  return sum;
}
//#end

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * grid.x + group.x) * WG + local;
  let channels4 = (params.out_c + 3u) / 4u;
  let tiles_w = (params.out_w + P - 1u) / P;
  let tile = index / channels4;
  let c4 = index - tile * channels4;
  let row = tile / tiles_w;
  let n = row / params.out_h;
  if (n >= params.batch) {
    return;
  }
  let oh = row - n * params.out_h;
  let ow = (tile - row * tiles_w) * P;
  let top = i32(oh * params.stride_h) - i32(params.pad_top);
  let left = i32(ow * params.stride_w) - i32(params.pad_left);
  let x_zero = vec4i(zero[params.zero_offset]);
  let bias = terms[c4];
  var acc: array<vec4i, P>;
  //#unroll t P
  for (var t = 0u; t < P; t++) {
    acc[t] = bias;
  }
  //#end
  for (var ky = 0u; ky < KH; ky++) {
    let h = top + i32(ky * params.dilation_h);
    if (h < 0 || h >= i32(params.in_h)) {
      continue;
    }
    let row_at = params.x_offset + n * params.x_stride_n + u32(h) * params.x_stride_h + c4;
    for (var kx = 0u; kx < KW; kx++) {
      let factor = weights[(c4 * KH + ky) * KW + kx];
      //#unroll t P
      for (var t = 0u; t < P; t++) {
        let w = left + i32(t * params.stride_w + kx * params.dilation_w);
        let inside = w >= 0 && w < i32(params.in_w);
        let value = load(select(0u, row_at + u32(w) * params.x_stride_w, inside));
        acc[t] += select(vec4i(), (value - x_zero) * factor, inside);
      }
      //#end
    }
  }
  let lanes = vec4u(4u * c4) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.out_c);
  let to = params.y_offset + n * params.y_stride_n + oh * params.y_stride_h + c4;
  //#unroll t P
  for (var t = 0u; t < P; t++) {
    if (ow + t < params.out_w) {
      store(to + (ow + t) * params.y_stride_w, finish(acc[t], c4), lanes);
    }
  }
  //#end
}
