// Resampling of rows and columns by tables, one vec4 of channels an invocation: nearest, linear and cubic resizing.
//
//   y[n, oh, ow, c] = epilogue(sum over i, j of a[oh, i].weight * b[ow, j].weight * x[n, a[oh, i].index, b[ow, j].index, c])
//
// x, y: NHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero.
// table: two (index, weight) pairs a texel, TEXELS_H for each output row and then TEXELS_W for each output column; a
// texture, as storage loads are what this kernel's time goes into on software adapters. With MOVE each row and column
// has one source, whose elements are taken as they are. With FILL, where a row's or column's first index is negative,
// `fill` takes the place of the sum. Sums are of floats; what they become is `finish`.
//
// Grid: `count` = batch * out_h * out_w * c4 invocations.
// Limit: TEXELS_H * TEXELS_W + TEXELS_H iterations must stay under 65,535 (llvmpipe).

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  c: u32,
  c4: u32,
  out_h: u32,
  out_w: u32,
  fill: f32,
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

@group(0) @binding(0) var<storage, read_write> x: array<vec>;
@group(0) @binding(1) var<storage, read_write> y: array<vec>;
@group(0) @binding(2) var table: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<uniform> params: Params;

override TEXELS_H: u32 = 1u;
override TEXELS_W: u32 = 1u;
override MOVE: bool = false;
override FILL: bool = false;

//#inject epilogue
fn epilogue(value: vec, pixel: u32, c4: u32) -> vec { return value; }
//#end

//#inject finish
fn finish(value: vec4f) -> vec { return vec(value); }
//#end

fn taps(at: u32) -> vec4f {
  return textureLoad(table, vec2u(at % 1024u, at / 1024u));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  let c4 = index % params.c4;
  let pixel = index / params.c4;
  let column = pixel % params.out_w;
  let row = (pixel / params.out_w) % params.out_h;
  let image = pixel / (params.out_w * params.out_h);
  let source = params.x_offset + image * params.x_stride_n + c4;
  let rows = row * TEXELS_H;
  let columns = params.out_h * TEXELS_H + column * TEXELS_W;
  var value = vec();
  let outside = FILL && (taps(rows).x < 0.0 || taps(columns).x < 0.0);
  if (outside) {
    value = finish(vec4f(params.fill));
  } else if (MOVE) {
    value = x[source + u32(taps(rows).x) * params.x_stride_h + u32(taps(columns).x) * params.x_stride_w];
  } else {
    var total = vec4f(0.0);
    for (var i = 0u; i < TEXELS_H; i++) {
      let a = taps(rows + i);
      let upper = source + u32(a.x) * params.x_stride_h;
      let lower = source + u32(a.z) * params.x_stride_h;
      for (var j = 0u; j < TEXELS_W; j++) {
        let b = taps(columns + j);
        let left = u32(b.x) * params.x_stride_w;
        let right = u32(b.z) * params.x_stride_w;
        total += a.y * (b.y * vec4f(x[upper + left]) + b.w * vec4f(x[upper + right]));
        total += a.w * (b.y * vec4f(x[lower + left]) + b.w * vec4f(x[lower + right]));
      }
    }
    value = finish(total);
  }
  let lanes = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
  let destination = params.y_offset + image * params.y_stride_n + row * params.y_stride_h + column * params.y_stride_w;
  y[destination + c4] = select(vec(), epilogue(value, pixel, c4), lanes < vec4u(params.c));
}
