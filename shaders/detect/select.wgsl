// The K best candidates in order: score descending, then code ascending. One workgroup.
//
// keys      (bits of the score, code) of each candidate; scores are positive, so their bits sort as they do; codes differ
// state     [0]: number of candidates; [1] is set to the number selected
// selected  [K] the best ones in order, (bits of the score, code)
//
// With more than K candidates a radix select finds the K-th best key, eight bits a round from the highest: four rounds over
// the score, four over the inverted code. The rounds look at each candidate eight times, 256 at once, so 2,000,000
// candidates take fewer than the 65,535 loop iterations that one invocation has on software Vulkan. Then a bitonic sort.

override K: u32 = 512u;
// The power of two from K on.
override SORTED: u32 = 512u;

@group(0) @binding(0) var<storage, read_write> keys: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> state: array<u32>;
@group(0) @binding(2) var<storage, read_write> selected: array<vec2u>;

const THREADS = 256u;

var<workgroup> candidates: u32;
var<workgroup> histogram: array<atomic<u32>, 256>;
// The bits of the K-th best key that are known, and how many keys of those bits are still wanted.
var<workgroup> prefix: vec2u;
var<workgroup> wanted: u32;
var<workgroup> taken: atomic<u32>;
var<workgroup> sorted: array<vec2u, SORTED>;

// Larger is better.
fn rank(key: vec2u) -> vec2u {
  return vec2u(key.x, ~key.y);
}

fn better(a: vec2u, b: vec2u) -> bool {
  return a.x > b.x || (a.x == b.x && a.y > b.y);
}

// Whether the digits above digit `round` agree with the prefix.
fn agrees(key: vec2u, round: u32) -> bool {
  if (round < 4u) {
    // The shift by 32 of the first round is avoided: it compares nothing.
    return round == 0u || ((key.x ^ prefix.x) >> (32u - 8u * round)) == 0u;
  }
  return key.x == prefix.x && (round == 4u || ((key.y ^ prefix.y) >> (64u - 8u * round)) == 0u);
}

fn digit(key: vec2u, round: u32) -> u32 {
  let word = select(key.y, key.x, round < 4u);
  return (word >> (24u - 8u * (round & 3u))) & 255u;
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  if (lane == 0u) {
    candidates = state[0];
    prefix = vec2u(0u);
    wanted = K;
    atomicStore(&taken, 0u);
  }
  let count = workgroupUniformLoad(&candidates);
  if (count > K) {
    for (var round = 0u; round < 8u; round++) {
      atomicStore(&histogram[lane], 0u);
      workgroupBarrier();
      for (var i = lane; i < count; i += THREADS) {
        let key = rank(keys[i]);
        if (agrees(key, round)) {
          atomicAdd(&histogram[digit(key, round)], 1u);
        }
      }
      workgroupBarrier();
      if (lane == 0u) {
        var bin = 255u;
        var above = 0u;
        loop {
          let here = atomicLoad(&histogram[bin]);
          if (above + here >= wanted || bin == 0u) {
            break;
          }
          above += here;
          bin--;
        }
        wanted -= above;
        let bits = bin << (24u - 8u * (round & 3u));
        if (round < 4u) {
          prefix.x |= bits;
        } else {
          prefix.y |= bits;
        }
      }
      workgroupBarrier();
    }
  }
  for (var i = lane; i < SORTED; i += THREADS) {
    sorted[i] = vec2u(0u);
  }
  workgroupBarrier();
  for (var i = lane; i < count; i += THREADS) {
    let key = rank(keys[i]);
    if (!better(prefix, key)) {
      sorted[atomicAdd(&taken, 1u)] = key;
    }
  }
  workgroupBarrier();
  for (var span = 2u; span <= SORTED; span *= 2u) {
    for (var distance = span / 2u; distance > 0u; distance /= 2u) {
      for (var i = lane; i < SORTED; i += THREADS) {
        let other = i ^ distance;
        if (other > i) {
          let a = sorted[i];
          let b = sorted[other];
          let descending = (i & span) == 0u;
          if (better(b, a) == descending) {
            sorted[i] = b;
            sorted[other] = a;
          }
        }
      }
      workgroupBarrier();
    }
  }
  let chosen = min(count, K);
  for (var i = lane; i < chosen; i += THREADS) {
    selected[i] = rank(sorted[i]);
  }
  if (lane == 0u) {
    state[1] = chosen;
  }
}
