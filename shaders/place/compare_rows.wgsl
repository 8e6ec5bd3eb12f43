// Compares up to eight queries with the rows of a chunk: one sortable key a row and query.
//
// rows    the chunk; how a block of 16 elements of a row is read is injected ("rows": 32-, 16- or 8-bit, buffer or texture)
// scales  one factor a row; only 8-bit rows have them
// place   number of the chunk's first row among the rows of all chunks
// allowed a bit a row, 1: may be found; read only if params.masked is 1
// keys    key of query q and row r at (first_query + q) * stride + r
// params  the queries lie in it, each padded to blocks of 16 elements with zeros: (query * BLOCKS + block) * 4 + vec4
//
// A key grows with the similarity: the bits of the score, turned so that unsigned integers are in the order of floats
// (for distances in the opposite order). It is 0 where the row must not be found, 1 where the score is no number.
// An invocation takes four rows that lie 64 apart. Rows from params.rows to the next multiple of 256 get the key 0.

//#inject sizes
const BLOCKS = 1u;
alias Queries = array<vec4f, 4>;
//#end
//#inject queries
const QUERIES = 1u;
//#end

struct Params {
  // Rows that may be found, of all chunks: those before this.
  rows: u32,
  masked: u32,
  stride: u32,
  first_query: u32,
  queries: Queries,
};

struct Elements {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
};

const LANES = 64u;
const ROWS = 4u;

@group(0) @binding(0) var<storage, read> place: array<u32>;
@group(0) @binding(1) var<storage, read> allowed: array<u32>;
@group(0) @binding(2) var<storage, read_write> keys: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;
//#inject rows
@group(0) @binding(4) var<storage, read> rows: array<vec4f>;
fn load(row: u32, at: u32) -> Elements {
  let i = (row * BLOCKS + at) * 4u;
  return Elements(rows[i], rows[i + 1u], rows[i + 2u], rows[i + 3u]);
}
fn scale_of(row: u32) -> f32 { return 1.0; }
//#end
//#inject metric
fn compare(x: Elements, scale: f32, a: vec4f, b: vec4f, c: vec4f, d: vec4f) -> f32 {
  return dot(x.a, a) + dot(x.b, b) + dot(x.c, c) + dot(x.d, d);
}
fn score_of(sum: f32, scale: f32) -> f32 { return sum * scale; }
const FLIP = 0u;
//#end

fn key_of(score: f32) -> u32 {
  let bits = bitcast<u32>(score);
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) { return 1u; }
  // Both zeros are one.
  let turned = select(bits | 0x80000000u, ~bits, bits > 0x80000000u);
  return max(turned ^ FLIP, 1u);
}

fn may_find(row: u32) -> bool {
  if (row >= params.rows) { return false; }
  return params.masked == 0u || ((allowed[row >> 5u] >> (row & 31u)) & 1u) == 1u;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * LANES * ROWS + lane;
  var sums = array<f32, ROWS * QUERIES>();
  let start = place[0];
  var scales = array<f32, ROWS>();
  //#unroll j 4
  for (var j = 0u; j < 4u; j++) {
    scales[j] = scale_of(first + j * LANES);
  }
  //#end
  for (var k = 0u; k < BLOCKS; k++) {
    //#unroll j 4
    for (var j = 0u; j < 4u; j++) {
      let x = load(first + j * LANES, k);
      //#unroll q QUERIES
      for (var q = 0u; q < QUERIES; q++) {
        let i = (q * BLOCKS + k) * 4u;
        let a = params.queries[i];
        let b = params.queries[i + 1u];
        let c = params.queries[i + 2u];
        let d = params.queries[i + 3u];
        sums[j * QUERIES + q] += compare(x, scales[j], a, b, c, d);
      }
      //#end
    }
    //#end
  }
  //#unroll j 4
  for (var j = 0u; j < 4u; j++) {
    let row = start + first + j * LANES;
    let found = may_find(row);
    //#unroll q QUERIES
    for (var q = 0u; q < QUERIES; q++) {
      let key = select(0u, key_of(score_of(sums[j * QUERIES + q], scales[j])), found);
      keys[(params.first_query + q) * params.stride + row] = key;
    }
    //#end
  }
  //#end
}
