// Takes one element of x for each index: GatherElements.
//
//   y[i0, ..., ik, ...] = x[i0, ..., indices[i0, ..., ik, ...], ...]
//
// y and the indices are linear, of one shape, whose dimensions (up to 8) are the extents; x is any strided view, and its
// strides are those of the same dimensions. Of dimension `axis`, which the indices are for, x has `x_extent` and the
// stride `axis_stride`. Negative indices count from the end; those outside are taken as the nearest one inside.
//
// Grid: the elements of y (`count`).

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  rank: u32,
  x_extent: i32,
  axis_stride: i32,
  x_offset: i32,
  y_offset: u32,
  indices_offset: u32,
  extents: array<vec4u, 2>,
  x_strides: array<vec4i, 2>,
};

@group(0) @binding(0) var<storage, read_write> x: array<scalar>;
@group(0) @binding(1) var<storage, read_write> y: array<scalar>;
@group(0) @binding(2) var<storage, read_write> indices: array<i32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  let given = indices[params.indices_offset + index];
  let source = clamp(select(given, given + params.x_extent, given < 0), 0, params.x_extent - 1);
  var from_index = params.x_offset + source * params.axis_stride;
  var rest = index;
  for (var i = params.rank; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.extents[axis / 4u][axis % 4u];
    from_index += i32(rest % extent) * params.x_strides[axis / 4u][axis % 4u];
    rest = rest / extent;
  }
  y[params.y_offset + index] = x[from_index];
}
