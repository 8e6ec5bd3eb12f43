// For each row of `from` the nearest and the second nearest row of one part of `to`, descriptors of 256 bits.
//
// from, to  rows of two vec4u
// counts    rows that are there: from_count[0], to_count[0]; more than the maxima in `params` are not looked at
// partial   (bits of the distance as f32, row of `to` or NONE, bits of the second distance, 0) of row r and part p at
//           p * params.max_from + r
//
// An invocation keeps four rows of `from` and takes one part (the grid's z) of PART rows of `to` past them. The distance is
// Hamming's. Of equal distances the lower row is the nearest and the other the second. PART loop iterations.

override PART: u32 = 256u;

struct Params {
  max_from: u32,
  max_to: u32,
}

@group(0) @binding(0) var<storage, read_write> from_rows: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> to_rows: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> from_count: array<u32>;
@group(0) @binding(3) var<storage, read_write> to_count: array<u32>;
@group(0) @binding(4) var<storage, read_write> partial: array<vec4u>;
@group(0) @binding(5) var<uniform> params: Params;

const NONE = 0xffffffffu;
// More bits than there are.
const FAR = 1024u;

fn bits(low: vec4u, high: vec4u) -> u32 {
  let ones = countOneBits(low) + countOneBits(high);
  return ones.x + ones.y + ones.z + ones.w;
}

fn take(best: vec3u, distance: u32, row: u32) -> vec3u {
  if (distance < best.x) { return vec3u(distance, row, best.x); }
  return vec3u(best.xy, min(best.z, distance));
}

fn as_float(distance: u32) -> u32 {
  return bitcast<u32>(select(f32(distance), 3.0e38, distance == FAR));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let from_rows_there = min(from_count[0], params.max_from);
  let to_rows_there = min(to_count[0], params.max_to);
  let first = id.x * 4u;
  if (first >= from_rows_there) { return; }
  var low: array<vec4u, 4>;
  var high: array<vec4u, 4>;
  var best: array<vec3u, 4>;
  //#unroll q 4
  for (var q = 0u; q < 4u; q++) {
    let at = min(first + q, from_rows_there - 1u) * 2u;
    low[q] = from_rows[at];
    high[q] = from_rows[at + 1u];
    best[q] = vec3u(FAR, NONE, FAR);
  }
  //#end
  let end = min((id.z + 1u) * PART, to_rows_there);
  for (var row = id.z * PART; row < end; row++) {
    let b_low = to_rows[row * 2u];
    let b_high = to_rows[row * 2u + 1u];
    //#unroll q 4
    for (var q = 0u; q < 4u; q++) {
      best[q] = take(best[q], bits(low[q] ^ b_low, high[q] ^ b_high), row);
    }
    //#end
  }
  //#unroll q 4
  for (var q = 0u; q < 4u; q++) {
    if (first + q < from_rows_there) {
      partial[id.z * params.max_from + first + q] = vec4u(as_float(best[q].x), best[q].y, as_float(best[q].z), 0u);
    }
  }
  //#end
}
