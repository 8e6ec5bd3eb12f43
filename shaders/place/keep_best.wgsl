// Keeps the pairs that are not below the threshold, in no order. The grid's z is the query.
//
// pairs  (key, number): four vec4u, which hold eight pairs, an invocation
// state  a query: (threshold's key, threshold's number complemented, unused, pairs kept; 0 before)
// kept   (key, number) of query q at q * places + i; zero before

struct Params {
  pair_stride: u32,
  number_mask: u32,
  places: u32,
};

@group(0) @binding(0) var<storage, read_write> pairs: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> state: array<atomic<u32>>;
@group(0) @binding(2) var<storage, read_write> kept: array<vec2u>;
@group(0) @binding(3) var<uniform> params: Params;

fn keep(key: u32, number: u32, threshold: vec2u, query: u32) {
  if (key == 0u || key < threshold.x) { return; }
  if (key == threshold.x && (number ^ params.number_mask) < threshold.y) { return; }
  let place = atomicAdd(&state[query * 4u + 3u], 1u);
  if (place < params.places) { kept[query * params.places + place] = vec2u(key, number); }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (index * 8u >= params.pair_stride) { return; }
  let threshold = vec2u(atomicLoad(&state[group.z * 4u]), atomicLoad(&state[group.z * 4u + 1u]));
  let first = group.z * (params.pair_stride / 2u) + index * 4u;
  //#unroll i 4
  for (var i = 0u; i < 4u; i++) {
    let two = pairs[first + i];
    keep(two.x, two.y, threshold, group.z);
    keep(two.z, two.w, threshold, group.z);
  }
  //#end
}
