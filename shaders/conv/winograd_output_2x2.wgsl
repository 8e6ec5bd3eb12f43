// Winograd convolution F(2x2, 3x3), last of three steps: the products as output pixels.
//
//   y = epilogue(bias + At m A) for each tile m of 4 x 4 sums of products: 2 x 2 output pixels
//
//   At = | 1  1  1  0 |
//        | 0  1 -1  1 |
//
// Winograd, Arithmetic Complexity of Computations, 1980; Lavin and Gray, Fast Algorithms for Convolutional Neural Networks,
// 2015 (arXiv:1509.09308), section 4; the points of interpolation are those of winograd_input_2x2.wgsl.
//
//   x     vec4: element (position i * 4 + j, co4, tile) at (position * out_c4 + co4) * tiles + tile; tile counts from
//         first_tile, and tile first_tile + t of the whole is (n * tiles_h + row) * tiles_w + column
//   bias  vec4 per output channel group, zeros where there is no channel
//   y     NHWC, channels in vec4: element (n, h, w, c4) at y_offset + n * y_stride_n + h * y_stride_h + w * y_stride_w + c4;
//         lanes >= out_c are written as zero
//
// An invocation makes one tile of one channel group. Eight next to each other take eight tiles, the next eight the next
// channel group of the same tiles, so that both x and y are walked in order.
//
// Grid: ceil(ceil(tiles / 8) * 8 * out_c4 / WG) workgroups, folded into (x, y).

struct Params {
  y_offset: u32,
  y_stride_n: u32,
  y_stride_h: u32,
  y_stride_w: u32,
  out_h: u32,
  out_w: u32,
  out_c: u32,
  out_c4: u32,
  tiles_h: u32,
  tiles_w: u32,
  first_tile: u32,
  tiles: u32,
  operands: array<vec4u, 4>,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> bias: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

override WG: u32 = 64u;

const SIZE = 4u;
const TILE = 2u;

struct Products {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
}

struct Sums {
  a: vec4f,
  b: vec4f,
}

// At applied to four elements.
fn transform(m: Products) -> Sums {
  return Sums(m.a + m.b + m.c, m.b - m.c + m.d);
}

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
  let eights = index / 8u;
  let tile = eights / params.out_c4 * 8u + index % 8u;
  if (tile >= params.tiles) {
    return;
  }
  let c4 = eights % params.out_c4;
  let whole = params.first_tile + tile;
  let row = whole / params.tiles_w;
  let n = row / params.tiles_h;
  let oh = (row - n * params.tiles_h) * TILE;
  let ow = (whole - row * params.tiles_w) * TILE;

  let stride = params.out_c4 * params.tiles;
  let start = c4 * params.tiles + tile;
  var t: array<vec4f, TILE * SIZE>;
  //#unroll j 4
  for (var j = 0u; j < 4u; j++) {
    let at = start + j * stride;
    let column = transform(Products(
      x[at],
      x[at + 1u * SIZE * stride],
      x[at + 2u * SIZE * stride],
      x[at + 3u * SIZE * stride],
    ));
    t[j] = column.a;
    t[1u * SIZE + j] = column.b;
  }
  //#end

  var result: array<vec4f, TILE * TILE>;
  let b = bias[c4];
  //#unroll i 2
  for (var i = 0u; i < 2u; i++) {
    let sums = transform(Products(t[i * SIZE], t[i * SIZE + 1u], t[i * SIZE + 2u], t[i * SIZE + 3u]));
    result[i * TILE] = sums.a + b;
    result[i * TILE + 1u] = sums.b + b;
  }
  //#end

  // One store site: the epilogue is compiled once.
  let lanes = vec4u(4u * c4) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.out_c);
  // Before any store: Mesa's software Vulkan reads parameters anew behind one.
  let out_h = params.out_h;
  let out_w = params.out_w;
  let to_image = params.y_offset + n * params.y_stride_n;
  let y_stride_h = params.y_stride_h;
  let y_stride_w = params.y_stride_w;
  for (var k = 0u; k < TILE * TILE; k++) {
    let h = oh + k / TILE;
    let w = ow + k % TILE;
    if (h < out_h && w < out_w) {
      let to = to_image + h * y_stride_h + w * y_stride_w + c4;
      let pixel = (n * out_h + h) * out_w + w;
      y[to] = select(vec4f(), epilogue(result[k], pixel, c4), lanes);
    }
  }
}
