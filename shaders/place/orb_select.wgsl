// The best candidates of each level, in the order of their cells. One workgroup a level.
//
// candidates  (score, y << 16 | x) of each, score 0 where there is none
// selected    the same of those that stay, each level from its own place on; (0, 0) in places that are left
// counts      how many stay, a level
//
// A histogram of the scores, which are below 256, tells the score at which the level is full; of that score the first stay.
// Each lane takes a 256th of the level's candidates, three times.

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

@group(0) @binding(0) var<storage, read_write> candidates: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> selected: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> counts: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> histogram: array<atomic<u32>, 256>;
// The score at which the level is full, and how many of it stay.
var<workgroup> cut: vec2u;
// Candidates above the cut and at the cut.
var<workgroup> sums: array<vec2u, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let level = group.x;
  let cells = params.cells[level];
  let quota = params.quotas[level].x;
  let total = cells.y * cells.z;
  let each = (total + 255u) / 256u;
  let first = cells.w + min(lane * each, total);
  let end = cells.w + min((lane + 1u) * each, total);
  for (var i = first; i < end; i++) {
    atomicAdd(&histogram[candidates[i].x], 1u);
  }
  workgroupBarrier();
  if (lane == 0u) {
    var score = 255u;
    var above = 0u;
    while (score > 0u && above + atomicLoad(&histogram[score]) <= quota) {
      above += atomicLoad(&histogram[score]);
      score--;
    }
    cut = vec2u(score, select(quota - above, 0u, score == 0u));
  }
  workgroupBarrier();
  let full = cut;
  var own = vec2u(0u);
  for (var i = first; i < end; i++) {
    let score = candidates[i].x;
    own += vec2u(select(0u, 1u, score > full.x), select(0u, 1u, score == full.x));
  }
  sums[lane] = own;
  workgroupBarrier();
  for (var reach = 1u; reach < 256u; reach *= 2u) {
    var before = vec2u(0u);
    if (lane >= reach) { before = sums[lane - reach]; }
    workgroupBarrier();
    sums[lane] += before;
    workgroupBarrier();
  }
  var passed = sums[lane] - own;
  for (var i = first; i < end; i++) {
    let candidate = candidates[i];
    let is_above = candidate.x > full.x;
    let is_at = candidate.x == full.x;
    if (is_above || (is_at && passed.y < full.y)) {
      selected[params.quotas[level].y + passed.x + min(passed.y, full.y)] = candidate;
    }
    passed += vec2u(select(0u, 1u, is_above), select(0u, 1u, is_at));
  }
  let stay = sums[255].x + min(sums[255].y, full.y);
  for (var i = stay + lane; i < quota; i += 256u) {
    selected[params.quotas[level].y + i] = vec2u(0u);
  }
  if (lane == 255u) { counts[level] = stay; }
}
