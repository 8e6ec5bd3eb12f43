// Greedy suppression of boxes that overlap a better one: NonMaxSuppression, some rounds of it. One workgroup a row (batch
// and class).
//
// Each round takes the box of the highest score (of equal ones the first) among those left, and the next one drops
// those that overlap it too much. Boxes: linear [batches, extent, 4], as two corners (y1, x1, y2, x2), either way round, or
// (CENTERS) as centre and size (x, y, width, height). Scores: linear [batches, classes, extent]. State, from offset 0:
//
//   candidates  [rows, extent]  the boxes that pass the threshold, in no order; -1 once chosen or dropped
//   passed      [rows]          how many passed
//   picked      [rows, most]    the boxes chosen, in order
//   found       [rows]          how many were chosen
//
// Rounds from `first` up to `end` are done; the dispatch that begins with round 0 makes the state. A row whose boxes have
// run out is done.
//
// Grid: the rows (`count`). Limit: (end - first) * (ceil(extent / 256) + 9) + ceil(extent / 256) iterations must stay under
// 65,535 (llvmpipe).

struct Params {
  count: u32,
  classes: u32,
  extent: u32,
  most: u32,
  first: u32,
  end: u32,
  boxes_offset: u32,
  scores_offset: u32,
  iou_threshold: f32,
  score_threshold: f32,
};

@group(0) @binding(0) var<storage, read_write> boxes: array<f32>;
@group(0) @binding(1) var<storage, read_write> scores: array<f32>;
@group(0) @binding(2) var<storage, read_write> candidates: array<i32>;
@group(0) @binding(3) var<storage, read_write> passed: array<i32>;
@group(0) @binding(4) var<storage, read_write> picked: array<i32>;
@group(0) @binding(5) var<storage, read_write> found: array<i32>;
@group(0) @binding(6) var<uniform> params: Params;

override CENTERS: bool = false;
override HAS_THRESHOLD: bool = false;

const THREADS = 256u;
const NONE = -1;

var<workgroup> best_score: array<f32, THREADS>;
var<workgroup> best_index: array<i32, THREADS>;
var<workgroup> rounds: u32;
var<workgroup> listed: atomic<u32>;
var<workgroup> length: u32;

// Two corners, the lower one first.
fn box_of(row: u32, index: u32) -> vec4f {
  let at = params.boxes_offset + (row / params.classes * params.extent + index) * 4u;
  let box = vec4f(boxes[at], boxes[at + 1u], boxes[at + 2u], boxes[at + 3u]);
  if (CENTERS) {
    let reach = box.zw * 0.5;
    return vec4f(box.xy - reach, box.xy + reach);
  }
  return vec4f(min(box.xy, box.zw), max(box.xy, box.zw));
}

fn overlaps(a: vec4f, b: vec4f) -> bool {
  let size = min(a.zw, b.zw) - max(a.xy, b.xy);
  let area_a = (a.z - a.x) * (a.w - a.y);
  let area_b = (b.z - b.x) * (b.w - b.y);
  if (size.x <= 0.0 || size.y <= 0.0 || area_a <= 0.0 || area_b <= 0.0) { return false; }
  let shared_area = size.x * size.y;
  return shared_area / (area_a + area_b - shared_area) > params.iou_threshold;
}

fn better(score: f32, index: i32, than: f32, than_index: i32) -> bool {
  if (index == NONE) { return false; }
  if (than_index == NONE) { return true; }
  return score > than || (score == than && index < than_index);
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  if (lane == 0u) {
    rounds = 0u;
    // Rows that ran out of boxes earlier have nothing more to do.
    if (row < params.count && (params.first == 0u || u32(found[row]) == params.first)) { rounds = params.end; }
  }
  let end = workgroupUniformLoad(&rounds);
  if (end == 0u) { return; }
  let start = row * params.extent;
  if (params.first == 0u) {
    for (var i = lane; i < params.extent; i += THREADS) {
      if (!HAS_THRESHOLD || scores[params.scores_offset + start + i] > params.score_threshold) {
        candidates[start + atomicAdd(&listed, 1u)] = i32(i);
      }
    }
    workgroupBarrier();
    if (lane == 0u) { passed[row] = i32(atomicLoad(&listed)); }
  }
  if (lane == 0u) { length = u32(passed[row]); }
  storageBarrier();
  let count = workgroupUniformLoad(&length);
  var chosen = NONE;
  if (params.first > 0u) { chosen = picked[row * params.most + params.first - 1u]; }
  var done = params.first;
  for (var round = params.first; round < end; round++) {
    var chosen_box = vec4f(0.0);
    if (chosen != NONE) { chosen_box = box_of(row, u32(chosen)); }
    var own_score = 0.0;
    var own_index = NONE;
    for (var i = lane; i < count; i += THREADS) {
      let index = candidates[start + i];
      if (index == NONE) { continue; }
      if (chosen != NONE && (index == chosen || overlaps(chosen_box, box_of(row, u32(index))))) {
        candidates[start + i] = NONE;
        continue;
      }
      let score = scores[params.scores_offset + start + u32(index)];
      if (better(score, index, own_score, own_index)) {
        own_score = score;
        own_index = index;
      }
    }
    best_score[lane] = own_score;
    best_index[lane] = own_index;
    for (var half = THREADS / 2u; half > 0u; half = half / 2u) {
      workgroupBarrier();
      if (lane < half) {
        let other = lane + half;
        if (better(best_score[other], best_index[other], best_score[lane], best_index[lane])) {
          best_score[lane] = best_score[other];
          best_index[lane] = best_index[other];
        }
      }
    }
    chosen = workgroupUniformLoad(&best_index[0]);
    if (chosen == NONE) { break; }
    if (lane == 0u) { picked[row * params.most + round] = chosen; }
    done = round + 1u;
  }
  if (lane == 0u) { found[row] = i32(done); }
}
