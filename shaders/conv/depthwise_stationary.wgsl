// A depthwise convolution and the 1x1 convolution behind it, with weights that stay: eight invocations, a subgroup, hold all taps of
// the first and all weights of the second in registers, and go along the rows, P pixels at a time. An invocation makes the channels
// between for G groups of four (c4 = 8 * g + lane) and, from all of them by broadcast, Q output channel groups.
//
//   between[pixel, ci] = inner(inner_bias[ci] + sum over ky, kx of x[pixel at tap (ky, kx), ci] * inner_weights[ci, ky, kx])
//   y[pixel, co] = epilogue(bias[co] + sum over ci of between[pixel, ci] * w[co, ci])
//
// Needs the feature "subgroups" with 8 invocations a subgroup, or a multiple of 8. What is injected as "share" is the broadcast
// that it is once all is unrolled. See conv/stationary.wgsl, and conv/depthwise_pointwise.wgsl for more channels than
// registers hold.
//
//   x              NHWC, channels in vec4: element (n, h, w, c4) at x_offset + n * x_stride_n + h * x_stride_h + w * x_stride_w + c4
//   inner_weights  vec4 over channels: tap of row c4, of TAPS; the bias is tap KH * KW, what follows up to TAPS is not used
//   weights        vec4 over output channels: ci of row co4, of INPUTS = 4 * C4; rows are those of textures
//   bias           vec4 per output channel group, zeros where there is no channel
//   y              as x, by its own offset and strides; lanes >= out_c are written as zero
//
// Grid: ceil(batch * out_h * ceil(out_w / P) / run) workgroups, folded into (x, y), times ceil(out_c4 / (8 * Q)) along z.
// COLS = (P - 1) * STRIDE_W + KW; WEIGHTS = KH * KW + 1. Limit: run iterations an invocation must stay under 65,535 (llvmpipe).

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
  in_c: u32,
  out_h: u32,
  out_w: u32,
  out_c: u32,
  pad_top: u32,
  pad_left: u32,
  run: u32,
  operands: array<vec4u, 4>,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
//#inject weights
@group(0) @binding(1) var<storage, read> weights: array<vec4f>;
fn weight(at: u32, row: u32) -> vec4f {
  return weights[row * INPUTS + at];
}
//#end
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<uniform> params: Params;
//#inject inner_weights
@group(0) @binding(5) var<storage, read> inner_weights: array<vec4f>;
fn inner_weight(at: u32, row: u32) -> vec4f {
  return inner_weights[row * TAPS + at];
}
//#end

//#inject tile
const KH = 3u;
const KW = 3u;
const STRIDE_H = 1u;
const STRIDE_W = 1u;
const C4 = 4u;
const G = 1u;
const P = 2u;
const Q = 1u;
const COLS = 4u;
const TAPS = 16u;
const WEIGHTS = 10u;
const INPUTS = 16u;
//#end

//#inject epilogue
fn inner(v: vec4f) -> vec4f {
  return v;
}
fn epilogue(v: vec4f, pixel: u32, c4: u32) -> vec4f {
  return v;
}
//#end

// The sum with four channels of an input, each times its weights. A function keeps unrolled text short: compilers front to back
// take longer than in proportion to it.
fn accumulate(before: vec4f, v: vec4f, w0: vec4f, w1: vec4f, w2: vec4f, w3: vec4f) -> vec4f {
  return fma(vec4f(v.w), w3, fma(vec4f(v.z), w2, fma(vec4f(v.y), w1, fma(vec4f(v.x), w0, before))));
}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(subgroup_invocation_id) own: u32,
) {
  let lane = own & 7u;
  // Before any store: what is read behind one is read anew each time.
  let out_w = params.out_w;
  let out_h = params.out_h;
  let out_c = params.out_c;
  let last_c4 = (out_c + 3u) / 4u - 1u;
  let in_w = params.in_w;
  let in_h = params.in_h;
  let pad_top = i32(params.pad_top);
  let pad_left = i32(params.pad_left);
  let x_offset = params.x_offset;
  let x_stride_n = params.x_stride_n;
  let x_stride_h = params.x_stride_h;
  let x_stride_w = params.x_stride_w;
  let y_offset = params.y_offset;
  let y_stride_n = params.y_stride_n;
  let y_stride_h = params.y_stride_h;
  let y_stride_w = params.y_stride_w;
  let tiles_w = (out_w + P - 1u) / P;
  let tiles = params.batch * out_h * tiles_w;
  let first = (group.y * grid.x + group.x) * params.run;
  if (first >= tiles) {
    return;
  }
  let end = min(first + params.run, tiles);

  var taps: array<vec4f, G * WEIGHTS>;
  var inner_c4: array<u32, G>;
  // Lanes of no channel are multiplied by zero: they must be numbers.
  var there: array<vec4<bool>, G>;
  //#unroll g G
  for (var g = 0u; g < G; g++) {
    inner_c4[g] = min(8u * g + lane, C4 - 1u);
    there[g] = vec4u(4u * inner_c4[g]) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.in_c);
    //#unroll tap WEIGHTS
    for (var tap = 0u; tap < WEIGHTS; tap++) {
      taps[g * WEIGHTS + tap] = inner_weight(tap, inner_c4[g]);
    }
    //#end
  }
  //#end
  var c4: array<u32, Q>;
  var from_c4: array<u32, Q>;
  var w: array<vec4f, Q * INPUTS>;
  var b: array<vec4f, Q>;
  //#unroll q Q
  for (var q = 0u; q < Q; q++) {
    c4[q] = (group.z * Q + q) * 8u + lane;
    from_c4[q] = min(c4[q], last_c4);
    b[q] = bias[from_c4[q]];
    //#unroll i INPUTS
    for (var i = 0u; i < INPUTS; i++) {
      w[q * INPUTS + i] = weight(i, from_c4[q]);
    }
    //#end
  }
  //#end

  let first_row = first / tiles_w;
  var n = first_row / out_h;
  var oh = first_row - n * out_h;
  var ow = (first - first_row * tiles_w) * P;
  for (var number = first; number < end; number++) {
    let top = i32(oh * STRIDE_H) - pad_top;
    let left = i32(ow * STRIDE_W) - pad_left;
    let image = x_offset + n * x_stride_n;
    var between: array<vec4f, P * G>;
    //#unroll g G
    for (var g = 0u; g < G; g++) {
      //#unroll t P
      for (var t = 0u; t < P; t++) {
        between[t * G + g] = taps[g * WEIGHTS + KH * KW];
      }
      //#end
    }
    //#end
    //#unroll ky KH
    for (var ky = 0u; ky < KH; ky++) {
      let h = top + i32(ky);
      let row_inside = u32(h) < in_h;
      let row_at = image + u32(h) * x_stride_h;
      var inputs: array<vec4f, COLS * G>;
      //#unroll col COLS
      for (var col = 0u; col < COLS; col++) {
        let column = left + i32(col);
        let inside = row_inside & (u32(column) < in_w);
        let at = row_at + u32(column) * x_stride_w;
        //#unroll g G
        for (var g = 0u; g < G; g++) {
          inputs[col * G + g] = select(vec4f(), x[select(0u, at + inner_c4[g], inside)], inside);
        }
        //#end
      }
      //#end
      //#unroll t P
      for (var t = 0u; t < P; t++) {
        //#unroll kx KW
        for (var kx = 0u; kx < KW; kx++) {
          //#unroll g G
          for (var g = 0u; g < G; g++) {
            between[t * G + g] =
              fma(inputs[(t * STRIDE_W + kx) * G + g], taps[g * WEIGHTS + ky * KW + kx], between[t * G + g]);
          }
          //#end
        }
        //#end
      }
      //#end
    }
    //#end
    //#unroll g G
    for (var g = 0u; g < G; g++) {
      //#unroll t P
      for (var t = 0u; t < P; t++) {
        between[t * G + g] = select(vec4f(), inner(between[t * G + g]), there[g]);
      }
      //#end
    }
    //#end
    let to_row = y_offset + n * y_stride_n + oh * y_stride_h;
    let pixel = (n * out_h + oh) * out_w + ow;
    //#unroll t P
    for (var t = 0u; t < P; t++) {
      var sum: array<vec4f, Q>;
      //#unroll q Q
      for (var q = 0u; q < Q; q++) {
        sum[q] = b[q];
      }
      //#end
      //#unroll e C4
      for (var e = 0u; e < C4; e++) {
        //#inject share
        let v = subgroupShuffle(between[t * G + e / 8u], e % 8u);
        //#end
        //#unroll q Q
        for (var q = 0u; q < Q; q++) {
          sum[q] = accumulate(
            sum[q],
            v,
            w[q * INPUTS + 4u * e],
            w[q * INPUTS + 4u * e + 1u],
            w[q * INPUTS + 4u * e + 2u],
            w[q * INPUTS + 4u * e + 3u],
          );
        }
        //#end
      }
      //#end
      //#unroll q Q
      for (var q = 0u; q < Q; q++) {
        if (ow + t < out_w && c4[q] <= last_c4) {
          let lanes = vec4u(4u * c4[q]) + vec4u(0u, 1u, 2u, 3u) < vec4u(out_c);
          y[to_row + (ow + t) * y_stride_w + c4[q]] = select(vec4f(), epilogue(sum[q], pixel + t, c4[q]), lanes);
        }
      }
      //#end
    }
    //#end
    ow += P;
    let next_row = ow >= out_w;
    ow = select(ow, 0u, next_row);
    oh += u32(next_row);
    let next_image = oh == out_h;
    oh = select(oh, 0u, next_image);
    n += u32(next_image);
  }
}
