// Makes one number of each channel of a feature map: the mean, the largest, or the generalised mean.
//
// x  element (n, c, h, w) at x_offset + n * x_strides.x + c * x_strides.y + h * x_strides.z + w * x_strides.w
// y  element (n, c) at n * channels + c

struct Params {
  x_strides: vec4u,
  x_offset: u32,
  images: u32,
  channels: u32,
  width: u32,
  power: f32,
  lowest: f32,
};

// Height times width.
override PIXELS: u32 = 1u;
// 0: mean, 1: largest, 2: generalised mean.
override KIND: u32 = 0u;

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (index >= params.images * params.channels) { return; }
  let n = index / params.channels;
  let c = index % params.channels;
  let first = params.x_offset + n * params.x_strides.x + c * params.x_strides.y;
  var sum = 0.0;
  var largest = x[first];
  for (var i = 0u; i < PIXELS; i++) {
    let value = x[first + (i / params.width) * params.x_strides.z + (i % params.width) * params.x_strides.w];
    largest = max(largest, value);
    sum += select(value, pow(max(value, params.lowest), params.power), KIND == 2u);
  }
  let mean = sum / f32(PIXELS);
  var result = select(mean, largest, KIND == 1u);
  if (KIND == 2u) { result = pow(mean, 1.0 / params.power); }
  y[index] = result;
}
