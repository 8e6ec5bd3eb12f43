// The best corners of each cell of 32 x 32 pixels. One workgroup a cell, the cells of all levels.
//
// scores      a word a pixel, level after level, 0 where there is no corner; rows are padded to a multiple of four
// candidates  of each cell as many places as its level says: (score, y << 16 | x) by score, ties in the order of the pixels;
//             (0, 0) where there is none
//
// A corner stays if its score is larger than those of its eight neighbours: at most one of four pixels, 256 of a cell.

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
  // Width and height of the part of each level that is looked at.
  areas: array<vec4u, 8>,
}

@group(0) @binding(0) var<storage, read_write> scores: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> candidates: array<vec2u>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> found: atomic<u32>;
// Score, and 1023 less the pixel's number: larger is better, and all differ.
var<workgroup> keys: array<u32, 256>;

fn score(at: u32) -> u32 {
  return scores[at / 4u][at % 4u];
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  var level = 0u;
  while (level + 1u < params.levels && index >= params.cells[level + 1u].x) { level++; }
  let size = params.sizes[level];
  let area = params.areas[level];
  let cells = params.cells[level];
  let cell = index - cells.x;
  let there = cell < cells.y;
  let across = max(size.w, 1u);
  let left = params.border + cell % across * 32u;
  let top = params.border + cell / across * 32u;
  // Nine times four pixels cover a row of a cell, wherever it begins.
  let stride = (size.x + 3u) & ~3u;
  for (var i = lane; there && i < 288u; i += 64u) {
    let column = left / 4u * 4u + i % 9u * 4u;
    let y = top + i / 9u;
    if (column >= stride || y + params.border >= area.y) { continue; }
    let first = size.z + y * stride + column;
    let four = scores[first / 4u];
    // Those of the cell and its area. A loop over bits, because software Vulkan runs every side of a branch, but no turn of
    // a loop that no invocation takes.
    let columns = column + vec4u(0u, 1u, 2u, 3u);
    let inside = (columns >= vec4u(left)) & (columns < vec4u(left + 32u)) & (columns + params.border < vec4u(area.x));
    var bits = dot(select(vec4u(0u), vec4u(1u, 2u, 4u, 8u), inside & (four > vec4u(0u))), vec4u(1u));
    while (bits != 0u) {
      let k = firstTrailingBit(bits);
      bits &= bits - 1u;
      let own = four[k];
      let at = first + k;
      let above = max(max(score(at - stride - 1u), score(at - stride)), score(at - stride + 1u));
      let below = max(max(score(at + stride - 1u), score(at + stride)), score(at + stride + 1u));
      if (own > max(max(above, below), max(score(at - 1u), score(at + 1u)))) {
        keys[atomicAdd(&found, 1u)] = own * 1024u + 1023u - ((y - top) * 32u + column + k - left);
      }
    }
  }
  workgroupBarrier();
  if (!there) { return; }
  let count = atomicLoad(&found);
  let first = cells.w + cell * cells.z;
  for (var i = lane; i < count; i += 64u) {
    let key = keys[i];
    var rank = 0u;
    for (var j = 0u; j < count; j++) {
      rank += select(0u, 1u, keys[j] > key);
    }
    if (rank < cells.z) {
      let pixel = 1023u - key % 1024u;
      candidates[first + rank] = vec2u(key / 1024u, ((top + pixel / 32u) << 16u) | (left + pixel % 32u));
    }
  }
  for (var rank = count + lane; rank < cells.z; rank += 64u) {
    candidates[first + rank] = vec2u(0u);
  }
}
