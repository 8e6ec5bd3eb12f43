// Convolution of bytes as implicit GEMM: each invocation computes P output pixels x Q groups of 4 output channels by dot
// products of 4 bytes.
//
//   sum[pixel, co] = sum over ky, kx, ci of (x[pixel at tap (ky, kx), ci] - x zero) * (w[co, ky, kx, ci] - w zero[co]) + bias[co]
//   y = finish(sum)
//
// Any kernel size, stride, dilation and asymmetric padding. Groups are allowed when the channels of a group are a multiple
// of 4 both in and out. Both operands are signed: unsigned ones are less 128, and so are their zero points.
//
//   x        four channels a word, from pack.wgsl: word (n, h, w, c4) at x_offset + ((n * in_h + h) * in_w + w) * in_c4 + c4
//   weights  vec4 over output channels of words of 4 input channels: (co4 * KH * KW + ky * KW + kx) * group_in_c4 + ci4
//   terms    three vec4 per output channel group: the bias; what each unit of x's zero point adds (products summed * w zero
//            - sum of w); w zero. Zeros where there is no channel
//   zero     x's zero point at zero_offset, before 128 (zero_shift) is taken from it
//   y        NHWC, channels in vec4: (n, h, w, c4) at y_offset + n * y_stride_n + h * y_stride_h + w * y_stride_w + c4;
//            lanes >= out_c are written as zero. By another `store`: packed as x is, a word in the place of each vec4, less
//            y_shift
//
// last_lanes: 1 in each byte of a group's last word that is a channel. WEIGHT_ZEROS: not all of w zero are 0.
// Grid: ceil(batch * out_h * out_w / (WG * P)) * groups * ceil(group_out_c4 / Q) workgroups, folded into (x, y).
// Limit: KH * KW * group_in_c4 + KH * KW + KH + P * Q iterations an invocation must stay under 65,535 (llvmpipe).

struct Params {
  x_offset: u32,
  in_c4: u32,
  y_offset: u32,
  y_stride_n: u32,
  y_stride_h: u32,
  y_stride_w: u32,
  batch: u32,
  in_h: u32,
  in_w: u32,
  group_in_c4: u32,
  out_h: u32,
  out_w: u32,
  out_c: u32,
  group_out_c4: u32,
  stride_h: u32,
  stride_w: u32,
  dilation_h: u32,
  dilation_w: u32,
  pad_top: u32,
  pad_left: u32,
  groups: u32,
  zero_offset: u32,
  zero_shift: i32,
  last_lanes: u32,
  y_zero: i32,
  y_shift: i32,
  low: i32,
  high: i32,
}

@group(0) @binding(0) var<storage, read_write> x: array<u32>;
@group(0) @binding(1) var<storage, read> weights: array<vec4u>;
@group(0) @binding(2) var<storage, read> terms: array<vec4i>;
@group(0) @binding(4) var<uniform> params: Params;
@group(0) @binding(5) var<storage, read_write> zero: array<i32>;

override WG: u32 = 16u;
override KH: u32 = 3u;
override KW: u32 = 3u;
override WEIGHT_ZEROS: bool = true;

//#inject tile
const P = 4u;
const Q = 2u;
//#end

//#inject dot4
fn dot4(a: u32, b: u32) -> i32 {
  let places = vec4u(24u, 16u, 8u, 0u);
  return dot((vec4i(i32(a)) << places) >> vec4u(24u), (vec4i(i32(b)) << places) >> vec4u(24u));
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
  let pixels = params.batch * params.out_h * params.out_w;
  let pixel_blocks = (pixels + WG * P - 1u) / (WG * P);
  let channel_blocks = (params.group_out_c4 + Q - 1u) / Q;
  let place = group.y * grid.x + group.x;
  let channel_block = place / pixel_blocks;
  if (channel_block >= channel_blocks * params.groups) {
    return;
  }
  let conv_group = channel_block / channel_blocks;
  let first_in_group = (channel_block % channel_blocks) * Q;
  let first_c4 = conv_group * params.group_out_c4 + first_in_group;
  let first_pixel = ((place % pixel_blocks) * WG + local) * P;
  let taps = KH * KW;
  let last_in_group = params.group_out_c4 - 1u;
  let x_zero = zero[params.zero_offset] - params.zero_shift;
  let padding = (u32(x_zero) & 255u) * 0x01010101u;

  // Invocations past the end compute the last pixel again and store nothing.
  var image: array<u32, P>;
  var top: array<i32, P>;
  var left: array<i32, P>;
  var x_sum: array<i32, P>;
  //#unroll t P
  for (var t = 0u; t < P; t++) {
    let pixel = min(first_pixel + t, pixels - 1u);
    let row = pixel / params.out_w;
    let n = row / params.out_h;
    image[t] = params.x_offset + n * params.in_h * params.in_w * params.in_c4 + conv_group * params.group_in_c4;
    top[t] = i32((row - n * params.out_h) * params.stride_h) - i32(params.pad_top);
    left[t] = i32((pixel - row * params.out_w) * params.stride_w) - i32(params.pad_left);
  }
  //#end

  var acc: array<vec4i, P * Q>;
  //#unroll q Q
  for (var q = 0u; q < Q; q++) {
    let at = 3u * min(first_c4 + q, conv_group * params.group_out_c4 + last_in_group);
    let start = terms[at] + x_zero * terms[at + 1u];
    //#unroll t P
    for (var t = 0u; t < P; t++) {
      acc[t * Q + q] = start;
    }
    //#end
  }
  //#end

  for (var ky = 0u; ky < KH; ky++) {
    for (var kx = 0u; kx < KW; kx++) {
      let tap = ky * KW + kx;
      var source: array<u32, P>;
      var inside: array<bool, P>;
      //#unroll t P
      for (var t = 0u; t < P; t++) {
        let h = top[t] + i32(ky * params.dilation_h);
        let w = left[t] + i32(kx * params.dilation_w);
        inside[t] = (u32(h) < params.in_h) & (u32(w) < params.in_w);
        source[t] = select(0u, image[t] + (u32(h) * params.in_w + u32(w)) * params.in_c4, inside[t]);
      }
      //#end
      for (var ci4 = 0u; ci4 < params.group_in_c4; ci4++) {
        var v: array<u32, P>;
        //#unroll t P
        for (var t = 0u; t < P; t++) {
          v[t] = select(padding, x[source[t] + ci4], inside[t]);
        }
        //#end
        if (WEIGHT_ZEROS) {
          let lanes = select(params.last_lanes, 0x01010101u, ci4 + 1u < params.group_in_c4);
          //#unroll t P
          for (var t = 0u; t < P; t++) {
            x_sum[t] += dot4(v[t], lanes);
          }
          //#end
        }
        //#unroll q Q
        for (var q = 0u; q < Q; q++) {
          let at = ((min(first_in_group + q, last_in_group) + conv_group * params.group_out_c4) * taps + tap)
            * params.group_in_c4 + ci4;
          let four = weights[at];
          //#unroll t P
          for (var t = 0u; t < P; t++) {
            acc[t * Q + q] += vec4i(dot4(v[t], four.x), dot4(v[t], four.y), dot4(v[t], four.z), dot4(v[t], four.w));
          }
          //#end
        }
        //#end
      }
    }
  }

  // One store site, reached P * Q times. The copy keeps the accumulators themselves in registers.
  var result: array<vec4i, P * Q>;
  //#unroll q Q
  for (var q = 0u; q < Q; q++) {
    let w_zero = terms[3u * min(first_c4 + q, conv_group * params.group_out_c4 + last_in_group) + 2u];
    //#unroll t P
    for (var t = 0u; t < P; t++) {
      result[t * Q + q] = acc[t * Q + q] - w_zero * x_sum[t];
    }
    //#end
  }
  //#end
  for (var i = 0u; i < P * Q; i++) {
    let pixel = first_pixel + i / Q;
    let c4 = first_c4 + i % Q;
    if (pixel < pixels && first_in_group + i % Q <= last_in_group) {
      let row = pixel / params.out_w;
      let n = row / params.out_h;
      let lanes = vec4u(4u * c4) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.out_c);
      let to = params.y_offset + n * params.y_stride_n + (row - n * params.out_h) * params.y_stride_h
        + (pixel - row * params.out_w) * params.y_stride_w + c4;
      store(to, finish(result[i], c4), lanes);
    }
  }
}
