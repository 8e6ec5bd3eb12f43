// Local response normalization: each element divided by a power of the mean square of its neighbours along the channels.
//
//   y[p, c] = epilogue(x[p, c] / (bias + alpha * sum over k from c - before to c + behind of x[p, k]^2)^beta)
//
// An invocation computes one vec4 of channels of one pixel. x, y: NHWC, channels padded to a multiple of 4; offsets and
// strides count vec4s, x is read element by element. Padding lanes are written as zero.
//
// Grid: `count` = batch * h * w * c4 invocations. Limit: before + behind + 4 < 65,535 (llvmpipe).

struct Params {
  count: u32,
  c: u32,
  c4: u32,
  h: u32,
  w: u32,
  before: u32,
  behind: u32,
  alpha: f32,
  beta: f32,
  bias: f32,
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

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

//#inject power
fn power(base: vec4f) -> vec4f { return pow(base, vec4f(params.beta)); }
//#end

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
  let column = pixel % params.w;
  let row = (pixel / params.w) % params.h;
  let n = pixel / (params.w * params.h);
  let source = 4u * (params.x_offset + n * params.x_stride_n + row * params.x_stride_h + column * params.x_stride_w);
  let channel = vec4i(vec4u(0u, 1u, 2u, 3u) + 4u * c4);
  let first = channel - i32(params.before);
  let last = min(channel + i32(params.behind), vec4i(i32(params.c) - 1));
  var squares = vec4f();
  for (var k = max(first.x, 0); k <= last.w; k++) {
    let value = x[source + u32(k)];
    squares += select(vec4f(), vec4f(value * value), vec4i(k) >= first & vec4i(k) <= last);
  }
  let at = source + 4u * c4;
  let own = vec4f(x[at], x[at + 1u], x[at + 2u], x[at + 3u]);
  let value = epilogue(own / power(params.bias + params.alpha * squares), pixel, c4);
  let to = params.y_offset + n * params.y_stride_n + row * params.y_stride_h + column * params.y_stride_w + c4;
  y[to] = select(vec4f(), value, channel < vec4i(i32(params.c)));
}
