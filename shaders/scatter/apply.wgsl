// Updates combined with what is there, one after the other: scatters with a reduction.
//
//   for each step in order: y[target] = combine(y[target], update)
//
// The updates form a tensor [outer, steps, inner], linear. Those of one line (outer, inner) may meet one another, and no
// others: one invocation takes them all, in order. The update at position u goes to targets[u / slice] * slice + u % slice.
// `targets` begins at offset 0. y holds the data beforehand.
//
// Grid: the lines (`count` = outer * inner). Steps from `first` up to `end`, which must be fewer than 65,535 (llvmpipe).

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  steps: u32,
  inner: u32,
  first: u32,
  end: u32,
  slice: u32,
  updates_offset: u32,
  y_offset: u32,
};

@group(0) @binding(0) var<storage, read_write> updates: array<scalar>;
@group(0) @binding(1) var<storage, read_write> targets: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<scalar>;
@group(0) @binding(3) var<uniform> params: Params;

//#inject combine
fn combine(a: scalar, b: scalar) -> scalar { return a + b; }
//#end

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let line = (group.y * groups.x + group.x) * 64u + local;
  if (line >= params.count) { return; }
  let start = line / params.inner * params.steps * params.inner + line % params.inner;
  for (var step = params.first; step < params.end; step++) {
    let update = start + step * params.inner;
    let target_index = u32(targets[update / params.slice]) * params.slice + update % params.slice;
    y[params.y_offset + target_index] = combine(y[params.y_offset + target_index], updates[params.updates_offset + update]);
  }
}
