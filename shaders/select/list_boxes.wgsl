// The boxes that NonMaxSuppression chose, as one list: (batch, class, box), row after row.
//
// `picked` [rows, most] and `found` [rows] begin at offset 0. y is linear, [rows * most, 3], zero beforehand; `total` gets
// the number of entries.
//
// Grid: rows * most (`count`). Fewer than 65,535 rows (llvmpipe).

struct Params {
  count: u32,
  classes: u32,
  most: u32,
  y_offset: u32,
  total_offset: u32,
};

@group(0) @binding(0) var<storage, read_write> picked: array<i32>;
@group(0) @binding(1) var<storage, read_write> found: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<i32>;
@group(0) @binding(3) var<storage, read_write> total: array<i32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  let row = index / params.most;
  let own = i32(index - row * params.most);
  let last = index + 1u == params.count;
  if (own >= found[row] && !last) { return; }
  var place = own;
  for (var i = 0u; i < row; i++) { place += found[i]; }
  if (own < found[row]) {
    let at = params.y_offset + u32(place) * 3u;
    y[at] = i32(row / params.classes);
    y[at + 1u] = i32(row % params.classes);
    y[at + 2u] = picked[index];
  }
  if (last) { total[params.total_offset] = place - own + found[row]; }
}
