// SSD's head: offsets from prior boxes; every class but the background of every prior is a candidate.
// Source: Liu et al., "SSD: Single Shot MultiBox Detector", arXiv:1512.02325; Caffe's DetectionOutput layer.
//
// x       [anchors, 4] f32: offsets of cx, cy, log w, log h
// scores  [anchors, classes (+ 1 with a background)] f32: logits if SOFTMAX, else probabilities
// priors  [anchors] f32: cx, cy, w, h, 0..1 of the network's input
// boxes   a box an anchor of the network (xyxy, network pixels); written where there is a candidate
// keys    the candidates, in no particular order: (bits of the score, code)
// state   [0]: number of candidates
//
// cx' = x * variance.x * prior w + prior cx, w' = exp(x * variance.z) * prior w.

struct Params {
  // Anchors of this map, and the number of its first one among all of the network's.
  anchors: u32,
  first: u32,
  // Classes; a candidate's code is anchor * classes + class.
  classes: u32,
  // A score must be larger than this.
  threshold: f32,
  // Entries a row of scores; the background's entry, or as many as there are entries if there is none; 0, 0.
  row: vec4u,
  // Variances of cx, cy, w, h.
  variances: vec4f,
  // Width and height of the network's input; 0, 0.
  size: vec4f,
  // Bit c is set if class c may be found.
  allowed: array<vec4u, 8>,
}

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> scores: array<f32>;
@group(0) @binding(2) var<storage, read> priors: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> boxes: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> keys: array<vec2u>;
@group(0) @binding(5) var<storage, read_write> state: array<atomic<u32>>;
@group(0) @binding(6) var<uniform> params: Params;

override SOFTMAX: bool = false;

// A shader may be compiled as if NaN and infinity did not exist, so the bits are looked at.
fn finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

fn all_finite(v: vec4f) -> bool {
  return finite(v.x) && finite(v.y) && finite(v.z) && finite(v.w);
}

fn is_allowed(class_id: u32) -> bool {
  return ((params.allowed[class_id >> 7u][(class_id >> 5u) & 3u] >> (class_id & 31u)) & 1u) == 1u;
}

fn append(anchor: u32, class_id: u32, score: f32) {
  keys[atomicAdd(&state[0], 1u)] = vec2u(bitcast<u32>(score), anchor * params.classes + class_id);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let anchor = id.x;
  if (anchor >= params.anchors) {
    return;
  }
  let entries = params.row.x;
  let first = anchor * entries;
  var largest = -3.4e38;
  var sum = 1.0;
  if (SOFTMAX) {
    var whole = true;
    for (var e = 0u; e < entries; e++) {
      let logit = scores[first + e];
      whole = whole && finite(logit);
      largest = max(largest, logit);
    }
    // A sum with NaN or infinity in it gives no probabilities.
    if (!whole) {
      return;
    }
    sum = 0.0;
    for (var e = 0u; e < entries; e++) {
      sum += exp(scores[first + e] - largest);
    }
  }
  let prior = priors[anchor];
  let offset = vec4f(x[anchor * 4u], x[anchor * 4u + 1u], x[anchor * 4u + 2u], x[anchor * 4u + 3u]) * params.variances;
  let center = offset.xy * prior.zw + prior.xy;
  let half_size = exp(offset.zw) * prior.zw * 0.5;
  let box = vec4f(center - half_size, center + half_size) * params.size.xyxy;
  if (!all_finite(box)) {
    return;
  }
  var found = false;
  for (var e = 0u; e < entries; e++) {
    var score = scores[first + e];
    if (SOFTMAX) {
      score = exp(score - largest) / sum;
    }
    let class_id = select(e, e - 1u, e > params.row.y);
    if (e != params.row.y && finite(score) && score > params.threshold && is_allowed(class_id)) {
      append(params.first + anchor, class_id, score);
      found = true;
    }
  }
  if (found) {
    boxes[params.first + anchor] = box;
  }
}
