// Applies an element-wise chain (the epilogue) to a tensor, RUN vec4s in a row an invocation; without one it copies, for instance
// into a part of a concatenation or out of a stepped slice.
//
// x, y: NHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero.
// A linear tensor of E elements is taken as one pixel of E channels. `types` are of x, `result` is y's, which the epilogue
// may make of another type.
//
// Grid: ceil(count / RUN) invocations, `count` = batch * h * w * c4.

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  c: u32,
  c4: u32,
  h: u32,
  w: u32,
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
//#inject result
alias result = vec;
@group(0) @binding(1) var<storage, read_write> y: array<vec>;
//#end
@group(0) @binding(2) var<uniform> params: Params;

//#inject epilogue
fn epilogue(value: vec, pixel: u32, c4: u32) -> result { return value; }
//#end

override RUN: u32 = 4u;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = ((group.y * groups.x + group.x) * 64u + local) * RUN;
  let end = min(first + RUN, params.count);
  if (first >= end) { return; }
  // Before any store: Mesa's software Vulkan reads parameters anew behind one.
  let c = params.c;
  let c4s = params.c4;
  let h = params.h;
  let w = params.w;
  let x_offset = params.x_offset;
  let y_offset = params.y_offset;
  let x_stride_n = params.x_stride_n;
  let x_stride_h = params.x_stride_h;
  let x_stride_w = params.x_stride_w;
  let y_stride_n = params.y_stride_n;
  let y_stride_h = params.y_stride_h;
  let y_stride_w = params.y_stride_w;
  var pixel = first / c4s;
  var c4 = first - pixel * c4s;
  let image_row = pixel / w;
  var image = image_row / h;
  var row = image_row - image * h;
  var column = pixel - image_row * w;
  for (var index = first; index < end; index++) {
    let source = x_offset + image * x_stride_n + row * x_stride_h + column * x_stride_w;
    let destination = y_offset + image * y_stride_n + row * y_stride_h + column * y_stride_w;
    let lanes = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
    y[destination + c4] = select(result(), epilogue(x[source + c4], pixel, c4), lanes < vec4u(c));
    // The next, in the same pixel, row and image or not.
    c4++;
    let next_pixel = c4 == c4s;
    c4 = select(c4, 0u, next_pixel);
    pixel += u32(next_pixel);
    column += u32(next_pixel);
    let next_row = column == w;
    column = select(column, 0u, next_row);
    row += u32(next_row);
    let next_image = row == h;
    row = select(row, 0u, next_image);
    image += u32(next_image);
  }
}
