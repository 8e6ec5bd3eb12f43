// Where the elements are that are not zero, in their order: the second step of NonZero.
//
//   y[axis, place] = the coordinate along the axis
//
// x and y are linear; y has `rank` rows of `extent` elements, zero beforehand; `block_counts` begin at offset 0. Dimensions:
// up to 8, of x's extents, with the steps of a linear tensor. `total` gets the number of places.
//
// Grid: the blocks (`count`). Limit: count + block * (rank + 1) iterations must stay under 65,535 (llvmpipe).

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  extent: u32,
  block: u32,
  rank: u32,
  x_offset: u32,
  y_offset: u32,
  total_offset: u32,
  extents: array<vec4u, 2>,
  steps: array<vec4u, 2>,
};

@group(0) @binding(0) var<storage, read_write> x: array<scalar>;
@group(0) @binding(1) var<storage, read_write> block_counts: array<i32>;
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
  var place = 0;
  for (var i = 0u; i < index; i++) { place += block_counts[i]; }
  let start = index * params.block;
  let end = min(start + params.block, params.extent);
  for (var i = start; i < end; i++) {
    // NaN is not zero either, though comparisons for inequality may deny it.
    if (!(x[params.x_offset + i] == scalar(0))) {
      for (var axis = 0u; axis < params.rank; axis++) {
        let at = i / params.steps[axis / 4u][axis % 4u] % params.extents[axis / 4u][axis % 4u];
        y[params.y_offset + axis * params.extent + u32(place)] = i32(at);
      }
      place++;
    }
  }
  if (index + 1u == params.count) { total[params.total_offset] = place; }
}
