// Dense convolution by rows: each invocation computes P outputs next to each other in a row x Q output channel groups (vec4). The
// COLS input columns under them are loaded once for all KW taps, so a 3x3 kernel reads 4.5 vec4 an output instead of 9 (P = 4).
//
//   y[pixel, co] = epilogue(bias[co] + sum over ky, kx, ci of x[pixel at tap (ky, kx), ci] * w[co, ky, kx, ci])
//
// Any kernel size, stride, dilation and asymmetric padding. Groups are allowed when the channels of a group are a multiple of 4
// both in and out. Best for KW > 1; few input channels (RGB) included. No workgroup memory.
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
// Grid: ceil(batch * out_h * ceil(out_w / P) / WG) workgroups, folded into (x, y), times groups * ceil(group_out_c4 / Q) along
// z. A division of integers takes software Vulkan as long as 40 multiply-adds: there are two.
// INPUT_LANES = min(4, in_c): with fewer than 4 input channels the padding lanes are not read.
// COLS = (P - 1) * STRIDE_W + (KW - 1) * DILATION_W + 1, BLOCKS = Q / AT_ONCE.
// Limit: KH * (1 + group_in_c4) + P * Q iterations an invocation must stay under 65,535 (llvmpipe).
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
override GROUPED: bool = true;
override UNROLLED: u32 = 0u;
override LOOPED: u32 = 1u;

//#inject tile
const KH = 3u;
const KW = 3u;
const STRIDE_W = 1u;
const DILATION_W = 1u;
const P = 2u;
const Q = 4u;
const AT_ONCE = 1u;
const BLOCKS = 4u;
const COLS = 4u;
const INPUT_LANES = 4u;
//#end

//#inject epilogue
fn epilogue(v: vec4f, pixel: u32, c4: u32) -> vec4f {
  return v;
}
//#end

// The sum with up to four channels of an input, each times its weights. A function keeps unrolled text short: compilers front
// to back take longer than in proportion to it.
fn accumulate(before: vec4f, v: vec4f, w0: vec4f, w1: vec4f, w2: vec4f, w3: vec4f) -> vec4f {
  var sum = fma(vec4f(v.x), w0, before);
  if (INPUT_LANES > 1u) {
    sum = fma(vec4f(v.y), w1, sum);
  }
  if (INPUT_LANES > 2u) {
    sum = fma(vec4f(v.z), w2, sum);
  }
  if (INPUT_LANES > 3u) {
    sum = fma(vec4f(v.w), w3, sum);
  }
  return sum;
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) local: u32,
  //#inject builtins
  //#end
) {
  let runs_w = (params.out_w + P - 1u) / P;
  let runs = params.batch * params.out_h * runs_w;
  let channel_blocks = (params.group_out_c4 + Q - 1u) / Q;
  var conv_group = 0u;
  if (GROUPED) {
    conv_group = group.z / channel_blocks;
  }
  let first_in_group = (group.z - conv_group * channel_blocks) * Q;
  let last_in_group = params.group_out_c4 - 1u;
  let group_c4 = conv_group * params.group_out_c4;

  // Invocations past the end compute the last run again and store nothing.
  let wanted = (group.y * grid.x + group.x) * WG + local;
  if (wanted - local >= runs) {
    return;
  }
  let run = min(wanted, runs - 1u);
  let row = run / runs_w;
  let n = row / params.out_h;
  let oh = row - n * params.out_h;
  let ow = (run - row * runs_w) * P;
  let image = params.x_offset + n * params.x_stride_n + conv_group * params.group_in_c4;
  let top = i32(oh * params.stride_h) - i32(params.pad_top);
  let left = i32(ow * STRIDE_W) - i32(params.pad_left);

  var column: array<u32, COLS>;
  var column_inside: array<bool, COLS>;
  //#unroll col COLS
  for (var col = 0u; col < COLS; col++) {
    let w = left + i32(col);
    column_inside[col] = u32(w) < params.in_w;
    column[col] = select(0u, u32(w) * params.x_stride_w, column_inside[col]);
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
    let h = top + i32(ky * params.dilation_h);
    let row_inside = u32(h) < params.in_h;
    let row_at = select(0u, image + u32(h) * params.x_stride_h, row_inside);
    for (var ci4 = 0u; ci4 < params.group_in_c4; ci4++) {
      var v: array<vec4f, COLS>;
      //#unroll col COLS
      for (var col = 0u; col < COLS; col++) {
        v[col] = select(vec4f(), x[row_at + column[col] + ci4], row_inside & column_inside[col]);
      }
      //#end
      //#unroll kx KW
      for (var kx = 0u; kx < KW; kx++) {
        let tap_at = (ky * KW + kx) * 4u * params.group_in_c4 + 4u * ci4;
        let co_stride = KH * KW * 4u * params.group_in_c4;
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
              let u = v[t * STRIDE_W + kx * DILATION_W];
              acc[t * Q + part * AT_ONCE + r] =
                accumulate(acc[t * Q + part * AT_ONCE + r], u, w0, w1, w2, w3);
            }
            //#end
          }
          //#end
        }
        //#end
      }
      //#end
    }
  }

  // Before any store: what is read behind one is read anew each time.
  let out_c = params.out_c;
  let out_w = params.out_w;
  let to_row = params.y_offset + n * params.y_stride_n + oh * params.y_stride_h;
  let y_stride_w = params.y_stride_w;
  //#unroll whole UNROLLED
  for (var whole = 0u; whole < UNROLLED; whole++) {
    //#unroll t P
    for (var t = 0u; t < P; t++) {
      //#unroll q Q
      for (var q = 0u; q < Q; q++) {
        if ((wanted < runs) & (ow + t < out_w) & (first_in_group + q <= last_in_group)) {
          let c4 = group_c4 + first_in_group + q;
          let lanes = vec4u(4u * c4) + vec4u(0u, 1u, 2u, 3u) < vec4u(out_c);
          let to = to_row + (ow + t) * y_stride_w + c4;
          y[to] = select(vec4f(), epilogue(acc[t * Q + q], row * out_w + ow + t, c4), lanes);
        }
      }
      //#end
    }
    //#end
  }
  //#end
  // One store site: the epilogue is compiled once. The copy keeps the accumulators themselves in registers.
  //#unroll whole LOOPED
  for (var whole = 0u; whole < LOOPED; whole++) {
    var result: array<vec4f, P * Q>;
    //#unroll t P
    for (var t = 0u; t < P; t++) {
      //#unroll q Q
      for (var q = 0u; q < Q; q++) {
        result[t * Q + q] = acc[t * Q + q];
      }
      //#end
    }
    //#end
    for (var i = 0u; i < P * Q; i++) {
      let y_w = ow + i / Q;
      let in_group = first_in_group + i % Q;
      if (wanted < runs && y_w < out_w && in_group <= last_in_group) {
        let c4 = group_c4 + in_group;
        let lanes = vec4u(4u * c4) + vec4u(0u, 1u, 2u, 3u) < vec4u(out_c);
        let to = to_row + y_w * y_stride_w + c4;
        y[to] = select(vec4f(), epilogue(result[i], row * out_w + y_w, c4), lanes);
      }
    }
  }
  //#end
}
