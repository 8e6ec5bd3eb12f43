// YuNet's head, one stride of it: a face and five keypoints a cell.
// Source: Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023, as OpenCV's FaceDetectorYN decodes it.
//
// face        [cells] f32: that the cell shows a face
// objectness  [cells] f32
// x           [cells, 4] f32: cx, cy, log w, log h
// points      [cells, 10] f32: x and y of eyes, nose and corners of the mouth
// boxes   a box an anchor of the network (xyxy, network pixels); written where there is a candidate
// keys    the candidates, in no particular order: (bits of the score, code)
// state   [0]: number of candidates
// keypoints   ten numbers an anchor of the network, network pixels
//
// cx' = (cx + column) * stride, w' = exp(log w) * stride, point' = (point + cell) * stride; the score is the square root of
// face * objectness, each clamped to 0..1.

struct Params {
  // Anchors of this map, and the number of its first one among all of the network's.
  anchors: u32,
  first: u32,
  // Classes; a candidate's code is anchor * classes + class.
  classes: u32,
  // A score must be larger than this.
  threshold: f32,
  // Columns of the map, stride; 0, 0.
  map: vec4u,
  // Bit c is set if class c may be found.
  allowed: array<vec4u, 8>,
}

@group(0) @binding(0) var<storage, read_write> face: array<f32>;
@group(0) @binding(1) var<storage, read_write> objectness: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> points: array<f32>;
@group(0) @binding(4) var<storage, read_write> boxes: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> keys: array<vec2u>;
@group(0) @binding(6) var<storage, read_write> state: array<atomic<u32>>;
@group(0) @binding(7) var<storage, read_write> keypoints: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

// A shader may be compiled as if NaN and infinity did not exist, so the bits are looked at.
fn finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

fn all_finite(v: vec4f) -> bool {
  return finite(v.x) && finite(v.y) && finite(v.z) && finite(v.w);
}

fn append(anchor: u32, class_id: u32, score: f32) {
  keys[atomicAdd(&state[0], 1u)] = vec2u(bitcast<u32>(score), anchor * params.classes + class_id);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let cell = id.x;
  if (cell >= params.anchors || (params.allowed[0].x & 1u) == 0u) {
    return;
  }
  let raw = vec2f(face[cell], objectness[cell]);
  if (!finite(raw.x) || !finite(raw.y)) {
    return;
  }
  let clamped = clamp(raw, vec2f(0.0), vec2f(1.0));
  let score = sqrt(clamped.x * clamped.y);
  if (score <= params.threshold) {
    return;
  }
  let stride = f32(params.map.y);
  let corner = vec2f(f32(cell % params.map.x), f32(cell / params.map.x));
  let center = (vec2f(x[cell * 4u], x[cell * 4u + 1u]) + corner) * stride;
  let half_size = exp(vec2f(x[cell * 4u + 2u], x[cell * 4u + 3u])) * stride * 0.5;
  let box = vec4f(center - half_size, center + half_size);
  if (!all_finite(box)) {
    return;
  }
  let anchor = params.first + cell;
  for (var p = 0u; p < 5u; p++) {
    let point = (vec2f(points[cell * 10u + p * 2u], points[cell * 10u + p * 2u + 1u]) + corner) * stride;
    keypoints[anchor * 10u + p * 2u] = point.x;
    keypoints[anchor * 10u + p * 2u + 1u] = point.y;
  }
  boxes[anchor] = box;
  append(anchor, 0u, score);
}
