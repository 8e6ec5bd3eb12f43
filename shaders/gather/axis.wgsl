// Copies a tensor along a table of indices of one dimension: gathering, and padding that repeats or mirrors.
//
//   y[o, i, j] = x[o, table[i], j]
//
// Grid: the elements of y (`count`), the last dimension fastest. Up to 8 dimensions; the table is for dimension
// `axis`, of which x has `x_extent`. Negative indices count from the end; those outside are taken as the nearest one
// inside. Strides and offsets count elements and may be negative.

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  rank: u32,
  axis: u32,
  x_extent: i32,
  x_offset: i32,
  y_offset: i32,
  table_offset: u32,
  extents: array<vec4u, 2>,
  x_strides: array<vec4i, 2>,
  y_strides: array<vec4i, 2>,
};

@group(0) @binding(0) var<storage, read_write> x: array<scalar>;
@group(0) @binding(1) var<storage, read_write> y: array<scalar>;
@group(0) @binding(2) var<storage, read_write> table: array<i32>;
@group(0) @binding(3) var<uniform> params: Params;

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
  for (var i = params.rank; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.extents[axis / 4u][axis % 4u];
    let at = rest % extent;
    rest = rest / extent;
    var source = i32(at);
    if (axis == params.axis) {
      let given = table[params.table_offset + at];
      source = clamp(select(given, given + params.x_extent, given < 0), 0, params.x_extent - 1);
    }
    from_index += source * params.x_strides[axis / 4u][axis % 4u];
    to_index += i32(at) * params.y_strides[axis / 4u][axis % 4u];
  }
  y[to_index] = x[from_index];
}
