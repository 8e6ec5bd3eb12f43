// Data with slices replaced: scatters that replace.
//
//   y[r, :] = updates[last[r] - 1, :] where last[r] > 0, else x[r, :]
//
// All are linear; a slice has `slice` elements; `last` begins at offset 0. Grid: the elements of y (`count`).

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  slice: u32,
  x_offset: u32,
  updates_offset: u32,
  y_offset: u32,
};

@group(0) @binding(0) var<storage, read_write> x: array<scalar>;
@group(0) @binding(1) var<storage, read_write> updates: array<scalar>;
@group(0) @binding(2) var<storage, read_write> last: array<i32>;
@group(0) @binding(3) var<storage, read_write> y: array<scalar>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  let row = index / params.slice;
  let update = last[row];
  var value = x[params.x_offset + index];
  if (update > 0) {
    value = updates[params.updates_offset + u32(update - 1) * params.slice + index - row * params.slice];
  }
  y[params.y_offset + index] = value;
}
