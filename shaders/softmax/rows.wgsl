// Softmax (or its logarithm) of rows that lie side by side, read as vec4s wherever they begin; LANES invocations share one.
//
//   y[o, i] = exp(x[o, i] - max) / sum over j of exp(x[o, j] - max)
//
// The largest value and the sum are found in one reading: the sum so far is scaled when a larger value comes
// (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018).
// Outer dimensions (rows): up to 8, the last one fastest. Offsets and strides count elements; y's elements lie y_step apart.
// Where they lie side by side too, and all rows of x and y begin on multiples of 4 and end there or before padding, store() may write
// whole vec4s, zeros behind the end.
//
// Grid: ceil(count / (WG / LANES)) workgroups. Limit: 2 * (length / 4 + 2) / LANES + outer_rank + log2(LANES) iterations
// must stay under 65,535 (llvmpipe).

struct Params {
  count: u32,
  length: u32,
  outer_rank: u32,
  x_offset: u32,
  y_offset: u32,
  y_step: u32,
  outer_extents: array<vec4u, 2>,
  outer_x_strides: array<vec4u, 2>,
  outer_y_strides: array<vec4u, 2>,
};

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
//#inject store
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
fn store(row: u32, place: vec4i, value: vec4f) {
  let inside = (place >= vec4i(0)) & (place < vec4i(i32(params.length)));
  let at = row + vec4u(place) * params.y_step;
  if (inside.x) { y[at.x] = value.x; }
  if (inside.y) { y[at.y] = value.y; }
  if (inside.z) { y[at.z] = value.z; }
  if (inside.w) { y[at.w] = value.w; }
}
//#end
@group(0) @binding(2) var<uniform> params: Params;

override WG: u32 = 64u;
override LANES: u32 = 1u;
override LOGARITHM: bool = false;

const LOWEST = -3.4028234663852886e38;

// Largest value, and sum of exponentials of what lies below it.
var<workgroup> partial: array<vec2f, WG>;

fn merge(a: vec2f, b: vec2f) -> vec2f {
  let largest = max(a.x, b.x);
  return vec2f(largest, a.y * exp(a.x - largest) + b.y * exp(b.x - largest));
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * (WG / LANES) + local / LANES;
  let lane = local % LANES;
  var row = vec2u(params.x_offset, params.y_offset);
  var rest = index;
  for (var i = params.outer_rank; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.outer_extents[axis / 4u][axis % 4u];
    row += rest % extent *
      vec2u(params.outer_x_strides[axis / 4u][axis % 4u], params.outer_y_strides[axis / 4u][axis % 4u]);
    rest = rest / extent;
  }
  // The first vec4 may begin before the row, and the last may end behind it.
  let before = vec4i(0, 1, 2, 3) - vec4i(i32(row.x % 4u));
  let first = row.x / 4u;
  let length = vec4i(i32(params.length));
  let end = select(0u, (row.x % 4u + params.length + 3u) / 4u, index < params.count);
  var largest = vec4f(LOWEST);
  var sums = vec4f();
  for (var i = lane; i < end; i += LANES) {
    let place = before + vec4i(i32(4u * i));
    let inside = (place >= vec4i(0)) & (place < length);
    let value = select(vec4f(LOWEST), x[first + i], inside);
    let most = max(largest, value);
    sums = sums * exp(largest - most) + select(vec4f(), exp(value - most), inside);
    largest = most;
  }
  let most = max(max(largest.x, largest.y), max(largest.z, largest.w));
  var seen = vec2f(most, dot(sums, exp(largest - vec4f(most))));
  if (LANES > 1u) {
    partial[local] = seen;
    for (var half = LANES / 2u; half > 0u; half = half / 2u) {
      workgroupBarrier();
      if (lane < half) { partial[local] = merge(partial[local], partial[local + half]); }
    }
    workgroupBarrier();
    seen = partial[local - lane];
  }
  let logarithm = log(seen.y);
  for (var i = lane; i < end; i += LANES) {
    let shifted = x[first + i] - vec4f(seen.x);
    var value: vec4f;
    if (LOGARITHM) { value = shifted - vec4f(logarithm); } else { value = exp(shifted) / seen.y; }
    store(row.y, before + vec4i(i32(4u * i)), value);
  }
}
