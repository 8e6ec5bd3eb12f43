// Depthwise convolution (groups = channels in = channels out): an invocation computes R x P outputs of one channel group (vec4).
//
// The input window of the tile is read once, ROWS x COLS vec4, and every value is used by all outputs that need it. Everything is
// unrolled, so kernel size, stride, dilation and tile are constants. Neighbouring invocations take neighbouring channels.
//
//   x        NHWC, channels in vec4: element (n, h, w, c4) at x_offset + n * x_stride_n + h * x_stride_h + w * x_stride_w + c4
//   weights  vec4 over channels: c4 * KH * KW + ky * KW + kx (the packing of implicit_gemm.wgsl with one input channel a group)
//   bias     vec4 per channel group, zeros where there is no channel
//   y        as x, by its own offset and strides; lanes >= out_c are written as zero. With PLANES one plane for each channel, by
//            y_stride_n and y_stride_c, its pixels in vec4s: for rows of a multiple of four pixels, and P one, too
//
// Grid: ceil(batch * ceil(out_h / R) * ceil(out_w / P) * group_out_c4 / WG) workgroups, folded into (x, y).
// Here group_out_c4 counts all channel groups of the tensor; group_in_c4 and groups are not read.
// ROWS = ((R - 1) * STRIDE_H + (KH - 1) * DILATION_H) / ROW_STEP + 1, COLS likewise. ROW_STEP and COL_STEP are 1, or, where R
// or P is 1, DILATION_H or DILATION_W: then only the rows or columns that hold taps are read.
// UNROLLED, LOOPED or PLANES is 1, the others 0: each output has a store of its own, or one in a loop stores all, or each four
// of a row and of a channel have one. FOURS = P / 4 with PLANES.

struct Params {
  x_offset: u32,
  x_stride_n: u32,
  x_stride_h: u32,
  x_stride_w: u32,
  y_offset: u32,
  y_stride_n: u32,
  y_stride_h: u32,
  y_stride_w: u32,
  y_stride_c: u32,
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
@group(0) @binding(1) var<storage, read> weights: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<uniform> params: Params;

override WG: u32 = 64u;

//#inject tile
const KH = 3u;
const KW = 3u;
const STRIDE_H = 1u;
const STRIDE_W = 1u;
const DILATION_H = 1u;
const DILATION_W = 1u;
const R = 4u;
const P = 4u;
const ROW_STEP = 1u;
const COL_STEP = 1u;
const ROWS = 6u;
const COLS = 6u;
const TAPS = 9u;
const OUTPUTS = 16u;
const FOURS = 1u;
//#end

override UNROLLED: u32 = 0u;
override LOOPED: u32 = 1u;
override PLANES: u32 = 0u;

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
  let channels4 = params.group_out_c4;
  let tiles_w = (params.out_w + P - 1u) / P;
  let tiles_h = (params.out_h + R - 1u) / R;
  let tile = index / channels4;
  let c4 = index - tile * channels4;
  let tile_row = tile / tiles_w;
  let n = tile_row / tiles_h;
  if (n >= params.batch) {
    return;
  }
  let oh = (tile_row - n * tiles_h) * R;
  let ow = (tile - tile_row * tiles_w) * P;
  let top = i32(oh * STRIDE_H) - i32(params.pad_top);
  let left = i32(ow * STRIDE_W) - i32(params.pad_left);
  let image = params.x_offset + n * params.x_stride_n + c4;

  var w: array<vec4f, KH * KW>;
  //#unroll k TAPS
  for (var k = 0u; k < TAPS; k++) {
    w[k] = weights[c4 * (KH * KW) + k];
  }
  //#end
  let b = bias[c4];
  var acc: array<vec4f, R * P>;
  //#unroll i OUTPUTS
  for (var i = 0u; i < OUTPUTS; i++) {
    acc[i] = b;
  }
  //#end

  // The whole window first: every value is loaded once, with a constant index from here on.
  var window: array<vec4f, ROWS * COLS>;
  //#unroll row ROWS
  for (var row = 0u; row < ROWS; row++) {
    let h = top + i32(row * ROW_STEP);
    let row_inside = u32(h) < params.in_h;
    let row_at = image + u32(h) * params.x_stride_h;
    //#unroll col COLS
    for (var col = 0u; col < COLS; col++) {
      let at_w = left + i32(col * COL_STEP);
      let inside = row_inside & (u32(at_w) < params.in_w);
      let at = select(0u, row_at + u32(at_w) * params.x_stride_w, inside);
      window[row * COLS + col] = select(vec4f(), x[at], inside);
    }
    //#end
  }
  //#end
  //#unroll r R
  for (var r = 0u; r < R; r++) {
    //#unroll p P
    for (var p = 0u; p < P; p++) {
      //#unroll ky KH
      for (var ky = 0u; ky < KH; ky++) {
        //#unroll kx KW
        for (var kx = 0u; kx < KW; kx++) {
          let v = window[(r * STRIDE_H + ky * DILATION_H) / ROW_STEP * COLS + (p * STRIDE_W + kx * DILATION_W) / COL_STEP];
          acc[r * P + p] = fma(v, w[ky * KW + kx], acc[r * P + p]);
        }
        //#end
      }
      //#end
    }
    //#end
  }
  //#end

  let lanes = vec4u(4u * c4) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.out_c);
  // Before any store: what is read behind one is read anew each time.
  let out_h = params.out_h;
  let out_w = params.out_w;
  let to_image = params.y_offset + n * params.y_stride_n;
  let y_stride_h = params.y_stride_h;
  let y_stride_w = params.y_stride_w;
  let y_stride_c = params.y_stride_c;
  //#unroll whole UNROLLED
  for (var whole = 0u; whole < UNROLLED; whole++) {
    //#unroll r R
    for (var r = 0u; r < R; r++) {
      //#unroll p P
      for (var p = 0u; p < P; p++) {
        if ((oh + r < out_h) & (ow + p < out_w)) {
          let pixel = (n * out_h + oh + r) * out_w + ow + p;
          let to = to_image + (oh + r) * y_stride_h + (ow + p) * y_stride_w + c4;
          y[to] = select(vec4f(), epilogue(acc[r * P + p], pixel, c4), lanes);
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
    var result: array<vec4f, R * P>;
    //#unroll i OUTPUTS
    for (var i = 0u; i < OUTPUTS; i++) {
      result[i] = acc[i];
    }
    //#end
    for (var i = 0u; i < R * P; i++) {
      let y_h = oh + i / P;
      let y_w = ow + i % P;
      if (y_h < out_h && y_w < out_w) {
        let pixel = (n * out_h + y_h) * out_w + y_w;
        let to = to_image + y_h * y_stride_h + y_w * y_stride_w + c4;
        y[to] = select(vec4f(), epilogue(result[i], pixel, c4), lanes);
      }
    }
  }
  //#end
  //#unroll whole PLANES
  for (var whole = 0u; whole < PLANES; whole++) {
    let here = params.out_c - 4u * c4;
    //#unroll r R
    for (var r = 0u; r < R; r++) {
      //#unroll four FOURS
      for (var four = 0u; four < FOURS; four++) {
        let row = oh + r;
        let col = ow + 4u * four;
        if ((row < out_h) & (col < out_w)) {
          let pixel = (n * out_h + row) * out_w + col;
          let to = to_image + (row * out_w + col) / 4u + 4u * c4 * y_stride_c;
          let v0 = epilogue(acc[r * P + 4u * four], pixel, c4);
          let v1 = epilogue(acc[r * P + 4u * four + 1u], pixel + 1u, c4);
          let v2 = epilogue(acc[r * P + 4u * four + 2u], pixel + 2u, c4);
          let v3 = epilogue(acc[r * P + 4u * four + 3u], pixel + 3u, c4);
          y[to] = vec4f(v0.x, v1.x, v2.x, v3.x);
          if (here > 1u) { y[to + y_stride_c] = vec4f(v0.y, v1.y, v2.y, v3.y); }
          if (here > 2u) { y[to + 2u * y_stride_c] = vec4f(v0.z, v1.z, v2.z, v3.z); }
          if (here > 3u) { y[to + 3u * y_stride_c] = vec4f(v0.w, v1.w, v2.w, v3.w); }
        }
      }
      //#end
    }
    //#end
  }
  //#end
}
