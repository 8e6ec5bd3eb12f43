// Pads or crops rows and columns of an image, one vec4 of channels an invocation.
//
//   y[n, oh, ow, c] = x[n, source(oh), source(ow), c], or the fill where there is no source
//
// x, y: NHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero.
// x begins `begin_h` rows and `begin_w` columns inside y, and has in_h rows and in_w columns; x_offset is where it
// begins, so cropping is a change of offset and extent. MODE: 0 fills, 1 repeats the border, 2 mirrors at the border's
// elements, 3 repeats the whole.
//
// Grid: `count` = batch * out_h * out_w * c4 invocations.

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  c: u32,
  c4: u32,
  in_h: i32,
  in_w: i32,
  begin_h: i32,
  begin_w: i32,
  out_h: u32,
  out_w: u32,
  x_offset: u32,
  x_stride_n: u32,
  x_stride_h: u32,
  x_stride_w: u32,
  y_offset: u32,
  y_stride_n: u32,
  y_stride_h: u32,
  y_stride_w: u32,
  fill_offset: u32,
  fill: scalar,
};

@group(0) @binding(0) var<storage, read_write> x: array<vec>;
@group(0) @binding(1) var<storage, read_write> y: array<vec>;
@group(0) @binding(2) var<uniform> params: Params;

override MODE: u32 = 0u;

//#inject fill
fn fill_value() -> scalar { return params.fill; }
//#end

// Where position `at` of a dimension of `extent` elements is taken from; -1: nowhere.
fn source(at: i32, extent: i32) -> i32 {
  if (at >= 0 && at < extent) { return at; }
  if (MODE == 1u) { return clamp(at, 0, extent - 1); }
  if (MODE == 2u) { return select(2 * (extent - 1) - at, -at, at < 0); }
  if (MODE == 3u) { return ((at % extent) + extent) % extent; }
  return -1;
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
  let from_row = source(i32(row) - params.begin_h, params.in_h);
  let from_column = source(i32(column) - params.begin_w, params.in_w);
  var value = vec();
  if (from_row >= 0 && from_column >= 0) {
    value = x[params.x_offset + image * params.x_stride_n + u32(from_row) * params.x_stride_h + u32(from_column) * params.x_stride_w + c4];
  } else {
    value = vec(fill_value());
  }
  let lanes = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
  let destination = params.y_offset + image * params.y_stride_n + row * params.y_stride_h + column * params.y_stride_w;
  y[destination + c4] = select(vec(), value, lanes < vec4u(params.c));
}
