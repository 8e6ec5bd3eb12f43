// Divides rows by their length, in place; a row of zeros stays. One workgroup a row.
//
// y  row r at r * elements

struct Params {
  rows: u32,
  elements: u32,
};

@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@group(0) @binding(1) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  // Workgroups beyond the last row sum it too, so that all invocations meet at the barriers, and write nothing.
  let first = min(row, params.rows - 1u) * params.elements;
  var sum = 0.0;
  for (var i = lane; i < params.elements; i += 64u) {
    let value = y[first + i];
    sum += value * value;
  }
  sums[lane] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if (lane < half) { sums[lane] += sums[lane + half]; }
    workgroupBarrier();
  }
  if (row >= params.rows || sums[0] == 0.0) { return; }
  let length = sqrt(sums[0]);
  for (var i = lane; i < params.elements; i += 64u) {
    let value = y[first + i] / length;
    y[first + i] = value;
  }
}
