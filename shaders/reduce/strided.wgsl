// Reduces any dimensions of any strided view; LANES invocations share one result.
//
//   y[o] = finish(scale * combine over i of term(x[x_offset + o . outer_strides + i . inner_strides]))
//
// y is linear. Outer and inner dimensions: up to 8 each, the last one fastest. Strides count elements.
//
// Grid: ceil(count / (WG / LANES)) workgroups. Limit: ceil(inner_count / LANES) * (inner_rank + 1) + outer_rank +
// log2(LANES) iterations must stay under 65,535 (llvmpipe).

struct Params {
  count: u32,
  inner_count: u32,
  outer_rank: u32,
  inner_rank: u32,
  x_offset: i32,
  y_offset: u32,
  scale: f32,
  outer_extents: array<vec4u, 2>,
  outer_strides: array<vec4i, 2>,
  inner_extents: array<vec4u, 2>,
  inner_strides: array<vec4i, 2>,
};

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

override WG: u32 = 64u;
override LANES: u32 = 1u;
// 0: sum, 1: largest, 2: smallest, 3: product.
override MODE: u32 = 0u;

var<workgroup> partial: array<f32, WG>;

//#inject functions
fn term(value: f32) -> f32 { return value; }
fn finish(value: f32) -> f32 { return value; }
//#end

fn combine(a: f32, b: f32) -> f32 {
  if (MODE == 1u) { return max(a, b); }
  if (MODE == 2u) { return min(a, b); }
  if (MODE == 3u) { return a * b; }
  return a + b;
}

fn inner_offset(index: u32) -> i32 {
  var rest = index;
  var offset = 0;
  for (var i = params.inner_rank; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.inner_extents[axis / 4u][axis % 4u];
    offset += i32(rest % extent) * params.inner_strides[axis / 4u][axis % 4u];
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
  var source = params.x_offset;
  var rest = index;
  for (var i = params.outer_rank; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.outer_extents[axis / 4u][axis % 4u];
    source += i32(rest % extent) * params.outer_strides[axis / 4u][axis % 4u];
    rest = rest / extent;
  }
  var total = 0.0;
  if (MODE == 1u) { total = -3.4028234663852886e38; }
  if (MODE == 2u) { total = 3.4028234663852886e38; }
  if (MODE == 3u) { total = 1.0; }
  let end = select(0u, params.inner_count, index < params.count);
  for (var i = lane; i < end; i += LANES) {
    total = combine(total, term(x[source + inner_offset(i)]));
  }
  partial[local] = total;
  for (var half = LANES / 2u; half > 0u; half = half / 2u) {
    workgroupBarrier();
    if (lane < half) { partial[local] = combine(partial[local], partial[local + half]); }
  }
  if (lane == 0u && index < params.count) {
    y[params.y_offset + index] = finish(partial[local] * params.scale);
  }
}
