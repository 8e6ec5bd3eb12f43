// A head that gives boxes as corners (UltraFace): every class but the background of every anchor is a candidate.
// Source: https://github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB
//
// scores  [anchors, 1 + classes] f32: background, then the classes, 0..1
// x       [anchors, 4] f32: left, top, right, bottom, 0..1 of the network's input
// boxes   a box an anchor of the network (xyxy, network pixels); written where there is a candidate
// keys    the candidates, in no particular order: (bits of the score, code)
// state   [0]: number of candidates

struct Params {
  // Anchors of this map, and the number of its first one among all of the network's.
  anchors: u32,
  first: u32,
  // Classes; a candidate's code is anchor * classes + class.
  classes: u32,
  // A score must be larger than this.
  threshold: f32,
  // Width and height of the network's input; 0, 0.
  size: vec4f,
  // Bit c is set if class c may be found.
  allowed: array<vec4u, 8>,
}

@group(0) @binding(0) var<storage, read_write> scores: array<f32>;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> boxes: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> keys: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> state: array<atomic<u32>>;
@group(0) @binding(5) var<uniform> params: Params;

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
  for (var c = 0u; c < params.classes; c++) {
    let score = scores[anchor * (params.classes + 1u) + c + 1u];
    if (finite(score) && score > params.threshold && is_allowed(c)) {
      let corners = vec4f(x[anchor * 4u], x[anchor * 4u + 1u], x[anchor * 4u + 2u], x[anchor * 4u + 3u]);
      let box = corners * params.size.xyxy;
      if (all_finite(box)) {
        boxes[params.first + anchor] = box;
        append(params.first + anchor, c, score);
      }
    }
  }
}
