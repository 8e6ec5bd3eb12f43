// Where in the data each update of a ScatterElements goes: a position in ONNX's order.
//
//   targets[i] = i . strides + index(i) * axis_stride
//
// The indices are linear; their dimensions (up to 8, those merged that can be) are the extents, with the data's strides,
// 0 for the dimension that the indices are for. Of that, the data have `extent`. Negative indices count from the end;
// those outside are taken as the nearest one inside.
//
// Grid: the indices (`count`).

struct Params {
  count: u32,
  rank: u32,
  extent: i32,
  axis_stride: i32,
  indices_offset: u32,
  extents: array<vec4u, 2>,
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
  let given = indices[params.indices_offset + index];
  var position = clamp(select(given, given + params.extent, given < 0), 0, params.extent - 1) * params.axis_stride;
  var rest = index;
  for (var i = params.rank; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.extents[axis / 4u][axis % 4u];
    position += i32(rest % extent) * params.strides[axis / 4u][axis % 4u];
    rest = rest / extent;
  }
  targets[index] = position;
}
