// Resampling of rows and columns by tables, one vec4 of channels an invocation: nearest, linear and cubic resizing,
// and padding that repeats, mirrors or fills.
//
//   y[n, oh, ow, c] = epilogue(sum over i, j of a[oh, i].weight * b[ow, j].weight * x[n, a[oh, i].index, b[ow, j].index, c])
//
// x, y: NHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero.
// table: (index, weight) pairs, TAPS_H for each output row and then TAPS_W for each output column. With FILL, where a
// row's or column's first weight is zero, `fill` takes the place of the sum.
//
// Grid: `count` = batch * out_h * out_w * c4 invocations.
// Limit: TAPS_H * TAPS_W + TAPS_H iterations must stay under 65,535 (llvmpipe).

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

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<storage, read> table: array<vec2f>;
@group(0) @binding(3) var<uniform> params: Params;

override TAPS_H: u32 = 1u;
override TAPS_W: u32 = 1u;
override FILL: bool = false;

//#inject epilogue
fn epilogue(value: vec4f, pixel: u32, c4: u32) -> vec4f { return value; }
//#end

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
  let rows = row * TAPS_H;
  let columns = params.out_h * TAPS_H + column * TAPS_W;
  var value = vec4f(0.0);
  for (var i = 0u; i < TAPS_H; i++) {
    let a = table[rows + i];
    let line = source + u32(a.x) * params.x_stride_h;
    var sum = vec4f(0.0);
    for (var j = 0u; j < TAPS_W; j++) {
      let b = table[columns + j];
      sum += b.y * x[line + u32(b.x) * params.x_stride_w];
    }
    value += a.y * sum;
  }
  if (FILL && (table[rows].y == 0.0 || table[columns].y == 0.0)) { value = vec4f(params.fill); }
  let lanes = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
  let destination = params.y_offset + image * params.y_stride_n + row * params.y_stride_h + column * params.y_stride_w;
  y[destination + c4] = select(vec4f(0.0), epilogue(value, pixel, c4), lanes < vec4u(params.c));
}
