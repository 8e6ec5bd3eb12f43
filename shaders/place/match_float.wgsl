// For each row of `from` the nearest and the second nearest row of one part of `to`, float descriptors.
//
// from, to  rows of `params.row_vec4` vec4f
// counts    rows that are there: from_count[0], to_count[0]; more than the maxima in `params` are not looked at
// partial   (bits of the distance, row of `to` or NONE, bits of the second distance, 0) of row r and part p at
//           p * params.max_from + r
//
// An invocation takes eight rows of `from` against one part (the grid's z) of PART rows of `to`, eight at a time, so that a
// loaded vec4f serves eight products. The distance is the squared Euclidean one, or 2 - 2 <a, b> where INNER. Of equal
// distances the lower row is the nearest and the other the second. At most PART / 8 * row_vec4 loop iterations.

override INNER: bool = false;
override PART: u32 = 256u;

struct Params {
  row_vec4: u32,
  max_from: u32,
  max_to: u32,
}

@group(0) @binding(0) var<storage, read_write> from_rows: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> to_rows: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> from_count: array<u32>;
@group(0) @binding(3) var<storage, read_write> to_count: array<u32>;
@group(0) @binding(4) var<storage, read_write> partial: array<vec4u>;
@group(0) @binding(5) var<uniform> params: Params;

const NONE = 0xffffffffu;
// Larger than every distance of finite descriptors that are not absurdly long.
const FAR = 3.0e38;

fn term(a: vec4f, b: vec4f) -> f32 {
  if (INNER) { return dot(a, b); }
  let d = a - b;
  return dot(d, d);
}

fn take(best: vec4u, distance: f32, row: u32, count: u32) -> vec4u {
  if (row >= count) { return best; }
  let first = bitcast<f32>(best.x);
  if (distance < first) { return vec4u(bitcast<u32>(distance), row, best.x, 0u); }
  if (distance < bitcast<f32>(best.z)) { return vec4u(best.x, best.y, bitcast<u32>(distance), 0u); }
  return best;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let from_rows_there = min(from_count[0], params.max_from);
  let to_rows_there = min(to_count[0], params.max_to);
  let first = id.x * 8u;
  if (first >= from_rows_there) { return; }
  var best: array<vec4u, 8>;
  var from_at: array<u32, 8>;
  //#unroll q 8
  for (var q = 0u; q < 8u; q++) {
    best[q] = vec4u(bitcast<u32>(FAR), NONE, bitcast<u32>(FAR), 0u);
    from_at[q] = min(first + q, from_rows_there - 1u) * params.row_vec4;
  }
  //#end
  let end = min((id.z + 1u) * PART, to_rows_there);
  for (var row = id.z * PART; row < end; row += 8u) {
    var to_at: array<u32, 8>;
    var low: array<vec4f, 8>;
    var high: array<vec4f, 8>;
    //#unroll t 8
    for (var t = 0u; t < 8u; t++) {
      to_at[t] = min(row + t, end - 1u) * params.row_vec4;
      low[t] = vec4f(0.0);
      high[t] = vec4f(0.0);
    }
    //#end
    for (var c = 0u; c < params.row_vec4; c++) {
      let a0 = from_rows[from_at[0] + c];
      let a1 = from_rows[from_at[1] + c];
      let a2 = from_rows[from_at[2] + c];
      let a3 = from_rows[from_at[3] + c];
      let a4 = from_rows[from_at[4] + c];
      let a5 = from_rows[from_at[5] + c];
      let a6 = from_rows[from_at[6] + c];
      let a7 = from_rows[from_at[7] + c];
      //#unroll t 8
      for (var t = 0u; t < 8u; t++) {
        let b = to_rows[to_at[t] + c];
        low[t] += vec4f(term(a0, b), term(a1, b), term(a2, b), term(a3, b));
        high[t] += vec4f(term(a4, b), term(a5, b), term(a6, b), term(a7, b));
      }
      //#end
    }
    //#unroll t 8
    for (var t = 0u; t < 8u; t++) {
      let first_four = select(low[t], 2.0 - 2.0 * low[t], INNER);
      let last_four = select(high[t], 2.0 - 2.0 * high[t], INNER);
      best[0] = take(best[0], first_four.x, row + t, end);
      best[1] = take(best[1], first_four.y, row + t, end);
      best[2] = take(best[2], first_four.z, row + t, end);
      best[3] = take(best[3], first_four.w, row + t, end);
      best[4] = take(best[4], last_four.x, row + t, end);
      best[5] = take(best[5], last_four.y, row + t, end);
      best[6] = take(best[6], last_four.z, row + t, end);
      best[7] = take(best[7], last_four.w, row + t, end);
    }
    //#end
  }
  //#unroll q 8
  for (var q = 0u; q < 8u; q++) {
    if (first + q < from_rows_there) {
      partial[id.z * params.max_from + first + q] = best[q];
    }
  }
  //#end
}
