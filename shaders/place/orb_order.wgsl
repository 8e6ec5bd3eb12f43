// The order of the key points of all levels: by score, of equal scores by their places. One invocation eight places.
//
// selected  (score, y << 16 | x), two a vec4u; score 0 where a place is left; the memory holds a multiple of eight places
// counts    how many each level has
// order     the places of the key points, strongest first
// count     four words: how many key points there are, 0, 0, 0

struct Params {
  places: u32,
}

@group(0) @binding(0) var<storage, read_write> selected: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> counts: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> order: array<u32>;
@group(0) @binding(3) var<storage, read_write> count: array<vec4u>;
@group(0) @binding(4) var<uniform> params: Params;

// Larger is better, all differ, and a place that is left has 0: scores are below 256, places below 32,768.
fn key_of(score: u32, place: u32) -> u32 {
  return select(0u, (score << 16u) | (0xffffu - place), score > 0u && place < params.places);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let first = id.x * 8u;
  if (first == 0u) {
    let all = counts[0] + counts[1];
    count[0] = vec4u(all.x + all.y + all.z + all.w, 0u, 0u, 0u);
  }
  if (first >= params.places) { return; }
  var own: array<u32, 8>;
  var ranks: array<u32, 8>;
  //#unroll i 4
  for (var i = 0u; i < 4u; i++) {
    let two = selected[first / 2u + i];
    own[2u * i] = key_of(two.x, first + 2u * i);
    own[2u * i + 1u] = key_of(two.z, first + 2u * i + 1u);
  }
  //#end
  // What lies beyond the last place is not looked at; `first` is 0 more, so that the loop does not hang on a parameter alone.
  let end = params.places + (first >> 31u);
  for (var j = 0u; j < end; j += 2u) {
    let two = selected[j / 2u];
    let a = key_of(two.x, j);
    let b = key_of(two.z, j + 1u);
    //#unroll i 8
    for (var i = 0u; i < 8u; i++) {
      ranks[i] += select(0u, 1u, a > own[i]) + select(0u, 1u, b > own[i]);
    }
    //#end
  }
  //#unroll i 8
  for (var i = 0u; i < 8u; i++) {
    if (own[i] > 0u) { order[ranks[i]] = first + i; }
  }
  //#end
}
