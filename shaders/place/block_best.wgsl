// The best key of each block of 16 rows. The grid's z is the query.
//
// keys   key of query q and row r at q * stride + r, four a vec4u
// pairs  (best key, number of the block) of query q and block b at q * pair_stride + b
//
// Blocks that begin at params.rows or later have nothing to be found: their key is 0.

struct Params {
  rows: u32,
  stride: u32,
  pair_stride: u32,
};

@group(0) @binding(0) var<storage, read_write> keys: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> pairs: array<vec2u>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (index >= params.pair_stride) { return; }
  var best = 0u;
  if (index * 16u < params.rows) {
    let at = (group.z * params.stride) / 4u + index * 4u;
    let four = max(max(keys[at], keys[at + 1u]), max(keys[at + 2u], keys[at + 3u]));
    best = max(max(four.x, four.y), max(four.z, four.w));
  }
  pairs[group.z * params.pair_stride + index] = vec2u(best, index);
}
