// Storage loaded once and stored once, one vec4 an invocation: y[i] = x[i], for whole workgroups; i is folded over a grid
// of two dimensions.

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup_at: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (workgroup_at.y * grid.x + workgroup_at.x) * 64u + local;
  if (i < arrayLength(&x)) {
    y[i] = x[i];
  }
}
