// Rows less their mean, times a matrix: four elements of the result an invocation. The mean goes first, because with it
// the products would be large and cancel.
//
// x       row r at r * INPUTS
// matrix  element i of a row meets outputs 4 * o .. 4 * o + 3 by the vec4 at o * INPUTS + i
// mean    a number for each input
// y       row r at r * outputs

struct Params {
  rows: u32,
  outputs: u32,
};

override INPUTS: u32 = 1u;

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read> matrix: array<vec4f>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  let fours = (params.outputs + 3u) / 4u;
  if (index >= params.rows * fours) { return; }
  let row = index / fours;
  let o = index % fours;
  var sum = vec4f(0.0);
  for (var i = 0u; i < INPUTS; i++) {
    sum += (x[row * INPUTS + i] - mean[i]) * matrix[o * INPUTS + i];
  }
  let to = row * params.outputs + o * 4u;
  let left = params.outputs - o * 4u;
  y[to] = sum.x;
  if (left > 1u) { y[to + 1u] = sum.y; }
  if (left > 2u) { y[to + 2u] = sum.z; }
  if (left > 3u) { y[to + 3u] = sum.w; }
}
