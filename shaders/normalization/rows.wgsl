// Brings each row to zero mean and unit spread, where a row is made of runs of vec4s; LANES invocations share one row.
//
//   y[o, r, i] = (x[o, r, i] - mean[o]) * factor(second[o], count) * gain[o, i] + shift[o, i]
//
// CENTRED: mean is the row's mean, second its variance (population). Else mean is 0, second the mean of term(x).
// A row has `runs` runs of `run` vec4s, the runs x_run_stride apart in x and y_run_stride in y: the whole of it, or the
// channels of a group at each pixel of an image. gain, shift: functions of (offset of the row, position in the run).
// Offsets and strides count vec4s, but for gain and shift where they are one number a row: (x, y, gain, shift) of each
// axis in one vec4i. Up to 8 outer dimensions (rows), the last one fastest.
//
// Source of the moments: Welford (1962), and Chan, Golub and LeVeque (1979) for bringing parts together.
//
// Grid: ceil(count / (WG / LANES)) workgroups. Limit: 2 * ceil(runs * run / LANES) + outer_rank + log2(LANES) iterations
// must stay under 65,535 (llvmpipe).

struct Params {
  count: u32,
  runs: u32,
  run: u32,
  x_run_stride: i32,
  y_run_stride: i32,
  outer_rank: u32,
  epsilon: f32,
  offsets: vec4i,
  outer_extents: array<vec4u, 2>,
  outer_strides: array<vec4i, 8>,
};

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

override WG: u32 = 64u;
override LANES: u32 = 1u;
override CENTRED: bool = true;

//#inject functions
fn term(value: vec4f) -> vec4f { return value * value; }
fn factor(second: f32, count: f32) -> f32 { return 1.0 / sqrt(second + params.epsilon); }
fn gain(row: i32, at: i32) -> vec4f { return vec4f(1.0); }
fn shift(row: i32, at: i32) -> vec4f { return vec4f(0.0); }
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
  let end = select(0u, params.runs * params.run, index < params.count);
  var count = 0.0;
  var means = vec4f();
  var squares = vec4f();
  for (var i = lane; i < end; i += LANES) {
    let run = i / params.run;
    let value = x[row.x + i32(run) * params.x_run_stride + i32(i - run * params.run)];
    count += 1.0;
    if (CENTRED) {
      let before = value - means;
      means += before / count;
      squares += before * (value - means);
    } else {
      squares += term(value);
    }
  }
  let mean = dot(means, vec4f(0.25));
  let apart = means - vec4f(mean);
  var seen = vec3f(4.0 * count, mean, dot(squares, vec4f(1.0)) + count * dot(apart, apart));
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
    let run = i / params.run;
    let at = i32(i - run * params.run);
    let value = (x[row.x + i32(run) * params.x_run_stride + at] - vec4f(seen.y)) * scale;
    y[row.y + i32(run) * params.y_run_stride + at] = value * gain(row.z, at) + shift(row.w, at);
  }
}
