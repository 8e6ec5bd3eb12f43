// Brings each row of any strided view to zero mean and unit spread; LANES invocations share one row.
//
//   y[o, i] = (x[o, i] - mean[o]) * factor(second[o], inner_count) * gain[o, i] + shift[o, i]
//
// CENTRED: mean is the row's mean, second its variance (population). Else mean is 0, second the mean of term(x).
// gain, shift: read at an offset with strides of their own (0 to broadcast), by injected functions; 1 and 0 without.
// keep(): called once a row, for those who want the moments. Offsets and strides count elements: (x, y, gain, shift) of
// each axis in one vec4i. Outer (rows) and inner (along a row) dimensions: up to 8 each, the last one fastest.
//
// Source of the moments: Welford (1962), and Chan, Golub and LeVeque (1979) for bringing parts together.
//
// Grid: ceil(count / (WG / LANES)) workgroups. Limit: 2 * ceil(inner_count / LANES) * (inner_rank + 1) + outer_rank +
// log2(LANES) iterations must stay under 65,535 (llvmpipe).

struct Params {
  count: u32,
  inner_count: u32,
  outer_rank: u32,
  inner_rank: u32,
  epsilon: f32,
  offsets: vec4i,
  outer_extents: array<vec4u, 2>,
  inner_extents: array<vec4u, 2>,
  outer_strides: array<vec4i, 8>,
  inner_strides: array<vec4i, 8>,
};

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

override WG: u32 = 64u;
override LANES: u32 = 1u;
override CENTRED: bool = true;

//#inject functions
fn term(value: f32) -> f32 { return value * value; }
fn factor(second: f32, count: f32) -> f32 { return 1.0 / sqrt(second + params.epsilon); }
fn gain(at: i32) -> f32 { return 1.0; }
fn shift(at: i32) -> f32 { return 0.0; }
fn keep(row: u32, mean: f32, second: f32, scale: f32) {}
//#end

// Number of values, their mean, and the sum of their squared deviations from it.
var<workgroup> partial: array<vec3f, WG>;

fn merge(a: vec3f, b: vec3f) -> vec3f {
  let count = a.x + b.x;
  let apart = b.y - a.y;
  let part = b.x / max(count, 1.0);
  return vec3f(count, a.y + apart * part, a.z + b.z + apart * apart * a.x * part);
}

fn inner_offset(index: u32) -> vec4i {
  var rest = index;
  var offset = vec4i();
  for (var i = params.inner_rank; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.inner_extents[axis / 4u][axis % 4u];
    offset += i32(rest % extent) * params.inner_strides[axis];
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
  var row = params.offsets;
  var rest = index;
  for (var i = params.outer_rank; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.outer_extents[axis / 4u][axis % 4u];
    row += i32(rest % extent) * params.outer_strides[axis];
    rest = rest / extent;
  }
  let end = select(0u, params.inner_count, index < params.count);
  var seen = vec3f();
  for (var i = lane; i < end; i += LANES) {
    let value = x[row.x + inner_offset(i).x];
    seen.x += 1.0;
    if (CENTRED) {
      let before = value - seen.y;
      seen.y += before / seen.x;
      seen.z += before * (value - seen.y);
    } else {
      seen.z += term(value);
    }
  }
  if (LANES > 1u) {
    partial[local] = seen;
    for (var half = LANES / 2u; half > 0u; half = half / 2u) {
      workgroupBarrier();
      if (lane < half) { partial[local] = merge(partial[local], partial[local + half]); }
    }
    workgroupBarrier();
    seen = partial[local - lane];
  }
  let second = seen.z / max(seen.x, 1.0);
  let scale = factor(second, seen.x);
  if (lane == 0u && index < params.count) { keep(index, seen.y, second, scale); }
  for (var i = lane; i < end; i += LANES) {
    let at = row + inner_offset(i);
    y[at.y] = (x[at.x] - seen.y) * scale * gain(at.z) + shift(at.w);
  }
}
