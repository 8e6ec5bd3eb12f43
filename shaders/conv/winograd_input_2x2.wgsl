// Winograd convolution F(2x2, 3x3), first of three steps: tiles of the input, transformed.
//
//   y = Bt d B for each tile d of 4 x 4 input pixels, tiles 2 pixels apart, zeros outside the image
//
//        | 1  0 -1  0 |
//   Bt = | 0  1  1  0 |
//        | 0 -1  1  0 |
//        | 0 -1  0  1 |
//
// For 3x3 kernels of stride and dilation 1. Winograd, Arithmetic Complexity of Computations, 1980; Lavin and Gray, Fast
// Algorithms for Convolutional Neural Networks, 2015 (arXiv:1509.09308), section 4.
//
//   x  NHWC, channels in vec4: element (n, h, w, c4) at x_offset + n * x_stride_n + h * x_stride_h + w * x_stride_w + c4
//   y  vec4: element (position i * 4 + j, c4, tile) at (position * in_c4 + c4) * tiles + tile; tile counts from first_tile,
//      and tile first_tile + t of the whole is (n * tiles_h + row) * tiles_w + column
//
// An invocation transforms one tile of one channel group. Eight next to each other take eight tiles, the next eight the next
// channel group of the same tiles, so that both x and y are walked in order.
//
// Grid: ceil(ceil(tiles / 8) * 8 * in_c4 / WG) workgroups, folded into (x, y).

struct Params {
  x_offset: u32,
  x_stride_n: u32,
  x_stride_h: u32,
  x_stride_w: u32,
  in_h: u32,
  in_w: u32,
  in_c4: u32,
  pad_top: u32,
  pad_left: u32,
  tiles_h: u32,
  tiles_w: u32,
  first_tile: u32,
  tiles: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

override WG: u32 = 64u;

const SIZE = 4u;

struct Row {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
}

// Bt applied to four elements.
fn transform(d: Row) -> Row {
  return Row(d.a - d.c, d.b + d.c, d.c - d.b, d.d - d.b);
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * grid.x + group.x) * WG + local;
  let eights = index / 8u;
  let tile = eights / params.in_c4 * 8u + index % 8u;
  if (tile >= params.tiles) {
    return;
  }
  let c4 = eights % params.in_c4;
  let whole = params.first_tile + tile;
  let row = whole / params.tiles_w;
  let n = row / params.tiles_h;
  let top = i32((row - n * params.tiles_h) * 2u) - i32(params.pad_top);
  let left = i32((whole - row * params.tiles_w) * 2u) - i32(params.pad_left);
  let image = params.x_offset + n * params.x_stride_n + c4;

  // Pixels outside the image are read at its edge and replaced.
  var row_at: array<u32, SIZE>;
  var row_inside: array<bool, SIZE>;
  //#unroll i 4
  for (var i = 0u; i < 4u; i++) {
    let h = top + i32(i);
    row_inside[i] = u32(h) < params.in_h;
    row_at[i] = image + select(0u, u32(h), row_inside[i]) * params.x_stride_h;
  }
  //#end

  var t: array<vec4f, SIZE * SIZE>;
  //#unroll j 4
  for (var j = 0u; j < 4u; j++) {
    let w = left + i32(j);
    let column_inside = u32(w) < params.in_w;
    let column_at = select(0u, u32(w), column_inside) * params.x_stride_w;
    let column = transform(Row(
      select(vec4f(), x[row_at[0u] + column_at], row_inside[0u] & column_inside),
      select(vec4f(), x[row_at[1u] + column_at], row_inside[1u] & column_inside),
      select(vec4f(), x[row_at[2u] + column_at], row_inside[2u] & column_inside),
      select(vec4f(), x[row_at[3u] + column_at], row_inside[3u] & column_inside),
    ));
    t[0u * SIZE + j] = column.a;
    t[1u * SIZE + j] = column.b;
    t[2u * SIZE + j] = column.c;
    t[3u * SIZE + j] = column.d;
  }
  //#end

  let stride = params.in_c4 * params.tiles;
  let to = c4 * params.tiles + tile;
  //#unroll i 4
  for (var i = 0u; i < 4u; i++) {
    let done = transform(Row(t[i * SIZE], t[i * SIZE + 1u], t[i * SIZE + 2u], t[i * SIZE + 3u]));
    let at = to + i * SIZE * stride;
    y[at] = done.a;
    y[at + 1u * stride] = done.b;
    y[at + 2u * stride] = done.c;
    y[at + 3u * stride] = done.d;
  }
  //#end
}
