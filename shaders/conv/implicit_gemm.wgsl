// Convolution as implicit GEMM: each invocation computes P output pixels x Q output channel groups (vec4) in registers.
//
//   y[pixel, co] = epilogue(bias[co] + sum over ky, kx, ci of x[pixel at tap (ky, kx), ci] * w[co, ky, kx, ci])
//
// Any kernel size (1x1 included), stride, dilation and asymmetric padding. Groups are allowed when the channels of a group
// are a multiple of 4 both in and out. No workgroup memory; all invocations of a workgroup read the same weights.
//
// Weights are taken for one output channel group at a time. What is injected as "load" may take them for several (AT_ONCE) with
// one load by each of eight invocations, and pass them round by subgroup broadcast: an eighth of the loads. It needs the
// feature "subgroups" with at least 8 invocations a subgroup, WG a multiple of the subgroup size, and what is injected as
// "builtins". What is injected as "weights" may read an rgba32float texture (element i at texel (i mod width, i div width)):
// Mesa's llvmpipe reads texels thirty times as fast as storage (7 ns against 225 ns for eight vec4).
//
//   x        NHWC, channels in vec4: element (n, h, w, c4) at x_offset + n * x_stride_n + h * x_stride_h + w * x_stride_w + c4
//   weights  vec4 over output channels: (co4 * KH * KW + ky * KW + kx) * 4 * group_in_c4 + ci, ci within the group
//   bias     vec4 per output channel group, zeros where there is no channel
//   y        as x, by its own offset and strides; lanes >= out_c are written as zero
//
// Grid: ceil(batch * out_h * out_w / (WG * P)) workgroups, folded into (x, y), times groups * ceil(group_out_c4 / Q) along z.
// BLOCKS = Q / AT_ONCE. A division of integers takes software Vulkan as long as 40 multiply-adds: there are two.
// Limit: KH * KW * group_in_c4 + KH * KW + KH + P * Q iterations an invocation must stay under 65,535 (llvmpipe).
// UNROLLED or LOOPED is 1, and the other 0: each output has a store of its own, or one in a loop stores all.

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

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
//#inject weights
@group(0) @binding(1) var<storage, read> weights: array<vec4f>;
fn weight(at: u32) -> vec4f {
  return weights[at];
}
//#end
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<uniform> params: Params;

override WG: u32 = 16u;
override KH: u32 = 3u;
override KW: u32 = 3u;
override GROUPED: bool = true;
override UNROLLED: u32 = 0u;
override LOOPED: u32 = 1u;

//#inject tile
const P = 2u;
const Q = 4u;
const AT_ONCE = 1u;
const BLOCKS = 4u;
//#end

//#inject epilogue
fn epilogue(v: vec4f, pixel: u32, c4: u32) -> vec4f {
  return v;
}
//#end

// The sum with four channels of an input, each times its weights. A function keeps unrolled text short: compilers front to back
// take longer than in proportion to it.
fn accumulate(sum: vec4f, v: vec4f, w0: vec4f, w1: vec4f, w2: vec4f, w3: vec4f) -> vec4f {
  return fma(vec4f(v.w), w3, fma(vec4f(v.z), w2, fma(vec4f(v.y), w1, fma(vec4f(v.x), w0, sum))));
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) local: u32,
  //#inject builtins
  //#end
) {
  let out_h = params.out_h;
  let out_w = params.out_w;
  let pixels = params.batch * out_h * out_w;
  let channel_blocks = (params.group_out_c4 + Q - 1u) / Q;
  var conv_group = 0u;
  if (GROUPED) {
    conv_group = group.z / channel_blocks;
  }
  let first_in_group = (group.z - conv_group * channel_blocks) * Q;
  let group_c4 = conv_group * params.group_out_c4;
  let first_pixel = ((group.y * grid.x + group.x) * WG + local) * P;
  if (first_pixel - local * P >= pixels) {
    return;
  }
  let co_stride = KH * KW * 4u * params.group_in_c4;
  let last_in_group = params.group_out_c4 - 1u;

  // Invocations past the end compute the last pixel again and store nothing.
  var image: array<u32, P>;
  var top: array<i32, P>;
  var left: array<i32, P>;
  var stored_at: array<u32, P>;
  let begin = min(first_pixel, pixels - 1u);
  let row = begin / out_w;
  var n = row / out_h;
  var h = row - n * out_h;
  var w = begin - row * out_w;
  //#unroll t P
  for (var t = 0u; t < P; t++) {
    image[t] = params.x_offset + n * params.x_stride_n + conv_group * params.group_in_c4;
    top[t] = i32(h * params.stride_h) - i32(params.pad_top);
    left[t] = i32(w * params.stride_w) - i32(params.pad_left);
    stored_at[t] = params.y_offset + n * params.y_stride_n + h * params.y_stride_h + w * params.y_stride_w;
    // The next pixel, if there is one.
    w += u32(first_pixel + t + 1u < pixels);
    let next_row = w == out_w;
    w = select(w, 0u, next_row);
    h += u32(next_row);
    let next_image = h == out_h;
    h = select(h, 0u, next_image);
    n += u32(next_image);
  }
  //#end

  var acc: array<vec4f, P * Q>;
  //#unroll q Q
  for (var q = 0u; q < Q; q++) {
    let b = bias[group_c4 + min(first_in_group + q, last_in_group)];
    //#unroll t P
    for (var t = 0u; t < P; t++) {
      acc[t * Q + q] = b;
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
        source[t] = select(0u, image[t] + u32(h) * params.x_stride_h + u32(w) * params.x_stride_w, inside[t]);
      }
      //#end
      for (var ci4 = 0u; ci4 < params.group_in_c4; ci4++) {
        var v: array<vec4f, P>;
        //#unroll t P
        for (var t = 0u; t < P; t++) {
          v[t] = select(vec4f(), x[source[t] + ci4], inside[t]);
        }
        //#end
        let tap_at = tap * 4u * params.group_in_c4 + 4u * ci4;
        //#unroll part BLOCKS
        for (var part = 0u; part < BLOCKS; part++) {
          //#inject load
          let at = (group_c4 + min(first_in_group + part, last_in_group)) * co_stride + tap_at;
          var taken = array<vec4f, 4>(weight(at), weight(at + 1u), weight(at + 2u), weight(at + 3u));
          //#end
          //#unroll r AT_ONCE
          for (var r = 0u; r < AT_ONCE; r++) {
            let w0 = taken[4u * r];
            let w1 = taken[4u * r + 1u];
            let w2 = taken[4u * r + 2u];
            let w3 = taken[4u * r + 3u];
            //#unroll t P
            for (var t = 0u; t < P; t++) {
              acc[t * Q + part * AT_ONCE + r] = accumulate(acc[t * Q + part * AT_ONCE + r], v[t], w0, w1, w2, w3);
            }
            //#end
          }
          //#end
        }
        //#end
      }
    }
  }

  // Before any store: what is read behind one is read anew each time.
  let out_c = params.out_c;
  //#unroll whole UNROLLED
  for (var whole = 0u; whole < UNROLLED; whole++) {
    //#unroll t P
    for (var t = 0u; t < P; t++) {
      //#unroll q Q
      for (var q = 0u; q < Q; q++) {
        if ((first_pixel + t < pixels) & (first_in_group + q <= last_in_group)) {
          let c4 = group_c4 + first_in_group + q;
          let lanes = vec4u(4u * c4) + vec4u(0u, 1u, 2u, 3u) < vec4u(out_c);
          y[stored_at[t] + c4] = select(vec4f(), epilogue(acc[t * Q + q], first_pixel + t, c4), lanes);
        }
      }
      //#end
    }
    //#end
  }
  //#end
  // One store site, reached P * Q times: the epilogue is compiled once. The copy keeps the accumulators themselves in registers.
  //#unroll whole LOOPED
  for (var whole = 0u; whole < LOOPED; whole++) {
    var result: array<vec4f, P * Q>;
    var to: array<u32, P>;
    //#unroll t P
    for (var t = 0u; t < P; t++) {
      to[t] = stored_at[t];
      //#unroll q Q
      for (var q = 0u; q < Q; q++) {
        result[t * Q + q] = acc[t * Q + q];
      }
      //#end
    }
    //#end
    for (var i = 0u; i < P * Q; i++) {
      let pixel = first_pixel + i / Q;
      let c4 = group_c4 + first_in_group + i % Q;
      if (pixel < pixels && first_in_group + i % Q <= last_in_group) {
        let lanes = vec4u(4u * c4) + vec4u(0u, 1u, 2u, 3u) < vec4u(out_c);
        y[to[i / Q] + c4] = select(vec4f(), epilogue(result[i], pixel, c4), lanes);
      }
    }
  }
  //#end
}
