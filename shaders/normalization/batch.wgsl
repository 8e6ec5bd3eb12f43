// Batch normalisation by moments that are computed while the network runs; one element an invocation.
//
//   y[n, c, ...] = (x[n, c, ...] - mean[c]) / sqrt(variance[c] + epsilon) * scale[c] + bias[c]
//
// x: any strides (up to 8 dimensions); y: linear; the others: one number a channel, from their own offset (x, y, scale,
// bias, mean, variance in `offsets`), `inner` elements of y belonging to one channel in a row.
//
// Grid: `count` invocations.

struct Params {
  count: u32,
  rank: u32,
  channels: u32,
  inner: u32,
  epsilon: f32,
  x_offset: i32,
  y_offset: u32,
  scale_offset: u32,
  bias_offset: u32,
  mean_offset: u32,
  variance_offset: u32,
  extents: array<vec4u, 2>,
  x_strides: array<vec4i, 2>,
};

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> scale: array<f32>;
@group(0) @binding(2) var<storage, read_write> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> variance: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  var source = params.x_offset;
  var rest = index;
  for (var i = params.rank; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.extents[axis / 4u][axis % 4u];
    source += i32(rest % extent) * params.x_strides[axis / 4u][axis % 4u];
    rest = rest / extent;
  }
  let c = index / params.inner % params.channels;
  let factor = scale[params.scale_offset + c] / sqrt(variance[params.variance_offset + c] + params.epsilon);
  let value = (x[source] - mean[params.mean_offset + c]) * factor + bias[params.bias_offset + c];
  y[params.y_offset + index] = value;
}
