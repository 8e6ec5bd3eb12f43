// Where in the data each update of a ScatterND goes: the number of a slice.
//
//   targets[t] = sum over i of indices[t, i] * strides[i]
//
// The indices are linear, `size` to a tuple (up to 8); index i is for a dimension of extents[i], with a step of strides[i]
// slices. Negative indices count from the end; those outside are taken as the nearest one inside.
//
// Grid: the tuples (`count`).

struct Params {
  count: u32,
  size: u32,
  indices_offset: u32,
  extents: array<vec4i, 2>,
  strides: array<vec4i, 2>,
};

@group(0) @binding(0) var<storage, read_write> indices: array<i32>;
@group(0) @binding(1) var<storage, read_write> targets: array<i32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  var position = 0;
  for (var i = 0u; i < params.size; i++) {
    let extent = params.extents[i / 4u][i % 4u];
    let given = indices[params.indices_offset + index * params.size + i];
    let source = clamp(select(given, given + extent, given < 0), 0, extent - 1);
    position += source * params.strides[i / 4u][i % 4u];
  }
  targets[index] = position;
}
