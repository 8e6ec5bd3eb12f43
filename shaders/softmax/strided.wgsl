// Softmax, its logarithm, or Hardmax over any dimensions of any strided view; LANES invocations share one row.
//
//   y[o, i] = exp(x[o, i] - max) / sum over j of exp(x[o, j] - max);  Hardmax: 1 for the first largest of a row, else 0
//
// Outer (rows) and inner (along a row) dimensions: up to 8 each, the last one fastest. Strides count elements.
// Elements i of a row from inner_count to written_count (channel padding of an image) are written as zero.
//
// Grid: ceil(count / (WG / LANES)) workgroups. Limit: (2 * inner_count + written_count) / LANES * (inner_rank + 1) +
// outer_rank + 2 * log2(LANES) iterations must stay under 65,535 (llvmpipe).

struct Params {
  count: u32,
  inner_count: u32,
  written_count: u32,
  outer_rank: u32,
  inner_rank: u32,
  x_offset: i32,
  y_offset: i32,
  // Minus infinity.
  lowest: f32,
  outer_extents: array<vec4u, 2>,
  outer_x_strides: array<vec4i, 2>,
  outer_y_strides: array<vec4i, 2>,
  inner_extents: array<vec4u, 2>,
  inner_x_strides: array<vec4i, 2>,
  inner_y_strides: array<vec4i, 2>,
};

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

override WG: u32 = 64u;
override LANES: u32 = 1u;
// 0: Softmax, 1: its logarithm, 2: Hardmax.
override MODE: u32 = 0u;

var<workgroup> partial: array<f32, WG>;
var<workgroup> places: array<u32, WG>;

// Offsets in x and y of element `index` of a row.
fn inner_offset(index: u32) -> vec2i {
  var rest = index;
  var offset = vec2i(0);
  for (var i = params.inner_rank; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.inner_extents[axis / 4u][axis % 4u];
    // The outermost dimension may be walked beyond its extent, into the padding.
    let at = select(rest % extent, rest, axis == 0u);
    offset += i32(at) *
      vec2i(params.inner_x_strides[axis / 4u][axis % 4u], params.inner_y_strides[axis / 4u][axis % 4u]);
    rest = rest / extent;
  }
  return offset;
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * (WG / LANES) + local / LANES;
  let lane = local % LANES;
  let first = local - lane;
  var row = vec2i(params.x_offset, params.y_offset);
  var rest = index;
  for (var i = params.outer_rank; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.outer_extents[axis / 4u][axis % 4u];
    row += i32(rest % extent) *
      vec2i(params.outer_x_strides[axis / 4u][axis % 4u], params.outer_y_strides[axis / 4u][axis % 4u]);
    rest = rest / extent;
  }
  let inside = index < params.count;
  let end = select(0u, params.inner_count, inside);
  var largest = params.lowest;
  for (var i = lane; i < end; i += LANES) { largest = max(largest, x[row.x + inner_offset(i).x]); }
  if (LANES > 1u) {
    partial[local] = largest;
    for (var half = LANES / 2u; half > 0u; half = half / 2u) {
      workgroupBarrier();
      if (lane < half) { partial[local] = max(partial[local], partial[local + half]); }
    }
    workgroupBarrier();
    largest = partial[first];
    workgroupBarrier();
  }
  // Hardmax: the first place of the largest.
  var sum = 0.0;
  var first_place = params.inner_count;
  for (var i = lane; i < end; i += LANES) {
    let value = x[row.x + inner_offset(i).x];
    if (MODE == 2u) {
      if (value == largest) { first_place = min(first_place, i); }
    } else {
      sum += exp(value - largest);
    }
  }
  if (LANES > 1u) {
    partial[local] = sum;
    places[local] = first_place;
    for (var half = LANES / 2u; half > 0u; half = half / 2u) {
      workgroupBarrier();
      if (lane < half) {
        partial[local] += partial[local + half];
        places[local] = min(places[local], places[local + half]);
      }
    }
    workgroupBarrier();
    sum = partial[first];
    first_place = places[first];
  }
  let written = select(0u, params.written_count, inside);
  for (var i = lane; i < written; i += LANES) {
    let at = inner_offset(i);
    var value = 0.0;
    if (i < params.inner_count) {
      if (MODE == 2u) {
        value = select(0.0, 1.0, i == first_place);
      } else {
        let shifted = x[row.x + at.x] - largest;
        if (MODE == 1u) { value = shifted - log(sum); } else { value = exp(shifted) / sum; }
      }
    }
    y[row.y + at.y] = value;
  }
}
