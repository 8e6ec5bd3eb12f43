// Inner products of one descriptor with the rows of a chunk of earlier ones; keeps the best row of each invocation.
//
// query     one descriptor: d4 vec4s, padding zero
// rows      the chunk: row r at r * d4
// partials  (bits of the score, number of the row) at first_partial + index of the invocation
//
// An invocation takes ROWS rows that lie 64 apart, so that each vec4 of the query is loaded once for all of them; the
// rows of a workgroup lie together. Of equal scores the earliest row counts. Only the invocations that have a row write:
// their indices run from 0 without a gap.

struct Params {
  // Rows to compare, from the chunk's first.
  rows: u32,
  d4: u32,
  // Number of the chunk's first row among the rows of all chunks.
  first_row: u32,
  first_partial: u32,
};

// Rows of an invocation.
const ROWS = 4u;
const LANES = 64u;

@group(0) @binding(0) var<storage, read_write> query: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> rows: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec2u>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  let first = index * LANES * ROWS + lane;
  if (first >= params.rows) { return; }
  var sums = array<f32, ROWS>();
  // Rows past the end are read as the last one, and never win.
  let last = params.rows - 1u;
  for (var k = 0u; k < params.d4; k++) {
    let q = query[k];
    //#unroll j 4
    for (var j = 0u; j < 4u; j++) {
      sums[j] += dot(q, rows[min(first + j * LANES, last) * params.d4 + k]);
    }
    //#end
  }
  var best = sums[0];
  var row = first;
  //#unroll j 4
  for (var j = 0u; j < 4u; j++) {
    if (first + j * LANES <= last && sums[j] > best) {
      best = sums[j];
      row = first + j * LANES;
    }
  }
  //#end
  partials[params.first_partial + index * LANES + lane] = vec2u(bitcast<u32>(best), params.first_row + row);
}
