// Convolution of bytes in any number of groups, any channels a group, in and out. Each invocation computes one output vec4,
// whose channels may lie in different groups, an input word at a time. General, not fast: conv_packed.wgsl and
// conv_depthwise.wgsl take the shapes that they can.
//
//   sum[pixel, co] = sum over ky, kx, ci of (x[pixel at tap (ky, kx), ci] - x zero) * w[co, ky, kx, ci] + bias[co]
//   y = finish(sum)
//
//   x        words, NHWC, channels padded to a multiple of 4: element (n, h, w, c) at
//            4 * (x_offset + n * x_stride_n + h * x_stride_h + w * x_stride_w) + c
//   weights  vec4 over output channels, less their zero points: (co4 * KH * KW + ky * KW + kx) * group_in_c + ci, ci within the
//            channel's own group
//   terms    vec4 per output channel group: the bias, zeros where there is no channel
//   zero     x's zero point at zero_offset
//   y        in vec4, as x, by its own offset and strides; lanes >= out_c are written as zero
//
// Grid: ceil(batch * out_h * out_w * ceil(out_c / 4) / WG) workgroups, folded into (x, y). group_in_c = in_c / groups.
// Limit: KH * (1 + KW * (1 + group_in_c)) iterations an invocation must stay under 65,535 (llvmpipe).

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
  in_c: u32,
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
  groups: u32,
  zero_offset: u32,
  y_zero: i32,
  low: i32,
  high: i32,
}

@group(0) @binding(0) var<storage, read_write> x: array<i32>;
@group(0) @binding(1) var<storage, read> weights: array<vec4i>;
@group(0) @binding(2) var<storage, read> terms: array<vec4i>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4i>;
@group(0) @binding(4) var<uniform> params: Params;
@group(0) @binding(5) var<storage, read_write> zero: array<i32>;

override WG: u32 = 64u;
override KH: u32 = 3u;
override KW: u32 = 3u;

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
  let pixel = index / channels4;
  let c4 = index - pixel * channels4;
  let row = pixel / params.out_w;
  let n = row / params.out_h;
  if (n >= params.batch) {
    return;
  }
  let oh = row - n * params.out_h;
  let ow = pixel - row * params.out_w;
  let top = i32(oh * params.stride_h) - i32(params.pad_top);
  let left = i32(ow * params.stride_w) - i32(params.pad_left);
  let group_in_c = params.in_c / params.groups;
  let group_out_c = params.out_c / params.groups;
  let channel = min(vec4u(4u * c4) + vec4u(0u, 1u, 2u, 3u), vec4u(params.out_c - 1u));
  let first_in = (channel / group_out_c) * group_in_c;
  let x_zero = vec4i(zero[params.zero_offset]);

  var acc = terms[c4];
  for (var ky = 0u; ky < KH; ky++) {
    let h = top + i32(ky * params.dilation_h);
    if (h < 0 || h >= i32(params.in_h)) {
      continue;
    }
    for (var kx = 0u; kx < KW; kx++) {
      let w = left + i32(kx * params.dilation_w);
      if (w < 0 || w >= i32(params.in_w)) {
        continue;
      }
      let at = 4u * (params.x_offset + n * params.x_stride_n + u32(h) * params.x_stride_h + u32(w) * params.x_stride_w);
      let weight_at = ((c4 * KH + ky) * KW + kx) * group_in_c;
      for (var ci = 0u; ci < group_in_c; ci++) {
        let place = first_in + vec4u(at + ci);
        let value = vec4i(x[place.x], x[place.y], x[place.z], x[place.w]);
        acc += (value - x_zero) * weights[weight_at + ci];
      }
    }
  }
  let lanes = vec4u(4u * c4) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.out_c);
  let to = params.y_offset + n * params.y_stride_n + oh * params.y_stride_h + ow * params.y_stride_w + c4;
  y[to] = select(vec4i(), finish(acc, c4), lanes);
}
