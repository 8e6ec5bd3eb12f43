// Compares up to eight queries with the rows of a chunk: one sortable key a row and query, and the best of each panel.
//
// rows    the chunk: panels of 64 rows. Of a row, 16 bytes lie together; those of the panel's other rows follow, then the
//         next 16 of each. So the invocations of a workgroup read memory in order. How these parts, PARTS a block of 16 elements,
//         are read is injected ("rows": 32-, 16- or 8-bit, buffer or texture)
// scales  one factor a row; only 8-bit rows have them
// place   number of the chunk's first row among the rows of all chunks
// allowed a bit a number, 1: may be found; read only if params.masked is 1
// keys    key of query q and row r at (first_query + q) * stride + r
// maxima  the best key of query q and panel p at (first_query + q) * stride / 64 + p; zero before
// params  the queries lie in it, each padded to blocks of 16 elements with zeros: (query * BLOCKS + block) * 4 + vec4
//
// A key grows with the similarity: the bits of the score, turned so that unsigned integers are in the order of floats
// (for distances in the opposite order). It is 0 where the row must not be found, 1 where the score is no number.
// A workgroup takes a panel. Where rows do not lie in the order of their numbers, "numbers" says which is whose, and which
// panels are passed over: they keep the maximum 0, and their keys are not written.

//#inject sizes
const BLOCKS = 1u;
alias Queries = array<vec4f, 4>;
//#end
//#inject queries
const QUERIES = 1u;
//#end
// LANES * ROWS is 64: an invocation takes rows that lie LANES apart.
//#inject tile
const LANES = 64u;
const ROWS = 1u;
//#end

struct Params {
  // Numbers that may be found: those below this.
  rows: u32,
  masked: u32,
  stride: u32,
  first_query: u32,
  queries: Queries,
};

@group(0) @binding(0) var<storage, read> place: array<u32>;
@group(0) @binding(1) var<storage, read> allowed: array<u32>;
@group(0) @binding(2) var<storage, read_write> keys: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;
//#inject rows
const PARTS = 4u;
alias Part = vec4f;
@group(0) @binding(4) var<storage, read> rows: array<vec4f>;
fn load(panel: u32, part: u32, row: u32) -> Part { return rows[(panel * BLOCKS * PARTS + part) * 64u + row]; }
fn scale_of(row: u32) -> f32 { return 1.0; }
//#end
@group(0) @binding(6) var<storage, read_write> maxima: array<atomic<u32>>;
//#inject metric
fn compare(x: Part, scale: f32, at: u32) -> f32 { return dot(x, params.queries[at]); }
fn score_of(sum: f32, scale: f32) -> f32 { return sum * scale; }
const FLIP = 0u;
//#end
//#inject numbers
fn number_of(row: u32) -> u32 { return row; }
fn passes_over(panel: u32) -> bool { return false; }
fn seeks(query: u32, panel: u32) -> bool { return true; }
//#end
//#inject reduce
var<workgroup> best: array<atomic<u32>, QUERIES>;
fn gather_best(q: u32, panel: u32, key: u32) { atomicMax(&best[q], key); }
fn keep_best(lane: u32, panel: u32) {
  workgroupBarrier();
  // There can be fewer invocations than queries.
  for (var q = lane; q < QUERIES; q += LANES) {
    atomicStore(&maxima[(params.first_query + q) * (params.stride / 64u) + panel], atomicLoad(&best[q]));
  }
}
//#end

fn key_of(score: f32) -> u32 {
  let bits = bitcast<u32>(score);
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) { return 1u; }
  // Both zeros are one.
  let turned = select(bits | 0x80000000u, ~bits, bits > 0x80000000u);
  return max(turned ^ FLIP, 1u);
}

fn may_find(number: u32) -> bool {
  if (number >= params.rows) { return false; }
  return params.masked == 0u || ((allowed[number >> 5u] >> (number & 31u)) & 1u) == 1u;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let panel = group.y * groups.x + group.x;
  let start = place[0];
  let whole = start / 64u + panel;
  if (passes_over(whole)) { return; }
  var sums = array<f32, ROWS * QUERIES>();
  var scales = array<f32, ROWS>();
  //#unroll j ROWS
  for (var j = 0u; j < ROWS; j++) {
    scales[j] = scale_of(panel * 64u + lane + j * LANES);
  }
  //#end
  for (var k = 0u; k < BLOCKS; k++) {
    //#unroll e PARTS
    for (var e = 0u; e < PARTS; e++) {
      //#unroll j ROWS
      for (var j = 0u; j < ROWS; j++) {
        let x = load(panel, k * PARTS + e, lane + j * LANES);
        //#unroll q QUERIES
        for (var q = 0u; q < QUERIES; q++) {
          sums[j * QUERIES + q] += compare(x, scales[j], (q * BLOCKS + k) * 4u + e * (4u / PARTS));
        }
        //#end
      }
      //#end
    }
    //#end
  }
  //#unroll j ROWS
  for (var j = 0u; j < ROWS; j++) {
    let row = start + panel * 64u + lane + j * LANES;
    let allows = may_find(number_of(row));
    //#unroll q QUERIES
    for (var q = 0u; q < QUERIES; q++) {
      let found = allows && seeks(params.first_query + q, whole);
      let key = select(0u, key_of(score_of(sums[j * QUERIES + q], scales[j])), found);
      keys[(params.first_query + q) * params.stride + row] = key;
      gather_best(q, whole, key);
    }
    //#end
  }
  //#end
  keep_best(lane, whole);
}
