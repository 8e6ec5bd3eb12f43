// The FAST-9 score of each pixel of each level, 0 where there is no corner. One invocation four pixels of a row.
//
// pyramid  a word a pixel, level after level; rows are padded to a multiple of four
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

@group(0) @binding(0) var<storage, read_write> pyramid: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> scores: array<vec4u>;
@group(0) @binding(2) var<uniform> params: Params;

fn pixel(at: i32) -> i32 {
  return i32(pyramid[at / 4][at % 4]);
}

// A neighbour that is brighter and one that is darker have opposite signs: both cases are taken at once.
fn differs(value: i32, at: i32) -> vec2i {
  let d = pixel(at) - value;
  return vec2i(d, -d);
}

fn score(at: i32, row: i32) -> u32 {
  let value = pixel(at);
  var d: array<vec2i, 16>;
  d[0] = differs(value, at + 3 * row);
  d[1] = differs(value, at + 3 * row + 1);
  d[2] = differs(value, at + 2 * row + 2);
  d[3] = differs(value, at + row + 3);
  d[4] = differs(value, at + 3);
  d[5] = differs(value, at - row + 3);
  d[6] = differs(value, at - 2 * row + 2);
  d[7] = differs(value, at - 3 * row + 1);
  d[8] = differs(value, at - 3 * row);
  d[9] = differs(value, at - 3 * row - 1);
  d[10] = differs(value, at - 2 * row - 2);
  d[11] = differs(value, at - row - 3);
  d[12] = differs(value, at - 3);
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
  return select(0u, u32(max(best, 1) - 1), best > params.threshold);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let four = (group.y * groups.x + group.x) * 64u + lane;
  if (four * 4u >= params.pixels) { return; }
  var level = 0u;
  while (level + 1u < params.levels && four * 4u >= params.sizes[level + 1u].z) { level++; }
  let size = params.sizes[level];
  let fours = (size.x + 3u) / 4u;
  let column = (four - size.z / 4u) % fours * 4u;
  let row = (four - size.z / 4u) / fours;
  var found = vec4u(0u);
  if (row >= 3u && row + 3u < size.y) {
    let middle = vec4i(pyramid[four]);
    // At the ends of a row these are others' pixels, and no key points are there.
    let before = vec4i(pyramid[four - 1u]);
    let after = vec4i(pyramid[four + 1u]);
    let west = vec4i(before.yzw, middle.x) - middle;
    let east = vec4i(middle.w, after.xyz) - middle;
    let south = vec4i(pyramid[four + 3u * fours]) - middle;
    let north = vec4i(pyramid[four - 3u * fours]) - middle;
    // Nine in a row hold two of these four that are next to each other.
    let brighter = max(max(min(south, east), min(east, north)), max(min(north, west), min(west, south)));
    let darker = min(min(max(south, east), max(east, north)), min(max(north, west), max(west, south)));
    let limit = vec4i(params.threshold);
    let columns = column + vec4u(0u, 1u, 2u, 3u);
    let inside = (columns >= vec4u(3u)) & (columns + 3u < vec4u(size.x));
    let possible = inside & ((brighter > limit) | (-darker > limit));
    // A loop, because software Vulkan runs every side of a branch, but no turn of a loop that no invocation takes.
    var bits = dot(select(vec4u(0u), vec4u(1u, 2u, 4u, 8u), possible), vec4u(1u));
    while (bits != 0u) {
      let i = firstTrailingBit(bits);
      bits &= bits - 1u;
      found[i] = score(i32(four * 4u + i), i32(fours * 4u));
    }
  }
  scores[four] = found;
}
