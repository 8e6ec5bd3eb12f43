// How often each value of a digit of 11 bits occurs among the pairs whose higher digits are those of the threshold.
// The grid's z is the query. The digits are those of the key, then those of the number, complemented so that the lower
// number is the greater. Pairs of key 0 count nowhere.
//
// pairs      (key, number): four vec4u, which hold eight pairs, an invocation
// state      a query: (threshold's key, threshold's number complemented, places left, unused)
// histogram  2,048 counts a query, zero before

struct Params {
  pair_stride: u32,
  shift: u32,
  digit_mask: u32,
  // The bits of higher digits of the same kind.
  decided: u32,
  // All bits that a number can have.
  number_mask: u32,
};

// 0: the digit is the key's, 1: the number's.
override KIND: u32 = 0u;

@group(0) @binding(0) var<storage, read_write> pairs: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> state: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> histogram: array<atomic<u32>>;
@group(0) @binding(3) var<uniform> params: Params;

fn count(key: u32, number: u32, threshold: vec4u, query: u32) {
  if (key == 0u) { return; }
  var value = key;
  if (KIND == 0u) {
    if ((key & params.decided) != (threshold.x & params.decided)) { return; }
  } else {
    value = number ^ params.number_mask;
    if (key != threshold.x || (value & params.decided) != (threshold.y & params.decided)) { return; }
  }
  atomicAdd(&histogram[query * 2048u + ((value >> params.shift) & params.digit_mask)], 1u);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (index * 8u >= params.pair_stride) { return; }
  let threshold = state[group.z];
  let first = group.z * (params.pair_stride / 2u) + index * 4u;
  //#unroll i 4
  for (var i = 0u; i < 4u; i++) {
    let two = pairs[first + i];
    count(two.x, two.y, threshold, group.z);
    count(two.z, two.w, threshold, group.z);
  }
  //#end
}
