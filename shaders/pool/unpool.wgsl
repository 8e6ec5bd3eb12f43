// The reverse of pooling: values at given places of a tensor of zeros. Run with FILL for the zeros, and then without it.
//
//   y[i] = 0                  for all i < count, with FILL
//   y[indices[i]] = x[i]      for all i < count, without
//
// x, indices, y: elements one after the other; offsets count elements. Indices outside [0, y_count) are passed over.
//
// Grid: `count` invocations: the elements of y with FILL, those of x without.

struct Params {
  count: u32,
  y_count: u32,
  x_offset: u32,
  i_offset: u32,
  y_offset: u32,
};

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

@group(0) @binding(0) var<storage, read_write> x: array<scalar>;
@group(0) @binding(1) var<storage, read_write> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<scalar>;
@group(0) @binding(3) var<uniform> params: Params;

override FILL: bool = false;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  if (FILL) {
    y[params.y_offset + index] = scalar();
    return;
  }
  let place = indices[params.i_offset + index];
  if (place < 0 || place >= i32(params.y_count)) { return; }
  y[params.y_offset + u32(place)] = x[params.x_offset + index];
}
