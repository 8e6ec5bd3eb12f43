// Takes one slice of x for each tuple of indices: GatherND.
//
//   y[b, t, :] = x[b, indices[b, t, 0], ..., indices[b, t, size - 1], :]
//
// All are linear. A slice has `slice` elements; a batch has `tuples` tuples, and in x `batch_stride` elements; index i of
// a tuple is for a dimension of extents[i], with a step of strides[i] elements. Up to 8 indices a tuple. Negative indices
// count from the end; those outside are taken as the nearest one inside.
//
// Grid: the elements of y (`count`).

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  slice: u32,
  tuples: u32,
  size: u32,
  batch_stride: u32,
  x_offset: u32,
  y_offset: u32,
  indices_offset: u32,
  extents: array<vec4i, 2>,
  strides: array<vec4u, 2>,
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
  let number = index / params.slice;
  var from_index = params.x_offset + number / params.tuples * params.batch_stride + index % params.slice;
  for (var i = 0u; i < params.size; i++) {
    let extent = params.extents[i / 4u][i % 4u];
    let given = indices[params.indices_offset + number * params.size + i];
    let source = clamp(select(given, given + extent, given < 0), 0, extent - 1);
    from_index += u32(source) * params.strides[i / 4u][i % 4u];
  }
  y[params.y_offset + index] = x[from_index];
}
