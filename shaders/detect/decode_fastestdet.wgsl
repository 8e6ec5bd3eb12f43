// FastestDet's head: one candidate a cell of its only map, with its best class.
// Source: https://github.com/dog-qiuqiu/FastestDet, post-processing of its ONNX Runtime example.
//
// x       [5 + classes, rows, columns] f32: objectness, x and y offset, width, height, class scores (both scores 0..1)
// boxes   a box an anchor of the network (xyxy, network pixels); written where there is a candidate
// keys    the candidates, in no particular order: (bits of the score, code)
// state   [0]: number of candidates
//
// cx = (column + tanh(x offset)) * cell width, w = sigmoid(width) * input width, score = objectness^0.6 * class^0.4.
// Classes tie to the first.

struct Params {
  // Anchors of this map, and the number of its first one among all of the network's.
  anchors: u32,
  first: u32,
  // Classes; a candidate's code is anchor * classes + class.
  classes: u32,
  // A score must be larger than this.
  threshold: f32,
  // Columns of the map; 0, 0, 0.
  map: vec4u,
  // Size of a cell, size of the network's input, in network pixels.
  size: vec4f,
  // Bit c is set if class c may be found.
  allowed: array<vec4u, 8>,
}

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> boxes: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> keys: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> state: array<atomic<u32>>;
@group(0) @binding(4) var<uniform> params: Params;

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
  let cell = id.x;
  let plane = params.anchors;
  if (cell >= plane) {
    return;
  }
  let objectness = x[cell];
  // The power of a score up to 1 is up to 1: an objectness below threshold^(1 / 0.6) cannot reach it.
  if (!finite(objectness) || objectness <= 0.0 || pow(objectness, 0.6) <= params.threshold) {
    return;
  }
  var best = 0.0;
  var class_id = 0u;
  for (var c = 0u; c < params.classes; c++) {
    let score = x[(5u + c) * plane + cell];
    if (finite(score) && score > best) {
      best = score;
      class_id = c;
    }
  }
  if (best <= 0.0 || !is_allowed(class_id)) {
    return;
  }
  let score = pow(objectness, 0.6) * pow(best, 0.4);
  if (!finite(score) || score <= params.threshold) {
    return;
  }
  let offset = vec2f(x[plane + cell], x[2u * plane + cell]);
  let extent = vec2f(x[3u * plane + cell], x[4u * plane + cell]);
  if (!finite(offset.x) || !finite(offset.y) || !finite(extent.x) || !finite(extent.y)) {
    return;
  }
  let column = f32(cell % params.map.x);
  let row = f32(cell / params.map.x);
  // Clamped because some drivers compute tanh of a large number as infinity over infinity.
  let center = (vec2f(column, row) + tanh(clamp(offset, vec2f(-20.0), vec2f(20.0)))) * params.size.xy;
  let half_size = params.size.zw / (1.0 + exp(-clamp(extent, vec2f(-80.0), vec2f(80.0)))) * 0.5;
  boxes[params.first + cell] = vec4f(center - half_size, center + half_size);
  append(params.first + cell, class_id, score);
}
