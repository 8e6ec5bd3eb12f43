// Puts pairs in order, best first, by counting those that are better; of equal keys the lower number comes first. The
// grid's z is the query.
//
// pairs    (key, number) of query q at q * COUNT + i, two a vec4u; key 0: none
// results  a query: k numbers of rows (-1: none), then the bits of k scores

struct Params {
  k: u32,
  // What was done to the order of keys: 0xffffffff for distances.
  flip: u32,
  // Bits of the score where there is no row.
  nothing: u32,
};

// Pairs a query: an even number, k or more.
override COUNT: u32 = 2u;

@group(0) @binding(0) var<storage, read_write> pairs: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> results: array<i32>;
@group(0) @binding(2) var<uniform> params: Params;

fn better(a: vec2u, a_place: u32, b: vec2u, b_place: u32) -> bool {
  if (a.x != b.x) { return a.x > b.x; }
  if (a.x != 0u) { return a.y < b.y; }
  return a_place < b_place;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.x * 64u + lane;
  if (index >= COUNT) { return; }
  let first = group.z * COUNT / 2u;
  let two = pairs[first + index / 2u];
  let own = select(two.xy, two.zw, (index & 1u) == 1u);
  var rank = 0u;
  for (var i = 0u; i < COUNT; i += 2u) {
    let other = pairs[first + i / 2u];
    rank += select(0u, 1u, better(other.xy, i, own, index));
    rank += select(0u, 1u, better(other.zw, i + 1u, own, index));
  }
  if (rank >= params.k) { return; }
  let to = group.z * params.k * 2u + rank;
  let turned = own.x ^ params.flip;
  let bits = select(~turned, turned & 0x7fffffffu, turned >= 0x80000000u);
  results[to] = select(-1, i32(own.y), own.x != 0u);
  results[to + params.k] = bitcast<i32>(select(params.nothing, bits, own.x != 0u));
}
