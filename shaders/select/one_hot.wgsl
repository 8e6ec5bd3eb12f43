// One of two values at each place of a new dimension: OneHot.
//
//   y[o, d, i] = values[1] where d is indices[o, i] (counted from the end where negative), else values[0]
//
// All are linear. The new dimension has `depth` places, and `inner` elements lie behind it.
//
// Grid: the elements of y (`count`).

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

//#inject index
alias index_scalar = i32;
//#end

struct Params {
  count: u32,
  depth: i32,
  inner: u32,
  indices_offset: u32,
  values_offset: u32,
  y_offset: u32,
};

@group(0) @binding(0) var<storage, read_write> indices: array<index_scalar>;
@group(0) @binding(1) var<storage, read_write> values: array<scalar>;
@group(0) @binding(2) var<storage, read_write> y: array<scalar>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  let row = index / params.inner;
  let place = i32(row % u32(params.depth));
  let given = i32(indices[params.indices_offset + row / u32(params.depth) * params.inner + index % params.inner]);
  let hot = select(0u, 1u, place == select(given, given + params.depth, given < 0));
  y[params.y_offset + index] = values[params.values_offset + hot];
}
