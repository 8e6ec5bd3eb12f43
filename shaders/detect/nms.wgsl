// Greedy non-maximum suppression over the selected candidates, and the frame's result. One workgroup.
//
// selected   (bits of the score, code) in descending order
// state      [0]: number of candidates; [1]: number selected
// boxes      xyxy of each anchor; a code is anchor * classes + class
// keypoints  keypoint_floats numbers an anchor (bound to `boxes` and not read where there are none)
// result     words: number of records, candidates, selected, kept by the suppression; then the records, each
//            x1, y1, x2, y2, score (f32), class (u32) and the keypoints (f32)
//
// In order, each box that is still there removes the later ones (of its class, unless `agnostic`) whose intersection over
// union with it is larger than the threshold. The quotient is not formed: intersection > threshold * union.

override K: u32 = 512u;

struct Params {
  classes: u32,
  keypoint_floats: u32,
  max_detections: u32,
  agnostic: u32,
  iou_threshold: f32,
}

@group(0) @binding(0) var<storage, read_write> selected: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> state: array<u32>;
@group(0) @binding(2) var<storage, read_write> boxes: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> keypoints: array<f32>;
@group(0) @binding(4) var<storage, read_write> result: array<u32>;
@group(0) @binding(5) var<uniform> params: Params;

const THREADS = 256u;
const GONE = 0xffffffffu;

var<workgroup> chosen: u32;
var<workgroup> box_of: array<vec4f, K>;
// A class, GONE once suppressed; in the end the number of the record.
var<workgroup> class_of: array<u32, K>;

fn area(box: vec4f) -> f32 {
  let size = max(box.zw - box.xy, vec2f(0.0));
  return size.x * size.y;
}

fn overlaps(a: vec4f, b: vec4f) -> bool {
  let shared_area = area(vec4f(max(a.xy, b.xy), min(a.zw, b.zw)));
  return shared_area > params.iou_threshold * (area(a) + area(b) - shared_area);
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  if (lane == 0u) {
    chosen = min(state[1], K);
  }
  let count = workgroupUniformLoad(&chosen);
  for (var i = lane; i < count; i += THREADS) {
    let code = selected[i].y;
    box_of[i] = boxes[code / params.classes];
    class_of[i] = code % params.classes;
  }
  for (var i = 0u; i < count; i++) {
    // One barrier is enough: in round i only entries after i are written, and each by the one lane that owns it.
    workgroupBarrier();
    let class_id = class_of[i];
    if (class_id != GONE) {
      for (var j = lane; j < count; j += THREADS) {
        let other = class_of[j];
        if (j > i && other != GONE && (params.agnostic != 0u || other == class_id) && overlaps(box_of[i], box_of[j])) {
          class_of[j] = GONE;
        }
      }
    }
  }
  workgroupBarrier();
  if (lane == 0u) {
    var kept = 0u;
    for (var i = 0u; i < count; i++) {
      if (class_of[i] != GONE) {
        class_of[i] = kept;
        kept++;
      }
    }
    result[0] = min(kept, params.max_detections);
    result[1] = state[0];
    result[2] = count;
    result[3] = kept;
  }
  workgroupBarrier();
  let words = 6u + params.keypoint_floats;
  for (var i = lane; i < count; i += THREADS) {
    let record = class_of[i];
    if (record == GONE || record >= params.max_detections) {
      continue;
    }
    let code = selected[i].y;
    let anchor = code / params.classes;
    let at = 4u + record * words;
    let box = box_of[i];
    result[at] = bitcast<u32>(box.x);
    result[at + 1u] = bitcast<u32>(box.y);
    result[at + 2u] = bitcast<u32>(box.z);
    result[at + 3u] = bitcast<u32>(box.w);
    result[at + 4u] = selected[i].x;
    result[at + 5u] = code % params.classes;
    for (var p = 0u; p < params.keypoint_floats; p++) {
      result[at + 6u + p] = bitcast<u32>(keypoints[anchor * params.keypoint_floats + p]);
    }
  }
}
