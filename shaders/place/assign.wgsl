// The nearest of some centres, for descriptors in groups that have centres of their own: a step of many k-means at once.
//
// descriptors  one row a descriptor, `width` elements each, padding zero
// groups       the group of each descriptor; 0xffffffff: none, it is left alone
// centres      k rows a group
// sizes        how many of its k centres each group has
// best         of each descriptor: the centre, counted within its group, and the bits of its distance
//
// Looks at the centres from `first` on, `count` of them. `fresh` starts anew; else what `best` holds is kept where no centre
// is nearer, so that a centre can be added without comparing with all again. Distance: Hamming of bits, squared Euclidean of
// floats. Of equally near centres the first counts. An invocation takes count x (width + 1) loop iterations.

struct Params {
  rows: u32,
  width: u32,
  k: u32,
  first: u32,
  count: u32,
  fresh: u32,
};

const NONE = 0xffffffffu;

//#inject metric
alias element = vec4u;
alias measure = u32;
fn apart(a: element, b: element) -> measure {
  let bits = countOneBits(a ^ b);
  return bits.x + bits.y + bits.z + bits.w;
}
//#end

@group(0) @binding(0) var<storage, read> descriptors: array<element>;
@group(0) @binding(1) var<storage, read> groups: array<u32>;
@group(0) @binding(2) var<storage, read> centres: array<element>;
@group(0) @binding(3) var<storage, read> sizes: array<u32>;
@group(0) @binding(4) var<storage, read_write> best: array<vec2u>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) place: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (place.y * grid.x + place.x) * 64u + lane;
  if (i >= params.rows) { return; }
  let own = groups[i];
  if (own == NONE) { return; }
  var centre = NONE;
  var least = measure(0);
  if (params.fresh == 0u) {
    centre = best[i].x;
    least = bitcast<measure>(best[i].y);
  }
  let end = min(params.first + params.count, sizes[own]);
  for (var c = params.first; c < end; c++) {
    var sum = measure(0);
    for (var e = 0u; e < params.width; e++) {
      sum += apart(descriptors[i * params.width + e], centres[(own * params.k + c) * params.width + e]);
    }
    if (centre == NONE || sum < least) {
      centre = c;
      least = sum;
    }
  }
  best[i] = vec2u(centre, bitcast<u32>(least));
}
