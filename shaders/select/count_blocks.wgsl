// How many elements of each block are not zero: the first step of NonZero.
//
// x is linear, `extent` elements in blocks of `block`; counts begin at offset 0. Grid: the blocks (`count`), of fewer than
// 65,535 elements each (llvmpipe).

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  extent: u32,
  block: u32,
  x_offset: u32,
};

@group(0) @binding(0) var<storage, read_write> x: array<scalar>;
@group(0) @binding(1) var<storage, read_write> counts: array<i32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  let start = index * params.block;
  let end = min(start + params.block, params.extent);
  var total = 0;
  for (var i = start; i < end; i++) {
    // NaN is not zero either, though comparisons for inequality may deny it.
    if (!(x[params.x_offset + i] == scalar(0))) { total++; }
  }
  counts[index] = total;
}
