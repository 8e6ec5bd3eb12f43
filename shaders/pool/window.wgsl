// Pooling over a sliding window of up to three dimensions, one vec4 of channels an invocation.
//
//   y[n, o, c] = epilogue(finish(the terms over the taps k of x[n, o * stride - pad + k * dilation, c] taken together))
//
// x, y: channels last, padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero.
// Vectors of the parameters hold depth, height and width; the fourth number is not used. Taps outside the image do not take
// part. A mean is divided by the number of taps that lie in [count_begin, count_end): the image, or the image with its padding
// where the padding counts.
//
// Grid: `count` = batch * out.x * out.y * out.z * c4 invocations.
// Limit: kernel.x * (1 + kernel.y * (1 + kernel.z)) and the sum of the kernel's extents, together, under 65,535 (llvmpipe).

struct Params {
  extent: vec4u,
  out: vec4u,
  kernel: vec4u,
  stride: vec4u,
  dilation: vec4u,
  pad: vec4i,
  count_begin: vec4i,
  count_end: vec4i,
  count: u32,
  c: u32,
  c4: u32,
  x_offset: u32,
  x_stride_n: u32,
  x_stride_d: u32,
  x_stride_h: u32,
  x_stride_w: u32,
  y_offset: u32,
  y_stride_n: u32,
  y_stride_d: u32,
  y_stride_h: u32,
  y_stride_w: u32,
  operands: array<vec4u, 4>,
};

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

@group(0) @binding(0) var<storage, read_write> x: array<vec>;
@group(0) @binding(1) var<storage, read_write> y: array<vec>;
@group(0) @binding(2) var<uniform> params: Params;

//#inject pooling
const START = vec4f(-3.4028234663852886e38);
fn term(value: vec4f) -> vec4f { return value; }
fn combine(a: vec4f, b: vec4f) -> vec4f { return max(a, b); }
fn finish(total: vec4f, taps: f32) -> vec4f { return total; }
//#end

//#inject epilogue
fn epilogue(value: vec, pixel: u32, c4: u32) -> vec { return value; }
//#end

// Taps along one dimension that are counted.
fn counted(first: i32, kernel: u32, dilation: u32, begin: i32, end: i32) -> u32 {
  var taps = 0u;
  for (var k = 0u; k < kernel; k++) {
    let at = first + i32(k * dilation);
    taps += select(0u, 1u, at >= begin && at < end);
  }
  return taps;
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
  let column = pixel % params.out.z;
  let row = (pixel / params.out.z) % params.out.y;
  let plane = pixel / (params.out.z * params.out.y);
  let depth = plane % params.out.x;
  let image = plane / params.out.x;
  let first = vec3i(vec3u(depth, row, column) * params.stride.xyz) - params.pad.xyz;
  let source = params.x_offset + image * params.x_stride_n + c4;
  var total = START;
  for (var kd = 0u; kd < params.kernel.x; kd++) {
    let d = first.x + i32(kd * params.dilation.x);
    if (d < 0 || d >= i32(params.extent.x)) { continue; }
    for (var kh = 0u; kh < params.kernel.y; kh++) {
      let h = first.y + i32(kh * params.dilation.y);
      if (h < 0 || h >= i32(params.extent.y)) { continue; }
      let line = source + u32(d) * params.x_stride_d + u32(h) * params.x_stride_h;
      for (var kw = 0u; kw < params.kernel.z; kw++) {
        let w = first.z + i32(kw * params.dilation.z);
        if (w < 0 || w >= i32(params.extent.z)) { continue; }
        total = combine(total, term(x[line + u32(w) * params.x_stride_w]));
      }
    }
  }
  let taps = counted(first.x, params.kernel.x, params.dilation.x, params.count_begin.x, params.count_end.x)
    * counted(first.y, params.kernel.y, params.dilation.y, params.count_begin.y, params.count_end.y)
    * counted(first.z, params.kernel.z, params.dilation.z, params.count_begin.z, params.count_end.z);
  let value = epilogue(finish(total, f32(max(taps, 1u))), pixel, c4);
  let lanes = vec4u(0u, 1u, 2u, 3u) + 4u * c4 < vec4u(params.c);
  let to = params.y_offset + image * params.y_stride_n + depth * params.y_stride_d + row * params.y_stride_h
    + column * params.y_stride_w + c4;
  y[to] = select(vec(), value, lanes);
}
