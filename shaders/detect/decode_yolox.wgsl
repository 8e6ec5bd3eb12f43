// YOLOX's head: one candidate an anchor, with its best class. Anchors are the cells of grids of stride 8, 16 and 32, row by row.
// Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv:2107.08430; the grid decoding of its ONNX demo.
//
// x       [anchors, 5 + classes] f32, row-major: cx, cy, log w, log h, objectness, class scores (both 0..1)
// boxes   a box an anchor of the network (xyxy, network pixels); written where there is a candidate
// keys    the candidates, in no particular order: (bits of the score, code)
// state   [0]: number of candidates
//
// cx' = (cx + column) * stride, w' = exp(log w) * stride, score = objectness * class score. Classes tie to the first.
// An anchor whose objectness is not above the threshold is left early: no class score is above 1.

struct Params {
  // Anchors of this map, and the number of its first one among all of the network's.
  anchors: u32,
  first: u32,
  // Classes; a candidate's code is anchor * classes + class.
  classes: u32,
  // A score must be larger than this.
  threshold: f32,
  // Grids: stride, columns, first anchor, end of the anchors.
  grids: array<vec4u, 4>,
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
  let anchor = id.x;
  if (anchor >= params.anchors) {
    return;
  }
  let row = anchor * (params.classes + 5u);
  let objectness = x[row + 4u];
  if (!finite(objectness) || objectness <= params.threshold) {
    return;
  }
  var best = 0.0;
  var class_id = 0u;
  for (var c = 0u; c < params.classes; c++) {
    let score = x[row + 5u + c];
    if (finite(score) && score > best) {
      best = score;
      class_id = c;
    }
  }
  let score = objectness * best;
  if (!finite(score) || score <= params.threshold || !is_allowed(class_id)) {
    return;
  }
  var grid = params.grids[0];
  for (var g = 1u; g < 4u; g++) {
    if (anchor >= params.grids[g].z && anchor < params.grids[g].w) {
      grid = params.grids[g];
    }
  }
  let cell = anchor - grid.z;
  let stride = f32(grid.x);
  let center = (vec2f(x[row], x[row + 1u]) + vec2f(f32(cell % grid.y), f32(cell / grid.y))) * stride;
  let half_size = exp(vec2f(x[row + 2u], x[row + 3u])) * stride * 0.5;
  let box = vec4f(center - half_size, center + half_size);
  if (!all_finite(box)) {
    return;
  }
  boxes[params.first + anchor] = box;
  append(params.first + anchor, class_id, score);
}
