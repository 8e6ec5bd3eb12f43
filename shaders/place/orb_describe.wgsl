// Orientation and descriptor of each key point. One workgroup a place for a key point.
//
// pyramid      a word a pixel, level after level; rows are padded to a multiple of four
// blurred      the same, blurred
// selected     (score, y << 16 | x) of each level's key points, from its own place on
// order        the places of the key points among them, strongest first
// table        256 words, x0, y0, x1, y1 of a pair of samples as signed bytes; then 16 words, half the width of the patch
//              at each distance from its middle row
// key_points   six words each, without gaps: x, y, size, angle, response (f32), octave (u32); x and y in pixels of level 0
// descriptors  eight words each: bit i is set where the first sample of pair i is darker than the second
// count        how many key points there are
//
// The angle leads from the key point to the centroid of a disc of radius 15, in degrees from 0 on, clockwise in the picture.
// The pattern is turned by it, and its samples are rounded to whole pixels. Source: E. Rublee and others, ORB: an efficient
// alternative to SIFT or SURF, 2011.

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

@group(0) @binding(0) var<storage, read_write> pyramid: array<u32>;
@group(0) @binding(1) var<storage, read_write> blurred: array<u32>;
@group(0) @binding(2) var<storage, read_write> selected: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> order: array<u32>;
@group(0) @binding(4) var<storage, read_write> table: array<u32>;
@group(0) @binding(5) var<storage, read_write> key_points: array<u32>;
@group(0) @binding(6) var<storage, read_write> descriptors: array<u32>;
@group(0) @binding(7) var<storage, read_write> count: array<u32>;
@group(0) @binding(8) var<uniform> params: Params;

var<workgroup> moments: array<atomic<i32>, 2>;
var<workgroup> words: array<atomic<u32>, 8>;

// Beyond an edge the pixel at the edge counts again.
fn place(size: vec4u, x: i32, y: i32) -> u32 {
  let column = u32(clamp(x, 0, i32(size.x) - 1));
  let row = u32(clamp(y, 0, i32(size.y) - 1));
  return size.z + row * ((size.x + 3u) & ~3u) + column;
}

fn sample(size: vec4u, at: vec2i, offset: vec2i, turn: vec2f) -> u32 {
  let p = vec2f(offset);
  let turned = vec2i(round(vec2f(p.x * turn.x - p.y * turn.y, p.x * turn.y + p.y * turn.x)));
  return blurred[place(size, at.x + turned.x, at.y + turned.y)];
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  let there = index < count[0];
  let spot = select(0u, order[index], there);
  var level = 0u;
  while (level + 1u < params.levels && spot >= params.quotas[level + 1u].y) { level++; }
  let size = params.sizes[level];
  let key = selected[spot];
  let at = vec2i(i32(key.y & 0xffffu), i32(key.y >> 16u));
  var own = vec2i(0);
  for (var i = lane; there && i < 961u; i += 64u) {
    let u = i32(i % 31u) - 15;
    let v = i32(i / 31u) - 15;
    if (u32(abs(u)) <= table[256u + u32(abs(v))]) {
      own += vec2i(u, v) * i32(pyramid[place(size, at.x + u, at.y + v)]);
    }
  }
  atomicAdd(&moments[0], own.x);
  atomicAdd(&moments[1], own.y);
  workgroupBarrier();
  let moment = vec2f(f32(atomicLoad(&moments[0])), f32(atomicLoad(&moments[1])));
  let reach = length(moment);
  let turn = select(vec2f(1.0, 0.0), moment / max(reach, 1.0), reach > 0.0);
  var bits = 0u;
  for (var i = 0u; there && i < 4u; i++) {
    let pair = table[lane * 4u + i];
    let first = vec2i(i32(pair << 24u) >> 24u, i32(pair << 16u) >> 24u);
    let second = vec2i(i32(pair << 8u) >> 24u, i32(pair) >> 24u);
    bits |= select(0u, 1u, sample(size, at, first, turn) < sample(size, at, second, turn)) << i;
  }
  atomicOr(&words[lane / 8u], bits << (lane % 8u * 4u));
  workgroupBarrier();
  if (!there) { return; }
  if (lane < 8u) { descriptors[index * 8u + lane] = atomicLoad(&words[lane]); }
  if (lane == 0u) {
    var angle = select(0.0, degrees(atan2(moment.y, moment.x)), reach > 0.0);
    if (angle < 0.0) { angle += 360.0; }
    let scale = params.scales[level].x;
    key_points[index * 6u] = bitcast<u32>(f32(at.x) * scale);
    key_points[index * 6u + 1u] = bitcast<u32>(f32(at.y) * scale);
    key_points[index * 6u + 2u] = bitcast<u32>(31.0 * scale);
    key_points[index * 6u + 3u] = bitcast<u32>(angle);
    key_points[index * 6u + 4u] = bitcast<u32>(f32(key.x));
    key_points[index * 6u + 5u] = level;
  }
}
