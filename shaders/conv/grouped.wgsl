// Grouped convolution of any shape: any number of groups, any channels a group, in and out (channel multipliers included).
//
// Each invocation computes one output vec4, whose channels may lie in different groups, a scalar input at a time. General, not
// fast: implicit_gemm.wgsl and depthwise.wgsl take the shapes that they can.
//
//   x        NHWC, channels padded to a multiple of 4: element (n, h, w, c) at
//            4 * (x_offset + n * x_stride_n + h * x_stride_h + w * x_stride_w) + c
//   weights  vec4 over output channels: (co4 * KH * KW + ky * KW + kx) * group_in_c + ci, ci within the channel's own group
//   bias     vec4 per output channel group, zeros where there is no channel
//   y        in vec4, as x, by its own offset and strides; lanes >= out_c are written as zero
//
// Grid: ceil(batch * out_h * out_w * ceil(out_c / 4) / WG) workgroups, folded into (x, y). group_in_c = in_c / groups.
// group_in_c4 and group_out_c4 are not read.
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
  in_c: u32,
  operands: array<vec4u, 4>,
}

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read> weights: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<uniform> params: Params;

override WG: u32 = 64u;
override KH: u32 = 3u;
override KW: u32 = 3u;

//#inject epilogue
fn epilogue(v: vec4f, pixel: u32, c4: u32) -> vec4f {
  return v;
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
  let same_group = first_in.x == first_in.w;

  var acc = bias[c4];
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
        var v = vec4f(x[at + first_in.x + ci]);
        if (!same_group) {
          v.y = x[at + first_in.y + ci];
          v.z = x[at + first_in.z + ci];
          v.w = x[at + first_in.w + ci];
        }
        acc = fma(v, weights[weight_at + ci], acc);
      }
    }
  }
  let lanes = vec4u(4u * c4) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.out_c);
  let to = params.y_offset + n * params.y_stride_n + oh * params.y_stride_h + ow * params.y_stride_w + c4;
  y[to] = select(vec4f(), epilogue(acc, pixel, c4), lanes);
}
