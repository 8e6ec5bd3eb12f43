// The key points of a heat map: pixels of the area above the threshold that are the largest of their window, the first of
// them where several are equal. One invocation four pixels.
//
// heat         [height, width]; the window is cut at its edges
// reliability  with RELIABLE: [rows, columns], by which scores are multiplied, bilinear; beyond its edges it is zero
// candidates   (bits of the score, number of the pixel), in no order: at most one of (RADIUS + 1) x (RADIUS + 1) pixels
// state        [0]: how many there are, zero before
//
// Scores are positive, so that their bits sort as they do; what the reliability makes zero is no key point.

struct Params {
  width: u32,
  height: u32,
  // Pixels of the reliability.
  columns: u32,
  rows: u32,
  // First column and row of the area, first column and row after it.
  area: vec4u,
  // A position among the reliability's pixels is the pixel's times `scale` plus `shift`.
  scale: vec2f,
  shift: vec2f,
  threshold: f32,
}

override RADIUS: u32 = 2u;
override RELIABLE: bool = true;

@group(0) @binding(0) var<storage, read_write> heat: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> reliability: array<f32>;
@group(0) @binding(2) var<storage, read_write> candidates: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> state: array<atomic<u32>>;
@group(0) @binding(4) var<uniform> params: Params;

fn is_peak(score: f32, x: u32, y: u32) -> bool {
  let left = select(0u, x - RADIUS, x > RADIUS);
  let top = select(0u, y - RADIUS, y > RADIUS);
  let right = min(x + RADIUS, params.width - 1u);
  let bottom = min(y + RADIUS, params.height - 1u);
  let own = y * params.width + x;
  for (var v = top; v <= bottom; v++) {
    for (var u = left; u <= right; u++) {
      let at = v * params.width + u;
      let other = heat[at / 4u][at % 4u];
      if (other > score || (other == score && at < own)) { return false; }
    }
  }
  return true;
}

fn reliability_of(column: i32, row: i32) -> f32 {
  if (column < 0 || row < 0 || column >= i32(params.columns) || row >= i32(params.rows)) { return 0.0; }
  return reliability[u32(row) * params.columns + u32(column)];
}

fn reliability_at(x: u32, y: u32) -> f32 {
  let place = vec2f(f32(x), f32(y)) * params.scale + params.shift;
  let first = floor(place);
  let t = place - first;
  let c = vec2i(first);
  let above = mix(reliability_of(c.x, c.y), reliability_of(c.x + 1, c.y), t.x);
  let below = mix(reliability_of(c.x, c.y + 1), reliability_of(c.x + 1, c.y + 1), t.x);
  return mix(above, below, t.y);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  let pixels = params.width * params.height;
  if (index * 4u >= pixels) { return; }
  let four = heat[index];
  let first = index * 4u;
  let columns = (first + vec4u(0u, 1u, 2u, 3u)) % params.width;
  let rows = (first + vec4u(0u, 1u, 2u, 3u)) / params.width;
  let inside = (columns >= params.area.xxxx) & (rows >= params.area.yyyy) & (columns < params.area.zzzz) &
    (rows < params.area.wwww) & (first + vec4u(0u, 1u, 2u, 3u) < vec4u(pixels));
  // A loop over bits, because software Vulkan runs every side of a branch, but no turn of a loop that no invocation takes.
  let possible = inside & (four > vec4f(params.threshold));
  var bits = dot(select(vec4u(0u), vec4u(1u, 2u, 4u, 8u), possible), vec4u(1u));
  while (bits != 0u) {
    let i = firstTrailingBit(bits);
    bits &= bits - 1u;
    let x = columns[i];
    let y = rows[i];
    var score = four[i];
    if (!is_peak(score, x, y)) { continue; }
    if (RELIABLE) { score *= reliability_at(x, y); }
    if (score > 0.0) {
      candidates[atomicAdd(&state[0], 1u)] = vec2u(bitcast<u32>(score), first + i);
    }
  }
}
