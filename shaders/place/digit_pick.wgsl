// Finds, from a digit's counts, the digit of the k-th best pair, and adds it to the threshold. One workgroup a query (x).
//
// histogram  2,048 counts a query
// state      a query: (threshold's key, threshold's number complemented, places left, unused)
//
// If there are fewer pairs than places, the digit is 0: all of them are above the threshold.

struct Params {
  shift: u32,
  // Places at the first digit; 0 later: the state holds what is left.
  places: u32,
};

// 0: the key's digit, 1: the number's.
override KIND: u32 = 0u;

@group(0) @binding(0) var<storage, read_write> histogram: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> state: array<vec4u>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> sums: array<u32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let query = group.x;
  let first = query * 512u;
  var sum = vec4u(0u);
  //#unroll i 8
  for (var i = 0u; i < 8u; i++) {
    sum += histogram[first + lane * 8u + i];
  }
  //#end
  sums[lane] = sum.x + sum.y + sum.z + sum.w;
  workgroupBarrier();
  if (lane != 0u) { return; }
  var now = state[query];
  if (params.places > 0u) { now.z = params.places; }
  // The share of 32 counts in which the place is, from the greatest down.
  var share = 63u;
  for (var i = 0u; i < 63u; i++) {
    if (sums[share] >= now.z) { break; }
    now.z -= sums[share];
    share -= 1u;
  }
  var digit = share * 32u + 31u;
  var done = false;
  for (var i = 0u; i < 8u; i++) {
    let four = histogram[first + share * 8u + 7u - i];
    //#unroll j 4
    for (var j = 0u; j < 4u; j++) {
      if (!done && (four[3u - j] >= now.z || digit == 0u)) { done = true; }
      if (!done) {
        now.z -= four[3u - j];
        digit -= 1u;
      }
    }
    //#end
  }
  if (KIND == 0u) {
    now.x |= digit << params.shift;
  } else {
    now.y |= digit << params.shift;
  }
  state[query] = now;
}
