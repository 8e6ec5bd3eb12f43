// Mean of bytes over all pixels of an image, channel by channel: y = saturate(round(sum of (x - x_zero) * factor) + y_zero).
// A workgroup computes one group of 4 channels of one image.
//
// x, y: words, NHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero.
// Grid: n * c4 workgroups, folded into (x, y).
// Limit: h * w / 64 + 6 iterations must stay under 65,535 (llvmpipe).

struct Params {
  n: u32,
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
  x_zero: i32,
  y_zero: i32,
  factor: f32,
  low: i32,
  high: i32,
};

@group(0) @binding(0) var<storage, read_write> x: array<vec4i>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4i>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> part: array<vec4i, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = group.y * groups.x + group.x;
  let c4 = index % params.c4;
  // Workgroups past the end sum up the last image again and store nothing: all must reach the barriers.
  let image = min(index / params.c4, params.n - 1u);
  var sum = vec4i();
  for (var pixel = local; pixel < params.h * params.w; pixel += 64u) {
    let row = pixel / params.w;
    let column = pixel - row * params.w;
    let at = params.x_offset + image * params.x_stride_n + row * params.x_stride_h + column * params.x_stride_w + c4;
    sum += x[at] - vec4i(params.x_zero);
  }
  part[local] = sum;
  for (var step = 32u; step > 0u; step /= 2u) {
    workgroupBarrier();
    if (local < step) {
      part[local] += part[local + step];
    }
  }
  if (local == 0u && index / params.c4 < params.n) {
    let least = vec4f(f32(params.low - params.y_zero));
    let most = vec4f(f32(params.high - params.y_zero));
    let value = vec4i(round(clamp(vec4f(part[0]) * params.factor, least, most))) + vec4i(params.y_zero);
    let channel = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
    y[params.y_offset + image * params.y_stride_n + c4] = select(vec4i(), value, channel < vec4u(params.c));
  }
}
