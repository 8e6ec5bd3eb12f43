// Marks the lists that each query is looked for in. One invocation a list that was found, or a list; y is the query.
//
// found   the nearest centres of query q: their numbers at q * 2 * probes + i (-1: none)
// sought  1 for list i of query q at q * lists + i; zero before

struct Params {
  lists: u32,
  probes: u32,
  // 1: all lists, whatever was found.
  every: u32,
};

@group(0) @binding(0) var<storage, read> found: array<i32>;
@group(0) @binding(1) var<storage, read_write> sought: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  var list = i32(id.x);
  if (params.every == 0u) {
    if (id.x >= params.probes) { return; }
    list = found[id.y * 2u * params.probes + id.x];
  }
  if (list < 0 || u32(list) >= params.lists) { return; }
  sought[id.y * params.lists + u32(list)] = 1u;
}
