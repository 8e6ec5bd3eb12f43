// The largest element of a sliding window of up to three dimensions, and where in the tensor it stands: one vec4 of channels
// an invocation.
//
//   y[n, o, c]       = max over the taps k of x[n, o * stride - pad + k * dilation, c]
//   indices[n, o, c] = the place of the first such element among all elements of x in ONNX's order [N, C, D, H, W]
//
// x, y, indices: channels last, padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as
// zero. Vectors of the parameters hold depth, height and width. Taps outside the image do not take part.
// index_strides: what a step along depth, height, width and along the channels adds to an index.
//
// Grid: `count` = batch * out.x * out.y * out.z * c4 invocations.
// Limit: kernel.x * (1 + kernel.y * (1 + kernel.z)) under 65,535 (llvmpipe).

struct Params {
  extent: vec4u,
  out: vec4u,
  kernel: vec4u,
  stride: vec4u,
  dilation: vec4u,
  pad: vec4i,
  index_strides: vec4u,
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
  i_offset: u32,
  i_stride_n: u32,
  i_stride_d: u32,
  i_stride_h: u32,
  i_stride_w: u32,
};

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

@group(0) @binding(0) var<storage, read_write> x: array<vec>;
@group(0) @binding(1) var<storage, read_write> y: array<vec>;
@group(0) @binding(2) var<storage, read_write> indices: array<vec4i>;
@group(0) @binding(3) var<uniform> params: Params;

//#inject least
const LEAST = -3.4028234663852886e38f;
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
  let column = pixel % params.out.z;
  let row = (pixel / params.out.z) % params.out.y;
  let plane = pixel / (params.out.z * params.out.y);
  let depth = plane % params.out.x;
  let image = plane / params.out.x;
  let first = vec3i(vec3u(depth, row, column) * params.stride.xyz) - params.pad.xyz;
  let source = params.x_offset + image * params.x_stride_n + c4;
  var largest = vec(LEAST);
  var found = vec4u();
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
        let value = x[line + u32(w) * params.x_stride_w];
        let place = u32(d) * params.index_strides.x + u32(h) * params.index_strides.y + u32(w) * params.index_strides.z;
        let better = value > largest;
        largest = select(largest, value, better);
        found = select(found, vec4u(place), better);
      }
    }
  }
  let channel = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
  let lanes = channel < vec4u(params.c);
  let at = found + (image * params.c + channel) * params.index_strides.w;
  let to = params.y_offset + image * params.y_stride_n + depth * params.y_stride_d + row * params.y_stride_h
    + column * params.y_stride_w + c4;
  let i_to = params.i_offset + image * params.i_stride_n + depth * params.i_stride_d + row * params.i_stride_h
    + column * params.i_stride_w + c4;
  y[to] = select(vec(), largest, lanes);
  indices[i_to] = select(vec4i(), vec4i(at), lanes);
}
