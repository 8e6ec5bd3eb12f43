// Instance normalisation, given each channel's mean and variance: RUN vec4s in a row an invocation.
//
//   y[n, h, w, c] = epilogue((x[n, h, w, c] - mean[n, c]) / sqrt(variance[n, c] + epsilon) * scale[c] + bias[c])
//
// x, y: NHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero.
// mean, variance: vec4s at n * c4 + (group of 4 channels). scale_bias: c4 vec4s of scale, then c4 of bias.
//
// Grid: ceil(count / RUN) invocations, `count` = batch * h * w * c4.

struct Params {
  count: u32,
  c: u32,
  c4: u32,
  h: u32,
  w: u32,
  epsilon: f32,
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
@group(0) @binding(1) var<storage, read_write> mean: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> variance: array<vec4f>;
@group(0) @binding(3) var<storage, read> scale_bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<uniform> params: Params;

//#inject epilogue
fn epilogue(value: vec4f, pixel: u32, c4: u32) -> vec4f { return value; }
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
  let epsilon = vec4f(params.epsilon);
  let x_offset = params.x_offset;
  let x_stride_n = params.x_stride_n;
  let x_stride_h = params.x_stride_h;
  let x_stride_w = params.x_stride_w;
  let y_offset = params.y_offset;
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
    let at = image * c4s + c4;
    let factor = scale_bias[c4] / sqrt(variance[at] + epsilon);
    let value = (x[source + c4] - mean[at]) * factor + scale_bias[c4s + c4];
    let lanes = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
    y[destination + c4] = select(vec4f(0.0), epilogue(value, pixel, c4), lanes < vec4u(c));
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
