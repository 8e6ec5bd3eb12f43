// A depthwise convolution and the 1x1 convolution behind it, in one dispatch: each invocation computes R x P output pixels x Q output
// channel groups (vec4). What lies between is never stored: four channels of it at a time are made in registers and multiplied.
//
//   between[pixel, ci] = inner(inner_bias[ci] + sum over ky, kx of x[pixel at tap (ky, kx), ci] * inner_weights[ci, ky, kx])
//   y[pixel, co] = epilogue(bias[co] + sum over ci of between[pixel, ci] * w[co, ci])
//
// Each block of Q output channel groups makes all of `between` anew. The window and the tile are constants, because everything is
// unrolled, but for the loop over channels. Invocations of a workgroup read the same weights; they may be loaded by eight invocations
// for all, as in implicit_gemm.wgsl, by what is injected as "builtins", "inner_load", "load", "inner_weights" and "weights".
//
//   x              NHWC, channels in vec4: element (n, h, w, c4) at x_offset + n * x_stride_n + h * x_stride_h + w * x_stride_w + c4
//   inner_weights  vec4 over channels: c4 * TAPS + tap; the bias is tap KH * KW, what follows up to TAPS is not used
//   weights        vec4 over output channels: co4 * 4 * in_c4 + ci
//   bias           vec4 per output channel group, zeros where there is no channel
//   y              as x, by its own offset and strides; lanes >= out_c are written as zero
//
// Grid: ceil(batch * ceil(out_h / R) * ceil(out_w / P) / WG) * ceil(out_c4 / Q) workgroups, folded into (x, y).
// ROWS = (R - 1) * STRIDE_H + KH, COLS likewise; OUTPUTS = R * P; BLOCKS = Q / AT_ONCE.
// Limit: in_c4 + OUTPUTS * Q iterations an invocation must stay under 65,535 (llvmpipe).

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
//#inject inner_weights
@group(0) @binding(5) var<storage, read> inner_weights: array<vec4f>;
fn inner_weight(at: u32) -> vec4f {
  return inner_weights[at];
}
//#end

override WG: u32 = 8u;

//#inject tile
const KH = 3u;
const KW = 3u;
const STRIDE_H = 1u;
const STRIDE_W = 1u;
const R = 2u;
const P = 2u;
const Q = 4u;
const ROWS = 4u;
const COLS = 4u;
const TAPS = 16u;
const OUTPUTS = 4u;
const AT_ONCE = 1u;
const BLOCKS = 4u;
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
  let in_c = params.in_c;
  let in_c4 = (in_c + 3u) / 4u;
  let out_c4 = (params.out_c + 3u) / 4u;
  let tiles_w = (params.out_w + P - 1u) / P;
  let tiles_h = (params.out_h + R - 1u) / R;
  let tiles = params.batch * tiles_h * tiles_w;
  let tile_blocks = (tiles + WG - 1u) / WG;
  let place = group.y * grid.x + group.x;
  let first_c4 = place / tile_blocks * Q;
  if (first_c4 >= out_c4) {
    return;
  }
  // Invocations past the end compute the last tile again and store nothing.
  let own = (place % tile_blocks) * WG + local;
  let tile = min(own, tiles - 1u);
  let tile_row = tile / tiles_w;
  let n = tile_row / tiles_h;
  let oh = (tile_row - n * tiles_h) * R;
  let ow = (tile - tile_row * tiles_w) * P;
  let top = i32(oh * STRIDE_H) - i32(params.pad_top);
  let left = i32(ow * STRIDE_W) - i32(params.pad_left);
  let image = params.x_offset + n * params.x_stride_n;

  var acc: array<vec4f, OUTPUTS * Q>;
  //#unroll q Q
  for (var q = 0u; q < Q; q++) {
    let b = bias[min(first_c4 + q, out_c4 - 1u)];
    //#unroll t OUTPUTS
    for (var t = 0u; t < OUTPUTS; t++) {
      acc[t * Q + q] = b;
    }
    //#end
  }
  //#end

  var source: array<u32, ROWS * COLS>;
  var inside: array<bool, ROWS * COLS>;
  //#unroll row ROWS
  for (var row = 0u; row < ROWS; row++) {
    let h = top + i32(row);
    //#unroll col COLS
    for (var col = 0u; col < COLS; col++) {
      let w = left + i32(col);
      inside[row * COLS + col] = (u32(h) < params.in_h) & (u32(w) < params.in_w);
      source[row * COLS + col] =
        select(0u, image + u32(h) * params.x_stride_h + u32(w) * params.x_stride_w, inside[row * COLS + col]);
    }
    //#end
  }
  //#end

  for (var ci4 = 0u; ci4 < in_c4; ci4++) {
    let taps_at = ci4 * TAPS;
    //#inject inner_load
    var taps: array<vec4f, TAPS>;
    //#unroll k TAPS
    for (var k = 0u; k < TAPS; k++) {
      taps[k] = inner_weight(taps_at + k);
    }
    //#end
    //#end
    var window: array<vec4f, ROWS * COLS>;
    //#unroll row ROWS
    for (var row = 0u; row < ROWS; row++) {
      //#unroll col COLS
      for (var col = 0u; col < COLS; col++) {
        window[row * COLS + col] = select(vec4f(), x[source[row * COLS + col] + ci4], inside[row * COLS + col]);
      }
      //#end
    }
    //#end
    // Lanes of no channel are multiplied by zero: they must be numbers.
    let lanes = vec4u(4u * ci4) + vec4u(0u, 1u, 2u, 3u) < vec4u(in_c);
    var v: array<vec4f, OUTPUTS>;
    //#unroll r R
    for (var r = 0u; r < R; r++) {
      //#unroll p P
      for (var p = 0u; p < P; p++) {
        var sum = taps[KH * KW];
        //#unroll ky KH
        for (var ky = 0u; ky < KH; ky++) {
          //#unroll kx KW
          for (var kx = 0u; kx < KW; kx++) {
            let at = window[(r * STRIDE_H + ky) * COLS + p * STRIDE_W + kx];
            sum = fma(at, taps[ky * KW + kx], sum);
          }
          //#end
        }
        //#end
        v[r * P + p] = select(vec4f(), inner(sum), lanes);
      }
      //#end
    }
    //#end
    //#unroll part BLOCKS
    for (var part = 0u; part < BLOCKS; part++) {
      //#inject load
      let at = (min(first_c4 + part, out_c4 - 1u) * in_c4 + ci4) * 4u;
      var taken = array<vec4f, 4>(weight(at), weight(at + 1u), weight(at + 2u), weight(at + 3u));
      //#end
      //#unroll s AT_ONCE
      for (var s = 0u; s < AT_ONCE; s++) {
        let w0 = taken[4u * s];
        let w1 = taken[4u * s + 1u];
        let w2 = taken[4u * s + 2u];
        let w3 = taken[4u * s + 3u];
        //#unroll t OUTPUTS
        for (var t = 0u; t < OUTPUTS; t++) {
          acc[t * Q + part * AT_ONCE + s] = accumulate(acc[t * Q + part * AT_ONCE + s], v[t], w0, w1, w2, w3);
        }
        //#end
      }
      //#end
    }
    //#end
  }

  // One store site, reached OUTPUTS * Q times: the epilogue is compiled once. The copy keeps the accumulators in registers.
  var result: array<vec4f, OUTPUTS * Q>;
  //#unroll t OUTPUTS
  for (var t = 0u; t < OUTPUTS; t++) {
    //#unroll q Q
    for (var q = 0u; q < Q; q++) {
      result[t * Q + q] = acc[t * Q + q];
    }
    //#end
  }
  //#end
  // Before any store: Mesa's software Vulkan reads parameters anew behind one.
  let out_c = params.out_c;
  let out_h = params.out_h;
  let out_w = params.out_w;
  let to_image = params.y_offset + n * params.y_stride_n;
  let y_stride_h = params.y_stride_h;
  let y_stride_w = params.y_stride_w;
  for (var i = 0u; i < OUTPUTS * Q; i++) {
    let y_h = oh + i / Q / P;
    let y_w = ow + i / Q % P;
    let c4 = first_c4 + i % Q;
    if (own < tiles && y_h < out_h && y_w < out_w && c4 < out_c4) {
      let pixel = (n * out_h + y_h) * out_w + y_w;
      let valid = vec4u(4u * c4) + vec4u(0u, 1u, 2u, 3u) < vec4u(out_c);
      let to = to_image + y_h * y_stride_h + y_w * y_stride_w + c4;
      y[to] = select(vec4f(), epilogue(result[i], pixel, c4), valid);
    }
  }
}
