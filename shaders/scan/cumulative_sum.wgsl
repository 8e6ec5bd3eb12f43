// Sums up to each element of a dimension: CumSum. One invocation a line, so that elements are added in their order.
//
// x and y are linear, [outer, extent, inner]. Steps from `first` up to `end` are taken; those before were taken by an
// earlier dispatch. REVERSE: from the last element to the first. EXCLUSIVE: without the element itself.
//
// Grid: the lines (`count` = outer * inner). Fewer than 65,535 steps a dispatch (llvmpipe).

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  extent: u32,
  inner: u32,
  first: u32,
  end: u32,
  x_offset: u32,
  y_offset: u32,
};

@group(0) @binding(0) var<storage, read_write> x: array<scalar>;
@group(0) @binding(1) var<storage, read_write> y: array<scalar>;
@group(0) @binding(2) var<uniform> params: Params;

override REVERSE: bool = false;
override EXCLUSIVE: bool = false;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let line = (group.y * groups.x + group.x) * 64u + local;
  if (line >= params.count) { return; }
  let start = line / params.inner * params.extent * params.inner + line % params.inner;
  var total = scalar(0);
  if (params.first > 0u) {
    let before = params.first - 1u;
    let at = start + select(before, params.extent - 1u - before, REVERSE) * params.inner;
    total = y[params.y_offset + at];
    if (EXCLUSIVE) { total += x[params.x_offset + at]; }
  }
  for (var step = params.first; step < params.end; step++) {
    let at = start + select(step, params.extent - 1u - step, REVERSE) * params.inner;
    let value = x[params.x_offset + at];
    let sum = total + value;
    y[params.y_offset + at] = select(sum, total, EXCLUSIVE);
    total = sum;
  }
}
