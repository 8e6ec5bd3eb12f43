// The keys of the rows of the blocks that were kept. The grid's z is the query.
//
// kept   (best key, number of the block) of query q at q * places + i; key 0: no block
// keys   key of query q and row r at q * stride + r, four a vec4u
// pairs  (key, number of the row), two a vec4u: 16 for each of the blocks

struct Params {
  places: u32,
  stride: u32,
};

@group(0) @binding(0) var<storage, read_write> kept: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> keys: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> pairs: array<vec4u>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  // A quarter of a block an invocation.
  let index = group.x * 64u + lane;
  if (index >= params.places * 4u) { return; }
  let best = kept[group.z * params.places + index / 4u];
  let row = best.y * 16u + (index & 3u) * 4u;
  var four = vec4u(0u);
  if (best.x != 0u) { four = keys[(group.z * params.stride + row) / 4u]; }
  let to = (group.z * params.places * 4u + index) * 2u;
  pairs[to] = vec4u(four.x, row, four.y, row + 1u);
  pairs[to + 1u] = vec4u(four.z, row + 2u, four.w, row + 3u);
}
