// Enlarging of rows and columns, nearest or linear: one invocation loads the corners of a cell of the input once, and
// writes every output pixel that lies in it (a vec4 of channels).
//
//   y[n, oh, ow, c] = epilogue((1 - v) * ((1 - u) * x[top, left] + u * x[top, right]) + v * (the same of x[bottom]))
//
// x, y: NHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero.
// table: two texels for each row of cells, then for each column of cells: (first source, second source, first output,
// outputs from 1 to 4), and the weights of the second source for those outputs. With MOVE a cell has one source, whose
// elements are taken as they are. Sums are of floats; what they become is `finish`.
//
// Grid: `count` = batch * cells_h * cells_w * c4 invocations.

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  c: u32,
  c4: u32,
  cells_h: u32,
  cells_w: u32,
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
  operands: array<vec4u, 4>,
};

@group(0) @binding(0) var<storage, read_write> x: array<vec>;
@group(0) @binding(1) var<storage, read_write> y: array<vec>;
@group(0) @binding(2) var table: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<uniform> params: Params;

override MOVE: bool = false;

//#inject epilogue
fn epilogue(value: vec, pixel: u32, c4: u32) -> vec { return value; }
//#end

//#inject finish
fn finish(value: vec4f) -> vec { return vec(value); }
//#end

fn texel(at: u32) -> vec4f {
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
  let cell = index / params.c4;
  let cell_column = cell % params.cells_w;
  let cell_row = (cell / params.cells_w) % params.cells_h;
  let image = cell / (params.cells_w * params.cells_h);
  let rows = vec4u(texel(cell_row * 2u));
  let columns = vec4u(texel((params.cells_h + cell_column) * 2u));
  let source = params.x_offset + image * params.x_stride_n + c4;
  let destination = params.y_offset + image * params.y_stride_n + c4;
  let inside = (vec4u(0u, 1u, 2u, 3u) + 4u * c4) < vec4u(params.c);
  let top_left = x[source + rows.x * params.x_stride_h + columns.x * params.x_stride_w];
  var top = vec4f();
  var top_right = vec4f();
  var bottom = vec4f();
  var bottom_right = vec4f();
  var row_weights = vec4f();
  var column_weights = vec4f();
  if (!MOVE) {
    row_weights = texel(cell_row * 2u + 1u);
    column_weights = texel((params.cells_h + cell_column) * 2u + 1u);
    top = vec4f(top_left);
    top_right = vec4f(x[source + rows.x * params.x_stride_h + columns.y * params.x_stride_w]);
    bottom = vec4f(x[source + rows.y * params.x_stride_h + columns.x * params.x_stride_w]);
    bottom_right = vec4f(x[source + rows.y * params.x_stride_h + columns.y * params.x_stride_w]);
  }
  for (var i = 0u; i < rows.w; i++) {
    let row = rows.z + i;
    let v = row_weights[i];
    for (var j = 0u; j < columns.w; j++) {
      let column = columns.z + j;
      let u = column_weights[j];
      var value = top_left;
      if (!MOVE) {
        value = finish((1.0 - v) * ((1.0 - u) * top + u * top_right) + v * ((1.0 - u) * bottom + u * bottom_right));
      }
      let pixel = (image * params.out_h + row) * params.out_w + column;
      let at = destination + row * params.y_stride_h + column * params.y_stride_w;
      y[at] = select(vec(), epilogue(value, pixel, c4), inside);
    }
  }
}
