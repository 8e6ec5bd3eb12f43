// Copies a tensor of up to 8 dimensions between any two strided views, one element an invocation: what transposes,
// slices, concatenates, expands and changes layout where no view can say it.
//
// Grid: y's elements with padding (`count`), the last dimension fastest. Source elements outside `x_extents` (padding
// lanes of y, or the border of a Pad in constant mode) are written as `fill`.
// Strides and offsets count elements and may be negative.

struct Params {
  count: u32,
  rank: u32,
  x_offset: i32,
  y_offset: i32,
  fill: f32,
  extents: array<vec4u, 2>,
  x_extents: array<vec4u, 2>,
  x_begin: array<vec4i, 2>,
  x_strides: array<vec4i, 2>,
  y_strides: array<vec4i, 2>,
};

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

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
  var inside = true;
  for (var i = 0u; i < params.rank; i++) {
    let axis = params.rank - 1u - i;
    let extent = params.extents[axis / 4u][axis % 4u];
    let at = i32(rest % extent);
    rest = rest / extent;
    let source = at - params.x_begin[axis / 4u][axis % 4u];
    inside = inside && source >= 0 && source < i32(params.x_extents[axis / 4u][axis % 4u]);
    from_index += source * params.x_strides[axis / 4u][axis % 4u];
    to_index += at * params.y_strides[axis / 4u][axis % 4u];
  }
  var value = params.fill;
  if (inside) { value = x[from_index]; }
  y[to_index] = value;
}
