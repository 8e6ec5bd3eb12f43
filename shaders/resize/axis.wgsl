// Resampling along one dimension of any tensor by a table of indices and weights.
//
//   y[o, i, j] = finish(sum over t of table[i, t].weight * x[o, table[i, t].index, j])
//
// Grid: the elements of y (`count`), the last dimension fastest. Up to 8 dimensions; the table holds `taps` pairs for
// each position of dimension `axis`. With FILL, where the first index is negative, `fill` takes the place of the sum.
// Strides and offsets count elements and may be negative.
// Limit: rank + taps iterations must stay under 65,535 (llvmpipe).

struct Params {
  count: u32,
  rank: u32,
  axis: u32,
  taps: u32,
  fill: f32,
  x_offset: i32,
  y_offset: i32,
  extents: array<vec4u, 2>,
  x_strides: array<vec4i, 2>,
  y_strides: array<vec4i, 2>,
};

//#inject operands
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
//#end
@group(0) @binding(2) var<storage, read> table: array<vec2f>;
@group(0) @binding(3) var<uniform> params: Params;

override FILL: bool = false;

//#inject finish
fn finish(value: f32) -> f32 { return value; }
//#end

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  var rest = (group.y * groups.x + group.x) * 64u + local;
  if (rest >= params.count) { return; }
  var from_index = params.x_offset;
  var to_index = params.y_offset;
  var position = 0u;
  for (var i = params.rank; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.extents[axis / 4u][axis % 4u];
    let at = rest % extent;
    rest = rest / extent;
    if (axis == params.axis) {
      position = at;
    } else {
      from_index += i32(at) * params.x_strides[axis / 4u][axis % 4u];
    }
    to_index += i32(at) * params.y_strides[axis / 4u][axis % 4u];
  }
  let step = params.x_strides[params.axis / 4u][params.axis % 4u];
  let first = position * params.taps;
  var value = 0.0;
  for (var t = 0u; t < params.taps; t++) {
    let pair = table[first + t];
    value += pair.y * f32(x[from_index + i32(max(pair.x, 0.0)) * step]);
  }
  if (FILL && table[first].x < 0.0) { value = params.fill; }
  y[to_index] = finish(value);
}
