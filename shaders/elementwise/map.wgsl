// Applies an element-wise chain (the epilogue) to a tensor, one vec4 an invocation; without one it copies, for instance
// into a part of a concatenation or out of a stepped slice.
//
// x, y: NHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero.
// A linear tensor of E elements is taken as one pixel of E channels. `types` are of x, `result` is y's, which the epilogue
// may make of another type.

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
  let column = pixel % params.w;
  let row = (pixel / params.w) % params.h;
  let image = pixel / (params.w * params.h);
  let source = params.x_offset + image * params.x_stride_n + row * params.x_stride_h + column * params.x_stride_w;
  let destination = params.y_offset + image * params.y_stride_n + row * params.y_stride_h + column * params.y_stride_w;
  let value = epilogue(x[source + c4], pixel, c4);
  let lanes = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
  y[destination + c4] = select(result(), value, lanes < vec4u(params.c));
}
