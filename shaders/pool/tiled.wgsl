// Pooling over a sliding window without dilation: an invocation computes R x P outputs of one channel group (vec4).
//
//   y[n, oh, ow, c] = epilogue(finish(the terms over ky, kx of x[n, oh * STRIDE_H - pad + ky, ow * STRIDE_W - pad + kx, c] taken together))
//
// Each row of the tile's input is read once, COLS vec4, reduced over columns for its P outputs, and the result goes to
// every output row whose window it lies in. All is unrolled, so window, strides and tile are constants.
//
// x, y: NHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero.
// Taps outside the image do not take part. A mean is divided by the number of taps whose row and column lie in
// [count_begin, count_end): the image, or the image with its padding where the padding counts.
//
// Grid: `count` = batch * ceil(out_h / R) * ceil(out_w / P) * c4 invocations.
// ROWS = (R - 1) * STRIDE_H + KH, COLS = (P - 1) * STRIDE_W + KW, OUTPUTS = R * P.

struct Params {
  count: u32,
  c: u32,
  c4: u32,
  in_h: u32,
  in_w: u32,
  out_h: u32,
  out_w: u32,
  pad_top: u32,
  pad_left: u32,
  count_begin_h: i32,
  count_begin_w: i32,
  count_end_h: i32,
  count_end_w: i32,
  x_offset: u32,
  x_stride_n: u32,
  x_stride_h: u32,
  x_stride_w: u32,
  y_offset: u32,
  y_stride_n: u32,
  y_stride_h: u32,
  y_stride_w: u32,
  operands: array<vec4u, 4>,
};

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

@group(0) @binding(0) var<storage, read_write> x: array<vec>;
@group(0) @binding(1) var<storage, read_write> y: array<vec>;
@group(0) @binding(2) var<uniform> params: Params;

//#inject tile
const KH = 3u;
const KW = 3u;
const STRIDE_H = 1u;
const STRIDE_W = 1u;
const R = 4u;
const P = 4u;
const ROWS = 6u;
const COLS = 6u;
const OUTPUTS = 16u;
//#end

//#inject pooling
const START = vec4f(-3.4028234663852886e38);
fn term(value: vec4f) -> vec4f { return value; }
fn combine(a: vec4f, b: vec4f) -> vec4f { return max(a, b); }
fn finish(total: vec4f, taps: f32) -> vec4f { return total; }
//#end

//#inject epilogue
fn epilogue(value: vec, pixel: u32, c4: u32) -> vec { return value; }
//#end

// Taps of a window of `size` from `first` that are counted.
fn counted(first: i32, size: u32, begin: i32, end: i32) -> i32 {
  return max(0, min(first + i32(size), end) - max(first, begin));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  let tiles_w = (params.out_w + P - 1u) / P;
  let tiles_h = (params.out_h + R - 1u) / R;
  let tile = index / params.c4;
  let c4 = index - tile * params.c4;
  let tile_row = tile / tiles_w;
  let n = tile_row / tiles_h;
  let oh = (tile_row - n * tiles_h) * R;
  let ow = (tile - tile_row * tiles_w) * P;
  let top = i32(oh * STRIDE_H) - i32(params.pad_top);
  let left = i32(ow * STRIDE_W) - i32(params.pad_left);
  let image = params.x_offset + n * params.x_stride_n + c4;

  var acc: array<vec, R * P>;
  //#unroll i OUTPUTS
  for (var i = 0u; i < OUTPUTS; i++) {
    acc[i] = START;
  }
  //#end
  //#unroll row ROWS
  for (var row = 0u; row < ROWS; row++) {
    let h = top + i32(row);
    let row_inside = u32(h) < params.in_h;
    let row_at = image + u32(h) * params.x_stride_h;
    var line: array<vec, COLS>;
    //#unroll col COLS
    for (var col = 0u; col < COLS; col++) {
      let at_w = left + i32(col);
      let inside = row_inside & (u32(at_w) < params.in_w);
      let at = select(0u, row_at + u32(at_w) * params.x_stride_w, inside);
      line[col] = select(START, term(x[at]), inside);
    }
    //#end
    //#unroll p P
    for (var p = 0u; p < P; p++) {
      var across = line[p * STRIDE_W];
      //#unroll kx KW
      for (var kx = 0u; kx < KW; kx++) {
        if (kx > 0u) { across = combine(across, line[p * STRIDE_W + kx]); }
      }
      //#end
      //#unroll r R
      for (var r = 0u; r < R; r++) {
        if (row >= r * STRIDE_H && row < r * STRIDE_H + KH) {
          acc[r * P + p] = combine(acc[r * P + p], across);
        }
      }
      //#end
    }
    //#end
  }
  //#end

  let lanes = vec4u(4u * c4) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.c);
  // One store site: the epilogue is compiled once. The copy keeps the accumulators themselves in registers.
  var result: array<vec, R * P>;
  //#unroll i OUTPUTS
  for (var i = 0u; i < OUTPUTS; i++) {
    result[i] = acc[i];
  }
  //#end
  // Before any store: Mesa's software Vulkan reads parameters anew behind one.
  let out_h = params.out_h;
  let out_w = params.out_w;
  let to_image = params.y_offset + n * params.y_stride_n;
  let y_stride_h = params.y_stride_h;
  let y_stride_w = params.y_stride_w;
  let count_begin_h = params.count_begin_h;
  let count_end_h = params.count_end_h;
  let count_begin_w = params.count_begin_w;
  let count_end_w = params.count_end_w;
  for (var i = 0u; i < R * P; i++) {
    let y_h = oh + i / P;
    let y_w = ow + i % P;
    if (y_h < out_h && y_w < out_w) {
      let rows = counted(top + i32(i / P * STRIDE_H), KH, count_begin_h, count_end_h);
      let columns = counted(left + i32(i % P * STRIDE_W), KW, count_begin_w, count_end_w);
      let value = finish(result[i], f32(max(rows * columns, 1)));
      let pixel = (n * out_h + y_h) * out_w + y_w;
      let to = to_image + y_h * y_stride_h + y_w * y_stride_w + c4;
      y[to] = select(vec(), epilogue(value, pixel, c4), lanes);
    }
  }
}
