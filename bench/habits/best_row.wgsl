// The best of the rows that inner_products kept. One workgroup.
//
// partials  (bits of the score, number of the row)
// result    (number of the row, bits of the score); without partials (0xffffffff, bits of the lowest score)
//
// Of equal scores the earliest row counts. An invocation looks at every 64th partial: 4,000,000 partials take fewer than
// the 65,535 loop iterations that an invocation has on software Vulkan.

struct Params {
  partials: u32,
};

const LANES = 64u;
const NONE = 0xffffffffu;
const LOWEST = -3.4028234e38;

@group(0) @binding(0) var<storage, read_write> partials: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> result: array<vec2u>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> scores: array<f32, LANES>;
var<workgroup> numbers: array<u32, LANES>;

fn better(score: f32, row: u32, than_score: f32, than_row: u32) -> bool {
  return score > than_score || (score == than_score && row < than_row);
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var score = LOWEST;
  var row = NONE;
  for (var i = lane; i < params.partials; i += LANES) {
    let partial = partials[i];
    let other = bitcast<f32>(partial.x);
    if (better(other, partial.y, score, row)) {
      score = other;
      row = partial.y;
    }
  }
  scores[lane] = score;
  numbers[lane] = row;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half && better(scores[lane + half], numbers[lane + half], scores[lane], numbers[lane])) {
      scores[lane] = scores[lane + half];
      numbers[lane] = numbers[lane + half];
    }
    workgroupBarrier();
  }
  if (lane == 0u) { result[0] = vec2u(numbers[0], bitcast<u32>(scores[0])); }
}
