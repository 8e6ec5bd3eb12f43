// The matches that pass all tests, in the order of their first rows. One workgroup.
//
// forward   (bits of the distance, row of b or NONE, bits of the second distance, 0) of each row of a
// backward  the same of each row of b; looked at where MUTUAL
// counts    rows that are there: a_count[0], b_count[0]
// result    words: number of matches, rows of a, rows of b, 0; then (row of a, row of b, bits of the distance) of each
//
// A match is kept where its distance is at most `params.limit`, less than `params.ratio` times the second distance (not
// tested where `params.ratio` is 0; a first row that has no second passes), and where MUTUAL, its row of b is nearest to
// its row of a as well. A lane takes consecutive rows: max_a / 256 of them, twice.

override MUTUAL: bool = true;

struct Params {
  max_a: u32,
  max_b: u32,
  limit: f32,
  ratio: f32,
}

@group(0) @binding(0) var<storage, read_write> forward: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> backward: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> a_count: array<u32>;
@group(0) @binding(3) var<storage, read_write> b_count: array<u32>;
@group(0) @binding(4) var<storage, read_write> result: array<u32>;
@group(0) @binding(5) var<uniform> params: Params;

const NONE = 0xffffffffu;
const FAR = 3.0e38;

var<workgroup> sums: array<u32, 256>;

fn keeps(row: u32, nearest: vec4u) -> bool {
  if (nearest.y == NONE) { return false; }
  let distance = bitcast<f32>(nearest.x);
  let second = bitcast<f32>(nearest.z);
  if (distance > params.limit) { return false; }
  if (params.ratio > 0.0 && second < FAR && distance >= params.ratio * second) { return false; }
  return !MUTUAL || backward[nearest.y].y == row;
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  let a_rows = min(a_count[0], params.max_a);
  let each = (a_rows + 255u) / 256u;
  let first = lane * each;
  let end = min(first + each, a_rows);
  var own = 0u;
  for (var row = first; row < end; row++) {
    own += select(0u, 1u, keeps(row, forward[row]));
  }
  sums[lane] = own;
  workgroupBarrier();
  for (var reach = 1u; reach < 256u; reach *= 2u) {
    var before = 0u;
    if (lane >= reach) { before = sums[lane - reach]; }
    workgroupBarrier();
    sums[lane] += before;
    workgroupBarrier();
  }
  var at = 4u + (sums[lane] - own) * 3u;
  for (var row = first; row < end; row++) {
    let nearest = forward[row];
    if (keeps(row, nearest)) {
      result[at] = row;
      result[at + 1u] = nearest.y;
      result[at + 2u] = nearest.x;
      at += 3u;
    }
  }
  if (lane == 255u) {
    result[0] = sums[255];
    result[1] = a_rows;
    result[2] = min(b_count[0], params.max_b);
    result[3] = 0u;
  }
}
