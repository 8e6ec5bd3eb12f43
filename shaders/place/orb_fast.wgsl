// The FAST-9 score of each pixel of each level, 0 where there is no corner.
//
// pyramid  a word a pixel, level after level
// scores   the same: the largest threshold at which the pixel is still a corner
//
// A pixel is a corner at threshold t if nine neighbours in a row, of the sixteen on the circle of radius 3, are all brighter
// than it by more than t, or all darker. Source: E. Rosten and T. Drummond, Machine learning for high-speed corner
// detection, 2006.

struct Params {
  // Of each level: width, height, first pixel, cells in a row.
  sizes: array<vec4u, 8>,
  // First cell, cells, candidates a cell, first candidate.
  cells: array<vec4u, 8>,
  // Most key points, the place of the first.
  quotas: array<vec4u, 8>,
  // Size of a pixel in pixels of level 0.
  scales: array<vec4f, 8>,
  levels: u32,
  pixels: u32,
  border: u32,
  threshold: i32,
}

@group(0) @binding(0) var<storage, read_write> pyramid: array<u32>;
@group(0) @binding(1) var<storage, read_write> scores: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

// A neighbour that is brighter and one that is darker have opposite signs: both cases are taken at once.
fn differs(value: i32, at: i32) -> vec2i {
  let d = i32(pyramid[at]) - value;
  return vec2i(d, -d);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (index >= params.pixels) { return; }
  var level = 0u;
  while (level + 1u < params.levels && index >= params.sizes[level + 1u].z) { level++; }
  let size = params.sizes[level];
  let x = (index - size.z) % size.x;
  let y = (index - size.z) / size.x;
  scores[index] = 0u;
  if (x < 3u || y < 3u || x + 3u >= size.x || y + 3u >= size.y) { return; }
  let at = i32(index);
  let row = i32(size.x);
  let value = i32(pyramid[index]);
  var d: array<vec2i, 16>;
  d[0] = differs(value, at + 3 * row);
  d[4] = differs(value, at + 3);
  d[8] = differs(value, at - 3 * row);
  d[12] = differs(value, at - 3);
  // Nine in a row hold two of these four that are next to each other.
  let limit = vec2i(params.threshold);
  let two = max(max(min(d[0], d[4]), min(d[4], d[8])), max(min(d[8], d[12]), min(d[12], d[0])));
  if (all(two <= limit)) { return; }
  d[1] = differs(value, at + 3 * row + 1);
  d[2] = differs(value, at + 2 * row + 2);
  d[3] = differs(value, at + row + 3);
  d[5] = differs(value, at - row + 3);
  d[6] = differs(value, at - 2 * row + 2);
  d[7] = differs(value, at - 3 * row + 1);
  d[9] = differs(value, at - 3 * row - 1);
  d[10] = differs(value, at - 2 * row - 2);
  d[11] = differs(value, at - row - 3);
  d[13] = differs(value, at + row - 3);
  d[14] = differs(value, at + 2 * row - 2);
  d[15] = differs(value, at + 3 * row - 1);
  // Least of 2, then 4, then 8 in a row; then of 9.
  var pairs: array<vec2i, 16>;
  var fours: array<vec2i, 16>;
  //#unroll k 16
  for (var k = 0u; k < 16u; k++) {
    pairs[k] = min(d[k], d[(k + 1u) & 15u]);
  }
  //#end
  //#unroll k 16
  for (var k = 0u; k < 16u; k++) {
    fours[k] = min(pairs[k], pairs[(k + 2u) & 15u]);
  }
  //#end
  var most = vec2i(0);
  //#unroll k 16
  for (var k = 0u; k < 16u; k++) {
    most = max(most, min(min(fours[k], fours[(k + 4u) & 15u]), d[(k + 8u) & 15u]));
  }
  //#end
  let best = max(most.x, most.y);
  if (best > params.threshold) { scores[index] = u32(best - 1); }
}
