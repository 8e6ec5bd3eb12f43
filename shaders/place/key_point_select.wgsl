// The best candidates, in no order: by score, of equal scores those of lower pixels. One workgroup.
//
// candidates  (bits of the score, number of the pixel); scores are positive, pixels differ
// state       [0]: how many candidates; [1] becomes how many are kept
// kept        the same of those that are kept, `params.places` at most
//
// A radix select finds the key of the last place, eight bits a round: four rounds over the score, four over the pixel. A
// round looks at 256 candidates at once; 2,000,000 of them take fewer than 65,535 loop iterations of an invocation.

struct Params {
  places: u32,
}

@group(0) @binding(0) var<storage, read_write> candidates: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> state: array<u32>;
@group(0) @binding(2) var<storage, read_write> kept: array<vec2u>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> there: u32;
var<workgroup> histogram: array<atomic<u32>, 256>;
// The bits of the last place's key that are known, and how many keys of those bits still have a place.
var<workgroup> last: vec2u;
var<workgroup> wanted: u32;
var<workgroup> taken: atomic<u32>;

// Larger is better.
fn key_of(candidate: vec2u) -> vec2u {
  return vec2u(candidate.x, ~candidate.y);
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  if (lane == 0u) {
    there = state[0];
    wanted = params.places;
  }
  let count = workgroupUniformLoad(&there);
  if (count > params.places) {
    for (var round = 0u; round < 8u; round++) {
      let shift = 24u - 8u * (round & 3u);
      // The higher bits of the same word.
      let decided = select(0xffffff00u << shift, 0u, shift == 24u);
      atomicStore(&histogram[lane], 0u);
      workgroupBarrier();
      for (var i = lane; i < count; i += 256u) {
        let key = key_of(candidates[i]);
        let word = select(key.y, key.x, round < 4u);
        let known = select(last.y, last.x, round < 4u);
        if (((word ^ known) & decided) == 0u && (round < 4u || key.x == last.x)) {
          atomicAdd(&histogram[(word >> shift) & 255u], 1u);
        }
      }
      workgroupBarrier();
      if (lane == 0u) {
        var digit = 255u;
        var here = atomicLoad(&histogram[digit]);
        while (here < wanted && digit > 0u) {
          wanted -= here;
          digit--;
          here = atomicLoad(&histogram[digit]);
        }
        if (round < 4u) { last.x |= digit << shift; } else { last.y |= digit << shift; }
      }
      workgroupBarrier();
    }
  }
  let end = last;
  for (var i = lane; i < count; i += 256u) {
    let candidate = candidates[i];
    let key = key_of(candidate);
    if (key.x > end.x || (key.x == end.x && key.y >= end.y)) {
      kept[atomicAdd(&taken, 1u)] = candidate;
    }
  }
  workgroupBarrier();
  if (lane == 0u) { state[1] = atomicLoad(&taken); }
}
