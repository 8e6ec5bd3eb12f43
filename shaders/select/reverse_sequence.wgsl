// The first elements of each sequence in the opposite order, the others as they are: ReverseSequence.
//
// x and y are linear, [first, second, inner]; one of the two dimensions is time, the other one the sequences, whose lengths
// are given. Lengths are taken to be from 0 to the extent of time.
//
// Grid: the elements of y (`count`).

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  first: u32,
  second: u32,
  inner: u32,
  x_offset: u32,
  lengths_offset: u32,
  y_offset: u32,
};

@group(0) @binding(0) var<storage, read_write> x: array<scalar>;
@group(0) @binding(1) var<storage, read_write> lengths: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<scalar>;
@group(0) @binding(3) var<uniform> params: Params;

override TIME_FIRST: bool = true;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  let line = index / params.inner;
  let a = line / params.second;
  let b = line % params.second;
  let time = select(b, a, TIME_FIRST);
  let sequence = select(a, b, TIME_FIRST);
  let extent = select(params.second, params.first, TIME_FIRST);
  let length = u32(clamp(lengths[params.lengths_offset + sequence], 0, i32(extent)));
  var from_time = time;
  if (time < length) { from_time = length - 1u - time; }
  let from_line = select(a * params.second + from_time, from_time * params.second + b, TIME_FIRST);
  y[params.y_offset + index] = x[params.x_offset + from_line * params.inner + index % params.inner];
}
